package verdict

import "fmt"

// More is how many seeds a verdict would still take, if they went on like those so far.
type More struct {
	Toward Outcome `json:"toward"`
	Seeds  int     `json:"seeds"`
}

// farthest is the number of seeds beyond which it is not worth saying how many.
const farthest = 100_000

// more returns what the nearer verdict would take, or nil when no number of seeds like
// these gets there.
func (s *State) more(bars Evidence) *More {
	n := s.N()
	confirm := s.seeds(func(e Evidence) bool { return e.Confirm >= bars.Confirm })
	ruleOut := s.seeds(func(e Evidence) bool { return e.RuleOut >= bars.RuleOut })
	switch {
	case confirm == 0 && ruleOut == 0:
		return nil
	case ruleOut == 0 || confirm > 0 && confirm <= ruleOut:
		return &More{Confirmed, confirm - n}
	default:
		return &More{RuledOut, ruleOut - n}
	}
}

// seeds returns the number of seeds like those so far for which the evidence is enough, or
// 0. Evidence that gets anywhere grows exponentially in the end.
func (s *State) seeds(enough func(Evidence) bool) int {
	n := s.N()
	if n == 0 {
		return 0
	}
	passes := func(to int) bool { return enough(s.project(float64(to) / float64(n))) }
	low, high := n, n+1
	for !passes(high) {
		if high >= farthest {
			return 0
		}
		low, high = high, min(2*high, farthest)
	}
	for high-low > 1 {
		if mid := low + (high-low)/2; passes(mid) {
			high = mid
		} else {
			low = mid
		}
	}
	return high
}

// LeastToRuleOut is how many seeds it takes at the least to rule anything out at a bar: those
// of pairs that are equal to the bit. It is 0 where more than 100,000 are too few.
func (r Rule) LeastToRuleOut(bar float64) int {
	h := Hypothesis{Kind: Effect, Direction: Either, Scale: Difference, Margin: 1}
	return r.least(h, func(e Evidence) bool { return e.RuleOut >= bar })
}

// LeastToKnowEvery is how many seeds it takes at the least to confirm at a bar that a counter
// moves in every seed, or in none. It is 0 where more than 100,000 are too few.
func (r Rule) LeastToKnowEvery(bar float64) int {
	h := Hypothesis{Kind: Mechanism, Direction: Up, Margin: 1, Extent: None}
	return r.least(h, func(e Evidence) bool { return e.Confirm >= bar })
}

// least is how many seeds without a difference are enough.
func (r Rule) least(h Hypothesis, enough func(Evidence) bool) int {
	s, err := NewState(h, r)
	if err != nil {
		return 0
	}
	s.Add(Pair{})
	if enough(s.Evidence()) {
		return 1
	}
	return s.seeds(enough)
}

// obstacle says why more seeds would not help.
func (s *State) obstacle() string {
	if s.hypothesis.Kind == Mechanism {
		return fmt.Sprintf("it moves in about as many seeds as separate %s from not %s", s.hypothesis.Extent,
			s.hypothesis.Extent)
	}
	if s.beyond.Yes > 0 && s.tail(10) <= 1 {
		return fmt.Sprintf("%d of %s moved by more than %g margins, so that more seeds rule nothing out; "+
			"widen the margin or calm the scenario",
			s.beyond.Yes, count(s.beyond.N, "seed"), s.rule.Beyond)
	}
	if s.remaining != nil && s.contrast() >= 1/s.rule.Alpha {
		return "what remains is too close to the margin for any number of seeds; choose another margin"
	}
	return "the effect is too close to the margin for any number of seeds; choose another margin"
}
