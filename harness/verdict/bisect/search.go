package bisect

import (
	"context"
	"fmt"
	"slices"
)

// Options of a search.
type Options struct {
	// Most sets that are looked for; 0 means 4.
	Most int
	// Prevent asks which items have to be taken back so that the effect vanishes, and not which make it.
	Prevent bool
	// Tell is called with each answer that was asked of the world. It may be nil.
	Tell func(Answer)
}

// Answer is what the world said of a configuration.
type Answer struct {
	Set   Set   `json:"items"`
	Fresh bool  `json:"fresh,omitempty"`
	Tally Tally `json:"seeds"`
}

// Result is what was found.
type Result struct {
	// None and All are the calm side and the other one.
	None Tally `json:"none"`
	All  Tally `json:"all"`
	// Untested are items with which no run is valid, and Undecided those on which seeds do not agree. No configuration
	// of the search has them.
	Untested  Set `json:"untested,omitempty"`
	Undecided Set `json:"undecided,omitempty"`
	// Sets that make the effect, or prevent it; none has an item of another.
	Sets []Culprit `json:"sets"`
	// Hidden says that all items together do not show the effect, or cannot be run, and that these sets do without
	// some of the others.
	Hidden bool `json:"hidden,omitempty"`
	// Hides is what hides the effect of the sets, if it is hidden and that was found.
	Hides Set `json:"hides,omitempty"`
	// Rest is about all items that were searched but those of the sets, on fresh seeds; if the effect is hidden, those
	// are a part of all. Left says that more sets were not looked for.
	Rest Tally `json:"rest"`
	Left bool  `json:"left,omitempty"`
	// Asked is how many configurations were tried.
	Asked int `json:"asked"`
}

// Culprit is a set of items that belong together.
type Culprit struct {
	Items Set `json:"items"`
	// Vague says that the set is larger than need be: what is within could not be told apart, since configurations
	// between were unresolved.
	Vague bool `json:"vague,omitempty"`
	// Alone is about the set on fresh seeds. Unless it shows the effect, the set is not confirmed.
	Alone Tally `json:"alone"`
	// Without has, for each item of a set of several, what the others do on fresh seeds.
	Without []Tally `json:"without,omitempty"`
}

// Confirmed reports whether the set held on fresh seeds.
func (c *Culprit) Confirmed() bool { return c.Alone.Outcome() == Shows }

// search is one while it goes on.
type search struct {
	World
	Options
	asked []Answer // each configuration once, as far as the present question is about it
	count int      // of all that were asked
}

// Search looks for the items, of all, that make the effect. The error is that of the world or the context; what was
// found until then is lost, and a world that remembers its answers gives them again.
func Search(ctx context.Context, all Set, w World, o Options) (*Result, error) {
	if o.Most == 0 {
		o.Most = 4
	}
	s := &search{World: w, Options: o}
	r := new(Result)
	defer func() { r.Asked = s.count }()
	var err error
	if r.None, err = s.ask(ctx, nil); err != nil || r.None.Outcome() != Not {
		return r, err
	}
	if r.All, err = s.ask(ctx, all); err != nil {
		return r, err
	}
	universe := all
	if r.All.Outcome() == Unresolved && len(all) > 0 {
		if err = s.unresolved(ctx, all, r); err != nil {
			return r, err
		}
		universe = all.without(r.Untested).without(r.Undecided)
	}
	testable := universe
	if universe, err = s.visible(ctx, universe, r); err != nil || universe == nil {
		return r, err
	}
	// What is hidden where all items are is not hidden here: what was said of more than these says nothing of them.
	s.asked = slices.DeleteFunc(s.asked, func(a Answer) bool { return !a.Set.in(universe) })
	if o.Prevent {
		s.World, s.asked = inverse{w, universe.without}, turned(s.asked, universe)
	}
	if err := s.sets(ctx, universe, r); err != nil || !r.Hidden || o.Prevent {
		return r, err
	}
	return r, s.hides(ctx, testable, r)
}

// turned are answers as the inverse world gives them.
func turned(asked []Answer, all Set) (list []Answer) {
	for _, a := range asked {
		list = append(list, Answer{all.without(a.Set), a.Fresh, a.Tally.turned()})
	}
	return list
}

