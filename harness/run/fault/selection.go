package fault

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/choice"
	"github.com/ruleout/ruleout/harness/scenario"
)

// selection is what the selectors of a fault did, and what they should have done.
type selection struct {
	matched, chosen, hits, overflow int64
	// trials is how many packets had a draw that counts: with nth, every and first not all have one.
	trials int64
	// least and most are how many packets the decisions choose of those that matched. They differ only when the chance
	// is ramped: then it is unknown which of its values met which packet, and they are how many the lowest and the
	// highest would choose.
	least, most int64
	times       []time.Duration
	kinds       [kinds]int64
}

// selection reads what the selector of a stage did in one direction, from its counters and its table of
// flows, and works out by the decisions' Go twin what it had to do: what matters is not that a count is
// likely but that it is right.
func (s selector) selection(o orders, c counters, flows *flowTable) (selection, error) {
	r := selection{
		matched: c.at(s.matched), chosen: c.at(s.chosen), hits: c.at(s.hits), overflow: c.at(s.overflow),
		times: s.timesOf(c, s.when.at), kinds: s.byKind(c),
	}
	switch {
	case s.draws.all():
		r.least, r.most = r.matched, r.matched
		return r, nil
	case s.draws.link > 0:
		r.expect(s.draws, o.link[s.draws.link-1], uint64(r.matched))
		return r, nil
	}
	var known int64
	if s.class != scenario.DupACK { // of which those without a place do not match
		known = r.overflow
		r.expect(s.draws, o.key, uint64(known)) // they share a generator
	}
	err := flows.each(func(f flow, n uint64) {
		r.expect(s.draws, choice.Start(o.key, f), n)
		known += int64(n)
	})
	if err != nil {
		return r, fmt.Errorf("read table of flows: %w", err)
	}
	if known != r.matched {
		return r, fmt.Errorf("read table of flows: it has %d packets, %d matched", known, r.matched)
	}
	return r, nil
}

// expect adds what is to be chosen of the first n packets of a flow.
func (r *selection) expect(d draws, start, n uint64) {
	low, high := 0, 0 // steps with the lowest and the highest chance
	for i, limit := range d.limits {
		if limit < d.limits[low] {
			low = i
		}
		if limit > d.limits[high] {
			high = i
		}
	}
	least := d.count(start, n, low)
	r.least += least.chosen
	r.trials += least.trials
	if high != low {
		r.most += d.count(start, n, high).chosen
	} else {
		r.most += least.chosen
	}
}

// add takes in what was done in the other direction.
func (r *selection) add(o selection) {
	r.matched += o.matched
	r.chosen += o.chosen
	r.hits += o.hits
	r.overflow += o.overflow
	r.trials += o.trials
	r.least += o.least
	r.most += o.most
	for i := range r.kinds {
		r.kinds[i] += o.kinds[i]
	}
	r.times = append(slices.Clone(r.times), o.times...)
	slices.Sort(r.times)
	r.times = r.times[:min(len(r.times), mostTimes)]
}

// wrong says what a selector that worked would not have done, or nothing.
func (r *selection) wrong() string {
	switch {
	case r.chosen >= r.least && r.chosen <= r.most:
		return ""
	case r.least == r.most:
		return fmt.Sprintf("chose %d of %d packets, %d were to be", r.chosen, r.matched, r.least)
	}
	return fmt.Sprintf("chose %d of %d packets, at least %d and at most %d were to be", r.chosen, r.matched, r.least,
		r.most)
}

// fill writes it into a receipt. The interval is that of the chance, if there is a single one: of the packets
// that hit, of those with a draw that counts.
func (r *selection) fill(to *result.Receipt, d draws, sorts bool) {
	to.Matched, to.Chosen = r.matched, r.chosen
	if d.burst > 1 && !d.all() {
		to.Hits = r.hits
	}
	if len(d.limits) == 1 {
		lo, hi := binomialInterval(r.trials, math.Ldexp(float64(d.limits[0]), -64))
		to.Interval = []int64{lo, hi}
	}
	for _, t := range r.times {
		to.Times = append(to.Times, t.Seconds())
	}
	if sorts && r.chosen > 0 {
		to.Kinds = make(map[string]int64, kinds)
		for i, name := range kindNames {
			to.Kinds[name] = r.kinds[i]
		}
	}
}
