package verdict

import (
	"fmt"
	"math"
	"strings"
)

// String writes the verdict as one paragraph: the answer, the effect with its interval and
// margin, what it rests on, and what it holds for.
func (v Verdict) String() string {
	parts := []string{v.Claim()}
	if v.Outcome != Invalid {
		parts = append(parts, v.Effect())
	}
	parts = append(parts, v.Basis()...)
	if s := v.Scope.String(); s != "" {
		parts = append(parts, "scope: "+s)
	}
	return strings.ToUpper(string(v.Outcome)) + "  " + strings.Join(parts, "; ")
}

// Basis lists what the verdict rests on, a clause each: pairs and evidence, dose, control, and the reasons why it is
// not a better one.
func (v Verdict) Basis() []string {
	var parts []string
	if v.Outcome != Invalid {
		parts = append(parts, v.strength()...)
		if v.Dose.Counter != "" && v.Dose.Seeds > 0 {
			parts = append(parts, "dose: "+v.Dose.String())
		}
		if v.Control.Status == Seen {
			parts = append(parts, "control seen: "+v.Control.String())
		}
		if v.PostHoc != nil {
			parts = append(parts, v.postHoc())
		}
	}
	for _, r := range v.Reasons {
		parts = append(parts, r.Text)
	}
	return parts
}

// Claim words the hypothesis.
func (v Verdict) Claim() string {
	h := v.Hypothesis
	switch h.Kind {
	case Mechanism:
		seeds := "every seed"
		if h.Extent == None {
			seeds = "no seed"
		}
		return fmt.Sprintf("%s: %s moves in %s", h.Name, h.Metric, seeds)
	case Explains:
		return fmt.Sprintf("%s: %s explains it", h.Name, h.Relieved)
	}
	if h.Direction == Either {
		return fmt.Sprintf("%s: %s changes", h.Name, h.Metric)
	}
	return fmt.Sprintf("%s: %s %s", h.Name, h.Metric, h.Direction)
}

// Effect writes the estimate with its interval and the margin; for Explains, what of which effect remains.
func (v Verdict) Effect() string {
	h := v.Hypothesis
	if h.Kind == Mechanism {
		return fmt.Sprintf("moved in %.0f %% of seeds [%.0f, %.0f]", v.Estimate.Value, v.Estimate.Lo, v.Estimate.Hi)
	}
	s := fmt.Sprintf("%s, margin %s", v.Estimate, h.margin(1))
	if v.InPlace != nil {
		s = fmt.Sprintf("of %s, %s remain when it is relieved; contrast %s", v.InPlace, v.Remaining, s)
	}
	return s
}

// MarginText writes the margin with its unit.
func (h Hypothesis) MarginText() string { return h.margin(1) }

// margin writes a number of margins as people know it.
func (h Hypothesis) margin(times float64) string {
	if h.Scale != Ratio {
		return strings.TrimSpace(fmt.Sprintf("%.3g %s", h.marginOf(times), h.Unit))
	}
	return fmt.Sprintf("%.3g %%", 100*h.marginOf(times))
}

// strength says how many seeds speak, and how loudly.
func (v Verdict) strength() []string {
	pairs := count(v.Seeds, "pair")
	h := v.Hypothesis
	switch v.Outcome {
	case Confirmed:
		s := []string{fmt.Sprintf("%s, %s", pairs, passing(v.Evidence.Confirm, v.Bars.Confirm))}
		if h.Kind != Mechanism {
			if v.Typical {
				s = append(s, "past the margin in a typical seed")
			} else {
				s = append(s, fmt.Sprintf("past the margin in the mean, and in %d of the seeds", v.Past.Yes))
			}
			s = append(s,
				fmt.Sprintf("%s went the other way (at most %.0f %% of seeds do)", none(v.Against.Yes), 100*v.Against.AtMost))
		}
		return s
	case RuledOut:
		s := []string{fmt.Sprintf("%s, %s", pairs, passing(v.Evidence.RuleOut, v.Bars.RuleOut))}
		if h.Kind != Mechanism {
			s = append(s,
				fmt.Sprintf("inside the margin in a typical seed, %s beyond %s (at most %.1f %% of seeds are)", none(v.Beyond.Yes),
					margins(v.Rule.Beyond), 100*v.Beyond.AtMost))
		}
		return s
	}
	return []string{fmt.Sprintf("%s, e = %s for (bar %.0f) and %s against (bar %.0f)", pairs,
		EValue(v.Evidence.Confirm), v.Bars.Confirm, EValue(v.Evidence.RuleOut), v.Bars.RuleOut)}
}

// passing writes evidence that passes its bar, which may be the evidence itself: the bar is rounded to the nearest
// integer, but not above the evidence, which is rounded down.
func passing(e, bar float64) string {
	return fmt.Sprintf("e = %s (bar %.0f)", EValue(e), min(math.RoundToEven(bar), math.Floor(e)))
}

// margins writes how far a seed is that counts as blown up.
func margins(n float64) string {
	if n == 2 {
		return "twice the margin"
	}
	return fmt.Sprintf("%g margins", n)
}

func none(n int) string {
	if n == 0 {
		return "none"
	}
	return fmt.Sprint(n)
}

// EValue writes an e-value with two significant digits, or as an integer, rounded down:
// less may be claimed than was found, but not more.
func EValue(e float64) string {
	if e >= 1e6 {
		return fmt.Sprintf("10^%.0f", math.Floor(math.Log10(e)))
	}
	unit := 1.0
	if e > 0 && e < 10 {
		unit = math.Pow10(int(math.Floor(math.Log10(e))) - 1)
	}
	return fmt.Sprintf("%.6g", math.Floor(e/unit+1e-9)*unit)
}

// String writes "pure ACKs ×1.10", or "RenoRecovery 0 → 412".
func (d Dose) String() string {
	if d.Treated > 0 && d.Treated < 1000*d.Base {
		return fmt.Sprintf("%s ×%.2f", d.Counter, d.Treated/d.Base)
	}
	return fmt.Sprintf("%s %.6g → %.6g", d.Counter, d.Base, d.Treated)
}

// String writes the scenario, kernels and contexts.
func (s Scope) String() string {
	var parts []string
	if s.Scenario != "" {
		parts = append(parts, s.Scenario)
	}
	if len(s.Kernels) > 0 {
		parts = append(parts, strings.Join(s.Kernels, ", "))
	}
	if len(s.Contexts) > 0 {
		parts = append(parts, strings.Join(s.Contexts, ", "))
	}
	return strings.Join(parts, "; ")
}
