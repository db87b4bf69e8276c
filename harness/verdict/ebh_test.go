package verdict

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

func TestEBH(t *testing.T) {
	repeat := func(n int, e float64) []float64 { return slices.Repeat([]float64{e}, n) }
	for _, c := range []struct {
		name   string
		e      []float64
		bar    float64
		passed int
	}{
		{"none", nil, 20, 0},
		{"one that passes", []float64{20}, 20, 1},
		{"one that does not", []float64{19.9}, 20, 0},
		{"two of three", []float64{31, 0, 30}, 30, 2},
		{"the weaker pulls the stronger down", []float64{31, 0, 29}, 60, 0},
		{"12 of 1000, as in the design", append(repeat(12, 1700), repeat(988, 0)...), 1000 / (0.05 * 12), 12},
		{"902 of 1000", append(repeat(902, 22.2), repeat(98, 1)...), 1000 / (0.05 * 902), 902},
	} {
		t.Run(c.name, func(t *testing.T) {
			bar, passed := EBH(c.e, 0.05)
			assert.InEpsilon(t, c.bar, bar, 1e-12)
			assert.Equal(t, c.passed, passed)
		})
	}
}

func TestEBHProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := rapid.SliceOfN(rapid.Float64Range(0, 500), 1, 40).Draw(t, "e")
		bar, passed := EBH(e, 0.05)
		reach := 0
		for _, x := range e {
			if x >= bar {
				reach++
			}
		}
		assert.Equal(t, passed, reach, "the bar separates those that pass")

		other, _ := EBH(rapid.Permutation(e).Draw(t, "in another order"), 0.05)
		assert.Equal(t, bar, other)

		i := rapid.IntRange(0, len(e)-1).Draw(t, "one")
		e[i] *= 2
		_, more := EBH(e, 0.05)
		assert.GreaterOrEqual(t, more, passed, "stronger evidence never costs a verdict")
	})
}
