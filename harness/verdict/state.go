package verdict

import (
	"fmt"
	"math"
)

// Pair is a metric's value of one seed, without and with the suspected cause.
type Pair struct {
	Base    float64 `json:"base"`
	Treated float64 `json:"treated"`
}

// Loss says why a seed gave no pair.
type Loss string

// Losses.
const (
	// FaultIdle: the fault did not act.
	FaultIdle Loss = "the fault did not act"
	// LoadBehind: the load generator fell behind its own schedule.
	LoadBehind Loss = "the load generator fell behind its schedule"
	// Broken: a run did not end, or was invalid for another reason.
	Broken Loss = "a run broke"
	// NotMeasured: the metric is missing, or is not a finite number.
	NotMeasured Loss = "the metric was not measured"
	// NoRatio: one value is zero and the other is not, or one is negative, so that there
	// is no ratio. Such a metric wants the scale Difference.
	NoRatio Loss = "there is no ratio to zero"
)

// losses in the order in which they are reported.
var losses = [...]Loss{FaultIdle, LoadBehind, Broken, NotMeasured, NoRatio, Different}

// huge is where differences cease to be believed: their squares have to stay finite.
const huge = 1e100

// difference returns the pair's difference on the scale, or why there is none.
func (p Pair) difference(scale Scale) (float64, Loss) {
	if !finite(p.Base) || !finite(p.Treated) {
		return 0, NotMeasured
	}
	if scale != Ratio {
		if d := p.Treated - p.Base; finite(d) {
			return d, ""
		}
		return 0, NotMeasured
	}
	switch {
	case p.Base < 0 || p.Treated < 0:
		return 0, NoRatio
	case p.Base == p.Treated:
		return 0, ""
	case p.Base == 0 || p.Treated == 0:
		return 0, NoRatio
	}
	return math.Log(p.Treated) - math.Log(p.Base), ""
}

func finite(x float64) bool { return math.Abs(x) <= huge }

// State is what is known about one hypothesis after the seeds so far. Its size does not
// grow with them. [NewState] makes one.
type State struct {
	hypothesis Hypothesis
	rule       Rule
	delta      float64

	// diff holds the differences; for Explains, those between effects.
	diff Moments
	// ups counts the seeds that went anywhere, and of them those that went up.
	ups Share
	// sides has one entry for Up and Down, two for Either, none for Mechanism.
	sides []side
	// beyond counts the seeds that blew up in a suspected direction, moved those in which
	// the counter moved.
	beyond, moved Share
	lost          [len(losses)]int

	// inPlace is the effect that is to be explained, remaining what is left of it once
	// something is relieved, and both how the contrast goes with the effect. For Explains only.
	inPlace, remaining *State
	both               comoment
}

// NewState returns the state before the first seed.
func NewState(h Hypothesis, rule Rule) (*State, error) {
	if err := h.Check(); err != nil {
		return nil, err
	}
	if err := rule.Check(); err != nil {
		return nil, err
	}
	s := &State{hypothesis: h, rule: rule.Defaults(), delta: h.delta()}
	if h.Kind == Mechanism {
		return s, nil
	}
	if h.Direction != Down {
		s.sides = append(s.sides, side{sign: 1})
	}
	if h.Direction != Up {
		s.sides = append(s.sides, side{sign: -1})
	}
	if h.Kind == Explains {
		effect := h
		effect.Kind = Effect
		var err error
		if s.inPlace, err = NewState(effect, rule); err != nil {
			return nil, err
		}
		if s.remaining, err = NewState(effect, rule); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Hypothesis returns what the state is about.
func (s *State) Hypothesis() Hypothesis { return s.hypothesis }

// N returns the number of seeds that gave a pair.
func (s *State) N() int {
	if s.hypothesis.Kind == Mechanism {
		return s.moved.N
	}
	return s.diff.N
}

// Add takes the pair of one more seed. A pair that cannot be compared counts as lost. It
// panics for Explains, which needs [State.AddContrast].
func (s *State) Add(p Pair) {
	if s.hypothesis.Kind == Explains {
		panic("verdict: Add to an explains hypothesis: one pair shows no contrast")
	}
	d, loss := p.difference(s.hypothesis.Scale)
	switch {
	case loss != "":
		s.Lose(loss)
	case s.hypothesis.Kind == Mechanism:
		s.moved.Add(moves(d, s.hypothesis.Direction, s.delta))
	default:
		s.add(d)
	}
}

// AddContrast takes the two pairs of one more seed of Explains: without and with the cause,
// while what may explain the effect is in place, and while it is relieved. A positive
// contrast is the part of a positive effect that it explains.
func (s *State) AddContrast(inPlace, relieved Pair) {
	if s.hypothesis.Kind != Explains {
		panic(fmt.Sprintf("verdict: AddContrast to a hypothesis of kind %s", s.hypothesis.Kind))
	}
	with, loss := inPlace.difference(s.hypothesis.Scale)
	if loss != "" {
		s.Lose(loss)
		return
	}
	without, loss := relieved.difference(s.hypothesis.Scale)
	if loss != "" {
		s.Lose(loss)
		return
	}
	s.both.add(s.diff, with-without, s.inPlace.diff, with)
	s.inPlace.add(with)
	s.remaining.add(without)
	s.add(with - without)
}

// Lose counts a seed that gave no pair. In what is ruled out it counts as one that blew up,
// in what is confirmed as one without the effect; too many make the verdict invalid.
func (s *State) Lose(why Loss) {
	for i, l := range losses {
		if l == why {
			s.lost[i]++
		}
	}
	if s.inPlace != nil {
		s.inPlace.Lose(why)
		s.remaining.Lose(why)
	}
}

// Lost returns the number of seeds that gave no pair.
func (s *State) Lost() int {
	var n int
	for _, l := range s.lost {
		n += l
	}
	return n
}

func (s *State) add(d float64) {
	s.diff.Add(d)
	if d != 0 {
		s.ups.Add(d > 0)
	}
	beyond := false
	for i := range s.sides {
		x := s.sides[i].sign * d / s.delta
		s.sides[i].add(x, s.rule.Beyond)
		beyond = beyond || x > s.rule.Beyond
	}
	s.beyond.Add(beyond)
}

func moves(d float64, direction Direction, least float64) bool {
	switch direction {
	case Up:
		return d >= least
	case Down:
		return -d >= least
	default:
		return math.Abs(d) >= least
	}
}
