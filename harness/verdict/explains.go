package verdict

import (
	"fmt"
	"math"
)

// comoment is the sum of the products of deviations from their means of two differences that
// come together: that of a sum of both follows from it.
type comoment float64

// add takes one more of each, before the moments of either do.
func (c *comoment) add(x Moments, dx float64, y Moments, dy float64) {
	n := float64(x.N + 1)
	*c += comoment((dx - x.Mean) * (dy - y.Mean) * (n - 1) / n)
}

// explained returns the share of the effect that is gone once something is relieved, in per
// cent: the mean contrast by the mean effect, on the scale of differences. With the share ρ,
// contrast - ρ·effect has a mean of zero; the interval holds those shares that the t-test
// does not refute (Fieller, 1954, with the test of [Moments.E]). It is unbounded where the
// effect may be zero.
func (s *State) explained() Estimate {
	c, p := s.diff, s.inPlace.diff
	e := Estimate{100 * c.Mean / p.Mean, Interval{math.Inf(-1), math.Inf(1), 1 - s.rule.Alpha}, "%"}
	if c.N == 0 {
		e.Value = math.NaN()
	}
	k := c.spread(s.rule.Alpha)
	a := p.Mean*p.Mean - k*p.M2
	if !(a > 0) {
		return e
	}
	b := c.Mean*p.Mean - k*float64(s.both)
	root := math.Sqrt(max(b*b-a*(c.Mean*c.Mean-k*c.M2), 0))
	e.Lo, e.Hi = 100*(b-root)/a, 100*(b+root)/a
	return e
}

// share writes how much of the effect is explained, for a reason.
func (v *Verdict) share() string {
	e, of := v.Explained, "of the effect"
	if v.Hypothesis.Scale == Ratio {
		of = "of the effect's logarithm" // 1.2 is half of 1.44
	}
	return fmt.Sprintf("%.0f %% [%.0f, %.0f] %s", e.Value, e.Lo, e.Hi, of)
}

// partly says of a contrast that is past the margin what is known of what remains.
func (v *Verdict) partly(s *State) {
	if s.remaining == nil || s.contrast() < v.Bars.Confirm {
		return
	}
	least, rest := " at the least", "whether what remains is inside the margin is open"
	if v.Evidence.Part >= v.Bars.Part {
		least, rest = "", "what remains is past the margin, too"
	}
	v.Reasons = append(v.Reasons,
		Reason{ExplainsPart, fmt.Sprintf("explains a part of it%s, %s; %s", least, v.share(), rest)})
}

// contrast is the evidence that as much as the margin is explained, whatever remains.
func (s *State) contrast() float64 {
	var e float64
	for i := range s.sides {
		e += min(s.exceeds(i, 1), s.inPlace.exceeds(i, 1)) / float64(len(s.sides))
	}
	return e
}

// baseless returns why an explanation has nothing to explain.
func (c Case) baseless() []Reason {
	s := c.State
	if s.inPlace == nil || s.inPlace.Evidence().Confirm >= 1/s.rule.Alpha {
		return nil
	}
	return []Reason{{NothingToExplain, "the effect that is to be explained is not confirmed itself: " +
		s.inPlace.estimate().String()}}
}
