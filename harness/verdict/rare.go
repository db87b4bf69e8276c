package verdict

import "fmt"

// typical is the evidence of what is confirmed that it holds for most seeds, each by itself.
func (s *State) typical() float64 {
	e := s.Evidence().Confirm
	if s.hypothesis.Kind == Mechanism {
		return e
	}
	var most float64
	for i := range s.sides {
		past := s.sides[i].past
		past.N += s.Lost()
		most += past.Above(0.5) / float64(len(s.sides))
	}
	return min(e, most)
}

// main is the side that the mean is on, of two.
func (s *State) main() *side {
	if len(s.sides) == 2 && s.diff.Mean < 0 {
		return &s.sides[1]
	}
	return &s.sides[0]
}

// past counts the seeds past the margin.
func (s *State) past() Share {
	if s.hypothesis.Kind == Mechanism {
		return Share{}
	}
	return s.main().past
}

// farthest tells of the seeds that blew up in a suspected direction: what a verdict on most
// seeds leaves out of account.
func (s *State) farthest() (seeds Share, margins float64, text string) {
	for i := range s.sides {
		margins = max(margins, s.sides[i].most)
	}
	return s.beyond, margins, "an effect in so few seeds is not ruled out"
}

// opposite tells of the seeds that went far the other way than what is confirmed.
func (s *State) opposite() (seeds Share, margins float64, text string) {
	if s.hypothesis.Kind == Mechanism {
		return Share{}, 0, ""
	}
	side := s.main()
	return side.under, -side.least, "the other way, which is not what most seeds do"
}

// warn adds a warning about seeds that are far from the others.
func (v *Verdict) warn(seeds Share, margins float64, text string) {
	if seeds.Yes == 0 {
		return
	}
	v.Reasons = append(v.Reasons,
		Reason{SeedsBeyond, fmt.Sprintf("warning: %d of %s beyond %g margins, the farthest at %.3g: %s",
			seeds.Yes, count(seeds.N, "seed"), v.Rule.Beyond, margins, text)})
}

// large warns of a control that is larger than it should be.
func (c Case) large() []Reason {
	if c.Control.Size <= LargeControl {
		return nil
	}
	return []Reason{{ControlLarge,
		fmt.Sprintf("warning: the control %s is larger than the 2 that would show how well this setting "+
			"sees", c.Control)}}
}
