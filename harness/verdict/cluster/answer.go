package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/verdict/cluster/wire"
)

// refuse says why runs of a worker could not be compared with those of others; nil if they can.
func (c *Coordinator) refuse(h *wire.Hello) error {
	mine := func(what, theirs, ours, hint string) error {
		return problem.Wrap(problem.Machine, fmt.Errorf("the worker has another %s than the coordinator: %.19s, not %.19s",
			what, theirs, ours), hint)
	}
	switch {
	case h.Number != wire.Number:
		return problem.Wrap(problem.Machine, fmt.Errorf("the worker speaks protocol %d, the coordinator %d", h.Number,
			wire.Number), "install the same release of ruleout on both")
	case wire.CheckName(h.Worker) != nil:
		return problem.Wrap(problem.Usage, fmt.Errorf("the worker's name: %w", wire.CheckName(h.Worker)), "give another --name")
	case h.Slots < 1 || h.Slots > mostSlots:
		return problem.Wrap(problem.Usage, fmt.Errorf("%d runs at a time: not a number from 1 to %d", h.Slots, mostSlots), "")
	case h.Guest != c.Guest:
		return mine("guest program", h.Guest, c.Guest, "install the same release of ruleout on both")
	case h.QEMU != c.QEMU:
		return mine("QEMU", h.QEMU, c.QEMU, "install the same package of QEMU on both, to the byte; ruleout doctor shows its "+
			"version")
	}
	return nil
}

// begin says what is left of a lease that a worker has got.
func (c *Coordinator) begin(m *nats.Msg) any {
	var b wire.Begin
	if wire.Unpack(m.Data, &b) != nil {
		return wire.Left{} // also for a coordinator that only asks whether the session lives
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	l, w := c.leases[b.Lease], c.roster.members[b.Worker]
	if l == nil || w == nil || w.banned != nil || c.ended != nil {
		return wire.Left{}
	}
	if l.begun++; l.begun > mostBegun {
		at := slices.Index(l.done, false)
		l.deliver(at, outcome{err: problem.Wrap(problem.Invalid, fmt.Errorf(
			"workers began the run of seed %d %d times and did not come to its end: %s", l.told.Seeds[at], mostBegun,
			strings.Join(l.takers, ", ")), "")})
		l.begun = 1
	}
	l.takers = append(l.takers, b.Worker)
	var left wire.Left
	for i, done := range l.done {
		if !done {
			left.Seeds = append(left.Seeds, i)
		}
	}
	return left
}

// outcome takes what came of a run.
func (c *Coordinator) outcome(m *nats.Msg) any {
	o, packed, err := c.codec.Open(m.Data)
	if err != nil {
		return wire.Answer{Leave: wire.TroubleOf(err)}
	}
	if o.Trouble != nil {
		return c.troubled(o)
	}
	if o.Object != "" {
		if packed, err = c.fetch(o.Object); err != nil {
			return wire.Answer{Leave: wire.TroubleOf(err)}
		}
	}
	r, err := c.codec.Record(packed)
	if err == nil && (r.Seed != o.Seed || r.Provenance.Guest != c.Guest) {
		err = fmt.Errorf("the record is of seed %d and of guest program %.19s, not of seed %d and %.19s", r.Seed,
			r.Provenance.Guest, o.Seed, c.Guest)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.roster.members[o.Worker]
	switch {
	case w == nil:
		return wire.Answer{Leave: wire.TroubleOf(errStranger)}
	case err != nil: // the message is whole, or NATS would not have delivered it
		w.banned = fmt.Errorf("what worker %s hands in cannot be read: %w", o.Worker, err)
		c.Note(w.banned.Error())
		return wire.Answer{Leave: wire.TroubleOf(w.banned)}
	case w.banned != nil:
		return wire.Answer{Leave: wire.TroubleOf(w.banned)}
	}
	w.seen = time.Now()
	l := c.leases[o.Lease]
	if l != nil && (o.Index < 0 || o.Index >= len(l.done) || l.told.Seeds[o.Index] != r.Seed ||
		l.told.Hash != r.Scenario.Hash || l.told.Release != r.Provenance.Kernel) {
		l = nil // it is of another lease
	}
	if l != nil && !l.done[o.Index] && !o.Check {
		w.made++
	}
	if !c.Repeats {
		c.compare(r, o, l)
	}
	if o.Check {
		return wire.Answer{}
	}
	if l == nil || c.ended != nil {
		return wire.Answer{Stop: true}
	}
	return wire.Answer{Stop: !l.deliver(o.Index, outcome{record: r})}
}

// troubled takes a run that left no record. If it is the worker's machine that cannot do it, another one has to, unless
// two say so.
func (c *Coordinator) troubled(o *wire.Outcome) any {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.leases[o.Lease]
	if o.Check {
		return wire.Answer{}
	}
	if l == nil || o.Index < 0 || o.Index >= len(l.done) || c.ended != nil {
		return wire.Answer{Stop: true}
	}
	if o.Trouble.Kind == problem.Machine && o.Worker != c.Local {
		if l.unable == nil {
			l.unable = map[string]bool{}
		}
		if l.unable[o.Worker] = true; len(l.unable) < 2 {
			l.begun = 0
			return wire.Answer{Leave: o.Trouble}
		}
	}
	err := o.Trouble.Err()
	if o.Worker != c.Local {
		err = fmt.Errorf("on worker %s: %w", o.Worker, err)
	}
	return wire.Answer{Stop: !l.deliver(o.Index, outcome{err: err})}
}

// fetch gets a record that was too large for a message out of the object store.
func (c *Coordinator) fetch(object string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(c.ctx, c.Silence)
	defer cancel()
	store, err := c.store(ctx)
	if err != nil {
		return nil, err
	}
	info, err := store.GetInfo(ctx, object)
	if err != nil {
		return nil, err
	}
	if info.Size > result.MostBytes {
		return nil, fmt.Errorf("a record of %d bytes; at most %d are read", info.Size, result.MostBytes)
	}
	packed, err := store.GetBytes(ctx, object)
	if err != nil {
		return nil, err
	}
	return packed, store.Delete(ctx, object)
}

// noResponder reports whether nobody serves a subject.
func noResponder(err error) bool { return errors.Is(err, nats.ErrNoResponders) }
