package fault

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/run/netem"
)

// exact is the distribution of losses among the first n packets, by adding up all ways.
func (c chain) exact(n int64) []float64 {
	now := make([][]float64, len(c))
	for i := range now {
		now[i] = make([]float64, n+1)
	}
	now[0][0] = 1
	for t := range n {
		next := make([][]float64, len(c))
		for i := range next {
			next[i] = make([]float64, n+1)
		}
		for i, moves := range c {
			for _, m := range moves {
				for k := range t + 1 {
					v := now[i][k] * m.probability
					next[m.to][k] += v * (1 - m.lost)
					next[m.to][k+1] += v * m.lost
				}
			}
		}
		now = next
	}
	sum := make([]float64, n+1)
	for _, row := range now {
		for k, v := range row {
			sum[k] += v
		}
	}
	return sum
}

// exactInterval is what interval bounds.
func (c chain) exactInterval(n int64) (lo, hi int64) {
	d := c.exact(n)
	for sum := 0.; ; lo++ {
		if sum += d[lo]; sum > outside/2 {
			break
		}
	}
	hi = n
	for sum := 0.; ; hi-- {
		if sum += d[hi]; sum > outside/2 {
			break
		}
	}
	return lo, hi
}

var models = map[string]netem.LossModel{
	"gemodel": netem.GilbertElliott{ToBad: netem.ShareOf(.02), ToGood: netem.ShareOf(.25),
		LossBad: netem.All},
	"gemodel, lossy good": netem.GilbertElliott{ToBad: netem.ShareOf(.05), ToGood: netem.ShareOf(.1),
		LossBad: netem.ShareOf(.5), LossGood: netem.ShareOf(.01)},
	"gemodel, long bursts": netem.GilbertElliott{ToBad: netem.ShareOf(.001), ToGood: netem.ShareOf(.01),
		LossBad: netem.All},
	"state": netem.FourState{P13: netem.ShareOf(.02), P31: netem.ShareOf(.3), P32: netem.ShareOf(.2),
		P23: netem.ShareOf(.6), P14: netem.ShareOf(.01)},
	"state, independent loss": netem.FourState{P13: netem.ShareOf(.05), P31: netem.ShareOf(.95), P23: netem.All},
}

func TestTheBoundOfAModelHoldsTheExactInterval(t *testing.T) {
	for name, m := range models {
		for _, n := range []int64{1, 2, 10, 100, 1500} {
			t.Run(fmt.Sprintf("%s, %d packets", name, n), func(t *testing.T) {
				c := newChain(m)
				exactLo, exactHi := c.exactInterval(n)
				lo, hi := c.interval(n)
				require.LessOrEqual(t, lo, exactLo)
				require.GreaterOrEqual(t, lo, int64(0))
				require.LessOrEqual(t, hi, n)
				require.GreaterOrEqual(t, hi, exactHi)
				require.LessOrEqual(t, float64(hi-lo), 1.4*float64(exactHi-exactLo)+4, "%d to %d, exactly %d to %d", lo, hi,
					exactLo, exactHi)
			})
		}
	}
}

// Independent losses are binomial, and p and 1-p of the state model are that.
func TestAModelWithoutMemoryIsBinomial(t *testing.T) {
	lo, hi := binomialInterval(1500, .05)
	exactLo, exactHi := newChain(models["state, independent loss"]).exactInterval(1500)
	require.Equal(t, []int64{lo, hi}, []int64{exactLo, exactHi})
}

// The ways of the models, as tc-netem(8) has them: where from, where to, how likely, and whether the packet is lost.
func TestPlainChains(t *testing.T) {
	c := newChain(netem.FourState{P13: netem.ShareOf(.1), P31: netem.ShareOf(.2), P32: netem.ShareOf(.3),
		P23: netem.ShareOf(.4), P14: netem.ShareOf(.05)})
	type way struct{ from, to int }
	likely, lost := map[way]float64{}, map[way]float64{}
	for from, moves := range c {
		sum := 0.
		for _, m := range moves {
			likely[way{from + 1, m.to + 1}], lost[way{from + 1, m.to + 1}] = m.probability, m.lost
			sum += m.probability
		}
		require.InDelta(t, 1, sum, 1e-9)
	}
	want := map[way]float64{{1, 1}: .85, {1, 3}: .1, {1, 4}: .05, {2, 2}: .6, {2, 3}: .4, {3, 3}: .5, {3, 1}: .2,
		{3, 2}: .3, {4, 1}: 1}
	require.Len(t, likely, len(want))
	for w, p := range want {
		require.InDelta(t, p, likely[w], 1e-8, w)
		// Packets are lost on the way into states 3 and 4.
		require.Equal(t, map[bool]float64{true: 1}[w.to >= 3], lost[w], w)
	}

	c = newChain(netem.GilbertElliott{ToBad: netem.ShareOf(.1), ToGood: netem.ShareOf(.2), LossBad: netem.ShareOf(.7),
		LossGood: netem.ShareOf(.03)})
	for from, leaves := range []float64{.1, .2} {
		for _, m := range c[from] {
			want := leaves
			if m.to == from {
				want = 1 - leaves
			}
			require.InDelta(t, want, m.probability, 1e-8)
			require.InDelta(t, []float64{.03, .7}[from], m.lost, 1e-8, "by the state before the packet")
		}
	}
}

// Of independent losses the best Chernoff bound is known: P(S >= k) <= exp(-n KL(k/n, p)).
func TestPlainChernoff(t *testing.T) {
	const p = .05
	divergence := func(q float64) (d float64) {
		if q > 0 {
			d += q * math.Log(q/p)
		}
		if q < 1 {
			d += (1 - q) * math.Log((1-q)/(1-p))
		}
		return d
	}
	for _, n := range []int64{20, 100, 1500, 40_000} {
		possible := func(k int64) bool { return float64(n)*divergence(float64(k)/float64(n)) < math.Log(2/outside) }
		wantLo, wantHi := int64(p*float64(n)), int64(p*float64(n))
		for wantLo > 0 && possible(wantLo-1) {
			wantLo--
		}
		for wantHi < n && possible(wantHi+1) {
			wantHi++
		}
		lo, hi := newChain(models["state, independent loss"]).interval(n)
		require.Equal(t, []int64{wantLo, wantHi}, []int64{lo, hi}, n)
	}
}

func TestTheBoundOfTwoTrains(t *testing.T) {
	c := newChain(models["gemodel"])
	lo, hi := c.interval(700, 800)
	oneLo, oneHi := c.interval(1500)
	require.InDelta(t, oneLo, lo, 5)
	require.InDelta(t, oneHi, hi, 5)
	lo, hi = c.interval(1e9)
	require.Less(t, float64(lo), 1e9*.02/.27)
	require.Greater(t, float64(hi), 1e9*.02/.27)
	require.Less(t, float64(hi-lo), 1e6)
	lo, hi = c.interval(0, 0)
	require.Zero(t, lo)
	require.Zero(t, hi)
}
