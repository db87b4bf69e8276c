package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/cluster/wire"
	"github.com/ruleout/ruleout/harness/verdict/sweep"
)

// lease is one that workers may have. Its owner asks for its runs, in the order of the seeds.
type lease struct {
	of   *Coordinator
	told wire.Lease
	text []byte
	err  error // why it could not be offered
	once sync.Once

	// These belong to the coordinator's lock.
	seq    uint64 // in the stream; 0 if it is not there
	came   []chan outcome
	asked  []bool          // by index, whether the owner has asked for it
	done   []bool          // by index, whether it came
	begun  []wire.Begin    // by workers, since the last outcome
	missed int             // how often the stream did not have it
	unable map[string]bool // workers whose machine cannot do it
}

// outcome is what came of one run.
type outcome struct {
	record *result.Record
	err    error
}

// briefly is how long is waited for the server where it does not matter much.
const briefly = 2 * time.Second

// mostBegun is how often a lease is begun without any outcome before its next run is said to break its workers.
const mostBegun = 3

// Lease offers an arm with seeds to the workers.
func (c *Coordinator) Lease(ctx context.Context, arm *campaign.Arm, seeds []uint64) (runs sweep.Runner, end func()) {
	l := &lease{of: c}
	l.err = l.describe(ctx, arm, seeds)
	for range seeds {
		l.came = append(l.came, make(chan outcome, 1))
	}
	l.asked, l.done = make([]bool, len(seeds)), make([]bool, len(seeds))
	if l.err == nil {
		c.mu.Lock()
		c.last++
		l.told.ID = c.last
		l.err = c.ended
		c.mu.Unlock()
	}
	if l.err == nil {
		if l.text, l.err = wire.Pack(l.told); l.err != nil {
			l.err = problem.Wrap(problem.Usage, fmt.Errorf("send the scenario to workers: %w", l.err), "")
		}
	}
	if l.err == nil {
		c.mu.Lock()
		c.leases[l.told.ID] = l
		c.mu.Unlock()
		l.publish(ctx)
	}
	return l, l.end
}

// describe says what the workers have to know.
func (l *lease) describe(ctx context.Context, arm *campaign.Arm, seeds []uint64) error {
	hash, release, ok := l.of.Kernel(arm.Kernel)
	if !ok || arm.QEMU != "" {
		return problem.Wrap(problem.Usage, fmt.Errorf("kernel %q with QEMU %q is not among those that were opened",
			arm.Kernel, arm.QEMU), "")
	}
	canonical, err := arm.Scenario.Canonical()
	if err != nil {
		return err
	}
	images, err := l.of.Images(ctx, arm.Scenario)
	l.told = wire.Lease{Scenario: canonical, Hash: arm.Hash, Set: arm.Set, Kernel: hash,
		Release: release, Images: images, Seeds: seeds}
	return err
}

// publish puts the lease into the stream. While the server is away, the audit will try again; what the server refuses
// ends the session.
func (l *lease) publish(ctx context.Context) {
	ack, err := l.of.js.Publish(ctx, l.of.session.Subject("work"), l.text)
	if refused := (*jetstream.APIError)(nil); errors.As(err, &refused) && (refused.Code != notNow || full(err)) {
		l.of.end(queue(err))
	}
	if err != nil {
		return
	}
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	l.seq, l.missed = ack.Sequence, 0
}

// notNow is the code of a server that is busy with something else, such as its start.
const notNow = 503

func (l *lease) sequence() uint64 {
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	return l.seq
}

// Run waits for the run of a seed. A seed that came once is made again, by whoever has time.
func (l *lease) Run(ctx context.Context, arm *campaign.Arm, seed uint64) (*result.Record, error) {
	if l.err != nil {
		return nil, l.err
	}
	at := l.take(seed)
	if at < 0 {
		return l.of.Run(ctx, arm, seed)
	}
	select {
	case o := <-l.came[at]:
		return o.record, o.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-l.of.ctx.Done():
		return nil, errClosed
	}
}

// take returns the index of a run of the seed that was not asked for yet, or -1.
func (l *lease) take(seed uint64) int {
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	for i, s := range l.told.Seeds {
		if s == seed && !l.asked[i] {
			l.asked[i] = true
			return i
		}
	}
	return -1
}

// end says that nobody asks for more.
func (l *lease) end() {
	l.once.Do(func() {
		c := l.of
		c.mu.Lock()
		delete(c.leases, l.told.ID)
		seq, all := l.seq, !slices.Contains(l.done, false)
		c.mu.Unlock()
		if !all && seq > 0 && c.Conn.IsConnected() { // nobody need take it any more
			ctx, cancel := context.WithTimeout(c.ctx, briefly)
			defer cancel()
			if stream, err := c.js.Stream(ctx, c.session.Stream()); err == nil {
				_ = stream.DeleteMsg(ctx, seq) // who has it will be told
			}
		}
	})
}

// open returns the leases that have runs to come.
func (c *Coordinator) open() (list []*lease) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.leases {
		if slices.Contains(l.done, false) {
			list = append(list, l)
		}
	}
	return list
}

// lost notes that the stream does not have a lease. A worker takes it out when it hands in the last run, so it may be
// that this one is under way: it counts when it is missed twice.
func (c *Coordinator) lost(l *lease) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	l.missed++
	return l.missed > 1 && slices.Contains(l.done, false)
}

// begin notes that a worker has got it. It reports whether so many have, without any outcome, that its next run is the
// reason. The lock is held.
func (l *lease) begin(b wire.Begin) (breaks bool) {
	if l.begun = l.without(b.Try); len(l.begun) >= mostBegun {
		return true
	}
	l.begun = append(l.begun, b)
	return false
}

// without returns who has begun, but for one try.
func (l *lease) without(try string) []wire.Begin {
	return slices.DeleteFunc(l.begun, func(b wire.Begin) bool { return b.Try == try })
}

// deliver hands a run to the owner of its lease. It reports whether more of the lease is wanted. The lock is held.
func (l *lease) deliver(at int, o outcome) (more bool) {
	if !l.done[at] {
		l.done[at] = true
		l.came[at] <- o
	}
	l.begun = nil
	return slices.Contains(l.done, false)
}
