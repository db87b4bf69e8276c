package cases

import (
	"math"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
)

// measure adds seed i to the dose.
func (an *Analysis) measure(h *caseProgress, i int) {
	if h.Dose == "" {
		return
	}
	base, treated := an.arms[h.Base].value(i, h.Dose), an.arms[h.Case.Treated].value(i, h.Dose)
	if h.watchedBase {
		base = 0
	}
	if h.watchedTreated {
		treated = 0
	}
	h.dose.Seeds++
	if !math.IsNaN(treated - base) {
		h.dose.Base += base
		h.dose.Treated += treated
		if treated != base {
			h.dose.Given++
		}
	}
}

// watched returns which arms, of base and treated, have a fault that only watches where that of the other acts: it
// is the one whose dose counts. What a watch has counted is no dose. A fault that drops one packet in fifty of
// those that were watched would have ×0.02 of it, and one that drops them all the same number, as if it had never
// acted.
func watched(p *campaign.Plan, c *campaign.Case) (base, treated bool) {
	rest, ok := strings.CutPrefix(c.Dose, "fault.")
	if !ok || c.Placebo() {
		return false, false
	}
	name, _, _ := strings.Cut(rest, ".")
	watches := func(arm int) bool {
		is := func(f scenario.Fault) bool { return f.Name == name && f.Do.Watch }
		return slices.ContainsFunc(p.Arms[arm].Scenario.Faults, is)
	}
	base, treated = watches(c.Base), watches(c.Treated)
	return base && !treated, treated && !base
}
