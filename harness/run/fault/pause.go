package fault

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/actor"
	"github.com/ruleout/ruleout/harness/scenario"
)

// Freezer stops the processes of a node, and lets them go on.
type Freezer interface {
	// Freeze returns when all of them stand still, with how many there are.
	Freeze() (processes int, err error)
	Thaw() error
	// Used is the CPU time that they have used so far.
	Used() (time.Duration, error)
}

// A pause is a fault that stops the processes of a node: do: pause. The node's kernel goes on: it acknowledges what
// comes, until buffers are full, and accepts connections, until the queue is.
type pause struct {
	fault int
	node  Freezer

	mu sync.Mutex
	// times is how often they were stopped, and proven how often they used no CPU time meanwhile.
	times, proven int64
	processes     int64 // the most that there were
	late          time.Duration
	stood         time.Duration // in all
	since         int64         // when they were last stopped, ns
	used          time.Duration // until then
	stopped       bool
	err           error
	actor         *actor.Actor
}

// Own tells the wires what stops the processes of each node, for the faults that do. Call it before Arm.
func (w *Wires) Own(nodes map[string]Freezer) error {
	for i := range w.faults {
		if f := &w.faults[i]; f.Do.Pause {
			if nodes[f.Node] == nil {
				return fmt.Errorf("fault %s: no processes of node %q", f.Name, f.Node)
			}
			w.pauses = append(w.pauses, &pause{fault: i, node: nodes[f.Node]})
		}
	}
	return nil
}

// begin starts the actor; start is the beginning of the measured window in ns of CLOCK_MONOTONIC.
func (p *pause) begin(f *scenario.Fault, start int64) (err error) {
	p.actor, err = actor.New(func(a *actor.Alarm) error {
		for n := 0; f.Times == 0 || n < f.Times; n++ {
			if n > 0 && f.Every == 0 {
				return nil
			}
			from := start + int64(f.At) + int64(n)*int64(f.Every)
			if rang, err := a.Await(from); err != nil || !rang {
				return err
			}
			p.stop(from)
			until := from + int64(f.For)
			rang, err := a.Await(until)
			p.goOn(until, rang)
			if err != nil || !rang {
				return err
			}
		}
		return nil
	})
	return err
}

// stop stops them; at is when that was due.
func (p *pause) stop(at int64) {
	n, err := p.node.Freeze()
	used, errUsed := p.node.Used()
	now, errNow := monotonic()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = errors.Join(p.err, err, errUsed, errNow)
	p.stopped, p.since, p.used = true, now, used
	p.times++
	p.processes = max(p.processes, int64(n))
	p.late = max(p.late, time.Duration(now-at))
}

// goOn lets them go on; at is when that was due, if it was.
func (p *pause) goOn(at int64, due bool) {
	used, errUsed := p.node.Used()
	err := p.node.Thaw()
	now, errNow := monotonic()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = errors.Join(p.err, err, errUsed, errNow)
	p.stopped = false
	p.stood += time.Duration(now - p.since)
	if used == p.used {
		p.proven++
	}
	if due {
		p.late = max(p.late, time.Duration(now-at))
	}
}

// stopPauses ends all actors, which let the processes go on first. It may be called again.
func (w *Wires) stopPauses() error {
	var errs []error
	for _, p := range w.pauses {
		if p.actor != nil {
			errs = append(errs, p.actor.Stop())
		}
	}
	return errors.Join(errs...)
}

// pauseOf returns the pause that a fault is, or nil.
func (w *Wires) pauseOf(fault int) *pause {
	for _, p := range w.pauses {
		if p.fault == fault {
			return p
		}
	}
	return nil
}

// pauseReceipt tells how often the processes were stopped: matched by the schedule, chosen by the actor's own count,
// delivered by the kernel's account of their CPU time, which did not move meanwhile.
func (w *Wires) pauseReceipt(p *pause, because *result.Reasons) (r result.Receipt, err error) {
	f := &w.faults[p.fault]
	say := about(because, "fault "+f.Name)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return r, fmt.Errorf("fault %s: %w", f.Name, p.err)
	}
	r = result.Receipt{Name: f.Name, Chosen: p.times, Delivered: p.proven, Processes: p.processes,
		Stood: p.stood.Seconds()}
	r.Matched = min(max(p.times, due(f, time.Duration(w.stopping-w.start))), due(f, time.Duration(w.stopped-w.start)))
	switch {
	case r.Matched == 0:
		say(result.FaultDidNotAct, "the fault never acted: the run ended before")
	case r.Chosen != r.Matched:
		say(result.FaultIncomplete, "the node was stopped %d times, %d were asked for", r.Chosen, r.Matched)
	case r.Processes == 0:
		say(result.FaultDidNotAct, "the fault never acted: the node has no processes")
	}
	if r.Delivered != r.Chosen {
		say(result.DeliveryDiffers, "the processes were stopped %d times, and used no CPU time in %d of them", r.Chosen,
			r.Delivered)
	}
	if p.late > slowest {
		say(result.FaultLate, "the processes stopped or went on %v late, the bound is %v", p.late.Round(time.Microsecond),
			slowest)
	}
	return r, nil
}
