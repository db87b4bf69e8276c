package cases

import (
	"github.com/ruleout/ruleout/harness/verdict"
)

// hear gives a case the seeds that are there, block by block, until it has had enough.
func (b *Bench) hear(h *caseProgress) {
	for !h.done {
		cut := b.cut(h)
		if h.next >= cut {
			b.loseRest(h)
		}
		end := b.end(h.next)
		for ; h.next < min(end, cut); h.next++ {
			if !b.whole(h, h.next) {
				return
			}
			b.take(h, h.next)
		}
		if h.next < end {
			continue // one of its arms is given up
		}
		h.done = h.next == b.seeds || b.settled(h)
		h.confirmed = h.done && !h.state.TooManyLost() && h.state.Evidence().Confirm >= b.rule.Confirm
	}
}

// settled reports whether a case needs no more seeds: its own evidence suffices and not too many seeds are lost, or so
// many are lost that it will be invalid whatever comes. While too many are lost and enough are to come, it goes on: one
// broken seed of the first eight says nothing.
func (b *Bench) settled(h *caseProgress) bool {
	pairs := b.seeds
	if h.Placebo() {
		pairs /= 2
	}
	return h.state.Hopeless(pairs) || !h.state.TooManyLost() && b.enough(h)
}

// cut is the first seed from which on an arm of the case is given up.
func (b *Bench) cut(h *caseProgress) int {
	cut := b.seeds
	for _, a := range h.list {
		cut = min(cut, b.arms[a].cut)
	}
	return cut
}

// loseRest counts all seeds to come as lost. The other arms are not run for them.
func (b *Bench) loseRest(h *caseProgress) {
	for ; h.next < b.seeds; h.next++ {
		if !h.Placebo() || h.next%2 == 1 {
			h.state.Lose(verdict.Broken)
		}
	}
}

// end returns where the block ends that begins at seed i, or that i is in.
func (b *Bench) end(i int) int {
	least := b.plan.Campaign.Seeds.Least
	if i < least {
		return least
	}
	return min(least+((i-least)/Block+1)*Block, b.seeds)
}

// whole reports whether all arms of a case have seed i.
func (b *Bench) whole(h *caseProgress, i int) bool {
	for _, a := range h.list {
		if !b.arms[a].has(i) {
			return false
		}
	}
	return true
}

// take gives a case seed i.
func (b *Bench) take(h *caseProgress, i int) {
	j := i // the seed of the treated arm
	if h.Placebo() {
		if i--; j%2 == 0 {
			return
		}
	}
	if loss := b.lossOf(h, i, j); loss != "" {
		h.state.Lose(loss)
		return
	}
	if !h.Placebo() {
		b.measure(h, i)
	}
	at := func(a, seed int) float64 { return b.arms[a].value(seed, h.Metric) }
	pair := verdict.Pair{Base: at(h.Base, i), Treated: at(h.Case.Treated, j)}
	if h.Kind == verdict.Explains {
		h.state.AddContrast(pair, verdict.Pair{Base: at(h.BaseRelieved, i), Treated: at(h.TreatedRelieved, j)})
		return
	}
	h.state.Add(pair)
}

// lossOf is why seed i of the base arm against seed j of the treated one counts for nothing, or empty.
func (b *Bench) lossOf(h *caseProgress, i, j int) verdict.Loss {
	if h.Placebo() {
		return b.lossOfRuns([]int{h.Base, h.Base}, []int{j, i})
	}
	// That the treated run is invalid since its fault never acted says more than anything else.
	arms := []int{h.Case.Treated, h.Base}
	if h.Kind == verdict.Explains {
		arms = h.list
	}
	return b.lossOfRuns(arms, []int{i, i, i, i})
}

// lossOfRuns is why the runs of arms, each with its seed, are not to be compared, or empty.
func (b *Bench) lossOfRuns(arms, seeds []int) verdict.Loss {
	for n, a := range arms {
		if loss := b.arms[a].lost(seeds[n]); loss != "" {
			return loss
		}
	}
	var made uint16 // of those of which it is known
	for n, a := range arms {
		switch other := b.arms[a].made[seeds[n]]; {
		case made == 0:
			made = other
		case other != made && other != 0:
			return verdict.Different
		}
	}
	return ""
}
