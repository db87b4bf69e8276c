package fault

import (
	"errors"
	"fmt"
	"time"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario"
)

// latest is how late forged segments may go out.
const latest = 5 * time.Millisecond

// prepareInjectors makes the injectors of a scenario, without their doors.
func (w *Wires) prepareInjectors(s *scenario.Scenario) error {
	for i := range s.Faults {
		if s.Faults[i].Do.Inject == nil {
			continue
		}
		in, err := newInjector(s, i)
		if err != nil {
			return err
		}
		w.undo.Push(in.table.Close)
		w.injectors[i] = in
	}
	return nil
}

// stopInjectors ends what is still to come.
func (w *Wires) stopInjectors() error {
	var errs []error
	for _, in := range w.injectors {
		if in == nil || in.actor == nil {
			continue
		}
		if err := in.actor.Stop(); err != nil {
			errs = append(errs, fmt.Errorf("fault %s: %w", in.fault.Name, err))
		}
	}
	return errors.Join(errs...)
}

// openDoor opens the door by which segments are forged into a stage, if it is one of an injector.
func (w *Wires) openDoor(at role, p *pair) error {
	d := &w.plan.paths[at.path]
	s, link := &d.stages[at.stage], w.links[d.link]
	if !s.track {
		return nil
	}
	in := w.injectors[s.fault]
	err := link.Wire.Do(func() (err error) {
		in.doors[d.from], err = openDoor(p.in.Index)
		return err
	})
	if err != nil {
		return fmt.Errorf("open wire %s: %w", link.Wire.Name, err)
	}
	w.undo.Push(in.doors[d.from].Close)
	return nil
}

// injection is the receipt of a fault that injects, in both directions together. What was sent is what the injector
// says; what was delivered is what the boundaries after it counted.
func (w *Wires) injection(in *injector, places []role, s snapshot, say say) result.Receipt {
	r := result.Receipt{Name: in.fault.Name, Matched: in.matched, Chosen: in.chosen, Forged: in.forged}
	var sent, opened, closed, overflow int64
	for _, at := range places {
		p := &w.plan.paths[at.path]
		stage := &p.stages[at.stage]
		before, behind := s.counters.at(p.boundary(at.stage)), s.counters.at(p.boundary(at.stage+1))
		r.In += before
		r.Out += behind
		r.Delivered += s.counters.at(*stage.forged)
		sent += in.sent[p.from]
		opened += s.counters.at(stage.choose.matched)
		closed += s.counters.at(stage.choose.chosen)
		overflow += s.counters.at(stage.choose.overflow)
		if n := before + in.sent[p.from] - behind; n != 0 {
			r.UnexplainedLoss += n
			say(result.UnexplainedLoss, "%s of %d on %s, for no reason that was asked for", lost(n), before, p)
		}
	}
	for _, t := range in.trouble {
		say(t.Kind, "%s: the link has seen %d connections opened and %d closed on its port", t.Text, opened, closed)
	}
	if in.rounds < len(in.times) {
		say(result.FaultIncomplete, "it injected %d times, %d were asked for", in.rounds, len(in.times))
	}
	if in.late > latest {
		say(result.FaultLate, "its segments went out %v late, %v is the most", in.late, latest)
	}
	if r.Delivered != sent {
		say(result.DeliveryDiffers, "delivered %d forged segments, %d were sent", r.Delivered, sent)
	}
	if overflow > 0 {
		say(result.FlowsUntracked, "more than %d open connections: %d were not tracked", mostTracked/2, overflow)
	}
	return r
}
