package arrival

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ruleout/ruleout/harness/scenario"
)

func drawSchedule(t *rapid.T, a scenario.Arrivals) Schedule {
	from := rapid.Int64Range(-5e9, 5e9).Draw(t, "from")
	return Schedule{
		Arrivals: a,
		Rate:     rapid.Float64Range(0.1, 20_000).Draw(t, "rate"),
		From:     time.Duration(from),
		To:       time.Duration(from + rapid.Int64Range(0, 2e9).Draw(t, "length")),
	}
}

func TestPlanIsOrderedAndInsideItsWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.SampledFrom([]scenario.Arrivals{scenario.Constant, scenario.Poisson}).Draw(t, "arrivals")
		s, seed, index := drawSchedule(t, a), rapid.Uint64().Draw(t, "seed"), rapid.IntRange(0, 9).Draw(t, "index")
		plan := Plan(s, seed, index)
		last := int64(s.From)
		for _, at := range plan {
			if at < last || at >= int64(s.To) {
				t.Fatalf("%d after %d in [%d, %d)", at, last, s.From, s.To)
			}
			last = at
		}
		again := Plan(s, seed, index)
		if len(again) != len(plan) || len(plan) > 0 && again[len(plan)-1] != plan[len(plan)-1] {
			t.Fatal("the same arguments, another plan")
		}
	})
}

func TestFirstArrival(t *testing.T) {
	first := 30 * time.Millisecond
	s := Schedule{Arrivals: scenario.Constant, Rate: 4, From: -time.Second, To: time.Second, First: &first}
	want := []int64{-970e6, -720e6, -470e6, -220e6, 30e6, 280e6, 530e6, 780e6}
	for seed := range uint64(5) {
		require.Equal(t, want, Plan(s, seed, int(seed)), "whatever the seed")
	}
	first = 0
	require.Equal(t, int64(-1e9), Plan(s, 1, 0)[0])
	first = 600 * time.Millisecond // further than a gap
	require.Equal(t, []int64{-400e6, -150e6}, Plan(s, 1, 0)[:2])
}

func TestConstantArrivalsAreEvenlySpaced(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSchedule(t, scenario.Constant)
		plan := Plan(s, rapid.Uint64().Draw(t, "seed"), 0)
		gap := 1e9 / s.Rate
		for i, at := range plan {
			if drift := float64(at-plan[0]) - float64(i)*gap; math.Abs(drift) > 1 {
				t.Fatalf("arrival %d is %g ns off", i, drift)
			}
		}
		// As many as fit, whatever the phase.
		want := float64(s.To-s.From) / gap
		if n := float64(len(plan)); n < math.Floor(want-1e-6) || n > math.Ceil(want+1e-6) {
			t.Fatalf("%g arrivals, want %g", n, want)
		}
	})
}

func TestPoissonCountsAreInTheirBounds(t *testing.T) {
	// 4000 windows with a mean of 50: the sum is Poisson(200,000), its distribution all but normal. Fixed
	// seeds, so the test is exact; five standard deviations would be met by chance once in 1.7 million.
	s := Schedule{Arrivals: scenario.Poisson, Rate: 100, From: -250 * time.Millisecond, To: 250 * time.Millisecond}
	const windows, mean = 4000, 50.0
	var sum, squares, gaps float64
	for seed := range uint64(windows) {
		plan := Plan(s, seed, 0)
		n := float64(len(plan))
		sum += n
		squares += (n - mean) * (n - mean)
		last := int64(s.From)
		for _, at := range plan {
			if at-last > 23_025_851 { // ln 10 mean gaps: one in ten is longer
				gaps++
			}
			last = at
		}
	}
	require.InDelta(t, windows*mean, sum, 5*math.Sqrt(windows*mean))
	require.InDelta(t, 1, squares/windows/mean, 5*math.Sqrt(2.0/windows), "variance over mean")
	require.InDelta(t, 0.1, gaps/sum, 0.005, "share of long gaps, less those cut at the end")
}

func TestPlansDifferBySeedAndIndex(t *testing.T) {
	for _, a := range []scenario.Arrivals{scenario.Constant, scenario.Poisson} {
		s := Schedule{Arrivals: a, Rate: 40, To: time.Second}
		require.NotEqual(t, Plan(s, 1, 0), Plan(s, 2, 0))
		require.NotEqual(t, Plan(s, 1, 0), Plan(s, 1, 1))
	}
}

// A change of these numbers changes every digest ever published.
func TestGoldenPlan(t *testing.T) {
	s := Schedule{Rate: 40, From: -50 * time.Millisecond, To: 100 * time.Millisecond}
	s.Arrivals = scenario.Poisson
	require.Equal(t, []int64{-48000299, -12399757, 7540199, 63564832}, Plan(s, 7, 0))
	s.Arrivals = scenario.Constant
	require.Equal(t, []int64{-48078185, -23078185, 1921815, 26921815, 51921815, 76921815}, Plan(s, 7, 0))
}

func TestNoPlan(t *testing.T) {
	for name, s := range map[string]Schedule{
		"no rate":         {Arrivals: scenario.Poisson, To: time.Second},
		"negative rate":   {Arrivals: scenario.Constant, Rate: -1, To: time.Second},
		"not a number":    {Arrivals: scenario.Constant, Rate: math.NaN(), To: time.Second},
		"no time":         {Arrivals: scenario.Poisson, Rate: 10},
		"ends before all": {Arrivals: scenario.Constant, Rate: 10, From: 2, To: 1},
	} {
		t.Run(name, func(t *testing.T) { require.Empty(t, Plan(s, 1, 0)) })
	}
}

// A window of one nanosecond has room for one arrival.
func TestPlanOfANanosecond(t *testing.T) {
	first := time.Duration(0)
	s := Schedule{Arrivals: scenario.Constant, Rate: 5e8, First: &first, From: 7, To: 8}
	require.Equal(t, []int64{7}, Plan(s, 1, 0))
	s.To = 10
	require.Equal(t, []int64{7, 9}, Plan(s, 1, 0))
}
