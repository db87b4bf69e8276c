package fault

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ruleout/ruleout/harness/run/netem"
)

// snapshot is all counters and qdiscs at about one moment.
type snapshot struct {
	counters counters
	// qdiscs are those that the plan placed, by what they do.
	qdiscs map[place]netem.Stats
}

// of adds up what the netems of a role have counted.
func (s snapshot) of(r role) (sum netem.Stats) {
	for at, q := range s.qdiscs {
		if at.role != r {
			continue
		}
		sum.Packets += q.Packets
		sum.Bytes += q.Bytes
		sum.Drops += q.Drops
		sum.Overlimits += q.Overlimits
		sum.Waiting += q.Waiting
		sum.Backlog += q.Backlog
	}
	return sum
}

func (w *Wires) snapshot() (snapshot, error) {
	s := snapshot{qdiscs: make(map[place]netem.Stats, len(w.devices))}
	for link, wire := range w.wires {
		list, err := wire.conn.List()
		if err != nil {
			return s, fmt.Errorf("wire %s: %w", wire.name, err)
		}
		for _, q := range list {
			if r, ok := w.devices[device{link, q.Index, q.Handle}]; ok {
				if w.bottleneck(r.role) != nil {
					q.Overlimits = 0 // red counts what it drops early or marks there as well
				}
				s.qdiscs[r] = q
			}
		}
	}
	var err error
	if s.counters, err = w.state.read(); err != nil {
		return s, err
	}
	for i := range w.plan.paths {
		n, err := w.arrived(i)
		if err != nil {
			return s, err
		}
		s.counters[w.plan.paths[i].arrival()/8] = uint64(n)
	}
	return s, nil
}

// waiting is how many packets all qdiscs hold.
func (s snapshot) waiting() (n int64) {
	for _, q := range s.qdiscs {
		n += int64(q.Waiting)
	}
	return n
}

const (
	// poll is how often a draining network is looked at.
	poll = time.Millisecond
	// still is how many looks in a row must show the same when the accounts do not balance
	// or a packet might be between two devices.
	still = 5
	// patience is how long a network may hold packets beyond what its delays explain
	// without letting one go.
	patience = 2 * time.Second
)

// drain closes the gate, waits until the last packet has left the wires, and returns the
// final counts. After the gate is closed no packet enters, so this ends: soon after
// the longest delay, or when a slow rate has let its queue go. A network that holds
// packets and lets none go for longer than that is returned as it is.
func (w *Wires) drain(ctx context.Context) (snapshot, error) {
	if err := w.stopTurns(); err != nil {
		return snapshot{}, err
	}
	w.state.closed = true
	if err := w.state.tell(); err != nil {
		return snapshot{}, err
	}
	timer := time.NewTicker(poll)
	defer timer.Stop()
	bound := int((patience + w.plan.longest()) / poll)
	var last snapshot
	for same := 0; ; {
		now, err := w.snapshot()
		if err != nil {
			return now, err
		}
		if slices.Equal(now.counters, last.counters) && now.waiting() == last.waiting() {
			same++
		} else {
			same = 0
		}
		if last = now; now.waiting() == 0 && same >= still || same >= bound {
			return now, nil
		}
		select {
		case <-ctx.Done():
			return now, fmt.Errorf("wait for %d packets on the wires: %w", now.waiting(), context.Cause(ctx))
		case <-timer.C:
		}
	}
}

// longest is the most time that any path holds a packet, apart from queueing.
func (p *plan) longest() time.Duration {
	var most time.Duration
	for i := range p.paths {
		d := &p.paths[i]
		var sum time.Duration
		for j := range d.stages {
			var most time.Duration
			for _, q := range d.stages[j].netems {
				most = max(most, holds(&q))
			}
			if b := d.stages[j].bottleneck; b != nil {
				most = sending(b.Rate)
			}
			sum += most
		}
		sum += holds(d.last)
		most = max(most, sum)
	}
	return most
}

// holds is how long a netem holds a packet of the greatest length that finds it empty.
func holds(q *netem.Qdisc) time.Duration {
	if q == nil {
		return 0
	}
	d := q.Longest()
	if q.Slot != nil {
		d += q.Slot.MaxDelay
	}
	if q.Rate != nil {
		d += sending(q.Rate.BytesPerSecond)
	}
	return d
}

// sending is how long a packet of the greatest length takes at a rate in bytes a second.
func sending(rate uint64) time.Duration {
	return time.Duration(float64(largest) / float64(rate) * float64(time.Second))
}

// largest frame that a link may carry, in bytes: an MTU of 9000.
const largest = 9000 + etherHeader
