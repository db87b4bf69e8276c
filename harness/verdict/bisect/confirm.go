package bisect

import (
	"context"

	"github.com/ruleout/ruleout/harness/verdict/design"
)

// confirm asks on fresh seeds whether a set shows the effect, and whether it does without each of its items. An item
// without which it does is not needed, and is dropped.
func (s *search) confirm(ctx context.Context, c *Culprit) error {
	for {
		dropped, err := s.once(ctx, c)
		if err != nil || dropped == nil {
			return err
		}
		c.Items = c.Items.without(dropped)
	}
}

// once fills in what fresh seeds say of a set, until an item turns out not to be needed, which it returns.
func (s *search) once(ctx context.Context, c *Culprit) (dropped Set, err error) {
	c.Without = nil
	if c.Alone, err = s.fresh(ctx, c.Items); err != nil || len(c.Items) < 2 {
		return nil, err
	}
	for _, item := range c.Items {
		t, err := s.fresh(ctx, c.Items.without(Set{item}))
		if err != nil {
			return nil, err
		}
		if t.Outcome() == Shows {
			return Set{item}, nil
		}
		c.Without = append(c.Without, t)
	}
	return nil, nil
}

// unresolved finds the items of a configuration that are unresolved by themselves, by halves.
func (s *search) unresolved(ctx context.Context, of Set, r *Result) error {
	t, err := s.ask(ctx, of)
	switch {
	case err != nil || t.Outcome() != Unresolved:
		return err
	case len(of) == 1 && t.Shows+t.Not == 0:
		r.Untested = r.Untested.with(of)
		return nil
	case len(of) == 1:
		r.Undecided = r.Undecided.with(of)
		return nil
	}
	if err := s.unresolved(ctx, of[:len(of)/2], r); err != nil {
		return err
	}
	return s.unresolved(ctx, of[len(of)/2:], r)
}

// visible returns items that together show the effect: all, or those of a row of a covering array. Without any it
// returns nil.
func (s *search) visible(ctx context.Context, all Set, r *Result) (Set, error) {
	t, err := s.ask(ctx, all)
	if err != nil || t.Outcome() == Shows {
		return all, err
	}
	if len(all) < 2 {
		return nil, nil
	}
	space := &design.Space{Factors: make([]design.Factor, len(all))}
	for i := range space.Factors {
		space.Factors[i].Levels = 2
	}
	rows, err := space.Covering(2, 1)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		var part Set
		for i, level := range row {
			if level == 1 {
				part = append(part, all[i])
			}
		}
		t, err := s.ask(ctx, part)
		if err != nil {
			return nil, err
		}
		if t.Outcome() == Shows {
			r.Hidden = true
			return part, nil
		}
	}
	return nil, nil
}

// hides finds the items, of all that can be tested, that hide the effect of the first set.
func (s *search) hides(ctx context.Context, all Set, r *Result) error {
	if len(r.Sets) == 0 {
		return nil
	}
	makes := r.Sets[0].Items
	others := all.without(makes)
	hidden := &search{World: inverse{s.World, makes.with}, Options: Options{Tell: s.Tell}}
	defer func() { s.count += hidden.count }()
	t, err := hidden.ask(ctx, others)
	if err != nil || t.Outcome() != Shows {
		return err
	}
	c, err := hidden.minimal(ctx, others)
	r.Hides = c.Items
	return err
}
