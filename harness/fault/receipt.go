package fault

import (
	"context"
	"fmt"

	"github.com/ruleout/ruleout/harness/netem"
	"github.com/ruleout/ruleout/harness/result"
	"github.com/ruleout/ruleout/harness/scenario"
)

// Receipts closes the wires to further packets, waits until those on them have arrived,
// and says for each fault, in the scenario's order, what it did. The second result tells
// why the run is invalid, and is empty when it is not.
//
// Call it when the traffic has ended. Packets that a node sends later are discarded and
// not counted, so that the accounts balance even if two nodes never stop talking.
func (w *Wires) Receipts(ctx context.Context) ([]result.Receipt, []string, error) {
	if err := w.stopInjectors(); err != nil {
		return nil, nil, err
	}
	s, err := w.drain(ctx)
	if err != nil {
		return nil, nil, err
	}
	receipts := make([]result.Receipt, len(w.faults))
	var because []string
	for i := range w.faults {
		var r []string
		if o := w.outageOf(i); o != nil {
			if receipts[i], r, err = w.outageReceipt(o, s); err != nil {
				return nil, nil, err
			}
		} else {
			receipts[i], r = w.receipt(i, s)
		}
		because = append(because, r...)
	}
	if n := s.counters.at(w.plan.attached); n > 0 {
		because = append(because, fmt.Sprintf("%d packets waited on a link and were not detached from their sender's socket: it may not send them again meanwhile", n))
	}
	for i := range w.plan.paths {
		because = append(because, w.linkLoss(i, s)...)
	}
	if len(because) > 0 {
		more, err := w.backlogLoss()
		if err != nil {
			return nil, nil, err
		}
		because = append(because, more...)
	}
	return receipts, because, nil
}

// receipt is that of fault i, with what is wrong with it. It sums over the directions in which
// the fault acts; each is checked for itself, so that no loss of one hides behind the other's.
func (w *Wires) receipt(i int, s snapshot) (r result.Receipt, because []string) {
	f := &w.faults[i]
	r.Name = f.Name
	say := func(format string, a ...any) {
		because = append(because, "fault "+f.Name+": "+fmt.Sprintf(format, a...))
	}
	if in := w.injectors[i]; in != nil {
		r = w.injection(in, w.plan.places[i], s, say)
		return r, because
	}
	if f.Do.MTU > 0 {
		r = w.narrowing(i, w.plan.places[i], s, say)
		return r, because
	}
	var sum selection
	var trains []int64
	for _, at := range w.plan.places[i] {
		st := &w.plan.paths[at.path].stages[at.stage]
		chosen, err := st.choose.selection(w.state.orders[i], s.counters, st.flows)
		if err != nil {
			say("%v", err)
		}
		if why := chosen.wrong(); why != "" && err == nil {
			say("%s", why)
		}
		sum.add(chosen)
		part := w.part(f, at, s, say)
		r.Delivered += part.Delivered
		r.UnexplainedLoss += part.UnexplainedLoss
		r.In += part.In
		r.Out += part.Out
		r.Overlimits += part.Overlimits
		trains = append(trains, part.Chosen)
	}
	if places := w.plan.places[i]; len(places) > 0 {
		choose := &w.plan.paths[places[0].path].stages[places[0].stage].choose
		sum.fill(&r, choose.draws, choose.sorts())
	}
	if lo, hi, ok := losses(f.Do.Loss, trains); ok {
		r.DeliveredInterval = []int64{lo, hi}
		if r.Delivered < lo || r.Delivered > hi {
			say("its model lost %d of %d packets, outside the 99.9 %% interval of %d to %d", r.Delivered, r.Chosen, lo, hi)
		}
	}
	switch {
	case r.Matched == 0:
		say("the fault never acted: 0 of %d packets matched", r.In)
	case r.Chosen == 0:
		say("the fault never acted: none of %d packets that matched was chosen", r.Matched)
	case r.Delivered == 0 && f.Do.Loss != nil:
		say("the fault never acted: its model lost none of %d packets", r.Chosen)
	}
	return r, because
}

// losses is the interval of the number of packets that a model of netem's loses, given those that it got in each
// direction.
func losses(l *scenario.Loss, trains []int64) (lo, hi int64, ok bool) {
	if l == nil {
		return 0, 0, false
	}
	share, model := lossModel(l)
	if model != nil {
		lo, hi = newChain(model).interval(trains...)
		return lo, hi, true
	}
	var sum int64
	for _, n := range trains {
		sum += n
	}
	lo, hi = binomialInterval(sum, float64(share)/float64(netem.All))
	return lo, hi, true
}

