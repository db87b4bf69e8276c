package design

import (
	"errors"
	"fmt"
)

// Covering returns rows in which every combination of levels of any strength factors occurs
// at least once, if an allowed row can have it. With a strength of 2 every pair of levels
// meets. Their number grows with the logarithm of that of the factors; it is not the least
// possible, but near what good tools reach. Another seed gives other rows.
func (s Space) Covering(strength int, seed uint64) ([]Row, error) {
	g, err := s.generator(min(strength, len(s.Factors)), seed)
	if err != nil {
		return nil, err
	}
	if _, err := g.complete(s.blank()); err != nil {
		return nil, fmt.Errorf("space: %w", err)
	}
	g.closeForbidden()
	var rows []Row
	for g.tuples.left > 0 {
		row := g.best()
		if row == nil {
			break
		}
		g.tuples.cover(row)
		rows = append(rows, row)
	}
	// What is left is impossible, or so entangled that no candidate came upon it.
	err = g.each(func(part Row) error {
		row, err := g.complete(part)
		if err != nil {
			return err
		}
		g.tuples.cover(row)
		rows = append(rows, row)
		return nil
	})
	return rows, err
}

// Uncovered returns the combinations of strength factors that occur in none of the rows
// although an allowed row could have them. They are rows in which all else is [Unset].
func (s Space) Uncovered(strength int, rows []Row) ([]Row, error) {
	g, err := s.generator(strength, 0)
	if err != nil {
		return nil, err
	}
	for i, row := range rows {
		if err := s.whole(row); err != nil {
			return nil, fmt.Errorf("row %d: %w", i, err)
		}
		g.tuples.cover(row)
	}
	var missing []Row
	err = g.each(func(part Row) error {
		if _, err := g.complete(part); err != nil {
			return err
		}
		missing = append(missing, part)
		return nil
	})
	return missing, err
}

// whole says what keeps the row from being one of the space, or nil.
func (s Space) whole(row Row) error {
	if len(row) != len(s.Factors) {
		return fmt.Errorf("%d levels for %d factors", len(row), len(s.Factors))
	}
	for f, l := range row {
		if l < 0 || l >= s.Factors[f].Levels {
			return fmt.Errorf("factor %q has no level %d", s.Factors[f].Name, l)
		}
	}
	return nil
}

// each calls f with every tuple that is open at its turn. Those for which f says that no
// row has them are closed.
func (g *generator) each(f func(part Row) error) error {
	for n := g.tuples.after(0); n >= 0; n = g.tuples.after(n + 1) {
		switch err := f(g.tuples.part(n)); {
		case errors.Is(err, ErrEmpty):
			g.tuples.close(n)
		case err != nil:
			return err
		}
	}
	return nil
}
