package verdict

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"gonum.org/v1/gonum/integrate/quad"
	"gonum.org/v1/gonum/stat/distuv"
)

func TestShareAboveIsAMeanOfLikelihoodRatios(t *testing.T) {
	for _, c := range []struct {
		share Share
		p     float64
	}{
		{Share{0, 0}, 0.5}, {Share{7, 7}, 0.5}, {Share{3, 10}, 0.5}, {Share{9, 10}, 0.5},
		{Share{2, 3}, 0.05}, {Share{1, 60}, 0.05}, {Share{55, 60}, 0.95}, {Share{60, 60}, 0.95},
	} {
		want := quad.Fixed(func(q float64) float64 {
			return math.Exp(c.share.likelihood(q)-c.share.likelihood(c.p)) / (1 - c.p)
		}, c.p, 1, 200, nil, 0)
		assert.InEpsilon(t, want, c.share.Above(c.p), 1e-6, "%+v above %v", c.share, c.p)
		mirrored := Share{c.share.N - c.share.Yes, c.share.N}
		assert.InEpsilon(t, want, mirrored.Below(1-c.p), 1e-6)
	}
}

// Under the least favourable truth the mean of the evidence is 1 at every n, and under a
// truth further away it is less.
func TestShareEvidenceIsFair(t *testing.T) {
	mean := func(n int, p float64, evidence func(Share) float64) float64 {
		var sum float64
		for k := range n + 1 {
			sum += distuv.Binomial{N: float64(n), P: p}.Prob(float64(k)) * evidence(Share{k, n})
		}
		return sum
	}
	for _, p := range []float64{0.05, 0.5, 0.95} {
		for _, n := range []int{1, 2, 10, 65, 100} {
			above := func(s Share) float64 { return s.Above(p) }
			assert.InDelta(t, 1, mean(n, p, above), 1e-9)
			assert.Less(t, mean(n, p*0.9, above), 1.0)
			below := func(s Share) float64 { return s.Below(p) }
			assert.InDelta(t, 1, mean(n, p, below), 1e-9)
			assert.Less(t, mean(n, p+(1-p)*0.1, below), 1.0)
			rarer := func(s Share) float64 { return s.Rarer(p) }
			assert.InDelta(t, 1, mean(n, p, rarer), 1e-9)
			assert.Less(t, mean(n, p+(1-p)*0.1, rarer), 1.0)
		}
	}
}

// ever returns the exact probability that the evidence reaches 20 at some n up to the last.
func ever(last int, p float64, evidence func(Share) float64) float64 {
	alive, crossed := []float64{1}, 0.0 // by the number of yes
	for n := 1; n <= last; n++ {
		next := make([]float64, n+1)
		for k, mass := range alive {
			next[k] += mass * (1 - p)
			next[k+1] += mass * p
		}
		for k, mass := range next {
			if mass > 0 && evidence(Share{k, n}) >= 20 {
				crossed += mass
				next[k] = 0
			}
		}
		alive = next
	}
	return crossed
}

// This is no simulation. A reader who looks after every seed, up to 400, is misled in less than one case in twenty, by
// each kind of evidence about a share.
func TestShareEvidenceMayBeLookedAtAnyTime(t *testing.T) {
	for _, c := range []struct {
		name     string
		p        float64
		evidence func(Share) float64
	}{
		{"most", 0.5, func(s Share) float64 { return s.Above(0.5) }},
		{"not every", 0.05, func(s Share) float64 { return s.Above(0.05) }},
		{"rarer", 0.05, func(s Share) float64 { return s.Rarer(0.05) }},
		{"rarer, for a bound", 0.3, func(s Share) float64 { return s.Rarer(0.3) }},
	} {
		got := ever(400, c.p, c.evidence)
		t.Logf("%s: misled in %.2f %%", c.name, 100*got)
		assert.LessOrEqual(t, got, 0.05, c.name)
		assert.Greater(t, got, 0.01, "%s: so low that the computation is in doubt", c.name)
	}
}

func TestRarerCosts65Seeds(t *testing.T) {
	assert.Less(t, Share{0, 64}.Rarer(0.05), 20.0)
	assert.GreaterOrEqual(t, Share{0, 65}.Rarer(0.05), 20.0)
	assert.InEpsilon(t, 0.1, Share{1, 1}.Rarer(0.05), 1e-9)
}

func TestShareBounds(t *testing.T) {
	assert.InDelta(t, 0.05, Share{0, 65}.AtMost(0.05), 0.0005, "as many as it takes to be below 5 %")
	assert.InDelta(t, 1, Share{}.AtMost(0.05), 1e-9)
	assert.InDelta(t, 1, Share{3, 3}.AtMost(0.05), 1e-9)
	assert.Equal(t, Interval{0, 1, 0.95}, Share{}.Interval(0.05))
	i := Share{50, 100}.Interval(0.05)
	assert.InDelta(t, 0.5, (i.Lo+i.Hi)/2, 1e-9)
	assert.True(t, i.Lo > 0.3 && i.Hi < 0.7, "%+v", i)
	for _, s := range []Share{{0, 20}, {20, 20}} {
		i := s.Interval(0.05)
		assert.True(t, i.Lo == 0 || i.Hi == 1, "%+v", i)
		assert.Less(t, i.Hi-i.Lo, 0.35)
	}
}

// Bets on a mean that is exactly at the margin are fair, whatever the two values are.
func TestBetsAreFair(t *testing.T) {
	for _, low := range []float64{-1, -0.5, -0.01} {
		for _, high := range []float64{0.01, 1, 30} {
			p := -low / (high - low) // of the high one, so that the mean gain is 0
			var mean float64
			const n = 12
			for k := range n + 1 {
				var b bets
				for i := range n {
					b.add(map[bool]float64{true: high, false: low}[i < k])
				}
				mean += distuv.Binomial{N: n, P: p}.Prob(float64(k)) * b.evidence(1, 0)
			}
			assert.InDelta(t, 1, mean, 1e-9, "gains %v and %v", low, high)
		}
	}
}
