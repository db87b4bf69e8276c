package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/report"
	"github.com/ruleout/ruleout/harness/report/board"
	"github.com/ruleout/ruleout/harness/report/findings"
	"github.com/ruleout/ruleout/harness/report/page"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/sweep"
)

// Formats of reports, besides text and JSON.
const (
	formatHTML     = "html"
	formatMarkdown = "markdown"
	formatJUnit    = "junit"
)

type reportCmd struct {
	Records []string `arg:"" name:"record" help:"Records of runs, directories of records, or the directory of a sweep." placeholder:"RECORD" complete:"json" takes:"record,sweep"`
	Out     string   `short:"o" help:"File to write (default: standard output). For HTML of several records: the directory for their pages and an index." placeholder:"FILE" type:"path" complete:"dir"`
	Format  string   `help:"html (a self-contained page), markdown, junit, json or text (default ${default})." enum:"html,markdown,junit,json,text" default:"html"`

	Of          string `name:"run" help:"Report on this run of the sweep RECORD, by its first digits." placeholder:"RUN"`
	AllCounters bool   `help:"In Markdown and text, show every kernel counter that changed; HTML always does."`
}

func (*reportCmd) Help() string {
	return `The page of a run shows what was done, in words and as a picture over time; what changed while each fault
acted; charts of clients and nodes; the proof that the faults acted; the kernel's counters with their meaning; and the
command that replays the run. It is one file without scripts that loads nothing, and it can be printed.

For several records, or a directory, HTML is a page for each and an index.html; Markdown and text are a table; JUnit is
a suite for each, with a case for each expectation (all are skipped in an invalid run); JSON is a line for each.

For the directory of a sweep (its --out), HTML is a page for the campaign: verdicts with their intervals, families,
contexts, controls, what was not covered, and the pairs of each hypothesis. With many pairs, the hypotheses have pages
of their own, and -o is their directory. Markdown stays below the size limit of a job summary. JUnit has a case for each
hypothesis in each context: it passes if the verdict is as expected and fails if not; inconclusive and invalid ones are
skipped with the reason.

JSON has what a report says beyond the record: the faults in words, and the main figures before, during and after.

Exit status: 0 written, whatever the outcome of the runs; 2 a record cannot be read, or a mistake in the command line;
3 the file cannot be written.

Examples:

  ruleout report results/runs/dup-ack-1-0123456789ab.json -o dup-ack.html
  ruleout report results/runs -o pages
  ruleout report results/runs --format junit -o junit.xml
  ruleout report results/runs --format markdown >> "$GITHUB_STEP_SUMMARY"
  ruleout report results/runs/sweep-incident-small -o incident.html
  ruleout report results/runs/sweep-incident-small --run 15f044282240 -o run.html`
}

// Run carries the command out.
func (c *reportCmd) Run(u *ui) error {
	if len(c.Records) == 1 && archive.Is(c.Records[0]) && c.Of == "" {
		return c.campaign(u, c.Records[0])
	}
	files, several, err := c.files()
	if err != nil {
		return err
	}
	if c.Format == formatHTML && several {
		return c.pages(u, files)
	}
	return c.file(u, page.Name(cmp.Or(c.Of, files[0])), func(w io.Writer, screen bool) error {
		return c.write(w, files, several, screen && color(u.out))
	})
}

// file writes a single report, to standard output without -o. name is that of a page in a directory. screen is whether
// the report goes to standard output.
func (c *reportCmd) file(u *ui, name string, write func(w io.Writer, screen bool) error) error {
	if c.Out == "" {
		if err := c.notForTerminal(u); err != nil {
			return err
		}
		return write(u.out, true)
	}
	path := c.Out
	if info, err := os.Stat(path); err == nil && info.IsDir() && c.Format == formatHTML {
		path = filepath.Join(path, name)
	}
	if err := writeWhole(path, func(w io.Writer) error { return write(w, false) }); err != nil {
		return err
	}
	u.note("wrote %s", shorten(path))
	return nil
}

// write writes everything but several pages.
func (c *reportCmd) write(w io.Writer, files []string, several, color bool) error {
	if c.Format == formatJUnit {
		if _, err := io.WriteString(w, report.JUnitBegin); err != nil {
			return err
		}
	}
	var entries []report.Entry
	for _, file := range files {
		r, err := c.read(file)
		if err != nil {
			return err
		}
		o := c.options(file)
		o.Color, o.AllCounters = color, c.AllCounters
		switch {
		case c.Format == formatJUnit:
			err = report.JUnit(w, r)
		case c.Format == formatJSON:
			enc := encoder(w)
			if !several {
				enc.SetIndent("", " ")
			}
			err = enc.Encode(report.NewStory(r, o.Path))
		case several:
			entries = append(entries, report.NewEntry(r))
		case c.Format == formatMarkdown:
			err = report.Markdown(w, r, o)
		case c.Format == formatHTML:
			err = page.Write(w, r, o)
		default:
			err = report.Text(w, r, o)
		}
		if err != nil {
			return err
		}
	}
	switch {
	case c.Format == formatJUnit:
		_, err := io.WriteString(w, report.JUnitEnd)
		return err
	case several && c.Format == formatMarkdown:
		return report.MarkdownList(w, entries)
	case several && c.Format == formatText:
		return report.TextList(w, entries, report.Options{Color: color})
	}
	return nil
}

