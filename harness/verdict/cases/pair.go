package cases

import (
	"github.com/ruleout/ruleout/harness/verdict"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
)

// Pair is what one seed gave a case.
type Pair struct {
	// Seed of the base arm, and of the treated one: the same, but for a placebo.
	Seed, Treated uint64
	verdict.Pair
	// Relieved is the second pair of a case that explains.
	Relieved *verdict.Pair
	// Loss says why it counts for nothing; empty if it counts.
	Loss verdict.Loss
}

// Pairs lists what the verdict on case i rests on, in the order of the seeds. Seeds that are there for the sake of
// other cases are not among them.
func (an *Analysis) Pairs(i int) []Pair {
	an.settle()
	h := &an.progress[i]
	var list []Pair
	step := 1
	if h.Placebo() {
		step = 2
	}
	for s := 0; s+step <= h.next; s += step {
		list = append(list, an.pairAt(h, s, s+step-1))
	}
	return list
}

// pairAt is seed i of the base arm against seed j of the treated one.
func (an *Analysis) pairAt(h *caseProgress, i, j int) Pair {
	first := uint64(an.plan.Campaign.Seeds.First)
	at := func(arm, seed int) float64 { return an.arms[arm].value(seed, h.Metric) }
	p := Pair{
		Seed: first + uint64(i), Treated: first + uint64(j), Loss: an.lossOf(h, i, j),
		Pair: verdict.Pair{Treated: at(h.Case.Treated, j), Base: at(h.Base, i)},
	}
	if h.Kind == verdict.Explains {
		p.Relieved = &verdict.Pair{Treated: at(h.TreatedRelieved, j), Base: at(h.BaseRelieved, i)}
	}
	if p.Loss == "" {
		_, p.Loss = h.PairMargins(p.Pair)
	}
	if p.Loss == "" && p.Relieved != nil {
		_, p.Loss = h.PairMargins(*p.Relieved)
	}
	return p
}

// ControlResult is what the runs have shown of a control of the plan.
type ControlResult struct {
	verdict.Control
	Case *campaign.Case
	// Estimate is of its effect, in the unit of its metric or in per cent.
	Estimate verdict.Estimate
	// Asked says that a case needs it which is not confirmed.
	Asked bool
}

// Controls judges the controls, in the order of the plan. final is as in [Analysis.Verdicts].
func (an *Analysis) Controls(final bool) []ControlResult {
	an.settle()
	list := make([]ControlResult, len(an.plan.Controls))
	for i := range list {
		at := len(an.plan.Cases) + i
		h := &an.progress[at]
		v := verdict.Judge(verdict.Case{State: h.state})
		list[i] = ControlResult{
			Control: verdict.ControlOf(v, final && h.state.N() > 0 || h.done), Case: h.Case, Estimate: v.Estimate,
			Asked: an.asked(at),
		}
	}
	return list
}
