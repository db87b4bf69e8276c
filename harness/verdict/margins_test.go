package verdict

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMargins(t *testing.T) {
	ratio := Hypothesis{Kind: Effect, Scale: Ratio, Direction: Up, Margin: 0.05}
	down := Hypothesis{Kind: Effect, Scale: Ratio, Direction: Down, Margin: 0.05}
	points := Hypothesis{Kind: Effect, Scale: Difference, Direction: Up, Margin: 0.02}
	counter := Hypothesis{Kind: Mechanism, Margin: 2, Scale: Difference}
	require.InDelta(t, 1, ratio.Margins(5), 1e-12)
	require.InDelta(t, -1, down.Margins(-5), 1e-12)
	require.InDelta(t, 2, ratio.Margins(100*(1.05*1.05-1)), 1e-12)
	require.InDelta(t, -0.5, points.Margins(-0.01), 1e-12)
	require.True(t, math.IsInf(ratio.Margins(math.Inf(1)), 1))
	require.True(t, math.IsInf(ratio.Margins(math.Inf(-1)), -1))

	for _, c := range []struct {
		h    Hypothesis
		p    Pair
		want float64
		loss Loss
	}{
		{ratio, Pair{Base: 100, Treated: 105}, 1, ""},
		{down, Pair{Base: 100, Treated: 95}, -1, ""},
		{points, Pair{Base: 0, Treated: 0.04}, 2, ""},
		{counter, Pair{Base: 1, Treated: 7}, 3, ""},
		{ratio, Pair{Base: 0, Treated: 1}, 0, NoRatio},
		{points, Pair{Base: math.NaN(), Treated: 1}, 0, NotMeasured},
	} {
		got, loss := c.h.PairMargins(c.p)
		require.InDelta(t, c.want, got, 1e-12)
		require.Equal(t, c.loss, loss)
	}
}
