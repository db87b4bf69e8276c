package arrival

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/scenario"
)

func thoughts(u scenario.Users, users, each int) (list []float64) {
	for user := range users {
		t := NewThoughts(&u, 7, 0, user)
		for range each {
			list = append(list, float64(t.Next()))
		}
	}
	return list
}

// Exponential times, over many users and over one, by the distance of Kolmogorov and Smirnov: 1.95/√n is exceeded by
// chance once in 1,000 times.
func TestThoughtsAreExponential(t *testing.T) {
	const think = 250e6
	for _, c := range []struct{ users, each int }{{1, 10_000}, {10_000, 1}, {100, 100}} {
		list := thoughts(scenario.Users{Think: think, Thinking: scenario.ThinkExponential}, c.users, c.each)
		for i, x := range list {
			list[i] = 1 - math.Exp(-x/think)
		}
		require.Less(t, ks(list), 1.95/math.Sqrt(float64(len(list))), "%d users", c.users)
	}
}

// Constant ones begin anywhere in their time, evenly, and are all the same then.
func TestConstantThoughts(t *testing.T) {
	const think, users = 1e9, 10_000
	u := scenario.Users{Think: think, Thinking: scenario.ThinkConstant}
	var first []float64
	for user := range users {
		list := NewThoughts(&u, 7, 0, user)
		first = append(first, float64(list.First())/think)
		require.EqualValues(t, think, list.Next())
		require.EqualValues(t, think, list.Next())
	}
	require.Less(t, ks(first), 1.95/math.Sqrt(users))
	none := NewThoughts(&scenario.Users{Thinking: scenario.ThinkExponential}, 7, 0, 0)
	require.Zero(t, none.First())
	require.Zero(t, none.Next())
}

// What a user thinks follows from the seed, the load and the user alone. The numbers are from a program of
// a few lines in another language, which has PCG-DXSM and the formula.
func TestThoughtsRepeat(t *testing.T) {
	u := scenario.Users{Think: 1e9, Thinking: scenario.ThinkExponential}
	seen := map[int64]bool{}
	for _, c := range [][3]int{{1, 0, 0}, {2, 0, 0}, {1, 1, 0}, {1, 0, 1}} {
		a, b := NewThoughts(&u, uint64(c[0]), c[1], c[2]), NewThoughts(&u, uint64(c[0]), c[1], c[2])
		first := a.First()
		require.Equal(t, first, b.First())
		require.Equal(t, a.Next(), b.Next())
		require.False(t, seen[first], "another seed, load or user thinks something else")
		seen[first] = true
	}
	golden := NewThoughts(&u, 1, 0, 0)
	require.Equal(t, []int64{875520324, 1540296768, 1893020067}, []int64{golden.First(), golden.Next(), golden.Next()})
}
