package cases

import (
	"math"

	"github.com/ruleout/ruleout/harness/verdict"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
)

// Visits estimates how often each arm is still taken up for its runs ahead: once for each block up to [Look], and once
// for all that comes later, since the arm stays the most urgent then.
func (an *Analysis) Visits(ahead []int) []int {
	visits := make([]int, len(ahead))
	for a, n := range ahead {
		from := an.arms[a].count
		for at := from; at < from+n; at = an.end(at) {
			visits[a]++
			if at >= Look {
				break
			}
		}
	}
	return visits
}

// target is how many seeds a case that is not decided will have had in the end: whole blocks, and one more than it has.
func (an *Analysis) target(h *caseProgress) int {
	end := an.end(min(h.likely, an.seeds) - 1)
	if end <= h.next {
		end = an.end(h.next)
	}
	return end
}

// likely is how many seeds a case takes if it turns out as expected. It tries evidence seed by seed, so it
// is asked once.
func (an *Analysis) likely(h *caseProgress) int {
	n := an.rule.LeastToRuleOut(an.rule.RuleOut)
	switch {
	case h.control:
		n = an.rule.SeedsToConfirm(h.Hypothesis, an.rule.Control)
	case h.Placebo():
		n *= 2 // a pair is two seeds
	case h.Expected == verdict.Inconclusive:
		n = an.seeds
	case h.Kind == verdict.Mechanism:
		n = an.rule.LeastToKnowEvery(an.rule.Confirm)
	case h.Expected == verdict.Confirmed:
		n = an.rule.SeedsToConfirm(h.Hypothesis, an.rule.Confirm)
	}
	return n
}

// Bounds returns the fewest and the most runs that the plan can take: a case may stop after its first block, or have
// all seeds.
func Bounds(p *campaign.Plan) (least, most int) {
	return len(p.Arms) * p.Campaign.Seeds.Least, len(p.Arms) * p.Campaign.Seeds.Most
}

// SeedsToConfirm is how many seeds it takes at least to confirm an effect of three times the margin in which seeds
// hardly differ; 0 when no number below a thousand does.
func (r Rule) SeedsToConfirm(h verdict.Hypothesis, bar float64) int {
	h.Kind, h.Direction, h.Relieved = verdict.Effect, verdict.Up, ""
	h.Scale, h.Margin = verdict.Difference, 1
	s, err := verdict.NewState(h, r.Rule)
	if err != nil {
		return 0
	}
	for n := 1; n < 1000; n++ {
		s.Add(verdict.Pair{Treated: 3 + 0.3*math.Pow(-1, float64(n))})
		if s.Evidence().Confirm >= bar {
			return n
		}
	}
	return 0
}
