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
	// Real says that more seeds go one way than the other, whatever the size; for Mechanism,
	// that the counter moved at all.
	Real bool `json:"real"`
	// Typical says that the verdict holds for most seeds each, and not only for their mean.
	Typical  bool     `json:"typical"`
	Evidence Evidence `json:"evidence"`
	Parts    []Part   `json:"parts"`
	// Bars are what the evidence had to reach.
	Bars Evidence `json:"bars"`
	// Past counts the seeds past the margin in the suspected direction, or in the more frequent one.
	Past Share `json:"past"`
	// Beyond counts the seeds that blew up, Against those that went the other way.
	Beyond  Bound `json:"beyond"`
	Against Bound `json:"against"`
	// InPlace and Remaining are, for Explains, the effect with and without what was
	// relieved; Explained is the share between them.
	InPlace   *Estimate `json:"in_place,omitempty"`
	Remaining *Estimate `json:"remaining,omitempty"`
	Explained *Estimate `json:"explained,omitempty"`
	Dose      Dose      `json:"dose"`
	Control   Control   `json:"control"`
	More      *More     `json:"more,omitempty"`
	// PostHoc is set by who has the differences of all seeds: see [Case.PostHoc].
	PostHoc *PostHoc `json:"post_hoc,omitempty"`
	Reasons []Reason `json:"reasons,omitempty"`
	// Rule is what was tolerated.
	Rule Rule `json:"rule"`
}

// Judge answers one hypothesis that belongs to no campaign.
func Judge(c Case) Verdict {
	return Campaign(c.State.rule.Alpha, []Case{c})[0]
}

// Campaign answers hypotheses together, so that of the confirmed ones a share of at most
// alpha is expected to be false, and the same of the ruled out, of those that are called real,
// and of those that explain a part. The evidence of each must have stopped on its own data,
// not because of what others showed.
func Campaign(alpha float64, cases []Case) []Verdict {
	confirm, ruleOut := make([]float64, len(cases)), make([]float64, len(cases))
	real, part := make([]float64, len(cases)), make([]float64, len(cases))
	for i, c := range cases {
		if c.invalid() != nil {
			continue
		}
		e := c.State.Evidence()
		real[i] = e.Real
		if c.baseless() != nil {
			continue
		}
		confirm[i], part[i] = e.Confirm, e.Part
		if c.unproven() == nil {
			ruleOut[i] = e.RuleOut
		}
	}
	var bars Evidence
	bars.Confirm, _ = ClosedEBH(confirm, alpha)
	bars.RuleOut, _ = ClosedEBH(ruleOut, alpha)
	bars.Real, _ = ClosedEBH(real, alpha)
	bars.Part, _ = ClosedEBH(part, alpha)
	typical := make([]float64, len(cases))
	for i, e := range confirm {
		if e >= bars.Confirm {
			typical[i] = cases[i].State.typical()
		}
	}
	typicalBar := mixedBar(confirm, typical, bars.Confirm, alpha)
	verdicts := make([]Verdict, len(cases))
	for i, c := range cases {
		verdicts[i] = c.judge(bars)
		verdicts[i].Typical = verdicts[i].Outcome == RuledOut ||
			verdicts[i].Outcome == Confirmed && typical[i] >= typicalBar
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
		Evidence:   s.Evidence(),
		Parts:      s.Parts(),
		Bars:       bars,
		Past:       s.past(),
		Beyond:     bound(s.beyond, s.Lost(), s.rule.Alpha),
		Against:    bound(s.against(), s.Lost(), s.rule.Alpha),
		Dose:       c.Dose,
		Control:    c.Control,
		Rule:       s.rule,
	}
	v.Real = v.Evidence.Real >= bars.Real
	if s.hypothesis.Kind == Mechanism {
		v.Real = s.moved.Yes > 0
	}
	if s.inPlace != nil {
		inPlace, remaining, explained := s.inPlace.estimate(), s.remaining.estimate(), s.explained()
		v.InPlace, v.Remaining, v.Explained = &inPlace, &remaining, &explained
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
		v.warn(s.opposite())
	case ruledOut && unproven == nil:
		v.Outcome = RuledOut
		v.warn(s.farthest())
		v.Reasons = append(v.Reasons, c.large()...)
	case ruledOut:
		v.Outcome, v.Reasons = Inconclusive, unproven
		v.warn(s.farthest())
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
	v.partly(s)
	if v.Real && s.hypothesis.Kind != Mechanism && !v.Has(ExplainsPart) {
		up, down := s.ups.Yes, s.ups.N-s.ups.Yes
		if s.otherWay() {
			add(OtherWay, "real, but the other way: %s up and %d down", count(up, "seed"), down)
		} else {
			add(SizeUnresolved, "real, size unresolved: %s up and %d down", count(up, "seed"), down)
		}
	}
	if v.Has(ExplainsPart) && v.Evidence.Part >= v.Bars.Part {
		return // no number of seeds makes it all of it
	}
	v.More = s.more(v.Bars)
	if v.More == nil {
		add(NotBySeeds, "%s", s.obstacle())
		return
	}
	add(MoreSeeds, "about %s would make it %s", count(v.More.Seeds, "more seed"), v.More.Toward)
}
