package design

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// seen returns all combinations of strength factors that occur in the rows. It shares no
// code with what it checks.
func seen(rows []Row, strength int) map[string]bool {
	all := map[string]bool{}
	for _, row := range rows {
		var pick func(from int, text []byte, left int)
		pick = func(from int, text []byte, left int) {
			if left == 0 {
				all[string(text)] = true
				return
			}
			for f := from; f <= len(row)-left; f++ {
				pick(f+1, append(text, byte(f), byte(row[f])), left-1)
			}
		}
		pick(0, nil, strength)
	}
	return all
}

// tuplesOf returns the number of combinations in a space without constraints.
func tuplesOf(s Space, strength int) int {
	// Elementary symmetric polynomial of the numbers of levels.
	e := make([]int, strength+1)
	e[0] = 1
	for _, f := range s.Factors {
		for k := strength; k > 0; k-- {
			e[k] += e[k-1] * f.Levels
		}
	}
	return e[strength]
}

// mixed puts the factors of spaces together.
func mixed(parts ...Space) Space {
	var s Space
	for _, p := range parts {
		s.Factors = append(s.Factors, p.Factors...)
	}
	return s
}

// Every combination is there, in no more rows than tools in use need. The first six are
// the usual yardsticks; best and worst are of the tools at pairwise.org/efficiency.html.
// For the others best is the least possible: the product of the largest numbers of levels,
// or for 2^10 at 2 the theorem of Rényi, Katona, and Kleitman and Spencer.
func TestCoveringSizes(t *testing.T) {
	for _, c := range []struct {
		name        string
		space       Space
		strength    int
		best, worst int
	}{
		{"3^4", uniform(4, 3), 2, 9, 12},
		{"3^13", uniform(13, 3), 2, 15, 23},
		{"4^15 3^17 2^29", mixed(uniform(15, 4), uniform(17, 3), uniform(29, 2)), 2, 29, 49},
		{"4^1 3^39 2^35", mixed(uniform(1, 4), uniform(39, 3), uniform(35, 2)), 2, 21, 33},
		{"2^100", uniform(100, 2), 2, 10, 18},
		{"10^20", uniform(20, 10), 2, 180, 245},
		{"2^10", uniform(10, 2), 2, 6, 10},
		{"4^10", uniform(10, 4), 2, 16, 31},
		{"4^5 2^3", mixed(uniform(5, 4), uniform(3, 2)), 2, 16, 29},
		{"2^10", uniform(10, 2), 3, 8, 19},
		{"4^5 2^3", mixed(uniform(5, 4), uniform(3, 2)), 3, 64, 104},
		{"4^6", uniform(6, 4), 3, 64, 108},
		{"2^6", uniform(6, 2), 6, 64, 64},
	} {
		t.Run(fmt.Sprintf("%s at %d", c.name, c.strength), func(t *testing.T) {
			var sizes []int
			for seed := range uint64(3) {
				rows, err := c.space.Covering(c.strength, seed)
				require.NoError(t, err)
				assert.Len(t, seen(rows, c.strength), tuplesOf(c.space, c.strength), "a combination is missing")
				sizes = append(sizes, len(rows))
			}
			t.Logf("| %s | %d | %d to %d | %d to %d |", c.name, c.strength, slices.Min(sizes), slices.Max(sizes), c.best,
				c.worst)
			assert.LessOrEqual(t, slices.Max(sizes), c.worst)
			assert.GreaterOrEqual(t, slices.Min(sizes), c.best, "too good to be true")
		})
	}
}

// Covered is exactly what occurs in some allowed row, constraints that follow from others
// included.
func TestCoveringWithConstraints(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s Space
		for f := range rapid.IntRange(2, 6).Draw(t, "factors") {
			s.Factors = append(s.Factors, Factor{fmt.Sprint("f", f), rapid.IntRange(1, 4).Draw(t, "levels")})
		}
		for range rapid.IntRange(0, 8).Draw(t, "constraints") {
			levels := map[int]int{}
			for range rapid.IntRange(1, 3).Draw(t, "size") {
				f := rapid.IntRange(0, len(s.Factors)-1).Draw(t, "factor")
				levels[f] = rapid.IntRange(0, s.Factors[f].Levels-1).Draw(t, "level")
			}
			c := never(levels)
			if rapid.Bool().Draw(t, "unnamed factors") {
				c.Factors = nil
			}
			s.Constraints = append(s.Constraints, c)
		}
		strength := rapid.IntRange(1, len(s.Factors)).Draw(t, "strength")
		full := slices.Collect(s.Full())
		rows, err := s.Covering(strength, rapid.Uint64().Draw(t, "seed"))
		if len(full) == 0 {
			require.ErrorIs(t, err, ErrEmpty)
			return
		}
		require.NoError(t, err)
		assert.Equal(t, seen(full, strength), seen(rows, strength))
		for _, row := range rows {
			assert.True(t, slices.ContainsFunc(full, func(r Row) bool { return slices.Equal(r, row) }), "%v is forbidden", row)
		}
		missing, err := s.Uncovered(strength, rows)
		require.NoError(t, err)
		assert.Empty(t, missing)

		less := rows[:len(rows)-1]
		missing, err = s.Uncovered(strength, less)
		require.NoError(t, err)
		assert.Len(t, missing, len(seen(rows, strength))-len(seen(less, strength)))
	})
}

