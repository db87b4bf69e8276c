package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/capture"
	"github.com/ruleout/ruleout/harness/run/capture/pcapng"
	"github.com/ruleout/ruleout/harness/scenario"
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

// replayed is the outcome of a replay.
type replayed struct {
	Equal       bool         `json:"equal"`
	Recorded    string       `json:"recorded"` // digest
	Replayed    string       `json:"replayed"` // digest
	SameKey     bool         `json:"same_key"`
	Provenance  []difference `json:"provenance"`  // what differs in it
	Differences []difference `json:"differences"` // what differs in the record, timelines first
	// First is the digest of a first replay that differed, if there was one: then kernel and frozen machines were hashed again, Cache
	// has what was wrong with them, and the run was made once more.
	First string   `json:"first,omitempty"`
	Cache []string `json:"cache,omitempty"`
	// Captured is the run whose packets were captured, if the record was made without.
	Captured *capturedRun `json:"captured,omitempty"`
}

// capturedRun is how a run that was made once more, to capture packets, differs from the record.
type capturedRun struct {
	Snaplen     int          `json:"snaplen"`
	Digest      string       `json:"digest"`
	Differences []difference `json:"differences"`
}

type difference struct {
	Field    string   `json:"field"`
	Moment   *float64 `json:"moment,omitempty"` // s from the start of the measured window; of timelines only
	Recorded string   `json:"recorded"`
	Replayed string   `json:"replayed"`
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
	s, err := scenario.FromCanonical(recorded.Scenario.Canonical)
	if err != nil {
		return fmt.Errorf("%s: its scenario: %w", c.Record, err)
	}
	if hash := s.Hash(); hash != recorded.Scenario.Hash {
		return problem.Wrap(problem.Usage,
			fmt.Errorf("%s: its scenario does not fit its hash %s", c.Record, result.Short(recorded.Scenario.Hash)),
			"the record was changed, or is of a build with other defaults")
	}
	request := machine.Request{
		Scenario: s, Set: recorded.Scenario.Set, Seed: recorded.Seed, Backend: recorded.Backend, Events: u.event,
	}
	if recorded.Backend == machine.NameVM {
		request.Kernel = recorded.Provenance.Kernel
	}
	spool, err := c.open(cmp.Or(recorded.Provenance.Capture, capture.DefaultSnap))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, spool.Close()) }()
	r, err := c.replay(ctx, u, recorded, request, spool)
	if err != nil {
		return err
	}
	if c.Format == formatJSON {
		if err := u.json(r); err != nil {
			return err
		}
	} else {
		r.print(u)
	}
	if !r.Equal {
		return status(problem.Invalid)
	}
	return nil
}

// replay makes the run again, as it was made, and once more if it is to be captured in another way.
func (c *replayCmd) replay(ctx context.Context, u *ui, recorded *result.Record, request machine.Request, spool *pcapng.Spool) (*replayed, error) {
	as := recorded.Provenance.Capture
	once := spool != nil && spool.Snap() == as
	switch {
	case once:
		request.Capture = spool
	case as > 0:
		request.Capture = pcapng.Discard(as)
	}
	again, err := machine.Run(ctx, request)
	if err != nil {
		return nil, err
	}
	r := compareRecords(recorded, again)
	if !r.Equal && r.SameKey && recorded.Backend == machine.NameVM {
		if r, again, err = doubt(ctx, u, recorded, request, r); err != nil {
			return nil, err
		}
	}
	if spool != nil && !once {
		u.note("once more, to capture packets")
		request.Capture = spool
		if again, err = machine.Run(ctx, request); err != nil {
			return nil, err
		}
		r.Captured = &capturedRun{spool.Snap(), again.Digest, compareRecords(recorded, again).Differences}
	}
	return r, writeCaptures(ctx, u, spool, request.Scenario, again)
}

// doubt finds out whether the cache is at fault for a replay that differs, and makes the run once more. What was captured is of the first.
func doubt(ctx context.Context, u *ui, recorded *result.Record, request machine.Request, first *replayed) (*replayed, *result.Record, error) {
	u.note("it differs: hashing kernel and frozen machines again, and once more")
	wrong, err := machine.Audit(request.Kernel)
	if err != nil {
		return nil, nil, err
	}
	if request.Capture != nil {
		request.Capture = pcapng.Discard(request.Capture.Snap())
	}
	again, err := machine.Run(ctx, request)
	if err != nil {
		return nil, nil, errors.Join(append(wrong, err)...)
	}
	r := compareRecords(recorded, again)
	r.First = first.Replayed
	for _, err := range wrong {
		r.Cache = append(r.Cache, err.Error())
	}
	return r, again, nil
}

// compareRecords lists in what two records of a run differ.
func compareRecords(recorded, again *result.Record) *replayed {
	r := &replayed{
		Equal: recorded.Digest == again.Digest, Recorded: recorded.Digest, Replayed: again.Digest,
		SameKey:    recorded.Provenance.Key == again.Provenance.Key,
		Provenance: []difference{}, Differences: []difference{},
	}
	p, q := recorded.Provenance, again.Provenance
	for _, f := range []struct{ name, a, b string }{
		{"guest program", p.Program(), q.Program()}, {"kernel", p.Kernel, q.Kernel}, {"kernel_config", p.KernelConfig, q.KernelConfig}, {"netem", p.Netem, q.Netem},
		{"qemu", p.QEMU, q.QEMU}, {"machine", machineBoard(p.Machine), machineBoard(q.Machine)},
		{"template", p.Template, q.Template}, {"prepared", p.Prepared, q.Prepared},
		{"capture", strconv.Itoa(p.Capture), strconv.Itoa(q.Capture)},
	} {
		if f.a != f.b && f.a != "" { // which records of early builds lack
			r.Provenance = append(r.Provenance, difference{Field: f.name, Recorded: f.a, Replayed: f.b})
		}
	}
	for _, d := range result.Compare(recorded, again) {
		one := difference{Field: d.Field, Recorded: d.A, Replayed: d.B}
		if d.Moment >= 0 {
			one.Moment = &d.Moment
		}
		r.Differences = append(r.Differences, one)
	}
	return r
}

// machineBoard is the machine without the beginning of its template's hash, which early builds put there.
func machineBoard(machine string) string {
	board, _, _ := strings.Cut(machine, ", template ")
	return board
}

func (r *replayed) print(u *ui) {
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
	r.printDoubt(u)
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
func (r *replayed) printDoubt(u *ui) {
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
func printFirst(u *ui, list []difference) {
	shown := func(title string, d difference) {
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
