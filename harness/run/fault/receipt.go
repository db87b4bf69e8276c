package fault

import (
	"context"
	"fmt"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/netem"
	"github.com/ruleout/ruleout/harness/scenario"
)

// Receipts closes the wires to further packets, waits until those on them have arrived,
// and says for each fault, in the scenario's order, what it did. The second result tells
// why the run is invalid, and is empty when it is not.
//
// Call it when the traffic has ended. Packets that a node sends later are discarded and
// not counted, so that the accounts balance even if two nodes never stop talking.
func (w *Wires) Receipts(ctx context.Context) ([]result.Receipt, result.Reasons, error) {
	if err := w.stopInjectors(); err != nil {
		return nil, nil, err
	}
	s, err := w.drain(ctx)
	if err != nil {
		return nil, nil, err
	}
	receipts := make([]result.Receipt, len(w.faults))
	var because result.Reasons
	for i := range w.faults {
		if p := w.pauseOf(i); p != nil {
			if receipts[i], err = w.pauseReceipt(p, &because); err != nil {
				return nil, nil, err
			}
		} else if o := w.outageOf(i); o != nil {
			if receipts[i], err = w.outageReceipt(o, s, &because); err != nil {
				return nil, nil, err
			}
		} else {
			receipts[i] = w.receipt(i, s, &because)
		}
		for _, at := range w.plan.places[i] {
			receipts[i].LostInQueue += w.droppedBehind(at, s)
		}
	}
	if n := s.counters.at(w.plan.attached); n > 0 {
		because.Add(result.HeldSocket, "",
			"%d packets waited on a link and were not detached from their sender's socket: "+
				"it may not send them again meanwhile", n)
	}
	for i := range w.plan.paths {
		w.linkLoss(&because, i, s)
		if err := w.entranceLoss(&because, i); err != nil {
			return nil, nil, err
		}
	}
	if len(because) > 0 {
		if err := w.backlogLoss(&because); err != nil {
			return nil, nil, err
		}
	}
	w.final = &s
	return receipts, because, nil
}

// say adds a reason why the run is invalid.
type say func(kind result.Kind, format string, a ...any)

// about returns a say for one place.
func about(to *result.Reasons, place string) say {
	return func(kind result.Kind, format string, a ...any) { to.Add(kind, place, format, a...) }
}

