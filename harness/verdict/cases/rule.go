package cases

import (
	"math"

	"github.com/ruleout/ruleout/harness/verdict"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
)

// Block is how many further seeds a case gets at a time once it has had the least.
const Block = 12

// Rule says when a case has had enough.
type Rule struct {
	verdict.Rule
	// Confirm and RuleOut are the e-values at which a case stops. With K cases, the bar of [verdict.ClosedEBH] is K/α at
	// the highest, and K/(α·k) at the highest when k of them pass. To confirm costs few seeds more at the highest bar,
	// since evidence for a real effect grows fast, so that the first is K/α: what has it stays confirmed, whatever the
	// others come to. To rule out takes [verdict.Rule.LeastToRuleOut] seeds at the least, 80 at 2/α
	// and 230 at a thousand times that, so that the second is what does for the share of cases that the campaign's file
	// guesses. It must not follow what other cases show: they share runs, and a case has to stop on its own data.
	Confirm, RuleOut float64
	// Control is the e-value at which a control is seen, judged for itself.
	Control float64
}

// RuleOf returns the rule of a plan.
func RuleOf(p *campaign.Plan) Rule {
	alpha := float64(*p.Campaign.FalseDiscovery)
	k := 0.
	for i := range p.Cases {
		if !p.Cases[i].Placebo() {
			k++
		}
	}
	k = max(k, 1)
	rule := verdict.Rule{Alpha: alpha, Rare: float64(*p.Campaign.Rare), Against: float64(*p.Campaign.Against)}
	return Rule{
		Rule: rule, Confirm: k / alpha, Control: 1 / alpha,
		RuleOut: k / max(math.Floor(k*float64(*p.Campaign.Innocent)), 1) / alpha,
	}
}
