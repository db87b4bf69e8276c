package chart_test

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/report/chart"
)

var whole = chart.Frame{From: 0, To: 10}

func TestAShortLineHasAStepForEachSample(t *testing.T) {
	s := chart.Series{Interval: 2.5, Values: []float64{0, 1, 1, 0.5}}
	require.Equal(t, "M0 1000H2500V0H7500V500H10000", s.Line(whole, 1))
}

func TestAGapIsNotDrawn(t *testing.T) {
	s := chart.Series{Interval: 2.5, Values: []float64{1, math.NaN(), math.NaN(), 1}}
	require.Equal(t, "M0 0H2500M7500 0H10000", s.Line(whole, 1))
	require.Empty(t, chart.Series{Interval: 1, Values: []float64{math.NaN()}}.Line(whole, 1))
}

func TestTheFrameMayBeginBeforeTheSamples(t *testing.T) {
	s := chart.Series{Interval: 5, Values: []float64{1, 1}}
	require.Equal(t, "M5000 0H10000", s.Line(chart.Frame{From: -10, To: 10}, 1))
}

// TestPeaksOfALongLineStay is what downsampling must not lose: one sample among a hundred thousand.
func TestPeaksOfALongLineStay(t *testing.T) {
	const n = 100_000
	for _, peak := range []int{0, 1, 49_999, 77_777, n - 1} {
		values := make([]float64, n)
		for i := range values {
			values[i] = 0.5
		}
		values[peak] = 1
		values[(peak+1000)%n] = 0
		d := chart.Series{Interval: 10. / n, Values: values}.Line(whole, 1)
		require.Less(t, len(d), 30_000, "bytes")
		low, high := extremes(t, d)
		require.Equal(t, 0, low, "the peak at %d is at the top of the box", peak)
		require.Equal(t, 1000, high, "and the hole at its bottom")
	}
}

// extremes returns the least and the highest y of a path.
func extremes(t *testing.T, d string) (low, high int) {
	t.Helper()
	low, high = math.MaxInt, math.MinInt
	for _, m := range regexp.MustCompile(`(?:[ML]\d+ |V)(\d+)`).FindAllStringSubmatch(d, -1) {
		y, err := strconv.Atoi(m[1])
		require.NoError(t, err)
		low, high = min(low, y), max(high, y)
	}
	return low, high
}

func TestStackedAreasStandOnOneAnother(t *testing.T) {
	paths := chart.Stack([]chart.Series{
		{Interval: 5, Values: []float64{0.25, 0.5}},
		{Interval: 5, Values: []float64{0.25, 0}},
	}, whole, 1)
	require.Equal(t, []string{"M0 750H5000V500H10000V1000H0Z", "M0 500H10000H5000V750H0Z"}, paths)
}

func TestLongStacksAreOfMeans(t *testing.T) {
	values := make([]float64, 80_000)
	for i := range values {
		values[i] = float64(i % 2)
	}
	d := chart.Stack([]chart.Series{{Interval: 10. / 80_000, Values: values}}, whole, 1)[0]
	require.Less(t, len(d), 30_000)
	low, _ := extremes(t, d)
	require.Equal(t, 500, low)
}

func TestTops(t *testing.T) {
	for highest, want := range map[float64]float64{0: 1, -1: 1, math.Inf(1): 1, 0.9: 1, 1: 1, 1.01: 2, 2.2: 2.5, 3: 5,
		6: 10, 0.131: 0.2, 4.9e6: 5e6, 0.02: 0.02} {
		require.InEpsilon(t, want, chart.Top(highest), 1e-9, "%v", highest)
	}
	require.Equal(t, 1., chart.Top(math.NaN()))
}

func TestPathsAreNothingButNumbersAndCommands(t *testing.T) {
	values := []float64{math.Inf(1), math.Inf(-1), math.NaN(), -5, 1e300, 0}
	for _, d := range append(chart.Stack([]chart.Series{{Interval: 1, Values: values}}, whole, 1),
		chart.Series{Interval: 1, Values: values}.Line(whole, 1)) {
		require.Empty(t, strings.Trim(d, "MLHVZ 0123456789"), d)
	}
}

func TestPercent(t *testing.T) {
	require.InDelta(t, 33.33, chart.Frame{From: -5, To: 10}.Percent(0), 1e-9)
}
