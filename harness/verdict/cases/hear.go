package cases

import (
	"github.com/ruleout/ruleout/harness/verdict"
)

// hear gives a case the seeds that are there, block by block, until it has had enough.
func (an *Analysis) hear(h *caseProgress) {
	for !h.done {
		cut := an.cut(h)
		if h.next >= cut {
			an.loseRest(h)
		}
		end := an.end(h.next)
		for ; h.next < min(end, cut); h.next++ {
			if !an.whole(h, h.next) {
				return
			}
			an.take(h, h.next)
		}
		if h.next < end {
			continue // one of its arms is given up
		}
		h.done = h.next == an.seeds || an.settled(h)
		h.confirmed = h.done && !h.state.TooManyLost() && h.state.Evidence().Confirm >= an.rule.Confirm
	}
}

// settled reports whether a case needs no more seeds: its own evidence suffices and not too many seeds are lost, or so
// many are lost that it will be invalid whatever comes. While too many are lost and enough are to come, it goes on: one
// broken seed of the first eight says nothing.
func (an *Analysis) settled(h *caseProgress) bool {
	pairs := an.seeds
	if h.Placebo() {
		pairs /= 2
	}
	return h.state.Hopeless(pairs) || !h.state.TooManyLost() && an.enough(h)
}

// cut is the first seed from which on an arm of the case is given up.
func (an *Analysis) cut(h *caseProgress) int {
	cut := an.seeds
	for _, a := range h.list {
		cut = min(cut, an.arms[a].cut)
	}
	return cut
}

// loseRest counts all seeds to come as lost. The other arms are not run for them.
func (an *Analysis) loseRest(h *caseProgress) {
	for ; h.next < an.seeds; h.next++ {
		if !h.Placebo() || h.next%2 == 1 {
			h.state.Lose(verdict.Broken)
		}
	}
}

// end returns where the block ends that begins at seed i, or that i is in.
func (an *Analysis) end(i int) int {
	least := an.plan.Campaign.Seeds.Least
	if i < least {
		return least
	}
	return min(least+((i-least)/Block+1)*Block, an.seeds)
}

// whole reports whether all arms of a case have seed i.
func (an *Analysis) whole(h *caseProgress, i int) bool {
	for _, a := range h.list {
		if !an.arms[a].has(i) {
			return false
		}
	}
	return true
}

// take gives a case seed i.
func (an *Analysis) take(h *caseProgress, i int) {
	j := i // the seed of the treated arm
	if h.Placebo() {
		if i--; j%2 == 0 {
			return
		}
	}
	if loss := an.lossOf(h, i, j); loss != "" {
		h.state.Lose(loss)
		return
	}
	if !h.Placebo() {
		an.measure(h, i)
	}
	at := func(a, seed int) float64 { return an.arms[a].value(seed, h.Metric) }
	pair := verdict.Pair{Base: at(h.Base, i), Treated: at(h.Case.Treated, j)}
	if h.Kind == verdict.Explains {
		h.state.AddContrast(pair, verdict.Pair{Base: at(h.BaseRelieved, i), Treated: at(h.TreatedRelieved, j)})
		return
	}
	h.state.Add(pair)
}

// lossOf is why seed i of the base arm against seed j of the treated one counts for nothing, or empty.
func (an *Analysis) lossOf(h *caseProgress, i, j int) verdict.Loss {
	if h.Placebo() {
		return an.lossOfRuns([]int{h.Base, h.Base}, []int{j, i})
	}
	// That the treated run is invalid since its fault never acted says more than anything else.
	arms := []int{h.Case.Treated, h.Base}
	if h.Kind == verdict.Explains {
		arms = h.list
	}
	return an.lossOfRuns(arms, []int{i, i, i, i})
}

// lossOfRuns is why the runs of arms, each with its seed, are not to be compared, or empty.
func (an *Analysis) lossOfRuns(arms, seeds []int) verdict.Loss {
	for n, a := range arms {
		if loss := an.arms[a].lost(seeds[n]); loss != "" {
			return loss
		}
	}
	var made uint16 // of those of which it is known
	for n, a := range arms {
		switch other := an.arms[a].made[seeds[n]]; {
		case made == 0:
			made = other
		case other != made && other != 0:
			return verdict.Different
		}
	}
	return ""
}
