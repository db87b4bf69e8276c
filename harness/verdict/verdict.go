package verdict

import "fmt"

// Outcome is the answer to a hypothesis.
type Outcome string

// Outcomes.
const (
	Confirmed    Outcome = "confirmed"
	RuledOut     Outcome = "ruled out"
	Inconclusive Outcome = "inconclusive"
	Invalid      Outcome = "invalid"
)

// Scope is what a verdict holds for, and nothing beyond.
type Scope struct {
	Scenario string   `json:"scenario,omitempty"`
	Kernels  []string `json:"kernels,omitempty"`
	Contexts []string `json:"contexts,omitempty"`
}

// Case is one hypothesis with all that is known about it.
type Case struct {
	State   *State
	Dose    Dose
	Control Control
	Scope   Scope
}

// Verdict is the answer to one hypothesis, with what it rests on.
type Verdict struct {
	Hypothesis Hypothesis `json:"hypothesis"`
	Outcome    Outcome    `json:"verdict"`
	Scope      Scope      `json:"scope"`
	// Seeds is the number of seeds that gave a pair, Lost of those that did not.
	Seeds int `json:"seeds"`
	Lost  int `json:"lost"`
	// Estimate is of the effect; for Mechanism, of the share of seeds in which the counter
	// moves. Its confidence is for this hypothesis alone, not over the campaign.
	Estimate Estimate `json:"estimate"`
	// Real says that the interval excludes no effect at all.
	Real     bool     `json:"real"`
	Evidence Evidence `json:"evidence"`
	Parts    []Part   `json:"parts"`
	// Bars are what the evidence had to reach.
	Bars Evidence `json:"bars"`
	// Beyond counts the seeds that blew up, Against those that went the other way.
	Beyond  Bound `json:"beyond"`
	Against Bound `json:"against"`
	// InPlace and Remaining are, for Explains, the effect with and without what was
	// relieved.
	InPlace   *Estimate `json:"in_place,omitempty"`
	Remaining *Estimate `json:"remaining,omitempty"`
	Dose      Dose      `json:"dose"`
	Control   Control   `json:"control"`
	More      *More     `json:"more,omitempty"`
	Reasons   []Reason  `json:"reasons,omitempty"`
}

// Judge answers one hypothesis that belongs to no campaign.
func Judge(c Case) Verdict {
	return Campaign(c.State.rule.Alpha, []Case{c})[0]
}

// Campaign answers hypotheses together, so that of the confirmed ones a share of at most
// alpha is expected to be false, and the same of the ruled out. The evidence of each must
// have stopped on its own data, not because of what others showed.
func Campaign(alpha float64, cases []Case) []Verdict {
	confirm, ruleOut := make([]float64, len(cases)), make([]float64, len(cases))
	for i, c := range cases {
		if c.invalid() != nil || c.baseless() != nil {
			continue
		}
		e := c.State.Evidence()
		confirm[i] = e.Confirm
		if c.unproven() == nil {
			ruleOut[i] = e.RuleOut
		}
	}
	var bars Evidence
	bars.Confirm, _ = EBH(confirm, alpha)
	bars.RuleOut, _ = EBH(ruleOut, alpha)
	verdicts := make([]Verdict, len(cases))
	for i, c := range cases {
		verdicts[i] = c.judge(bars)
	}
	return verdicts
}

func (c Case) judge(bars Evidence) Verdict {
	s := c.State
	v := Verdict{
		Hypothesis: s.hypothesis,
		Scope:      c.Scope,
		Seeds:      s.N(),
		Lost:       s.Lost(),
		Estimate:   s.estimate(),
		Real:       s.real(),
		Evidence:   s.Evidence(),
		Parts:      s.Parts(),
		Bars:       bars,
		Beyond:     bound(s.beyond, s.rule.Alpha),
		Against:    bound(s.against(), s.rule.Alpha),
		Dose:       c.Dose,
		Control:    c.Control,
	}
	if s.inPlace != nil {
		inPlace := s.inPlace.estimate()
		remaining := s.hypothesis.estimate(s.relieved, s.rule.Alpha)
		v.InPlace, v.Remaining = &inPlace, &remaining
	}
	invalid, unproven, baseless := c.invalid(), c.unproven(), c.baseless()
	ruledOut := v.Evidence.RuleOut >= bars.RuleOut
	switch {
	case invalid != nil:
		v.Outcome, v.Reasons = Invalid, invalid
	case v.Seeds == 0:
		v.Outcome, v.Reasons = Inconclusive, []Reason{{NoSeeds, "no seed has been run"}}
	case baseless != nil:
		v.Outcome, v.Reasons = Inconclusive, baseless
	case v.Evidence.Confirm >= bars.Confirm:
		v.Outcome = Confirmed
	case ruledOut && unproven == nil:
		v.Outcome = RuledOut
	case ruledOut:
		v.Outcome, v.Reasons = Inconclusive, unproven
	default:
		v.Outcome = Inconclusive
		v.unresolved(s)
	}
	v.Reasons = append(v.Reasons, c.beside()...)
	return v
}

// unresolved says how far the evidence is from a verdict.
func (v *Verdict) unresolved(s *State) {
	add := func(code Code, format string, args ...any) {
		v.Reasons = append(v.Reasons, Reason{code, fmt.Sprintf(format, args...)})
	}
	if v.Real && s.hypothesis.Kind != Mechanism {
		if s.otherWay() {
			add(OtherWay, "real, but the other way")
		} else {
			add(SizeUnresolved, "real, size unresolved")
		}
	}
	v.More = s.more(v.Bars)
	if v.More == nil {
		add(NotBySeeds, "%s", s.obstacle())
		return
	}
	add(MoreSeeds, "about %s would make it %s", count(v.More.Seeds, "more seed"), v.More.Toward)
}
