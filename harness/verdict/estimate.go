package verdict

import (
	"encoding/json"
	"fmt"
	"math"
)

// Estimate is an effect with its interval, as a person wants it: in per cent on the Ratio
// scale, otherwise in the unit of the metric.
type Estimate struct {
	// Value is NaN without seeds.
	Value float64
	Interval
	// Unit is "%" or that of the metric.
	Unit string
}

// estimate brings a mean on the scale of differences back to what people read.
func (h Hypothesis) estimate(m Moments, alpha float64) Estimate {
	e := Estimate{Value: math.NaN(), Interval: m.Interval(alpha), Unit: h.Unit}
	if m.N > 0 {
		e.Value = m.Mean
	}
	if h.Scale != Ratio {
		return e
	}
	e.Unit = "%"
	for _, p := range []*float64{&e.Value, &e.Lo, &e.Hi} {
		if !math.IsInf(*p, 0) {
			*p = 100 * math.Expm1(*p)
		}
	}
	return e
}

func (s *State) estimate() Estimate {
	if s.hypothesis.Kind != Mechanism {
		return s.hypothesis.estimate(s.diff, s.rule.Alpha)
	}
	// In lost seeds the counter may have moved or not.
	n, lost, alpha := s.moved.N, s.Lost(), s.rule.Alpha
	lo := Share{s.moved.Yes, n + lost}.Interval(alpha).Lo
	hi := Share{s.moved.Yes + lost, n + lost}.Interval(alpha).Hi
	return Estimate{100 * float64(s.moved.Yes) / float64(n), Interval{100 * lo, 100 * hi, 1 - alpha}, "%"}
}

// otherWay says whether most seeds go away from the only suspected direction.
func (s *State) otherWay() bool {
	return len(s.sides) == 1 && s.sides[0].sign*float64(2*s.ups.Yes-s.ups.N) < 0
}

// against counts the seeds that went the other way than most are suspected to.
func (s *State) against() Share {
	if s.hypothesis.Kind == Mechanism {
		return Share{}
	}
	return s.main().against
}

// String writes "+9.0 % [+7.7, +10.3]", with "∞" for bounds that there are not yet.
func (e Estimate) String() string {
	// One digit after the point, or as many as make two significant ones; none of what is more
	// than doubled.
	digits := 1
	if e.Unit == "%" && math.Abs(e.Value) >= 100 {
		digits = 0
	} else if e.Unit != "%" || (e.Value != 0 && math.Abs(e.Value) < 0.1) {
		digits = decimals(e.Value, e.Hi-e.Lo)
	}
	unit := e.Unit
	if unit != "" {
		unit = " " + unit
	}
	return fmt.Sprintf("%s%s [%s, %s]", number(e.Value, digits), unit, number(e.Lo, digits), number(e.Hi, digits))
}

func number(x float64, digits int) string {
	switch {
	case math.IsNaN(x):
		return "?"
	case math.IsInf(x, 1):
		return "∞"
	case math.IsInf(x, -1):
		return "-∞"
	case math.Abs(x) >= 1e6:
		return fmt.Sprintf("%+.3g", x)
	}
	if math.Abs(x) < 0.5*math.Pow10(-digits) {
		x = 0 // not -0.0
	}
	return fmt.Sprintf("%+.*f", digits, x)
}

// decimals returns the digits after the point that show two significant ones of the
// smaller of value and width.
func decimals(value, width float64) int {
	least := math.Abs(value)
	if width > 0 && (width < least || least == 0) {
		least = width
	}
	if !(least > 0) || math.IsInf(least, 1) {
		return 1
	}
	return min(max(1-int(math.Floor(math.Log10(least))), 0), 9)
}

// MarshalJSON writes null for what is unknown or unbounded.
func (e Estimate) MarshalJSON() ([]byte, error) {
	known := func(x float64) *float64 {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return nil
		}
		return &x
	}
	return json.Marshal(wire{known(e.Value), known(e.Lo), known(e.Hi), e.Confidence, e.Unit})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (e *Estimate) UnmarshalJSON(b []byte) error {
	var w wire
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	or := func(p *float64, otherwise float64) float64 {
		if p == nil {
			return otherwise
		}
		return *p
	}
	*e = Estimate{or(w.Value, math.NaN()), Interval{or(w.Lo, math.Inf(-1)), or(w.Hi, math.Inf(1)), w.Confidence}, w.Unit}
	return nil
}

// wire is an estimate in JSON.
type wire struct {
	Value      *float64 `json:"value"`
	Lo         *float64 `json:"lo"`
	Hi         *float64 `json:"hi"`
	Confidence float64  `json:"confidence"`
	Unit       string   `json:"unit"`
}

// Bound is a count of seeds that gave a pair, and the share of all seeds that it may stand
// for at most.
type Bound struct {
	Share
	// AtMost is between 0 and 1, with the confidence of the verdict. Lost seeds count as if
	// they were among those that are counted.
	AtMost float64 `json:"at_most"`
}

func bound(s Share, lost int, alpha float64) Bound {
	return Bound{s, Share{s.Yes + lost, s.N + lost}.AtMost(alpha)}
}
