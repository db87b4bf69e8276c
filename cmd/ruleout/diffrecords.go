package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine"
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/report/parting"
	"github.com/ruleout/ruleout/harness/run/capture"
	"github.com/ruleout/ruleout/harness/run/capture/pcapng"
	"github.com/ruleout/ruleout/harness/verdict/blame"
	"github.com/ruleout/ruleout/harness/verdict/blame/packet"
)

// sideKind is the kind of a side of a diff, in the words of messages.
type sideKind string

const (
	aRecord    sideKind = "the record of a run"
	aDirectory sideKind = "a directory of records"
	aSweep     sideKind = "the directory of a sweep"
	aKernel    sideKind = "a kernel or a profile"
)

// kindOf tells what an argument is. With scenarios to run, a directory is none of records: a kernel may have its name.
func (c *diffCmd) kindOf(arg string) sideKind {
	info, err := os.Stat(arg)
	switch {
	case filepath.Ext(arg) == ".json" && (err != nil || info.Mode().IsRegular()): // [result.Read] says that it is missing
		return aRecord
	case archive.Is(arg):
		return aSweep
	case err == nil && info.IsDir() && len(c.Scenarios) == 0:
		return aDirectory
	}
	return aKernel
}

// kind is that of both sides. Others than they take are refused.
func (c *diffCmd) kind() (sideKind, error) {
	a, b := c.kindOf(c.A), c.kindOf(c.B)
	wrong := func(hint, format string, args ...any) (sideKind, error) {
		return "", problem.Wrap(problem.Usage, fmt.Errorf(format, args...), hint)
	}
	switch {
	case a != b:
		return wrong("both sides have to be of one kind; a record that is alone in a directory makes that a directory "+
			"of records", "%s is %s, and %s is %s", c.A, a, c.B, b)
	case a == aKernel && len(c.Scenarios) == 0:
		return wrong("name scenario files after them",
			"%s and %s are no records and no directories of them, and no scenarios to run are given", c.A, c.B)
	case a != aKernel && len(c.Scenarios) > 0:
		return wrong("leave the scenarios out: the runs are there already", "%s is %s, and %s is to be run", c.A, a,
			c.Scenarios[0])
	case a != aRecord && (c.Packets || c.HTML != ""):
		return wrong("name the records of two runs: ruleout diff A.json B.json --packets",
			"--packets and --html are for two records, and %s is %s", c.A, a)
	case c.Pcap != "" && !c.Packets:
		return wrong("add --packets", "--pcap without --packets")
	}
	return a, nil
}

// records tells of two records where they part.
func (c *diffCmd) records(ctx context.Context, u *ui, margin float64) error {
	var sides [2]*result.Record
	for i, file := range []string{c.A, c.B} {
		var err error
		if sides[i], err = result.Read(file); err != nil {
			return err
		}
	}
	story, err := blame.Tell(shorten(c.A), shorten(c.B), sides[0], sides[1], margin)
	if err != nil {
		return err
	}
	if c.Packets {
		if story.Packets, err = c.packets(ctx, u, sides); err != nil {
			return err
		}
	}
	if err := c.page(u, func(w io.Writer) error { return parting.Write(w, story, sides[0], sides[1]) }); err != nil {
		return err
	}
	err = c.tell(u, story)
	if err == nil && (story.Alarm || story.Packets != nil && !story.Packets.Repeated()) {
		err = status(problem.Invalid)
	}
	return err
}

// packets makes both runs again with captures, both at a time, and compares these.
func (c *diffCmd) packets(ctx context.Context, u *ui, sides [2]*result.Record) (p *blame.Packets, err error) {
	dir := cmp.Or(c.Pcap, filepath.Join("results", "runs", fmt.Sprintf("packets-%s-%s-%s",
		result.BaseName(sides[0].Scenario.Name), result.Short(sides[0].Digest), result.Short(sides[1].Digest))))
	snap := max(capture.DefaultSnap, sides[0].Provenance.Capture, sides[1].Provenance.Capture)
	var requests [2]machine.Request
	var captures [2]packet.Side
	for i, file := range []string{c.A, c.B} {
		if requests[i], err = machine.RequestOf(sides[i]); err == nil {
			err = kept(sides[i])
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		captures[i] = packet.Side{Dir: filepath.Join(dir, []string{"a", "b"}[i]), Scenario: requests[i].Scenario}
		if requests[i].Capture, err = pcapng.Open(captures[i].Dir, snap); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, requests[i].Capture.Close()) }()
	}
	p = &blame.Packets{}
	if err := c.again(ctx, u, sides, requests, p); err != nil {
		return nil, err
	}
	for i := range captures {
		if err := writeCaptures(ctx, u, requests[i].Capture, requests[i].Scenario, p.Again[i].Last); err != nil {
			return nil, err
		}
		captures[i].Dir = shorten(captures[i].Dir)
	}
	p.Comparison, err = packet.Compare(captures[0], captures[1])
	return p, err
}

// again makes both runs again at a time. The first that fails ends the other.
func (c *diffCmd) again(ctx context.Context, u *ui, sides [2]*result.Record, requests [2]machine.Request,
	p *blame.Packets) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var group sync.WaitGroup
	var one sync.Mutex // says something, or fails
	var failed error
	for i, file := range []string{c.A, c.B} {
		group.Go(func() {
			r, err := machine.MakeAgain(ctx, sides[i], requests[i], func(text string) {
				one.Lock()
				defer one.Unlock()
				u.note("%s: %s", []string{"A", "B"}[i], text)
			})
			one.Lock()
			defer one.Unlock()
			if p.Again[i] = r; err != nil && failed == nil {
				failed = fmt.Errorf("make the run of %s again: %w", file, err)
				cancel()
			}
		})
	}
	group.Wait()
	return failed
}

// directories tells of the records of two directories.
func (c *diffCmd) directories(u *ui, margin float64) error {
	found, err := blame.Match(c.A, c.B, margin)
	if err != nil {
		return err
	}
	err = c.tell(u, found)
	if err == nil && found.Alarms > 0 {
		err = status(problem.Invalid)
	}
	return err
}
