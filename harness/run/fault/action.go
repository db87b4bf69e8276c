package fault

import (
	"fmt"
	"slices"
	"time"

	"github.com/ruleout/ruleout/harness/run/netem"
	"github.com/ruleout/ruleout/harness/scenario"
)

// deed is what is done to chosen packets: by netems, one for each step of a ramp, or by the
// selector itself. For watch it is nothing.
type deed struct {
	netems []netem.Qdisc
	// through has all packets take the way of the chosen. It is for what netem may let go at once, and in its place:
	// packets that came later must not be ahead of it.
	through bool
	// clones is how many copies the selector makes.
	clones int
	// corrupt has the selector flip a bit.
	corrupt bool
}

// newDeed is what a fault does. Faults of a link as a whole have no deed, see [outage].
func newDeed(f *scenario.Fault) (deed, error) {
	a := &f.Do
	switch kind := a.Kind(); kind {
	case "watch", "inject", "mtu", "mark", "reject":
		return deed{}, nil
	case "duplicate":
		return deed{clones: a.Duplicate}, nil
	case "corrupt":
		return deed{corrupt: true}, nil
	case "drop", "delays", "delay", "reorder", "rate", "slot", "loss":
		d := deed{through: a.Loss != nil || a.Slot != nil}
		for _, step := range steps(f) {
			d.netems = append(d.netems, emulate(&step))
		}
		if slices.ContainsFunc(d.netems, func(q netem.Qdisc) bool { return holds(&q) > 0 }) {
			for i, q := range d.netems {
				d.netems[i] = orphaning(q)
			}
		}
		return d, nil
	default:
		return deed{}, fmt.Errorf("no action, or more than one, or one that cannot be done yet: %q", kind)
	}
}

// steps are the actions of a fault: one for each value of a ramp of delay or rate, or one.
func steps(f *scenario.Fault) []scenario.Action {
	r := f.Ramp
	if r == nil || r.Delay == 0 && r.Rate == 0 {
		return []scenario.Action{f.Do}
	}
	list := make([]scenario.Action, r.Steps)
	for i := range list {
		if list[i] = f.Do; r.Delay > 0 {
			list[i].Delay = r.DelayAt(f.Do.Delay, i)
		} else {
			list[i].Rate = r.RateAt(f.Do.Rate, i)
		}
	}
	return list
}

// usual is the length of a queue for which the scenario has none: netem's own, if tc is not told (netem_parse_opt in
// iproute2's tc/q_netem.c).
const usual = 1000

// queued is the length of the queue of a fault with one, on a link; stated is whether the scenario says so. It is 0 for
// others, which hold packets for a time and not until their turn.
func queued(a *scenario.Action, l *scenario.Link) (length uint32, stated bool) {
	switch {
	case a.Rate == 0 && a.Slot == nil:
		return 0, false
	case a.Queue > 0:
		return uint32(a.Queue), true
	case l.Queue > 0:
		return uint32(l.Queue), true
	}
	return usual, false
}

// unhindered is a rate at which a packet takes no time at all: 2^62 bytes a second.
//
// It is what keeps packets in order. With a rate, netem takes for now the time at which the
// last packet that waits will go, and takes off the delay what that one has still to
// wait, but goes no lower than 0 (netem_enqueue, since Linux 3.9). So a packet goes after all those before
// it, and no later than its own delay says if they are gone by then. The advice of old, a pfifo
// inside the netem, has not worked since Linux 3.13: the queue in front of it is sorted by time.
const unhindered = 1 << 62

// emulate is the netem that does one action.
func emulate(a *scenario.Action) netem.Qdisc {
	q := netem.Qdisc{Limit: slack}
	switch {
	case a.Drop:
		q.Loss = netem.All
	case a.Delay > 0:
		q.Latency, q.Jitter = time.Duration(a.Delay), time.Duration(a.Jitter)
		if q.Table = table(a.Distribution); q.Table != nil {
			// The tables' means and standard deviations are not what they are said to be.
			q.Jitter = time.Duration(float64(a.Jitter) / q.Table.Deviation())
			q.Latency = q.Table.WithMean(time.Duration(a.Delay), q.Jitter)
		}
		q.Limit = room(q.Longest(), 0)
	case a.Delays != nil:
		list := make([]time.Duration, len(a.Delays))
		for i, d := range a.Delays {
			list[i] = time.Duration(d)
		}
		q.Latency, q.Jitter, q.Table = netem.Empirical(list)
		q.Limit = room(q.Longest(), 0)
	case a.Reorder > 0:
		q.Latency = time.Duration(a.Reorder)
		q.Limit = room(q.Latency, 0)
	case a.Rate > 0:
		q.Rate, q.Limit = bottleneck(a.Rate), usual
		q.Rate.PacketOverhead = int32(a.Overhead)
		if c := a.Cell; c != nil {
			q.Rate.CellSize, q.Rate.CellOverhead = uint32(c.Size), int32(c.Overhead)
		}
	case a.Slot != nil:
		s := a.Slot
		q.Limit = usual
		q.Slot = &netem.Slot{
			MinDelay: time.Duration(s.Min), MaxDelay: time.Duration(max(s.Max, s.Min)),
			MaxPackets: int32(s.Packets), MaxBytes: int32(s.Bytes),
		}
	case a.Loss != nil:
		q.Loss, q.Model = lossModel(a.Loss)
	}
	if a.InOrder {
		q.Rate = &netem.Rate{BytesPerSecond: unhindered}
	}
	return q
}

// table of a jitter; nil for the uniform one.
func table(d scenario.Distribution) netem.Table {
	switch d {
	case scenario.Normal:
		return netem.Normal()
	case scenario.Pareto:
		return netem.Pareto()
	case scenario.ParetoNormal:
		return netem.ParetoNormal()
	}
	return nil
}

// lossModel is one of the two: a share of independent losses, or a model with memory.
func lossModel(l *scenario.Loss) (netem.Share, netem.LossModel) {
	share := func(p scenario.Share) netem.Share { return netem.ShareOf(float64(p)) }
	or := func(p *scenario.Share, otherwise netem.Share) netem.Share {
		if p == nil {
			return otherwise
		}
		return share(*p)
	}
	switch {
	case l.Random != nil:
		return share(*l.Random), nil
	case l.GEModel != nil:
		m := l.GEModel
		return 0, netem.GilbertElliott{ToBad: share(m.P), ToGood: share(m.R), LossBad: or(m.Bad, netem.All),
			LossGood: share(m.Good)}
	default:
		s := l.State
		m := netem.FourState{P13: share(s.P13), P32: share(s.P32), P14: share(s.P14), P23: or(s.P23, netem.All)}
		m.P31 = or(s.P31, netem.All-m.P13)
		// What leaves a state adds up to 100 % at the most. The kernel adds 32-bit numbers, where
		// one more, by rounding, is 0.
		m.P14 = min(m.P14, netem.All-m.P13)
		m.P32 = min(m.P32, netem.All-m.P31)
		return 0, m
	}
}
