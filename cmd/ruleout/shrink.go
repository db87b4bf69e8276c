package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"

	"github.com/ruleout/ruleout/harness/base/atomicfile"
	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine"
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/run/capture"
	"github.com/ruleout/ruleout/harness/run/capture/pcapng"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/expect"
	"github.com/ruleout/ruleout/harness/verdict/shrink"
	"github.com/ruleout/ruleout/harness/verdict/sweep"
)

type shrinkCmd struct {
	Scenario string   `arg:"" help:"Scenario file, or record of a run; with --from, the first digits of a run." placeholder:"SCENARIO" complete:"yaml" takes:"scenario,record"`
	From     string   `help:"Directory of the sweep that the run is of." placeholder:"DIR" complete:"dir"`
	Keep     []string `help:"Expectation that the smaller scenario has to meet; may be given again (default: those of the scenario)." sep:"none" placeholder:"EXPECTATION"`
	Set      []string `help:"Change a value of the scenario first; may be given again." sep:"none" placeholder:"PATH=VALUE"`
	Kernel   string   `help:"Kernel from the store, by name, release or series such as 6.1 (default: that of the record, or the one marked in kernel list)." placeholder:"NAME" complete:"kernel"`
	Seed     *uint64  `help:"First seed (default: that of the record, or 1)." placeholder:"N"`
	Seeds    int      `help:"Number of seeds on which the expectations have to hold (default ${default})." default:"3" placeholder:"N"`
	Fresh    int      `help:"Number of other seeds that are tried in the end (default ${default})." default:"5" placeholder:"N"`
	To       string   `short:"o" help:"File for the smaller scenario (default: standard output)." placeholder:"FILE" type:"path"`
	Report   bool     `help:"Write Markdown for a bug tracker, with the scenario in it, to standard output."`
	Out      string   `help:"Directory of the records (default results/runs/shrink-NAME). Runs that it has are not repeated." placeholder:"DIR" type:"path" complete:"dir"`
	Jobs     int      `short:"j" help:"Runs at a time (default: as many as there are processors)." placeholder:"JOBS"`
	Format   string   `help:"Output: text (the scenario) or json (all about it)." enum:"text,json" default:"text"`

	pcapFlags `embed:""`

	first uint64 // seed
}

func (*shrinkCmd) Help() string {
	return `Makes the smallest scenario that still shows something, for a bug report: fewer faults, loads, nodes, links
and settings, shorter times, rounder numbers. What it has to show is a list of expectations. Name the counter of the
mechanism among them, so that the search does not slip to another cause of the same symptom.

A change is kept if all expectations hold on all seeds of the block, in valid runs. In the end, nothing can be left out
of the scenario without losing that. The smaller scenario is then run with other seeds, and it says on how many its
expectations hold. After an interruption or a crash, the same command goes on, and makes no run twice.

A record has its scenario with all settings, its seed and its kernel, which must be in the store. What it was made with
--set is in the scenario. With --pcap, the smaller scenario is run once more and its packets are captured; a capture
takes CPU time of the machine, so it says whether the expectations hold in that run too.

Exit status: 0 a smaller scenario was written; 1 the scenario does not show it to begin with; 2 a mistake in the command
line or the file; 3 this machine cannot do it; 130 interrupted.

Examples:

  ruleout shrink scenarios/dup-ack.yaml --keep 'web.TcpExt.TCPRenoRecovery > 0' -o small.yaml
  ruleout shrink scenarios/ack-loop.yaml --keep 'fault.near-loop.matched > 10000' --report --pcap captures
  ruleout shrink results/runs/dup-ack-1-0123456789ab.json --keep 'web.TcpExt.TCPRenoRecovery > 0' -o small.yaml`
}

// Run carries the command out.
func (c *shrinkCmd) Run(ctx context.Context, u *ui) (err error) {
	if c.Seeds < 1 || c.Fresh < 0 {
		err := fmt.Errorf("--seeds %d, --fresh %d: at least one seed is needed", c.Seeds, c.Fresh)
		return problem.Wrap(problem.Usage, err, "")
	}
	of, err := c.open()
	if err != nil {
		return err
	}
	spool, err := c.pcapFlags.open(capture.DefaultSnap)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, spool.Close()) }()
	if err := shrink.Check(c.Keep, of.Scenario); err != nil {
		return problem.Wrap(problem.Usage, err, problem.HintOf(err))
	}
	if len(c.Keep) == 0 {
		for _, e := range of.Scenario.Expect {
			c.Keep = append(c.Keep, string(e))
		}
	}
	if len(c.Keep) == 0 {
		return problem.Wrap(problem.Usage, errors.New("the scenario expects nothing"), "say what it has to show with --keep")
	}
	runs, err := c.runs(ctx, u, of.Scenario)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, runs.Loop.Archive.Close()) }()
	r, err := shrink.Shrink(ctx, of.Doc, runs, shrink.Options{
		Keep: c.Keep, Draw: runs.Draw, Tell: func(text string) { u.note("%s", text) },
	})
	if err != nil {
		return err
	}
	if r == nil {
		return problem.Wrap(problem.Other, fmt.Errorf("%s: %w", c.Scenario, runs.NotShown()),
			"ruleout run shows what it has; --seed and --seeds choose others, --keep what has to hold")
	}
	if err := c.write(ctx, u, of, r, runs); err != nil || spool == nil {
		return err
	}
	return c.capture(ctx, u, r, runs, spool)
}

