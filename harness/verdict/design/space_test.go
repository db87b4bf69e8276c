package design

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

// uniform returns a space of k factors with v levels each.
func uniform(k, v int) Space {
	var s Space
	for i := range k {
		s.Factors = append(s.Factors, Factor{fmt.Sprint("f", i), v})
	}
	return s
}

// never forbids that the factors have these levels together.
func never(levels map[int]int) Constraint {
	c := Constraint{Name: fmt.Sprint(levels)}
	for f := range levels {
		c.Factors = append(c.Factors, f)
	}
	slices.Sort(c.Factors)
	c.Forbids = func(row Row) bool {
		for f, l := range levels {
			if row[f] != l {
				return false
			}
		}
		return true
	}
	return c
}

func TestFull(t *testing.T) {
	s := uniform(2, 2)
	s.Factors[1].Levels = 3
	assert.Equal(t, []Row{{0, 0}, {0, 1}, {0, 2}, {1, 0}, {1, 1}, {1, 2}}, slices.Collect(s.Full()))
	assert.InDelta(t, 6, s.Size(), 0)

	s.Constraints = []Constraint{never(map[int]int{0: 0, 1: 1})}
	assert.Equal(t, []Row{{0, 0}, {0, 2}, {1, 0}, {1, 1}, {1, 2}}, slices.Collect(s.Full()))

	s.Constraints = append(s.Constraints, never(map[int]int{0: 0}), never(map[int]int{0: 1}))
	assert.Empty(t, slices.Collect(s.Full()))
}

// A space that no memory holds can be looked into.
func TestFullIsLazy(t *testing.T) {
	s := uniform(60, 10)
	asked := 0
	s.Constraints = []Constraint{{Name: "counts", Forbids: func(Row) bool { asked++; return false }}}
	var rows []Row
	for row := range s.Full() {
		if rows = append(rows, row); len(rows) == 3 {
			break
		}
	}
	assert.Equal(t, []int{0, 1, 2}, []int{rows[0][59], rows[1][59], rows[2][59]})
	assert.Less(t, asked, 100)
	assert.InEpsilon(t, 1e60, s.Size(), 1e-9)
}

func TestSpaceCheck(t *testing.T) {
	allowed := func(Row) bool { return false }
	for _, c := range []struct {
		want  string
		space Space
	}{
		{"", uniform(1, 1)},
		{"space: no factors", Space{}},
		{`factor 1, "mtu": 0 levels: want at least 1`, Space{Factors: []Factor{{"sack", 2}, {"mtu", 0}}}},
		{`constraint 0, "odd": forbids nothing`, Space{Factors: []Factor{{"sack", 2}}, Constraints: []Constraint{{Name: "odd"}}}},
		{`constraint 0, "odd": factor 3: there are 1`, Space{Factors: []Factor{{"sack", 2}},
			Constraints: []Constraint{{Name: "odd", Factors: []int{3}, Forbids: allowed}}}},
	} {
		_, err := c.space.Covering(1, 1)
		if c.want == "" {
			assert.NoError(t, err)
			continue
		}
		assert.EqualError(t, err, c.want)
	}
}
