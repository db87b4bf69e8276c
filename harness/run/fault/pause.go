package fault

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/record/result"
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

	turns
	proven    int64         // how often they used no CPU time from beginning to end
	processes int64         // the most that there were
	used      time.Duration // until they were last stopped
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
func (p *pause) begin(f *scenario.Fault, start int64) error {
	return p.turns.begin(f, start, p.hold, p.goOn)
}

// The last process of a group that stops still runs when the kernel says that all stand still: it gives up the CPU some
// microseconds later (cgroup_enter_frozen and do_freezer_trap in kernel/cgroup/freezer.c and kernel/signal.c). Where it
// can be preempted there (CONFIG_PREEMPT_LAZY, as Debian's 7.2), whoever waits for the news runs before that.
const (
	settling = 50 * time.Microsecond
	settles  = 8 // at most so many of these, until it has used no CPU time in one
)

// hold stops the processes.
func (p *pause) hold() error {
	n, err := p.node.Freeze()
	used, errUsed := p.node.Used()
	for range settles {
		before := used
		wait := unix.NsecToTimespec(int64(settling))
		_ = unix.Nanosleep(&wait, nil) // time.Sleep may take a millisecond
		if used, errUsed = p.node.Used(); used == before || errUsed != nil {
			break
		}
	}
	p.used, p.processes = used, max(p.processes, int64(n))
	return errors.Join(err, errUsed)
}

// goOn lets them go on, due or not.
func (p *pause) goOn(bool) error {
	used, errUsed := p.node.Used()
	if used == p.used {
		p.proven++
	}
	return errors.Join(errUsed, p.node.Thaw())
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
	if p.err != nil {
		return r, fmt.Errorf("fault %s: %w", f.Name, p.err)
	}
	r = result.Receipt{Name: f.Name, Chosen: p.times, Delivered: p.proven, Processes: p.processes,
		Stood: p.stood.Seconds()}
	r.Matched = w.asked(f, &p.turns)
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
