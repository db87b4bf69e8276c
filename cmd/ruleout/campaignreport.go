package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/report/board"
	"github.com/ruleout/ruleout/harness/report/findings"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/cases"
)

// campaign reports on the records of a sweep.
func (c *reportCmd) campaign(u *ui, dir string) error {
	s, err := campaignSource(u, dir)
	if err != nil {
		return err
	}
	if c.Format == formatHTML && s.Pairs() > board.Most {
		return c.board(u, s)
	}
	write := func(w io.Writer, width int) error {
		switch c.Format {
		case formatHTML:
			return board.Write(w, s)
		case formatMarkdown:
			return s.Findings.Markdown(w, findings.MarkdownLimit)
		case formatJUnit:
			return s.Findings.JUnit(w)
		case formatJSON:
			return writeVerdicts(w, s.Findings)
		}
		return s.Findings.Text(w, width, false)
	}
	if c.Out == "" {
		if err := c.notForTerminal(u); err != nil {
			return err
		}
		return write(u.out, outputWidth(u))
	}
	path := c.Out
	if info, err := os.Stat(path); err == nil && info.IsDir() && c.Format == formatHTML {
		path = filepath.Join(path, "index.html")
	}
	if err := writeWhole(path, func(w io.Writer) error { return write(w, plainWidth) }); err != nil {
		return err
	}
	u.note("wrote %s", shorten(path))
	return nil
}

// board writes a campaign that is too large for one page.
func (c *reportCmd) board(u *ui, s *board.Source) error {
	if c.Out == "" || filepath.Ext(c.Out) == ".html" {
		return problem.Wrap(problem.Usage, fmt.Errorf("%d pairs are too many for one page", s.Pairs()), "give a directory for the pages of hypotheses and an index with -o DIR")
	}
	place := func(err error) error {
		return problem.Wrap(problem.Machine, fmt.Errorf("make the directory of pages: %w", err), "give another place with -o DIR")
	}
	if err := os.MkdirAll(c.Out, 0o755); err != nil {
		return place(err)
	}
	pages := 0
	err := board.Pages(s, func(name string, write func(io.Writer) error) error {
		pages++
		path := filepath.Join(c.Out, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return place(err)
		}
		return writeWhole(path, write)
	})
	if err != nil {
		return err
	}
	u.note("wrote %s and %s", shorten(filepath.Join(c.Out, "index.html")), quantity.Plural(int64(pages-1), "page"))
	return nil
}

// notForTerminal refuses to write HTML where somebody would have to read it.
func (c *reportCmd) notForTerminal(u *ui) error {
	if f, ok := fileOf(u.out); ok && c.Format == formatHTML && terminal(f) {
		return problem.Wrap(problem.Usage, fmt.Errorf("a page of HTML is not for a terminal"), "give a file with -o FILE")
	}
	return nil
}

// campaignSource judges the records of a sweep, and knows which run each of them is.
func campaignSource(u *ui, dir string) (_ *board.Source, err error) {
	r, err := readResults(u, dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	plan, err := campaign.FromSource(r.Identity.Source)
	if err != nil {
		return nil, err
	}
	runs := runIndex{plan: plan, kernels: r.Identity.Kernels, ids: map[placed]string{}}
	bench, err := fill(plan, r, runs.note)
	if err != nil {
		return nil, err
	}
	final := finished(bench)
	return &board.Source{
		Plan: plan, Bench: bench, Findings: findings.Of(plan, bench, final), Final: final, Dir: quote(shorten(dir)), Kept: r.Kept(),
		File: r.Identity.Source.File, Tool: r.Identity.Tool, Kernels: r.Identity.Kernels, Run: runs.find,
	}, nil
}

// finished says that no run is wanted any more.
func finished(b *cases.Bench) bool {
	return len(b.Needs(func(int, uint64) bool { return false })) == 0
}

// runIndex finds the id of a run.
type runIndex struct {
	plan    *campaign.Plan
	kernels map[string]string
	ids     map[placed]string
}

type placed struct {
	scenario, kernel string
	seed             uint64
}

func (x *runIndex) note(e *archive.Entry) {
	if e.Failure == "" { // there is nothing to show of the others
		x.ids[placed{e.Scenario, e.Kernel, e.Seed}] = result.Short(e.Run)
	}
}

func (x *runIndex) find(arm int, seed uint64) string {
	a := &x.plan.Arms[arm]
	return x.ids[placed{a.Hash, x.kernels[a.Kernel], seed}]
}
