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
	Record string `arg:"" help:"Record of a run, or with --from the first digits of a run." placeholder:"RECORD" complete:"json" takes:"record"`
	From   string `help:"Directory of the sweep that the run is of." placeholder:"DIR" complete:"dir"`

	pcapFlags `embed:""`

	Format string `help:"Output: text or json." enum:"text,json" default:"text"`
}

func (*replayCmd) Help() string {
	return `The record holds its whole scenario, so the record alone is enough, in any directory. The kernel that it names must be in the store.

A replay that differs although the key is the same is doubted first: kernel and frozen machines are hashed again, those that are not what was put into the cache are named and made anew, and the run is made once more.

A run is a function of scenario, seed and what the provenance key names: build of ruleout, kernel, QEMU and machine. If the key is another one, the replay still takes place, and what differs is named.

To capture packets takes CPU time, so a run with --pcap has a key of its own. A record that was made so is replayed so, with and without --pcap. With --pcap, one that was not is replayed as it was made and compared, and then run once more to capture; in what that run differs is told, and does not count.

Exit status: 0 the digests are equal, 4 they differ (the first moment of the timeline and the first field that differ are named), 2 the file is not a record, 3 this machine cannot do it, 130 interrupted.

Examples:

  ruleout replay results/runs/dup-ack-1-0123456789ab.json
  ruleout replay --from results/runs/sweep-incident-small 15f044282240
  ruleout replay record.json --pcap captures
  ruleout replay record.json --format json | jq .differences`
}

// Run carries the command out.
func (c *replayCmd) Run(ctx context.Context, u *ui) (err error) {
	read := result.Read
	if c.From != "" {
		read = func(run string) (*result.Record, error) { return recordOf(c.From, run) }
	}
	recorded, err := read(c.Record)
	if err != nil {
		return err
	}
	request, err := machine.RequestOf(recorded)
	if err != nil {
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
			u.printf("\nthe provenance differs, so it need not repeat:\n")
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
		u.printf("\nthe run that was captured measured the same\n")
	default:
		u.printf("\nthe run that was captured is another one, since to capture takes CPU time: it differs in %s\n", quantity.Plural(int64(len(c.Differences)), "field"))
		printFirst(u, c.Differences)
		u.printf("  %-12s  %s\n", "digest", c.Digest)
	}
}

// printDoubt tells what became of a first replay that differed.
func printDoubt(u *ui, r *machine.Replay) {
	switch {
	case r.First == "":
		return
	case len(r.Cache) > 0:
		u.printf("\nthe cache was at fault for a first replay, of digest %s; what was wrong is made anew, but runs of it were wrong too:\n", r.First)
		for _, text := range r.Cache {
			u.printf("  %s\n", text)
		}
	case r.First == r.Replayed:
		u.printf("\nkernel and frozen machines were hashed again and are what they were; a second replay is the same as the first\n")
	default:
		u.printf("\nkernel and frozen machines were hashed again and are what they were, but a first replay has the digest %s: runs do not repeat on this machine, see ruleout doctor\n", r.First)
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