// pages writes a page for each record and an index of them.
func (c *reportCmd) pages(u *ui, files []string) error {
	if c.Out == "" {
		return problem.Wrap(problem.Usage, fmt.Errorf("%d records make %d pages and an index", len(files), len(files)),
			"give a directory for them with -o DIR")
	}
	return c.directory(u, func(create func(string, func(io.Writer) error) error) error {
		return page.Pages(files, c.options, create)
	})
}

// directory writes an index and its pages into the directory of -o.
func (c *reportCmd) directory(u *ui,
	write func(create func(name string, write func(io.Writer) error) error) error) error {
	made := func(dir string) error {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return problem.Wrap(problem.Machine, fmt.Errorf("make the directory of pages: %w", err),
				"give another place with -o DIR")
		}
		return nil
	}
	if err := made(c.Out); err != nil {
		return err
	}
	pages := -1 // the index is none
	err := write(func(name string, write func(io.Writer) error) error {
		pages++
		path := filepath.Join(c.Out, filepath.FromSlash(name))
		if err := made(filepath.Dir(path)); err != nil {
			return err
		}
		return writeWhole(path, write)
	})
	if err != nil {
		return err
	}
	u.note("wrote %s and %s", shorten(filepath.Join(c.Out, "index.html")), quantity.Plural(int64(pages), "page"))
	return nil
}

// files lists what is reported on: records, or the directory of a sweep when a run of it was asked for.
func (c *reportCmd) files() (files []string, several bool, err error) {
	if c.Of == "" {
		return result.Files(c.Records)
	}
	if len(c.Records) > 1 {
		return nil, false, problem.Wrap(problem.Usage, fmt.Errorf("--run %s needs one sweep, not %d", c.Of, len(c.Records)),
			"give the directory that was --out of the sweep")
	}
	return c.Records, false, nil
}

// read reads a record, which is in the archive of a sweep when a run of it was asked for.
func (c *reportCmd) read(file string) (*result.Record, error) {
	if c.Of == "" {
		return result.Read(file)
	}
	return recordOf(file, c.Of)
}

// options say where a record is, and how its run is made again.
func (c *reportCmd) options(file string) report.Options {
	path := shorten(file)
	if c.Of != "" {
		return report.Options{Path: path + ", run " + c.Of,
			Replay: fmt.Sprintf("ruleout replay --from %s %s", quote(path), c.Of)}
	}
	return report.Options{Path: path, Replay: "ruleout replay " + quote(path)}
}

// recordOf reads a run's record from the archive of a sweep.
func recordOf(dir, run string) (_ *result.Record, err error) {
	r, err := archive.Read(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return r.Find(run)
}

// campaign reports on the records of a sweep.
func (c *reportCmd) campaign(u *ui, dir string) (err error) {
	r, err := readResults(u, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	plan, err := campaign.FromSource(r.Identity.Source)
	if err != nil {
		return err
	}
	evidence, run, err := sweep.Archived(plan, r)
	if err != nil {
		return err
	}
	final := evidence.Finished()
	s := &board.Source{
		Plan: plan, Analysis: evidence, Findings: findings.Of(plan, evidence,
			final), Final: final, Dir: quote(shorten(dir)), Kept: r.Kept(),
		File: r.Identity.Source.File, Tool: r.Identity.Tool, Kernels: r.Identity.Kernels, Run: run,
	}
	if c.Format == formatHTML && s.Pairs() > board.Most {
		return c.board(u, s)
	}
	return c.file(u, "index.html", func(w io.Writer, screen bool) error {
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
		width := plainWidth
		if screen {
			width = outputWidth(u)
		}
		return s.Findings.Text(w, width, false)
	})
}

// board writes a campaign that is too large for one page.
func (c *reportCmd) board(u *ui, s *board.Source) error {
	if c.Out == "" || filepath.Ext(c.Out) == ".html" {
		return problem.Wrap(problem.Usage, fmt.Errorf("%d pairs are too many for one page", s.Pairs()),
			"give a directory for the pages of hypotheses and an index with -o DIR")
	}
	return c.directory(u, func(create func(string, func(io.Writer) error) error) error { return board.Pages(s, create) })
}

// notForTerminal refuses to write HTML to a terminal.
func (c *reportCmd) notForTerminal(u *ui) error {
	if f, ok := fileOf(u.out); ok && c.Format == formatHTML && terminal(f) {
		return problem.Wrap(problem.Usage, fmt.Errorf("HTML is not readable on a terminal"), "give a file with -o FILE")
	}
	return nil
}
