package design

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestLatinHypercube(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		points := rapid.IntRange(1, 60).Draw(t, "points")
		axes := rapid.IntRange(1, 6).Draw(t, "axes")
		seed := rapid.Uint64().Draw(t, "seed")
		cube, err := LatinHypercube(points, axes, seed)
		require.NoError(t, err)
		require.Len(t, cube, points)
		for axis := range axes {
			hit := make([]bool, points)
			for _, p := range cube {
				require.True(t, p[axis] >= 0 && p[axis] < 1)
				hit[int(p[axis]*float64(points))] = true
			}
			assert.NotContains(t, hit, false, "a slice of axis %d has no point", axis)
		}
		again, err := LatinHypercube(points, axes, seed)
		require.NoError(t, err)
		assert.Equal(t, cube, again)
	})
}

func TestLatinHypercubeKeepsApart(t *testing.T) {
	cube, err := LatinHypercube(20, 2, 1)
	require.NoError(t, err)
	assert.Greater(t, math.Sqrt(closest(cube)), 0.08)

	many, err := LatinHypercube(5000, 3, 1)
	require.NoError(t, err)
	assert.Len(t, many, 5000)

	for _, bad := range [][2]int{{0, 1}, {1, 0}, {-1, 2}} {
		_, err := LatinHypercube(bad[0], bad[1], 1)
		assert.ErrorContains(t, err, "want at least one of each")
	}
}

func TestRange(t *testing.T) {
	assert.InDelta(t, 15, Range{10, 20, false}.At(0.5), 1e-12)
	assert.InEpsilon(t, 1e-3, Range{1e-6, 1, true}.At(0.5), 1e-12)
	assert.InEpsilon(t, 1, Range{1e-6, 1, true}.At(1), 1e-12)
	require.NoError(t, Range{-1, 1, false}.Check())
	for want, r := range map[string]Range{
		"range 2 to 1: want two numbers, the lower first": {2, 1, false},
		"range NaN to 1: want two numbers":                {math.NaN(), 1, false},
		"range 0 to +Inf: want two numbers":               {0, math.Inf(1), false},
		"range 0 to 1 by ratio: want both above zero":     {0, 1, true},
	} {
		assert.ErrorContains(t, r.Check(), want)
	}
}