// receipt is that of fault i; what is wrong with it goes to because. It sums over the directions in which
// the fault acts; each is checked for itself, so that no loss of one hides behind the other's.
func (w *Wires) receipt(i int, s snapshot, because *result.Reasons) (r result.Receipt) {
	f := &w.faults[i]
	r.Name = f.Name
	say := about(because, "fault "+f.Name)
	if in := w.injectors[i]; in != nil {
		return w.injection(in, w.plan.places[i], s, say)
	}
	if f.Do.MTU > 0 || f.Do.Reject != "" {
		return w.narrowing(i, w.plan.places[i], s, say)
	}
	var sum selection
	var trains []int64
	for _, at := range w.plan.places[i] {
		st := &w.plan.paths[at.path].stages[at.stage]
		chosen, err := st.choose.selection(w.state.orders[i], s.counters, st.flows)
		if err != nil {
			say(result.FlowsUntracked, "%v", err)
		}
		if why := chosen.wrong(); why != "" && err == nil {
			say(result.WrongPackets, "%s", why)
		}
		sum.add(chosen)
		part := w.part(f, at, s, say)
		r.Delivered += part.Delivered
		r.UnexplainedLoss += part.UnexplainedLoss
		r.In += part.In
		r.Out += part.Out
		r.Overlimits += part.Overlimits
		r.Queue = part.Queue
		trains = append(trains, part.Chosen)
	}
	if places := w.plan.places[i]; len(places) > 0 {
		choose := &w.plan.paths[places[0].path].stages[places[0].stage].choose
		sum.fill(&r, choose.draws, choose.sorts())
	}
	if lo, hi, ok := losses(f.Do.Loss, trains); ok {
		r.DeliveredInterval = []int64{lo, hi}
		if r.Delivered < lo || r.Delivered > hi {
			say(result.OutsideInterval, "its model lost %d of %d packets, outside the 99.9 %% interval of %d to %d",
				r.Delivered, r.Chosen, lo, hi)
		}
	}
	switch {
	case r.Matched == 0:
		say(result.FaultDidNotAct, "the fault never acted: 0 of %d packets matched", r.In)
	case r.Chosen == 0:
		say(result.FaultDidNotAct, "the fault never acted: none of %d packets that matched was chosen", r.Matched)
	case r.Delivered == 0 && f.Do.Loss != nil:
		say(result.FaultDidNotAct, "the fault never acted: its model lost none of %d packets", r.Chosen)
	}
	return r
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
func (w *Wires) part(f *scenario.Fault, at role, s snapshot, say say) (r result.Receipt) {
	p := &w.plan.paths[at.path]
	stage, q := &p.stages[at.stage], s.of(at)
	r = result.Receipt{
		Matched: s.counters.at(stage.choose.matched),
		Chosen:  s.counters.at(stage.choose.chosen),
		In:      s.counters.at(p.boundary(at.stage)),
		Out:     s.counters.at(p.boundary(at.stage + 1)),
	}
	dropped := int64(q.Drops) + int64(q.Overlimits)
	a := account(f.Do, r.Chosen, q)
	if stage.stated { // what there is no room for is what was asked for
		a.drops, a.delivered = a.drops+dropped, a.delivered-dropped
	}
	r.UnexplainedLoss = r.In + a.copies - a.drops - r.Out
	r.Overlimits = dropped // for want of room
	r.Queue = int64(stage.queue)
	switch {
	case f.Do.Drop, f.Do.Loss != nil:
		r.Delivered = r.In - r.Out
		r.Overlimits = int64(q.Overlimits) // its drops are what was asked for
	case f.Do.Duplicate > 0:
		r.Delivered = r.Out - r.In
	case f.Do.Corrupt:
		r.Delivered = s.counters.at(stage.choose.flipped)
	case f.Do.Mark != "":
		r.Delivered = s.counters.at(*p.marked(at.stage + 1)) - s.counters.at(*p.marked(at.stage))
	case f.Do.Watch:
		r.Delivered = r.Chosen // nothing acts that could be asked
	default:
		r.Delivered = int64(q.Packets)
	}
	if r.Delivered != a.delivered {
		say(result.DeliveryDiffers, "delivered %d %s on %s, %d were asked for", r.Delivered, a.what, p, a.delivered)
	}
	if r.UnexplainedLoss != 0 {
		say(result.UnexplainedLoss, "%s of %d on %s, for no reason that was asked for", lost(r.UnexplainedLoss), r.In, p)
	}
	if r.Overlimits > 0 && !stage.stated {
		say(result.QueueOverflow, "its queue of %d packets overflowed: %d dropped%s",
			stage.netems[0].Limit, r.Overlimits, advice(stage.queue > 0))
	}
	if q.Waiting > 0 {
		say(result.PacketsWaiting, "%d packets are still in its queue", q.Waiting)
	}
	if n := s.counters.at(stage.choose.overflow); n > 0 {
		say(result.FlowsUntracked, "more than %d flows: %d packets could not be assigned to flows", maxFlows, n)
	}
	return r
}

// expected is what an action makes of so many chosen packets.
type expected struct {
	copies, drops, delivered int64
	what                     string
}

// account is what a direction of a fault has to show, by the number of chosen packets and, for
// losses by netem's own models, by what the netem says that it dropped. Those who count the packets before and after
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
	case a.Mark != "":
		return expected{delivered: chosen, what: "packets with CE more than before"}
	case a.Watch:
		return expected{delivered: chosen, what: "packets seen"}
	default:
		return expected{delivered: chosen, what: "packets through its queue"}
	}
}

// advice is for a queue that overflowed although the scenario does not say how long it is.
func advice(settable bool) string {
	if settable {
		return "; state its length with the key queue, if that is meant"
	}
	return ""
}

func lost(n int64) string {
	if n < 0 {
		return fmt.Sprintf("%d packets too many", -n)
	}
	return fmt.Sprintf("%d packets lost", n)
}