// open reads the scenario, from its file or from a record of it.
func (c *shrinkCmd) open() (*shrink.Subject, error) {
	c.first = 1
	if c.Seed != nil {
		c.first = *c.Seed
	}
	if c.From == "" && filepath.Ext(c.Scenario) != ".json" {
		return shrink.Open(c.Scenario, c.Set)
	}
	recorded, request, err := runAgain(c.From, c.Scenario)
	if err != nil {
		return nil, err
	}
	if c.Seed == nil {
		c.first = recorded.Seed
	}
	if c.Kernel == "" {
		c.Kernel = request.Kernel
	}
	return shrink.OfRecord(c.Scenario, request.Scenario, c.Set)
}

// capture runs the smaller scenario once more, and writes its packets.
func (c *shrinkCmd) capture(ctx context.Context, u *ui, r *shrink.Result, runs *shrink.Runs,
	spool *pcapng.Spool) error {
	s, err := expect.Parse(cmp.Or(c.To, c.Scenario), r.Text, nil)
	if err != nil {
		return err
	}
	record, err := machine.Run(ctx, machine.Request{
		Scenario: s, Seed: c.first, Backend: machine.NameVM, Kernel: runs.Kernel, Capture: spool, Events: u.event,
	})
	if err != nil {
		return err
	}
	if err := writeCaptures(ctx, u, spool, s, record); err != nil {
		return err
	}
	for _, e := range record.Expect {
		if !e.OK {
			u.note("warning: in the run with the capture, which takes CPU time, it does not hold that %s", e.Expr)
		}
	}
	return nil
}

// runs opens the machine and the archive.
func (c *shrinkCmd) runs(ctx context.Context, u *ui, s *scenario.Scenario) (*shrink.Runs, error) {
	fleet, err := sweep.OpenFleet(ctx, []string{c.Kernel})
	if err != nil {
		return nil, err
	}
	if c.Out == "" {
		c.Out = filepath.Join("results", "runs", "shrink-"+fileName(s.Name))
	}
	id, err := fleet.Identity(ctx, "shrink", archive.Source{}, []*scenario.Scenario{s}, u.building)
	if err != nil {
		return nil, err
	}
	a, err := archive.Open(c.Out, id)
	if err != nil {
		return nil, err
	}
	return &shrink.Runs{
		Loop: sweep.Loop{Workers: orElse(c.Jobs, runtime.NumCPU()), Archive: a, Runner: fleet},
		Path: c.Scenario, Kernel: c.Kernel, Release: fleet.Releases()[c.Kernel], First: c.first, Seeds: c.Seeds,
	}, nil
}

// smallerScenario is what was found, in JSON.
type smallerScenario struct {
	From     string   `json:"from"`
	File     string   `json:"file,omitempty"`   // that it was written to
	Scenario string   `json:"scenario"`         // YAML
	Report   string   `json:"report,omitempty"` // Markdown, with --report
	Before   int      `json:"before"`           // lines that say something
	After    int      `json:"after"`
	Tried    int      `json:"tried"` // documents
	Kept     int      `json:"kept"`  // changes
	Keep     []string `json:"keep"`  // expectations that hold
	Seed     uint64   `json:"seed"`  // the first of those that it was made smaller on
	Seeds    int      `json:"seeds"`
	Fresh    int      `json:"fresh"` // other seeds that show it, of so many
	FreshOf  int      `json:"fresh_of"`
	Kernel   string   `json:"kernel"`
	Digest   string   `json:"digest"` // of the run with the first seed
}

func (c *shrinkCmd) smaller(of *shrink.Report, r *shrink.Result) smallerScenario {
	s := smallerScenario{
		From: of.From, File: c.To, Scenario: of.Header() + string(r.Text), Before: of.Before, After: of.After,
		Tried: r.Tried, Kept: r.Kept, Keep: of.Keep, Seed: of.First, Seeds: of.Seeds, Fresh: of.Fresh, FreshOf: of.FreshOf,
		Kernel: of.Kernel, Digest: of.Digest,
	}
	if c.Report {
		s.Report = of.Markdown(r.Text)
	}
	return s
}

// write confirms the smaller scenario on other seeds, and writes it.
func (c *shrinkCmd) write(ctx context.Context, u *ui, of *shrink.Subject, r *shrink.Result, runs *shrink.Runs) error {
	report := &shrink.Report{
		From: filepath.Base(c.Scenario), Before: shrink.Lines(of.Text), After: shrink.Lines(r.Text),
		First: c.first, Seeds: c.Seeds, FreshOf: c.Fresh, Kernel: runs.Release, Keep: c.Keep,
	}
	var err error
	if report.Fresh, err = runs.Fresh(ctx, r.Text, c.Fresh); err != nil {
		return err
	}
	if report.Digest, err = runs.Digest(r.Text); err != nil {
		return err
	}
	u.note("%d lines in place of %d; %d documents tried, %d changes kept; %d of %d other seeds show it", report.After,
		report.Before, r.Tried, r.Kept, report.Fresh, report.FreshOf)
	text := append([]byte(report.Header()), r.Text...)
	if c.To != "" {
		if err := atomicfile.File(c.To, text); err != nil {
			return err
		}
		u.note("written to %s", shorten(c.To))
	}
	switch {
	case c.Format == formatJSON:
		return u.json(c.smaller(report, r))
	case c.Report:
		u.printf("%s", report.Markdown(r.Text))
	case c.To == "":
		u.printf("%s", text)
	}
	return nil
}
