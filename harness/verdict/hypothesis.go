package verdict

import (
	"fmt"
	"math"
)

// Kind says what a hypothesis is about.
type Kind string

// Kinds.
const (
	// Effect: the cause changes the metric by at least the margin.
	Effect Kind = "effect"
	// Mechanism: the cause moves a counter in every seed, or in none.
	Mechanism Kind = "mechanism"
	// Explains: the effect is smaller by at least the margin once something is relieved.
	Explains Kind = "explains"
)

// Direction says which way the metric is suspected to go.
type Direction string

// Directions.
const (
	Up     Direction = "up"
	Down   Direction = "down"
	Either Direction = "either"
)

// Scale says how two values of a pair are compared.
type Scale string

// Scales.
const (
	// Ratio compares by the logarithm of treated/base. Both have to be positive; equal
	// values are no difference, even two zeroes.
	Ratio Scale = "ratio"
	// Difference compares by treated-base, for rates and counts near zero.
	Difference Scale = "difference"
)

// Extent says in how many seeds a counter is suspected to move.
type Extent string

// Extents. Exactly all, or exactly none, cannot be learnt from any number of seeds; they
// stand for all but [Rule.Rare] of them, and for that share at most.
const (
	Every Extent = "every"
	None  Extent = "none"
)

// Hypothesis is one suspicion, and the smallest effect that matters.
type Hypothesis struct {
	// Name is how the campaign calls it: "dup-ack 10 %, sack 0: CPU per request".
	Name string `json:"name"`
	Kind Kind   `json:"kind"`
	// Metric is what is compared; for Mechanism, a counter.
	Metric string `json:"metric"`
	// Direction of the metric.
	Direction Direction `json:"direction"`
	// Scale is empty for Mechanism.
	Scale Scale `json:"scale,omitempty"`
	// Margin is above zero, whatever the direction: on the Ratio scale a share, 0.05 for
	// 5 %, otherwise in the unit of the metric. For Mechanism it is the smallest change
	// that counts as a move, usually 1.
	Margin float64 `json:"margin"`
	// Unit of the metric, for people; empty for Ratio.
	Unit string `json:"unit,omitempty"`
	// Extent is for Mechanism only.
	Extent Extent `json:"extent,omitempty"`
	// Relieved names what is relieved, for Explains only.
	Relieved string `json:"relieved,omitempty"`
}

// Check says what is wrong with the hypothesis, or nil.
func (h Hypothesis) Check() error {
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("hypothesis %q: %w", h.Name, fmt.Errorf(format, args...))
	}
	switch h.Kind {
	case Effect, Mechanism, Explains:
	default:
		return wrong("kind %q: want effect, mechanism or explains", h.Kind)
	}
	switch h.Direction {
	case Up, Down, Either:
	default:
		return wrong("direction %q: want up, down or either", h.Direction)
	}
	if !(h.Margin > 0) || math.IsInf(h.Margin, 1) {
		return wrong("margin %v: want a number above zero; the direction says which way", h.Margin)
	}
	if h.Kind == Mechanism {
		if h.Extent != Every && h.Extent != None {
			return wrong("extent %q: want every or none", h.Extent)
		}
		return nil
	}
	switch {
	case h.Scale != Ratio && h.Scale != Difference:
		return wrong("scale %q: want ratio or difference", h.Scale)
	case h.Scale == Ratio && h.Direction == Down && h.Margin >= 1:
		return wrong("margin %v: nothing positive falls by 100 %% or more", h.Margin)
	}
	return nil
}

// delta returns the margin on the scale of differences, above zero. Up and Either by 5 %
// is ln 1.05, Down by 5 % is -ln 0.95.
func (h Hypothesis) delta() float64 {
	switch {
	case h.Scale != Ratio:
		return h.Margin
	case h.Direction == Down:
		return -math.Log1p(-h.Margin)
	default:
		return math.Log1p(h.Margin)
	}
}

// marginOf returns a number of margins as a margin: the inverse of delta.
func (h Hypothesis) marginOf(times float64) float64 {
	switch {
	case h.Scale != Ratio:
		return times * h.Margin
	case h.Direction == Down:
		return -math.Expm1(-times * h.delta())
	default:
		return math.Expm1(times * h.delta())
	}
}

// Rule is how much error is tolerated. Its zero value is the project's rule.
type Rule struct {
	// Alpha is the share of false verdicts among the confirmed, and among the ruled out,
	// that is tolerated in a campaign; for a single hypothesis it is the probability of a
	// false one. Intervals have a confidence of 1-Alpha. 0 means 0.05.
	Alpha float64 `json:"alpha"`
	// Beyond is the distance, in margins, from which a seed counts as blown up, at least
	// 2; 0 means 2.
	Beyond float64 `json:"beyond"`
	// Rare is the share of seeds that may blow up unnoticed in what is ruled out, and that
	// Every and None leave out of account; 0 means 0.05.
	Rare float64 `json:"rare"`
	// Against, if above zero, is the share of seeds that may go the other way in what is
	// confirmed; 0 asks for no such proof. 0.05 costs 65 seeds, and keeps rare seeds that
	// fall far from hiding behind the many that rise a little.
	Against float64 `json:"against"`
	// Lost is the share of seeds without a pair from which a verdict is invalid; 0 means
	// 0.05. Below, a lost seed counts as one that blew up, and as one that did not move.
	Lost float64 `json:"lost"`
}

// Defaults returns the rule with its zeroes replaced.
func (r Rule) Defaults() Rule {
	or := func(p *float64, v float64) {
		if *p == 0 {
			*p = v
		}
	}
	or(&r.Alpha, 0.05)
	or(&r.Beyond, 2)
	or(&r.Rare, 0.05)
	or(&r.Lost, 0.05)
	return r
}

// Check says what is wrong with the rule, or nil.
func (r Rule) Check() error {
	r = r.Defaults()
	inside := func(p float64) bool { return p > 0 && p < 1 }
	switch {
	case !inside(r.Alpha):
		return fmt.Errorf("rule: alpha %v: want a share between 0 and 1", r.Alpha)
	case !inside(r.Rare):
		return fmt.Errorf("rule: rare %v: want a share between 0 and 1", r.Rare)
	case !inside(r.Lost):
		return fmt.Errorf("rule: lost %v: want a share between 0 and 1", r.Lost)
	case r.Against != 0 && !inside(r.Against):
		return fmt.Errorf("rule: against %v: want a share between 0 and 1", r.Against)
	case !(r.Beyond >= 2):
		return fmt.Errorf("rule: beyond %v: want 2 margins or more", r.Beyond)
	}
	return nil
}