// part is the receipt of a fault in one direction.
func (w *Wires) part(f *scenario.Fault, at role, s snapshot, say func(string, ...any)) (r result.Receipt) {
	p := &w.plan.paths[at.path]
	stage, q := &p.stages[at.stage], s.of(at)
	r = result.Receipt{
		Matched: s.counters.at(stage.choose.matched),
		Chosen:  s.counters.at(stage.choose.chosen),
		In:      s.counters.at(p.boundary(at.stage)),
		Out:     s.counters.at(p.boundary(at.stage + 1)),
	}
	a := account(f.Do, r.Chosen, q)
	r.UnexplainedLoss = r.In + a.copies - a.drops - r.Out
	r.Overlimits = int64(q.Drops) + int64(q.Overlimits) // what the netem dropped for want of room
	switch {
	case f.Do.Drop, f.Do.Loss != nil:
		r.Delivered = r.In - r.Out
		r.Overlimits = int64(q.Overlimits) // its drops are what was asked for
	case f.Do.Duplicate > 0:
		r.Delivered = r.Out - r.In
	case f.Do.Corrupt:
		r.Delivered = s.counters.at(stage.choose.flipped)
	case f.Do.Watch:
		r.Delivered = r.Chosen // nothing acts that could be asked
	default:
		r.Delivered = int64(q.Packets)
	}
	if r.Delivered != a.delivered {
		say("delivered %d %s on %s, %d were asked for", r.Delivered, a.what, p, a.delivered)
	}
	if r.UnexplainedLoss != 0 {
		say("%s of %d on %s, for no reason that was asked for", lost(r.UnexplainedLoss), r.In, p)
	}
	if r.Overlimits > 0 {
		say("its queue of %d packets overflowed: %d dropped", stage.netems[0].Limit, r.Overlimits)
	}
	if q.Waiting > 0 {
		say("%d packets are still in its queue", q.Waiting)
	}
	if n := s.counters.at(stage.choose.overflow); n > 0 {
		say("more than %d flows: %d packets could not be told apart by flow", maxFlows, n)
	}
	return r
}

// expected is what an action makes of so many chosen packets.
type expected struct {
	copies, drops, delivered int64
	what                     string
}

// account is what a direction of a fault has to show, by the number of chosen packets and, for
// losses by netem's own models, by what the netem says that it dropped. Those who count the packets before and behind
// know neither.
func account(a scenario.Action, chosen int64, q netem.Stats) expected {
	switch {
	case a.Drop:
		return expected{drops: chosen, delivered: chosen, what: "packets lost"}
	case a.Loss != nil:
		return expected{drops: int64(q.Drops), delivered: int64(q.Drops), what: "packets lost"}
	case a.Duplicate > 0:
		n := chosen * int64(a.Duplicate)
		return expected{copies: n, delivered: n, what: "extra copies"}
	case a.Corrupt:
		return expected{delivered: chosen, what: "packets with a bit flipped"}
	case a.Watch:
		return expected{delivered: chosen, what: "packets seen"}
	default:
		return expected{delivered: chosen, what: "packets through its queue"}
	}
}

func lost(n int64) string {
	if n < 0 {
		return fmt.Sprintf("%d packets too many", -n)
	}
	return fmt.Sprintf("%d packets lost", n)
}

// linkLoss tells what a path lost outside its faults. Drops of a queue whose length the
// scenario states are the link's own behaviour, and none of them.
func (w *Wires) linkLoss(i int, s snapshot) (because []string) {
	p := &w.plan.paths[i]
	stated := w.links[p.link].Spec.Queue > 0
	check := func(part string, before, behind slot, r role, limit uint32) {
		q := s.of(r)
		drops := int64(q.Drops) + int64(q.Overlimits)
		n := s.counters.at(before) - s.counters.at(behind)
		if stated {
			n -= drops
		} else if drops > 0 {
			because = append(because, fmt.Sprintf("link %s: the queue of %d packets overflowed: %d dropped", p, limit, drops))
		}
		if n > 0 && r.stage < 0 && w.down(p.link) {
			n = 0 // the outage's receipt has them
		}
		if n != 0 {
			because = append(because, fmt.Sprintf("link %s: %s %s, for no reason that was asked for", p, lost(n), part))
		}
		if q.Waiting > 0 {
			because = append(because, fmt.Sprintf("link %s: %d packets are still on the way", p, q.Waiting))
		}
	}
	for j := range p.stages {
		if st := &p.stages[j]; st.fault < 0 {
			check("in its queue", p.boundary(j), p.boundary(j+1), role{i, j}, st.netems[0].Limit)
		}
	}
	var limit uint32
	if p.last != nil {
		limit = p.last.Limit
	}
	n := len(p.stages)
	check("on the last stretch", p.boundary(n), p.boundary(n+1), role{i, -1}, limit)
	return because
}

// QdiscStats is one direction of a link while it runs.
type QdiscStats struct {
	// Link is the link's index in the scenario; From and To are its ends.
	Link     int
	From, To string
	// Entered and Arrived are packets at the two ends of the wire.
	Entered, Arrived int64
	// Drops and Overlimits are those of the link's own queue, not those of faults.
	Drops, Overlimits int64
	// Waiting and Backlog are what the direction holds in all its queues, in packets and bytes.
	Waiting, Backlog int64
}

// QdiscStats reads all directions, two for each link, in the order of links and ends.
// It costs one system call for each link and one more.
func (w *Wires) QdiscStats() ([]QdiscStats, error) {
	s, err := w.snapshot()
	if err != nil {
		return nil, err
	}
	list := make([]QdiscStats, len(w.plan.paths))
	for i := range list {
		p := &w.plan.paths[i]
		list[i] = QdiscStats{
			Link: p.link, From: p.names[0], To: p.names[1],
			Entered: s.counters.at(p.boundary(0)), Arrived: s.counters.at(p.arrival()),
		}
	}
	for r, q := range s.qdiscs {
		d := &list[r.path]
		d.Waiting += int64(q.Waiting)
		d.Backlog += int64(q.Backlog)
		if r.stage < 0 || w.plan.paths[r.path].stages[r.stage].fault < 0 {
			d.Drops += int64(q.Drops)
			d.Overlimits += int64(q.Overlimits)
		}
	}
	return list, nil
}
