package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/verdict/cluster/wire"
)

// begin says what is left of a lease that a worker has got.
func (c *Coordinator) begin(m *nats.Msg) any {
	var b wire.Begin
	if wire.Unpack(m.Data, &b) != nil {
		return wire.Left{} // also for a coordinator that only asks whether the session lives
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	l, w := c.leases[b.Lease], c.roster.members[b.Worker]
	switch {
	case b.Back && l != nil:
		l.begun = l.without(b.Try)
		return nil
	case w == nil || w.banned != nil:
		return wire.Left{Unknown: true}
	case l == nil || c.ended != nil:
		return wire.Left{}
	}
	if l.begin(b) {
		c.breaks(l)
		l.begin(b)
	}
	var left wire.Left
	for i, done := range l.done {
		if !done {
			left.Seeds = append(left.Seeds, i)
		}
	}
	return left
}

// breaks says that a run ends its workers, one after the other. The lock is held.
func (c *Coordinator) breaks(l *lease) {
	at := slices.Index(l.done, false)
	if at < 0 { // all came, and only the end of the lease did not
		l.begun = nil
		return
	}
	names := ""
	for _, b := range l.begun {
		names += ", " + b.Worker
	}
	l.deliver(at, outcome{err: problem.Wrap(problem.Invalid, fmt.Errorf(
		"workers began the run of seed %d %d times and did not come to its end: %s", l.told.Seeds[at], mostBegun,
		names[len(", "):]), "")})
}

// outcome takes what came of a run.
func (c *Coordinator) outcome(m *nats.Msg) any {
	o, packed, err := c.codec.Open(m.Data)
	if err != nil {
		return wire.Answer{Leave: wire.TroubleOf(err)}
	}
	if a := c.stranger(o.Worker); a != nil {
		return a
	}
	switch {
	case o.Trouble != nil:
		return c.troubled(o)
	case o.Object == "":
		return c.record(o, packed)
	}
	c.beside(func() { respond(m, c.stored(o)) }) // it takes a while, and other outcomes need not wait
	return nil
}

// stranger answers a worker from which nothing is taken; it returns nil for others.
func (c *Coordinator) stranger(worker string) any {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch w := c.roster.members[worker]; {
	case w == nil:
		return wire.Answer{Unknown: true}
	case w.banned != nil:
		return wire.Answer{Leave: wire.TroubleOf(w.banned)}
	}
	return nil
}

// stored takes a run whose record is in the object store.
func (c *Coordinator) stored(o *wire.Outcome) any {
	c.fetching.Lock() // one at a time: they are large
	defer c.fetching.Unlock()
	packed, err := c.fetch(o.Object)
	switch {
	case errors.Is(err, errBadObject):
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.ban(o.Worker, err)
	case err != nil: // the server may have lost it, or an answer did not arrive
		return wire.Answer{Again: true}
	}
	return c.record(o, packed)
}

// record takes a run with its record.
func (c *Coordinator) record(o *wire.Outcome, packed []byte) any {
	r, err := c.codec.Record(packed)
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.leases[o.Lease]
	if err == nil {
		err = c.foreign(o, r, l)
	}
	w := c.roster.members[o.Worker]
	switch {
	case w == nil:
		return wire.Answer{Unknown: true}
	case err != nil: // the message is whole, or NATS would not have delivered it
		return c.ban(o.Worker, err)
	case w.banned != nil:
		return wire.Answer{Leave: wire.TroubleOf(w.banned)}
	}
	w.seen = time.Now()
	if o.Check {
		l = nil
	}
	if l != nil && !l.done[o.Index] {
		w.made++
	}
	if !c.Repeats {
		c.compare(r, o, l)
	}
	switch {
	case o.Check:
		return wire.Answer{}
	case l == nil || c.ended != nil:
		return wire.Answer{Stop: true}
	}
	return wire.Answer{Stop: !l.deliver(o.Index, outcome{record: r})}
}

// foreign says that a record is not of the run that was to be made; nil if it is. A lease that has ended is nil: then
// it can only be compared.
func (c *Coordinator) foreign(o *wire.Outcome, r *result.Record, l *lease) error {
	switch {
	case r.Seed != o.Seed || r.Provenance.Guest != c.Guest:
		return fmt.Errorf("the record is of seed %d and of guest program %.19s, not of seed %d and %.19s", r.Seed,
			r.Provenance.Guest, o.Seed, c.Guest)
	case l == nil || o.Check:
		return nil
	case !l.has(o) || l.told.Hash != r.Scenario.Hash || l.told.Release != r.Provenance.Kernel:
		return fmt.Errorf("the record is of scenario %s, seed %d, kernel %.40s, which is not a run of lease %d",
			result.Short(r.Scenario.Hash), r.Seed, r.Provenance.Kernel, o.Lease)
	}
	return nil
}

// has reports whether a seed is at its place in the lease.
func (l *lease) has(o *wire.Outcome) bool {
	return o.Index >= 0 && o.Index < len(l.done) && l.told.Seeds[o.Index] == o.Seed
}

// ban takes nothing from a worker any more. The lock is held.
func (c *Coordinator) ban(worker string, why error) wire.Answer {
	err := fmt.Errorf("what worker %s hands in cannot be read: %w", worker, why)
	if w := c.roster.members[worker]; w != nil && w.banned == nil {
		w.banned = err
		c.note("%s", err.Error())
	}
	return wire.Answer{Leave: wire.TroubleOf(err)}
}

// troubled takes a run that left no record. If it is the worker's machine that cannot do it, another one has to, unless
// two say so.
func (c *Coordinator) troubled(o *wire.Outcome) any {
	c.mu.Lock()
	defer c.mu.Unlock()
	if o.Check {
		c.ledger.failed(o)
		c.recheck()
		return wire.Answer{}
	}
	l := c.leases[o.Lease]
	if l == nil || !l.has(o) || c.ended != nil {
		return wire.Answer{Stop: true}
	}
	if o.Trouble.Kind == problem.Machine && o.Worker != c.Local {
		if l.unable == nil {
			l.unable = map[string]bool{}
		}
		if l.unable[o.Worker] = true; len(l.unable) < 2 {
			l.begun = nil
			return wire.Answer{Leave: o.Trouble}
		}
	}
	err := o.Trouble.Err()
	if o.Worker != c.Local {
		err = fmt.Errorf("on worker %s: %w", o.Worker, err)
	}
	return wire.Answer{Stop: !l.deliver(o.Index, outcome{err: err})}
}

// errBadObject is of an object that no honest worker puts into the store.
var errBadObject = errors.New("the object of the record is damaged")

// fetch gets a record that was too large for a message out of the object store.
func (c *Coordinator) fetch(object string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(c.ctx, c.Silence)
	defer cancel()
	store, err := c.store(ctx)
	if err != nil {
		return nil, err
	}
	o, err := store.Get(ctx, object)
	if err != nil {
		return nil, err
	}
	defer o.Close()
	packed, err := io.ReadAll(io.LimitReader(o, result.MostBytes+1))
	switch {
	case errors.Is(err, jetstream.ErrDigestMismatch):
		return nil, fmt.Errorf("%w: %w", errBadObject, err)
	case err != nil:
		return nil, err
	case len(packed) > result.MostBytes:
		return nil, fmt.Errorf("%w: it has more than %d bytes", errBadObject, result.MostBytes)
	}
	_ = store.Delete(ctx, object) // it ends with the session, in any case
	return packed, nil
}

// noResponder reports whether nobody serves a subject.
func noResponder(err error) bool { return errors.Is(err, nats.ErrNoResponders) }
