package verdict

import (
	"fmt"
	"math"
	"strconv"
)

// PostHoc is the smallest margin that the evidence of a case would rule out at the same bar. It is found after the
// fact, for this case alone, and decides nothing.
//
// The margins that the evidence does not rule out are a confidence set. Let m be the smallest margin inside of which
// the effect truly is, by what ruling out promises. Evidence grows with the margin, so that a Margin below m means that
// the evidence against an effect of m has passed the bar, which is 1/alpha at the least: with a probability of alpha at
// most, whatever the number of seeds.
type PostHoc struct {
	// Margin as in [Hypothesis], above zero, rounded up to two significant digits.
	Margin float64 `json:"margin"`
	// Control says that smaller margins were not tried, since the control does not show that they would be seen.
	Control bool `json:"control,omitempty"`
}

const (
	// widest is the largest margin that is tried, in margins of the hypothesis.
	widest = 100
	// finest is the ratio of margins between which it does not matter where one is.
	finest = 1.01
	// worthSaying is how small a margin is, in margins of the hypothesis, that says more than the verdict.
	worthSaying = 0.95
)

// PostHoc returns the smallest margin that the case's seeds would rule out at the bar of its verdict, or nil where
// there is nothing to say: for what is confirmed or invalid, what has no dose or control, and for Mechanism.
// differences are those of the seeds that gave a pair, in margins and in any order, as [Hypothesis.PairMargins] has
// them; for Explains, those between the two effects.
//
// For what is ruled out it is below the hypothesis's margin, and a tenth of the control at least, since a control of
// more than ten margins proves nothing. For what is inconclusive it is above, up to 100 margins.
func (c Case) PostHoc(v Verdict, differences []float64) *PostHoc {
	s := c.State
	if s.hypothesis.Kind == Mechanism || c.unproven() != nil || c.baseless() != nil || c.Control.Size == 0 {
		return nil
	}
	passes := func(times float64) bool { return s.ruledOutAt(times, differences) >= v.Bars.RuleOut }
	var low, high float64
	switch {
	case v.Outcome == RuledOut:
		low, high = c.Control.Size/LargestControl, 1
	case v.Outcome == Inconclusive && passes(widest):
		low, high = 1, widest
	default:
		return nil
	}
	control := passes(low) // which what is inconclusive does not at its own margin
	if control {
		high = low
	}
	for high > low*finest {
		if mid := math.Sqrt(low * high); passes(mid) {
			high = mid
		} else {
			low = mid
		}
	}
	p := PostHoc{roundedUp(s.hypothesis.marginOf(high)), control}
	fall := s.hypothesis.Scale == Ratio && s.hypothesis.Direction == Down
	if v.Outcome == RuledOut && p.Margin > worthSaying*s.hypothesis.Margin || fall && p.Margin >= 1 {
		return nil
	}
	return &p
}

// ruledOutAt returns the evidence to rule out if the margin were so many times what it is.
func (s *State) ruledOutAt(times float64, differences []float64) float64 {
	at := *s
	at.delta, at.beyond, at.sides = s.delta*times, Share{}, make([]side, len(s.sides))
	for _, d := range differences {
		beyond := false
		for i := range at.sides {
			side := &at.sides[i]
			side.sign = s.sides[i].sign
			x := side.sign * d / times
			side.reach.Add(x >= 1)
			side.fall.add(1 - min(max(x, 0), 2))
			beyond = beyond || x > s.rule.Beyond
		}
		at.beyond.Add(beyond)
	}
	return min(at.tail(1), at.vanishes(1))
}

// AfterTheFact names the effects that are ruled out by [Verdict.PostHoc], such as "rises of 1.3 % or more"; empty where
// there are none.
func (v Verdict) AfterTheFact() string {
	if v.PostHoc == nil {
		return ""
	}
	h := v.Hypothesis
	effects := map[Direction]string{Up: "rises", Down: "falls", Either: "changes"}[h.Direction]
	if h.Kind == Explains {
		effects = "contrasts"
	}
	h.Margin = v.PostHoc.Margin
	return fmt.Sprintf("%s of %s or more", effects, h.MarginText())
}

// postHoc says what else is ruled out, as a clause.
func (v Verdict) postHoc() string {
	s := "after the fact, for this case alone, " + v.AfterTheFact() + " are ruled out"
	if v.Outcome == RuledOut {
		s += " too"
	}
	if v.PostHoc.Control {
		s += ", the least that the control vouches for"
	}
	return s
}

// roundedUp returns a number above zero with two significant digits, which is not less.
func roundedUp(x float64) float64 {
	unit := math.Pow10(int(math.Floor(math.Log10(x))) - 1)
	up, err := strconv.ParseFloat(strconv.FormatFloat(math.Ceil(x/unit-1e-9)*unit, 'e', 1, 64), 64)
	if err != nil {
		return x
	}
	return up
}
