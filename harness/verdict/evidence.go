package verdict

import "math"

// Evidence is how strongly the seeds so far speak, as e-values: 1 says nothing, 20 is what
// a single hypothesis needs at an error of 5 %.
type Evidence struct {
	Confirm float64 `json:"confirm"`
	RuleOut float64 `json:"rule_out"`
	// Real is evidence that more seeds go one way than the other; 0 for Mechanism.
	Real float64 `json:"real,omitempty"`
	// Part is evidence, for Explains, that it explains as much as the margin, and leaves as much.
	Part float64 `json:"part,omitempty"`
}

// Part is one of the e-values that evidence is made of. All parts towards a verdict have to
// pass its bar, so that the smallest one counts; what confirms in either direction is first
// averaged over the two.
type Part struct {
	Toward Outcome `json:"toward"`
	// Name says what the e-value is evidence for.
	Name string  `json:"name"`
	E    float64 `json:"e"`
}

// side is what one direction of the metric needs. It sees differences that point its way,
// in units of the margin.
type side struct {
	sign float64
	// past counts the seeds past the margin, reach those at it as well, and against those
	// that go the other way.
	past, reach, against Share
	// under counts the seeds that are beyond [Rule.Beyond] the other way; most and least are
	// the farthest, in margins.
	under       Share
	most, least float64
	// rise bets on the mean's being above the margin, fall on its being below. Seeds that
	// go the other way count as unchanged in both, and none for more than twice the margin
	// in fall.
	rise, fall bets
}

func (s *side) add(x, beyond float64) {
	s.under.Add(x < -beyond)
	s.most, s.least = max(s.most, x), min(s.least, x)
	s.past.Add(x > 1)
	s.reach.Add(x >= 1)
	s.against.Add(x < 0)
	s.rise.add(max(x, 0) - 1)
	s.fall.add(1 - min(max(x, 0), 2))
}

// Evidence returns what the seeds so far say. It may be asked after every seed.
func (s *State) Evidence() Evidence { return s.project(1) }

// project returns what scale times as many seeds like those so far would say.
func (s *State) project(scale float64) Evidence {
	lost := stretch(s.Lost(), scale)
	if s.hypothesis.Kind == Mechanism {
		return s.mechanism(stretchShare(s.moved, scale), lost)
	}
	e := Evidence{RuleOut: s.tail(scale), Real: s.real(scale, lost)}
	share := 1 / float64(len(s.sides))
	for i := range s.sides {
		exceeds := s.exceeds(i, scale)
		if s.inPlace != nil {
			exceeds = min(exceeds, s.inPlace.exceeds(i, scale))
			e.Part += share * min(exceeds, s.remaining.exceeds(i, scale))
		}
		e.Confirm += share * exceeds
		e.RuleOut = min(e.RuleOut, s.stays(i, scale))
	}
	if s.remaining != nil {
		e.Confirm = min(e.Confirm, s.remaining.vanishes(scale))
	}
	return e
}

// exceeds is the evidence that the effect is past the margin on one side.
func (s *State) exceeds(i int, scale float64) float64 {
	side, lost := &s.sides[i], stretch(s.Lost(), scale)
	e := min(side.above(s.diff.stretch(scale), s.delta), side.typical(scale, lost))
	if s.rule.Against > 0 {
		e = min(e, side.faithful(s.rule.Against, scale, lost))
	}
	return e
}

// stays is the evidence that the effect is inside the margin on one side, but for what rare
// seeds do.
func (s *State) stays(i int, scale float64) float64 {
	side, lost := &s.sides[i], stretch(s.Lost(), scale)
	return min(side.below(s.diff.stretch(scale), s.delta), side.inside(scale, lost), side.fall.evidence(scale, lost))
}

// vanishes is the evidence that the effect is inside the margin on all suspected sides.
func (s *State) vanishes(scale float64) float64 {
	e := largest
	for i := range s.sides {
		e = min(e, s.stays(i, scale))
	}
	return e
}

// real is exact evidence that more seeds go one way than the other. Of those that go
// anywhere, each goes the rarer way with a probability of a half at most. Lost seeds went the
// other way, and half of the evidence pays for the choice of the way.
func (s *State) real(scale float64, lost int) float64 {
	up := stretchShare(s.ups, scale)
	down := Share{up.N - up.Yes, up.N + lost}
	up.N += lost
	return max(up.Above(0.5), down.Above(0.5)) / 2
}