// sets finds one set after the other, and confirms them.
func (s *search) sets(ctx context.Context, universe Set, r *Result) error {
	var found Set
	for {
		rest := universe.without(found)
		t, err := s.ask(ctx, rest)
		if err != nil {
			return err
		}
		if t.Outcome() != Shows {
			break
		}
		if r.Left = len(r.Sets) == s.Most; r.Left {
			break
		}
		c, err := s.minimal(ctx, rest)
		if err != nil {
			return err
		}
		if err := s.confirm(ctx, c); err != nil {
			return err
		}
		found = found.with(c.Items)
		r.Sets = append(r.Sets, *c)
	}
	rest, err := s.fresh(ctx, universe.without(found))
	r.Rest = rest
	return err
}

// ask asks about a configuration, unless it did before.
func (s *search) ask(ctx context.Context, of Set) (Tally, error) { return s.put(ctx, of, false) }

// fresh asks on fresh seeds.
func (s *search) fresh(ctx context.Context, of Set) (Tally, error) { return s.put(ctx, of, true) }

func (s *search) put(ctx context.Context, of Set, fresh bool) (Tally, error) {
	for i := range s.asked {
		if a := &s.asked[i]; a.Fresh == fresh && slices.Equal(a.Set, of) {
			return a.Tally, nil
		}
	}
	t, err := s.Ask(ctx, of, fresh)
	if err != nil {
		return t, fmt.Errorf("items %v: %w", of, err)
	}
	a := Answer{slices.Clone(of), fresh, t}
	s.asked = append(s.asked, a)
	s.count++
	if s.Tell != nil {
		s.Tell(a)
	}
	return t, nil
}

// outcome asks about a configuration, unless what was asked says it: a part of what does not show the effect does not
// show it, and what has a part that does shows it.
func (s *search) outcome(ctx context.Context, of Set) (Outcome, error) {
	for i := range s.asked {
		switch a := &s.asked[i]; {
		case a.Tally.Outcome() == Not && of.in(a.Set):
			return Not, nil
		case a.Tally.Outcome() == Shows && a.Set.in(of):
			return Shows, nil
		}
	}
	t, err := s.ask(ctx, of)
	return t.Outcome(), err
}

// minimal finds a set in a universe that shows the effect, of which no item can be left out.
func (s *search) minimal(ctx context.Context, universe Set) (*Culprit, error) {
	c, candidates := new(Culprit), universe
	for {
		if len(c.Items) > 0 || len(candidates) == 0 {
			t, err := s.ask(ctx, c.Items)
			if err != nil || t.Outcome() == Shows || len(candidates) == 0 {
				return c, err
			}
		}
		lo, hi, err := s.beginning(ctx, c.Items, candidates)
		if err != nil {
			return c, err
		}
		c.Vague = c.Vague || hi-lo > 1
		c.Items = c.Items.with(candidates[lo:hi])
		candidates = candidates[:lo]
	}
}

// beginning finds where the shortest beginning of the candidates ends that shows the effect together with what is
// needed: candidates[:hi] does and candidates[:lo] does not. They are one apart, unless all between is unresolved.
func (s *search) beginning(ctx context.Context, need, candidates Set) (lo, hi int, err error) {
	return narrow(0, len(candidates), func(at int) (Outcome, error) {
		return s.outcome(ctx, need.with(candidates[:at]))
	})
}

// narrow brings two places together, of which the lower one does not show the effect and the upper one does, until they
// are neighbours, or all that is asked between them is unresolved.
func narrow(lo, hi int, ask func(at int) (Outcome, error)) (_, _ int, err error) {
	for moved := true; moved && hi-lo > 1; {
		moved = false
		for _, at := range near(lo, hi) {
			o, err := ask(at)
			if err != nil {
				return lo, hi, err
			}
			if moved = o != Unresolved; moved {
				if o == Shows {
					hi = at
				} else {
					lo = at
				}
				break
			}
		}
	}
	return lo, hi, nil
}

// near lists where to ask between two places: the middle, then what is around it, up to nine places.
func near(lo, hi int) (list []int) {
	mid := (lo + hi) / 2
	for _, by := range []int{0, 1, -1, 2, -2, 4, -4, 8, -8} {
		if at := mid + by; at > lo && at < hi {
			list = append(list, at)
		}
	}
	return list
}
