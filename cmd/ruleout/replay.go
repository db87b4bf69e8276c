package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/capture"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

type replayCmd struct {
	Record string `arg:"" help:"Record of a run; with --from, the first digits of a run." placeholder:"RECORD" complete:"json" takes:"record"`
	From   string `help:"Directory of the sweep that the run is of." placeholder:"DIR" complete:"dir"`

	pcapFlags `embed:""`

	Format string `help:"Output: text or json." enum:"text,json" default:"text"`
}

func (*replayCmd) Help() string {
	return `The record holds its whole scenario, so the record alone is enough, in any directory. The kernel that it names
must be in the store.

A run is a function of its scenario, its seed and the provenance key: guest program, kernel, QEMU and machine. If the
key differs, the replay is made all the same, and the differences are named. If only the outcome differs, the cache is
checked first: kernel and VM templates are hashed again, damaged ones are named and made again, and the run is repeated
once more.

A capture takes CPU time of the machine, so a run with --pcap has another key. A record with a capture is replayed with
one, also without --pcap. A record without a capture is replayed without one and compared. With --pcap, another run
follows which captures; its differences are shown, and do not count.

Exit status: 0 the digests are equal, 4 they differ (the first differing moment of the timeline and the first differing
field are named), 2 the file is not a record, 3 this machine cannot do it, 130 interrupted.

Examples:

  ruleout replay results/runs/dup-ack-1-0123456789ab.json
  ruleout replay --from results/runs/sweep-incident-small 15f044282240
  ruleout replay record.json --pcap captures
  ruleout replay record.json --format json | jq .differences`
}

// runAgain reads a record, from its file or by its run from the records of a sweep, and the request that makes its run
// again.
func runAgain(sweep, name string) (*result.Record, machine.Request, error) {
	read := result.Read
	if sweep != "" {
		read = func(run string) (*result.Record, error) { return recordOf(sweep, run) }
	}
	recorded, err := read(name)
	if err != nil {
		return nil, machine.Request{}, err
	}
	request, err := machine.RequestOf(recorded)
	if err != nil {
		return nil, machine.Request{}, fmt.Errorf("%s: %w", name, err)
	}
	return recorded, request, nil
}

// Run carries the command out.
func (c *replayCmd) Run(ctx context.Context, u *ui) (err error) {
	recorded, request, err := runAgain(c.From, c.Record)
	if err != nil {
		return err
	}
	if err := kept(recorded); err != nil {
		return fmt.Errorf("%s: %w", c.Record, err)
	}
	spool, err := c.open(cmp.Or(recorded.Provenance.Capture, capture.DefaultSnap))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, spool.Close()) }()
	request.Events, request.Capture = u.event, spool
	r, err := machine.MakeAgain(ctx, recorded, request, func(text string) { u.note("%s", text) })
	if err != nil {
		return err
	}
	if err := writeCaptures(ctx, u, spool, request.Scenario, r.Last); err != nil {
		return err
	}
	if c.Format == formatJSON {
		if err := u.json(r); err != nil {
			return err
		}
	} else {
		printReplay(u, r)
	}
	if !r.Equal {
		return status(problem.Invalid)
	}
	return nil
}

func printReplay(u *ui, r *machine.Replay) {
	u.printf("recorded  %s\nreplayed  %s\n\n", r.Recorded, r.Replayed)
	switch {
	case r.Equal && r.SameKey:
		u.printf("the same to the bit\n")
	case r.Equal:
		u.printf("the same to the bit, although the provenance differs:\n")
	default:
		u.printf("the replay differs in %s\n", quantity.Plural(int64(len(r.Differences)), "field"))
		printFirst(u, r.Differences)
		if !r.SameKey {
			u.printf("\nthe provenance differs, so the run need not repeat:\n")
		}
	}
	for _, d := range r.Provenance {
		u.printf("  %-13s  recorded %s\n  %-13s  replayed %s\n", d.Field, d.Recorded, "", d.Replayed)
	}
	printDoubt(u, r)
	c := r.Captured
	switch {
	case c == nil:
	case len(c.Differences) == 0:
		u.printf("\nthe captured run measured the same\n")
	default:
		u.printf("\nthe captured run differs in %s, since a capture takes CPU time\n",
			quantity.Plural(int64(len(c.Differences)), "field"))
		printFirst(u, c.Differences)
		u.printf("  %-12s  %s\n", "digest", c.Digest)
	}
}

// printDoubt explains a first replay that differed.
func printDoubt(u *ui, r *machine.Replay) {
	switch {
	case r.First == "":
		return
	case len(r.Cache) > 0:
		u.printf("\na damaged cache caused the first replay, with digest %s. "+
			"The damaged files are made again; earlier runs that used them are wrong too:\n", r.First)
		for _, text := range r.Cache {
			u.printf("  %s\n", text)
		}
	case r.First == r.Replayed:
		u.printf("\nkernel and VM templates were hashed again and are unchanged; " +
			"a second replay has the same digest as the first\n")
	default:
		u.printf("\nkernel and VM templates were hashed again and are unchanged, but the first replay has the digest %s: "+
			"runs do not repeat on this machine, see ruleout doctor\n", r.First)
	}
}

// printFirst shows the first moment and the first field that differ.
func printFirst(u *ui, list []machine.Difference) {
	shown := func(title string, d machine.Difference) {
		u.printf("  %-12s  %s: recorded %s, replayed %s\n", title, d.Field, d.Recorded, d.Replayed)
	}
	timeline, field := false, false
	for _, d := range list {
		switch {
		case d.Moment != nil && !timeline:
			timeline = true
			shown(fmt.Sprintf("at %+.1f s", *d.Moment), d)
		case d.Moment == nil && !field:
			field = true
			shown("first field", d)
		}
	}
}