// Parts returns the e-values that make up the evidence.
func (s *State) Parts() []Part {
	lost := s.Lost()
	if s.hypothesis.Kind == Mechanism {
		e := s.mechanism(s.moved, lost)
		return []Part{{Confirmed, "share of seeds", e.Confirm}, {RuledOut, "share of seeds", e.RuleOut}}
	}
	parts := []Part{{RuledOut, "few seeds blow up", s.tail(1)}}
	for i := range s.sides {
		side := &s.sides[i]
		way := "up: "
		if side.sign < 0 {
			way = "down: "
		}
		parts = append(parts,
			Part{Confirmed, way + "mean past the margin", side.above(s.diff, s.delta)},
			Part{Confirmed, way + "most seeds, or the clipped mean, past the margin", side.typical(1, lost)},
			Part{RuledOut, way + "mean inside the margin", side.below(s.diff, s.delta)},
			Part{RuledOut, way + "most seeds inside the margin", side.inside(1, lost)},
			Part{RuledOut, way + "clipped mean inside the margin", side.fall.evidence(1, lost)})
		if s.rule.Against > 0 {
			parts = append(parts, Part{Confirmed, way + "few seeds go the other way", side.faithful(s.rule.Against, 1, lost)})
		}
		if s.inPlace != nil {
			parts = append(parts, Part{Confirmed, way + "what is to be explained is past the margin", s.inPlace.exceeds(i, 1)})
		}
	}
	if s.remaining != nil {
		parts = append(parts, Part{Confirmed, "what remains is inside the margin", s.remaining.vanishes(1)})
	}
	return parts
}

// above is e_up(δ) of the design, below e_down(δ).
func (s *side) above(m Moments, delta float64) float64 { return s.turn(m).Above(delta) }
func (s *side) below(m Moments, delta float64) float64 { return s.turn(m).Below(delta) }

// turn returns the moments of the differences as the side sees them.
func (s *side) turn(m Moments) Moments {
	m.Mean *= s.sign
	return m
}

// typical is exact evidence that most seeds are past the margin, or their clipped mean is:
// the mean of two e-values is one against both being false.
func (s *side) typical(scale float64, lost int) float64 {
	past := stretchShare(s.past, scale)
	past.N += lost
	return (past.Above(0.5) + s.rise.evidence(scale, lost)) / 2
}

// inside is exact evidence that most seeds do not reach the margin.
func (s *side) inside(scale float64, lost int) float64 {
	reach := stretchShare(s.reach, scale)
	reach.Yes += lost
	reach.N += lost
	return reach.Below(0.5)
}

// faithful is exact evidence that few seeds go the other way.
func (s *side) faithful(share, scale float64, lost int) float64 {
	against := stretchShare(s.against, scale)
	against.Yes += lost
	against.N += lost
	return against.Rarer(share)
}

// tail is e_tail: exact evidence that few seeds blow up.
func (s *State) tail(scale float64) float64 {
	beyond, lost := stretchShare(s.beyond, scale), stretch(s.Lost(), scale)
	beyond.Yes += lost
	beyond.N += lost
	return beyond.Rarer(s.rule.Rare)
}

// mechanism returns the evidence about the share of seeds in which the counter moves, all
// of which are exact. Lost seeds count against both verdicts.
func (s *State) mechanism(moved Share, lost int) Evidence {
	// Let yes be what the hypothesis says of a seed.
	yes := moved.Yes
	if s.hypothesis.Extent == None {
		yes = moved.N - moved.Yes
	}
	n := moved.N + lost
	no := n - yes
	return Evidence{
		Confirm: Share{no, n}.Rarer(s.rule.Rare),
		RuleOut: Share{no - lost, n}.Above(s.rule.Rare),
	}
}

// stretch returns what scale times as many differences like these have.
func (m Moments) stretch(scale float64) Moments {
	return Moments{stretch(m.N, scale), m.Mean, m.M2 * scale}
}

func stretch(n int, scale float64) int { return int(math.Round(float64(n) * scale)) }

func stretchShare(s Share, scale float64) Share {
	return Share{stretch(s.Yes, scale), stretch(s.N, scale)}
}
