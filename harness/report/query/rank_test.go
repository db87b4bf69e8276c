package query

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

// The nearest rank of each whole percentile, in whole numbers: ⌈p·n/100⌉. In floating point 7, 14 and 28 per cent
// of a hundred come out a little above, and so a rank too high.
func TestPercentilesAreOfTheNearestRank(t *testing.T) {
	for n := 1; n <= 1000; n++ {
		sorted := make([]float64, n)
		for i := range sorted {
			sorted[i] = float64(i + 1)
		}
		for p := 0; p <= 100; p++ {
			take, ok := takeOf(fmt.Sprint("p", p))
			if !ok || take.of(sorted) != float64(max((p*n+99)/100, 1)) {
				t.Fatalf("p%d of 1 to %d is %v, want %d", p, n, take.of(sorted), max((p*n+99)/100, 1))
			}
		}
	}
	for word, want := range map[string]float64{"p99.9": 999, "p0.1": 1, "p12.34": 124, "p33.3": 333, "p33.31": 334} {
		take, ok := takeOf(word)
		assert.True(t, ok)
		sorted := make([]float64, 1000)
		for i := range sorted {
			sorted[i] = float64(i + 1)
		}
		assert.InDelta(t, want, take.of(sorted), 0, word)
	}
	for _, word := range []string{"p", "p-1", "p101", "pNaN", "p1/0", "pInf"} {
		_, ok := takeOf(word)
		assert.False(t, ok, word)
	}
}
