package verdict

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"gonum.org/v1/gonum/stat/distuv"
)

// lastSeedKnown returns after how many seeds the binomial test of that many in all, which rejects when at most so many
// are beyond twice the margin, reaches a bar: made valid at any time, its evidence is the probability that it rejects,
// given the seeds so far, by the one at the start (Koning and van Meer, arXiv 2501.03982). beyond seeds are, all at
// first. It is 0 where the bar is not reached.
func lastSeedKnown(all, beyond int, bar float64) int {
	rejects := func(seeds, most int) float64 {
		if most < 0 {
			return 0
		}
		if most >= seeds {
			return 1
		}
		return distuv.Binomial{N: float64(seeds), P: 0.05}.CDF(float64(most))
	}
	most := -1
	for rejects(all, most+1) <= 1/bar {
		most++
	}
	for n := beyond; n <= all && most >= 0; n++ {
		if rejects(all-n, most-beyond)/rejects(all, most) >= bar {
			return n
		}
	}
	return 0
}

// TestWithTheLastSeedKnown says why e_tail is what it is: a test that knows the last seed takes more seeds where there
// are many to come, and fewer only where a single seed beyond would end it.
func TestWithTheLastSeedKnown(t *testing.T) {
	tail := func(beyond int, bar float64) int {
		n := beyond
		for (Share{beyond, n}).Rarer(0.05) < bar {
			n++
		}
		return n
	}
	t.Log("| seeds in all | none beyond | one | two |")
	for _, c := range []struct{ all, none, one, two int }{
		{80, 72, 0, 0}, {92, 72, 0, 0}, {128, 91, 112, 0}, {160, 106, 126, 146}, {200, 113, 135, 158}, {300, 166, 184, 203},
	} {
		t.Logf("| %d | %d | %d | %d |", c.all, c.none, c.one, c.two)
		for beyond, want := range []int{c.none, c.one, c.two} {
			assert.Equal(t, want, lastSeedKnown(c.all, beyond, 40), "%d seeds, %d beyond", c.all, beyond)
		}
	}
	assert.Equal(t, []int{80, 131, 182}, []int{tail(0, 40), tail(1, 40), tail(2, 40)})
}
