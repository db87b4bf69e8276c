package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/report"
	"github.com/ruleout/ruleout/harness/run/capture"
	"github.com/ruleout/ruleout/harness/scenario/expect"
	"github.com/ruleout/ruleout/harness/scenario/yamldoc"
)

type runCmd struct {
	Scenario string   `arg:"" help:"Scenario file." placeholder:"SCENARIO" complete:"yaml" takes:"scenario"`
	Seed     uint64   `help:"Seed of everything that is random in the run (default ${default})." default:"1" placeholder:"N"`
	Kernel   string   `help:"Kernel from the store, by name, release or series such as 6.1 (default: the one marked in kernel list)." placeholder:"NAME" complete:"kernel"`
	Backend  string   `help:"Where to run: vm (a virtual machine in virtual time; repeats to the bit) or host (the kernel of this machine; needs root)." enum:"vm,host" default:"vm"`
	Set      []string `help:"Change a value of the scenario; may be given again." sep:"none" placeholder:"PATH=VALUE"`
	Out      string   `help:"Directory for the record (default ${default})." default:"results/runs" placeholder:"DIR" type:"path" complete:"dir"`
	Format   string   `help:"Output: text or json (the record on standard output, events on standard error)." enum:"text,json" default:"text"`
	Markdown bool     `help:"Write the tables as Markdown, for the summary of a CI job."`

	pcapFlags `embed:""`

	AllCounters bool `help:"Show every kernel counter that changed."`
	GitBisect   bool `help:"End as git bisect run wants it: 0 as expected, 1 an expectation failed, 125 invalid or not possible, 128 a mistake."`
}

func (*runCmd) Help() string {
	return `The record is kept in --out under the name SCENARIO-SEED-DIGEST.json, so a run that repeats has the same file.

Exit status: 0 as expected, 1 an expectation failed, 2 a mistake in the command line or the file, 3 this machine cannot
do it, 4 the run is invalid, 130 interrupted.

Examples:

  ruleout run scenarios/dup-ack.yaml
  ruleout run scenarios/dup-ack.yaml --seed 2 --kernel 6.1
  ruleout run scenarios/dup-ack.yaml --set 'faults[0].do.duplicate=1' --set timeline=0s
  ruleout run scenarios/dup-ack.yaml --pcap captures && tshark -r captures/client--edge.pcapng
  ruleout run scenarios/calm.yaml --format json | jq .metrics
  git bisect run ./build-and-test.sh  # which ends with: ruleout run dup-ack.yaml --kernel NAME --git-bisect`
}

// Run carries the command out.
func (c *runCmd) Run(ctx context.Context, u *ui) (err error) {
	file, err := expect.Open(c.Scenario)
	if err != nil {
		return err
	}
	s, err := file.With(c.Set)
	if err != nil {
		return err
	}
	set, err := yamldoc.Settings(c.Set)
	if err != nil {
		return err
	}
	if err := result.CheckDir(c.Out); err != nil {
		return err
	}
	spool, err := c.open(capture.DefaultSnap)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, spool.Close()) }()
	record, err := machine.Run(ctx, machine.Request{
		Scenario: s, Set: set, Seed: c.Seed, Backend: c.Backend, Kernel: c.Kernel, Capture: spool, Events: u.event,
	})
	if err != nil {
		if place := problem.PlaceOf(err); place != "" {
			located := file.Locate(err, c.Set)
			return &problem.Error{Kind: problem.KindOf(located), Err: located, Place: place}
		}
		return err
	}
	path, err := result.Save(c.Out, record)
	if err != nil {
		return err
	}
	path = shorten(path)
	uncaptured := writeCaptures(ctx, u, spool, s, record) // the record is saved, also if these fail
	if c.Format == formatText {
		fmt.Fprintln(u.err) // between events and report
	}
	options := report.Options{
		Color: color(u.out), AllCounters: c.AllCounters, Path: path,
		Replay: "ruleout replay " + quote(path),
	}
	switch {
	case c.Format == formatJSON:
		err = u.json(record)
	case c.Markdown:
		err = report.Markdown(u.out, record, options)
	default:
		err = report.Text(u.out, record, options)
	}
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if uncaptured != nil {
		return uncaptured
	}
	return ending(record)
}

// forGitBisect is an exit status as git bisect run reads it: 125 skips a commit, and what is above 127 ends the search.
func forGitBisect(err error, exit int) int {
	var reported status
	switch {
	case exit == 0 || exit == exitInterrupted:
		return exit
	case exit == 1 && errors.As(err, &reported):
		return 1 // an expectation; an error of another kind ends with 1 too, and is no verdict about a commit
	case exit == int(problem.Machine) || exit == int(problem.Invalid) || problem.PlaceOf(err) != "":
		return 125 // a place is that of a value that this commit's kernel refuses
	}
	return 128
}

// ending is the exit status for a record. The report has the reasons.
func ending(r *result.Record) error {
	if !r.Valid {
		return status(problem.Invalid)
	}
	for _, e := range r.Expect {
		if !e.OK {
			return status(1)
		}
	}
	return nil
}
