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
func (b *Bench) Pairs(i int) []Pair {
	b.settle()
	h := &b.progress[i]
	var list []Pair
	step := 1
	if h.Placebo() {
		step = 2
	}
	for s := 0; s+step <= h.next; s += step {
		list = append(list, b.pairAt(h, s, s+step-1))
	}
	return list
}

// pairAt is seed i of the base arm against seed j of the treated one.
func (b *Bench) pairAt(h *caseProgress, i, j int) Pair {
	first := uint64(b.plan.Campaign.Seeds.First)
	at := func(arm, seed int) float64 { return b.arms[arm].value(seed, h.Metric) }
	p := Pair{
		Seed: first + uint64(i), Treated: first + uint64(j), Loss: b.lossOf(h, i, j),
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

// Controls judges the controls, in the order of the plan. final is as in [Bench.Verdicts].
func (b *Bench) Controls(final bool) []ControlResult {
	b.settle()
	list := make([]ControlResult, len(b.plan.Controls))
	for i := range list {
		at := len(b.plan.Cases) + i
		h := &b.progress[at]
		v := verdict.Judge(verdict.Case{State: h.state})
		list[i] = ControlResult{
			Control: verdict.ControlOf(v, final && h.state.N() > 0 || h.done), Case: h.Case, Estimate: v.Estimate,
			Asked: b.asked(at),
		}
	}
	return list
}
