package design

import (
	"errors"
	"fmt"
	"iter"
	"slices"
)

// Unset is the level of a factor that has none yet.
const Unset = -1

// Row is one level for each factor of a space, counted from zero.
type Row []int

// Factor is something that is varied.
type Factor struct {
	Name string
	// Levels is how many values there are, at least 1.
	Levels int
}

// Constraint forbids combinations of levels.
type Constraint struct {
	// Name is for messages.
	Name string
	// Factors are the indices of those that Forbids reads. It is asked as soon as one of
	// them is set, so that naming them saves time; empty means all.
	Factors []int
	// Forbids says that no row may have these levels. It is asked about unfinished rows,
	// in which some factors are [Unset]. A yes is final: what is forbidden stays so,
	// whatever is set later. A pure function.
	Forbids func(Row) bool
}

// Space is what there is to choose from.
type Space struct {
	Factors     []Factor
	Constraints []Constraint
}

// ErrEmpty says that the constraints leave no row at all.
var ErrEmpty = errors.New("the constraints leave no combination")

// Size returns the number of rows without the constraints, which may exceed any integer.
func (s Space) Size() float64 {
	n := 1.0
	for _, f := range s.Factors {
		n *= float64(f.Levels)
	}
	return n
}

// Check says what is wrong with the space, or nil.
func (s Space) Check() error {
	if len(s.Factors) == 0 {
		return errors.New("space: no factors")
	}
	for i, f := range s.Factors {
		if f.Levels < 1 {
			return fmt.Errorf("factor %d, %q: %d levels: want at least 1", i, f.Name, f.Levels)
		}
	}
	for i, c := range s.Constraints {
		if c.Forbids == nil {
			return fmt.Errorf("constraint %d, %q: forbids nothing", i, c.Name)
		}
		for _, f := range c.Factors {
			if f < 0 || f >= len(s.Factors) {
				return fmt.Errorf("constraint %d, %q: factor %d: there are %d", i, c.Name, f, len(s.Factors))
			}
		}
	}
	return nil
}

// Full returns every allowed row, the last factor changing fastest. The space has to pass
// [Space.Check].
func (s Space) Full() iter.Seq[Row] {
	watch := s.watch()
	return func(yield func(Row) bool) {
		row := s.blank()
		var from func(int) bool
		from = func(f int) bool {
			if f == len(row) {
				return yield(slices.Clone(row))
			}
			for l := range s.Factors[f].Levels {
				row[f] = l
				if watch.allows(row, f) && !from(f+1) {
					return false
				}
			}
			row[f] = Unset
			return true
		}
		from(0)
	}
}

func (s Space) blank() Row {
	row := make(Row, len(s.Factors))
	for i := range row {
		row[i] = Unset
	}
	return row
}

// watch holds, for each factor, the constraints that read it.
type watch [][]func(Row) bool

func (s Space) watch() watch {
	w := make(watch, len(s.Factors))
	for _, c := range s.Constraints {
		read := c.Factors
		if len(read) == 0 {
			read = make([]int, len(s.Factors))
			for f := range read {
				read[f] = f
			}
		}
		for _, f := range read {
			w[f] = append(w[f], c.Forbids)
		}
	}
	return w
}

// allows says whether the row may be as it is, after factor f was set.
func (w watch) allows(row Row, f int) bool {
	for _, forbids := range w[f] {
		if forbids(row) {
			return false
		}
	}
	return true
}