// Constraints in a chain make pairs impossible that none of them names.
func TestCoveringFollowsConstraints(t *testing.T) {
	s := uniform(12, 2)
	for f := range 11 {
		s.Constraints = append(s.Constraints, never(map[int]int{f: 1, f + 1: 0}))
	}
	// What is allowed is zeroes, then ones: 13 rows, and no pair (1, 0).
	rows, err := s.Covering(2, 1)
	require.NoError(t, err)
	assert.Len(t, seen(rows, 2), 66*3)

	s.Constraints = append(s.Constraints, never(map[int]int{0: 0}), never(map[int]int{11: 1}))
	_, err = s.Covering(2, 1)
	require.ErrorIs(t, err, ErrEmpty)
	assert.EqualError(t, err, "space: the constraints leave no combination")
}

// Forty factors, and a constraint that does not say which of them it reads.
func TestCoveringFindsWhatAConstraintReads(t *testing.T) {
	s := uniform(40, 4)
	s.Constraints = []Constraint{{Name: "the last are equal", Forbids: func(r Row) bool {
		return r[38] != Unset && r[39] != Unset && r[38] != r[39]
	}}, {Name: "the first decides", Forbids: func(r Row) bool {
		return r[0] == 0 && r[20] > 0 || r[0] == 1 && (r[20] == 0 || r[21] > 0)
	}}}
	rows, err := s.Covering(2, 1)
	require.NoError(t, err)
	all := tuplesOf(s, 2)
	// Pairs (38, 39): 12 of 16. With f0 at 0: f20 > 0; at 1: f20 = 0 and f21 > 0.
	assert.Len(t, seen(rows, 2), all-12-3-1-3)
	t.Logf("%d rows", len(rows))
	assert.LessOrEqual(t, len(rows), 60)
}

func TestCoveringGivesUp(t *testing.T) {
	s := uniform(40, 2)
	s.Constraints = []Constraint{{Name: "never content", Forbids: func(r Row) bool { return !slices.Contains(r, Unset) }}}
	_, err := s.Covering(2, 1)
	assert.EqualError(t, err, "space: any row: gave up looking for an allowed combination with these after 1000000 tries")
}

func TestCoveringIsAFunctionOfItsSeed(t *testing.T) {
	s := uniform(13, 3)
	a, err := s.Covering(2, 7)
	require.NoError(t, err)
	b, err := s.Covering(2, 7)
	require.NoError(t, err)
	c, err := s.Covering(2, 8)
	require.NoError(t, err)
	assert.Equal(t, a, b)
	assert.NotEqual(t, a, c)
	// Pinned, so that a change which gives stored campaigns other contexts is noticed.
	assert.Equal(t, "[1 0 0 1 0 0 1 0 2 1 1 0 1]", fmt.Sprint(a[0]))
}

// What is interrupted half-way has seen more than half.
func TestCoveringBeginsWithTheMost(t *testing.T) {
	s := uniform(13, 3)
	rows, err := s.Covering(2, 1)
	require.NoError(t, err)
	half := float64(len(seen(rows[:len(rows)/2], 2))) / float64(tuplesOf(s, 2))
	t.Logf("half of the rows cover %.0f %%", 100*half)
	assert.Greater(t, half, 0.75)
}

func TestCoveringErrors(t *testing.T) {
	_, err := uniform(3, 2).Covering(0, 1)
	assert.EqualError(t, err, "strength 0: want 1 to 3, the number of factors")
	rows, err := uniform(3, 2).Covering(9, 1)
	require.NoError(t, err, "more than the factors is all of them")
	assert.Len(t, rows, 8)
	_, err = uniform(4000, 10).Covering(3, 1)
	assert.ErrorContains(t, err, "cover 4000 factors at strength 3: too many combinations")
	_, err = uniform(600, 40).Covering(2, 1)
	assert.ErrorContains(t, err, "cover 600 factors at strength 2: more than 268435456 combinations of levels")

	_, err = uniform(3, 2).Uncovered(4, nil)
	assert.EqualError(t, err, "strength 4: want 1 to 3, the number of factors")
	_, err = uniform(3, 2).Uncovered(2, []Row{{0, 0, 0}, {0, 1}})
	assert.EqualError(t, err, "row 1: 2 levels for 3 factors")
	_, err = uniform(3, 2).Uncovered(2, []Row{{0, Unset, 0}})
	assert.EqualError(t, err, `row 0: factor "f1" has no level -1`)
}

func BenchmarkCovering(b *testing.B) {
	for _, c := range []struct {
		k, v, strength int
	}{{50, 4, 2}, {200, 4, 2}, {20, 4, 3}, {30, 4, 3}} {
		b.Run(fmt.Sprintf("%d^%d at %d", c.v, c.k, c.strength), func(b *testing.B) {
			for b.Loop() {
				rows, err := uniform(c.k, c.v).Covering(c.strength, 1)
				require.NoError(b, err)
				b.ReportMetric(float64(len(rows)), "rows")
			}
		})
	}
}
