package fault

import (
	"slices"

	"github.com/ruleout/ruleout/harness/run/choice"
	"github.com/ruleout/ruleout/harness/scenario"
)

// decision chooses packets: the Go twin of what the selector does in the kernel.
//
// Package choice says which packets hit; of those a packet is chosen when its number is one of the ordinals asked for.
//
// So a decision is a function of seed, fault, flow and ordinal (and of the time, if the chance is
// ramped), and of nothing else: it stays what it was when another fault is switched on.
//
// The key is not known when the selector is built, only when it is armed: [draws] is what
// is built into it, and the key is a control word.
type decision struct {
	key uint64
	draws
}

// draws is the part of a decision that does not depend on the seed.
type draws struct {
	// limits are the greatest outputs that hit, by step of a ramp of the chance; a single one without a
	// ramp; nil for a chance of 100 %.
	limits []uint64
	// nth, every and first say which ordinals, from 1, may hit. 0 is no bound.
	nth, every, first uint64
	// ordinals, in rising order, are those that may hit; without any there is no such bound.
	ordinals []uint64
	// burst is how many packets in a row are chosen when one hits; 0 and 1 are the same.
	burst int
	// link tells of ordinals that count over one direction of the link: that from its first end is 1, from its
	// second 2. 0 is for those that count over flows.
	link byte
}

// newDraws is what the fault asks for, of packets that come from this side of the link.
func newDraws(f *scenario.Fault, side int) draws {
	s := &f.Select
	chance := scenario.Share(1)
	if s.Chance != nil {
		chance = *s.Chance
	}
	d := draws{
		limits: newSchedule(f).limits(chance), nth: uint64(s.Nth), every: uint64(s.Every), first: uint64(s.First),
		burst: s.Burst,
	}
	for _, n := range s.Ordinals {
		d.ordinals = append(d.ordinals, uint64(n))
	}
	if s.Per == scenario.PerLink {
		d.link = byte(side + 1)
	}
	return d
}

// all reports whether every packet is chosen, so that nothing needs to be counted.
func (d draws) all() bool {
	return d.limits == nil && d.nth == 0 && len(d.ordinals) == 0 && d.every == 0 && d.first == 0
}

// flow is the one-way identity of a packet's flow, as the selector builds it on its stack.
type flow = choice.Flow

const flowSize = choice.FlowSize

// start returns the state of a flow before its first packet.
func (d decision) start(f flow) uint64 { return choice.Start(d.key, f) }

// chosen says whether packet n of the flow is chosen; the first is 0. With a ramp of the chance it
// is about the first step.
func (d decision) chosen(f flow, n uint64) bool { return d.chosenAt(d.start(f), n+1, 0) }

// eligible says whether the packet with this ordinal, counted from 1, may hit.
func (d draws) eligible(ordinal uint64) bool {
	return (d.nth == 0 || ordinal == d.nth) && (d.every == 0 || ordinal%d.every == 0) &&
		(d.first == 0 || ordinal <= d.first) && (len(d.ordinals) == 0 || slices.Contains(d.ordinals, ordinal))
}

// drawn says whether one that may hit does.
func (d draws) drawn(start, ordinal uint64, step int) bool {
	return d.limits == nil || choice.Hits(start, ordinal, d.limits[min(step, len(d.limits)-1)])
}

// chosenAt says whether the packet with this ordinal is chosen: it hits, or one of the few before it does. (With
// a ramp of the chance these are asked with the packet's own step, whatever was theirs.)
func (d draws) chosenAt(start, ordinal uint64, step int) bool {
	for back := range uint64(max(d.burst, 1)) {
		if back >= ordinal {
			return false
		}
		if o := ordinal - back; d.eligible(o) && d.drawn(start, o, step) {
			return true
		}
	}
	return false
}

// counted is what becomes of so many packets of a flow.
type counted struct {
	chosen int64 // of all
	trials int64 // packets with one of the ordinals that may hit
	hits   int64 // of these, by themselves
}

// count works through the first n packets of a flow, all of them at one step.
func (d draws) count(start, n uint64, step int) (c counted) {
	left := 0 // of a burst
	for ordinal := uint64(1); ordinal <= n; ordinal++ {
		if d.eligible(ordinal) {
			c.trials++
			if d.drawn(start, ordinal, step) {
				c.hits++
				left = max(d.burst, 1)
			}
		}
		if left > 0 {
			left--
			c.chosen++
		}
	}
	return c
}
