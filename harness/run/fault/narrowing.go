package fault

import (
	"fmt"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/topology"
)

// prepareRefusal tells the selector of a stage that refuses packets what it needs to know for its messages.
func (w *Wires) prepareRefusal(at role, far *topology.End, p *pair) (err error) {
	s := &w.plan.paths[at.path].stages[at.stage]
	m := s.choose.refuse
	if m == nil || m.silent {
		return nil
	}
	w.ways[at] = p.in.Index
	if s.back {
		return nil
	}
	m.far4, m.far6 = far.Addr4.Addr(), far.Addr6.Addr()
	if m.back, err = newBack(); err != nil {
		return bpfError(err)
	}
	w.undo.Push(m.back.Close)
	return nil
}

// connectRefusals tells them the device by which messages go out, once all are there.
func (w *Wires) connectRefusals() error {
	for j, places := range w.plan.places {
		for _, at := range places {
			m := w.plan.paths[at.path].stages[at.stage].choose.refuse
			if m == nil || m.back == nil {
				continue
			}
			for _, other := range places {
				if other == at {
					continue
				}
				if err := m.back.Put(uint32(0), uint64(w.ways[other])); err != nil {
					return fmt.Errorf("fault %s: connect its two directions: %w", w.faults[j].Name, err)
				}
			}
		}
	}
	return nil
}

// narrowing is the receipt of a fault that refuses chosen packets: those of them that are too long (mtu), or all
// (reject). Behind a stage there is what came in, less what was lost, and the messages about packets of the other
// direction, which have a counter of their own.
func (w *Wires) narrowing(fault int, places []role, s snapshot, say say) result.Receipt {
	f := &w.faults[fault]
	r := result.Receipt{Name: f.Name}
	var sent, mute int64
	var sum selection
	for _, at := range places {
		p := &w.plan.paths[at.path]
		stage := &p.stages[at.stage]
		before, behind := s.counters.at(p.boundary(at.stage)), s.counters.at(p.boundary(at.stage+1))
		var part selection
		if !stage.back {
			var err error
			if part, err = stage.choose.selection(w.state.orders[fault], s.counters, stage.flows); err != nil {
				say(result.FlowsUntracked, "%v", err)
			} else if why := part.wrong(); f.Do.Reject != "" && why != "" {
				say(result.WrongPackets, "%s", why)
			} else if part.chosen > part.most { // fewer are right: only those that are too long
				say(result.WrongPackets, "chose %d of %d packets, at most %d were to be", part.chosen, part.matched, part.most)
			}
			sum.add(part)
		}
		told := s.counters.at(*stage.forged)
		gone := before + told - behind
		r.In += before
		r.Out += behind
		r.Delivered += gone
		r.Messages += told
		sent += s.counters.at(stage.choose.refuse.messages)
		mute += s.counters.at(stage.choose.refuse.mute)
		if n := gone - part.chosen; n != 0 {
			r.UnexplainedLoss += n
			say(result.UnexplainedLoss, "%s of %d on %s, for no reason that was asked for", lost(n), before, p)
		}
		if n := s.counters.at(stage.choose.overflow); n > 0 {
			say(result.FlowsUntracked, "more than %d flows: %d packets could not be assigned to flows", maxFlows, n)
		}
	}
	first := &w.plan.paths[places[0].path].stages[places[0].stage].choose
	chance := draws{} // no interval where it is not all that chooses
	if f.Do.Reject != "" {
		chance = first.draws
	}
	sum.fill(&r, chance, first.sorts())
	switch {
	case r.Matched == 0:
		say(result.FaultDidNotAct, "the fault never acted: 0 of %d packets matched", r.In)
	case r.Chosen == 0 && f.Do.Reject != "":
		say(result.FaultDidNotAct, "the fault never acted: none of %d packets that matched was chosen", r.Matched)
	case r.Chosen == 0:
		say(result.FaultDidNotAct, "the fault never acted: of %d packets that matched, "+
			"none was chosen that is longer than %d bytes and may not be fragmented",
			r.Matched, f.Do.MTU)
	}
	if !f.Do.Silent && sent+mute != r.Chosen {
		say(result.DeliveryDiffers, "reported %d packets to their senders, %d were to be reported", sent, r.Chosen-mute)
	}
	if r.Messages != sent {
		say(result.DeliveryDiffers, "%d messages arrived, %d were sent", r.Messages, sent)
	}
	return r
}
