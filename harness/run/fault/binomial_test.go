package fault

import (
	"fmt"
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// exact works the interval out in rational numbers, from the definition.
func exact(n int64, p *big.Rat) (lo, hi int64) {
	q := new(big.Rat).Sub(big.NewRat(1, 1), p)
	power := func(r *big.Rat, k int64) *big.Rat {
		e := big.NewInt(k)
		return new(big.Rat).SetFrac(new(big.Int).Exp(r.Num(), e, nil), new(big.Int).Exp(r.Denom(), e, nil))
	}
	tail := big.NewRat(1, 2000)
	term := func(k int64) *big.Rat {
		c := new(big.Rat).SetInt(new(big.Int).Binomial(n, k))
		return c.Mul(c, power(p, k)).Mul(c, power(q, n-k))
	}
	sum := new(big.Rat)
	for lo = 0; sum.Add(sum, term(lo)).Cmp(tail) <= 0; lo++ {
	}
	sum = new(big.Rat)
	for hi = n; sum.Add(sum, term(hi)).Cmp(tail) <= 0; hi-- {
	}
	return lo, hi
}

func TestIntervalIsTheExactOne(t *testing.T) {
	for _, n := range []int64{1, 2, 7, 50, 333} {
		for _, p := range []*big.Rat{big.NewRat(1, 1000), big.NewRat(1, 50), big.NewRat(1, 10), big.NewRat(1, 2),
			big.NewRat(97, 100)} {
			t.Run(fmt.Sprintf("%d trials of %s", n, p.FloatString(3)), func(t *testing.T) {
				f, _ := p.Float64()
				wantLo, wantHi := exact(n, p)
				lo, hi := binomialInterval(n, f)
				require.Equal(t, []int64{wantLo, wantHi}, []int64{lo, hi})
			})
		}
	}
}

func TestIntervalAtTheEdges(t *testing.T) {
	for name, c := range map[string]struct {
		n      int64
		p      float64
		lo, hi int64
	}{
		"no trials":       {0, .5, 0, 0},
		"never":           {10, 0, 0, 0},
		"always":          {10, 1, 10, 10},
		"hardly ever":     {1e9, 1e-300, 0, 0},
		"once in a while": {1000, 1e-9, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			lo, hi := binomialInterval(c.n, c.p)
			require.Equal(t, []int64{c.lo, c.hi}, []int64{lo, hi})
		})
	}
}

// For large counts the interval is that of the normal distribution, 3.29 standard deviations.
func TestIntervalOfManyTrials(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, p := rapid.Int64Range(1e5, 1e9).Draw(t, "n"), rapid.Float64Range(.05, .95).Draw(t, "p")
		lo, hi := binomialInterval(n, p)
		mean, deviation := float64(n)*p, math.Sqrt(float64(n)*p*(1-p))
		require.InDelta(t, mean-3.2905*deviation, float64(lo), .02*deviation+2)
		require.InDelta(t, mean+3.2905*deviation, float64(hi), .02*deviation+2)
	})
}
