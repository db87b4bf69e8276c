package arrival

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/trace"
)

const second = int64(time.Second)

func point(at, rate float64) scenario.CurvePoint {
	return scenario.CurvePoint{At: scenario.Duration(at * 1e9), Rate: scenario.Frequency(rate)}
}

// day is a morning that rises, a noon that dips, an evening with a peak, and a night without anybody.
var day = []scenario.CurvePoint{point(0, 0), point(4, 200), point(6, 100), point(8, 300), point(10, 0), point(12, 0)}

// integral of a curve up to t, by summing small steps: another way than that of the code, which solves for t.
func integral(points []scenario.CurvePoint, from, to float64) float64 {
	rate := func(t float64) float64 {
		if t <= float64(points[0].At)/1e9 {
			return float64(points[0].Rate)
		}
		for i := 1; i < len(points); i++ {
			if a, b := float64(points[i-1].At)/1e9, float64(points[i].At)/1e9; t <= b {
				return float64(points[i-1].Rate)*(b-t)/(b-a) + float64(points[i].Rate)*(t-a)/(b-a)
			}
		}
		return float64(points[len(points)-1].Rate)
	}
	const steps = 20_000
	sum, width := 0., (to-from)/steps
	for i := range steps {
		sum += rate(from+(float64(i)+0.5)*width) * width
	}
	return sum
}

// At any time, as many constant arrivals have come as the integral of the curve, but for the one on its way.
func TestConstantArrivalsFollowTheIntegralOfTheCurve(t *testing.T) {
	for seed := range uint64(5) {
		plan := Plan(Schedule{Arrivals: scenario.Constant, Curve: day, From: -time.Second, To: 12 * time.Second}, seed, 0)
		require.True(t, slices.IsSorted(plan))
		for at := 0.; at <= 12; at += 0.25 {
			n, _ := slices.BinarySearch(plan, int64(at*1e9))
			require.InDelta(t, integral(day, 0, at), float64(n), 1.01, "at %g s", at)
		}
	}
	require.InDelta(t, 1400, integral(day, 0, 12), 1e-3, "400 + 300 + 400 + 300, by hand")
}

// ks is the distance of Kolmogorov and Smirnov between values, all in [0, 1), and the uniform distribution.
func ks(values []float64) float64 {
	slices.Sort(values)
	distance, n := 0., float64(len(values))
	for i, v := range values {
		distance = max(distance, math.Abs(v-float64(i)/n), math.Abs(float64(i+1)/n-v))
	}
	return distance
}

// critical is what the distance of n values exceeds by chance once in a million (Kolmogorov's limit:
// 2 exp(-2 x²) = 1e-6). Seeds are fixed, so a test passes always or never.
func critical(n int) float64 { return math.Sqrt(-math.Log(5e-7)/2) / math.Sqrt(float64(n)) }

// Gaps of Poisson arrivals, in the time in which the rate is one, are exponential; and given how many there are, their
// places are as the integral of the curve: both by the formula of the distribution.
func TestPoissonArrivalsOnACurve(t *testing.T) {
	var gaps, places []float64
	whole := integral(day, 0, 12)
	var total float64
	const seeds = 4
	for seed := range uint64(seeds) {
		plan := Plan(Schedule{Arrivals: scenario.Poisson, Curve: day, To: 12 * time.Second}, seed, 0)
		require.True(t, slices.IsSorted(plan))
		total += float64(len(plan))
		last := 0.
		for _, at := range plan {
			reached := integral(day, 0, float64(at)/1e9)
			gaps = append(gaps, -math.Expm1(-(reached - last)))
			places = append(places, reached/whole)
			last = reached
		}
	}
	require.InDelta(t, seeds*whole, total, 5*math.Sqrt(seeds*whole))
	require.Less(t, ks(gaps), critical(len(gaps)))
	require.Less(t, ks(places), critical(len(places)))
	// The test sees a process that is not this one.
	require.Greater(t, ks(slices.Repeat([]float64{0.5}, 1000)), critical(1000))
}

// The gaps at one rate are exponential too.
func TestPoissonGaps(t *testing.T) {
	plan := Plan(Schedule{Arrivals: scenario.Poisson, Rate: 1000, To: 20 * time.Second}, 3, 0)
	var gaps []float64
	last := int64(0)
	for _, at := range plan {
		gaps = append(gaps, -math.Expm1(-float64(at-last)/1e9*1000))
		last = at
	}
	require.Less(t, ks(gaps), critical(len(gaps)))
}

func TestBursts(t *testing.T) {
	b := &scenario.Bursts{On: scenario.Duration(200 * time.Millisecond), Off: scenario.Duration(300 * time.Millisecond)}
	for _, a := range []scenario.Arrivals{scenario.Constant, scenario.Poisson} {
		s := Schedule{Arrivals: a, Rate: 1000, Bursts: b, From: -time.Second, To: 10 * time.Second}
		plan := Plan(s, 1, 0)
		require.True(t, slices.IsSorted(plan))
		for _, at := range plan {
			require.Less(t, (at+second)%int64(b.On+b.Off), int64(b.On), "%d is in no burst", at)
		}
		// 22 bursts of 200
		want, most := 4400., 1.
		if a == scenario.Poisson {
			most = 5 * math.Sqrt(want)
		}
		require.InDelta(t, want, float64(len(plan)), most)
	}
	// A load that begins within a burst has the rest of it.
	plan := Plan(Schedule{Arrivals: scenario.Constant, Rate: 100, Bursts: b, From: 600 * time.Millisecond,
		To: time.Second}, 1, 0)
	require.InDelta(t, 10, len(plan), 1)
	require.Less(t, plan[len(plan)-1], int64(700*time.Millisecond))
}

// A flat curve is a rate, a curve within bursts is cut by them, and no rate anywhere is no arrival.
func TestPiecesOfCurves(t *testing.T) {
	flat := []scenario.CurvePoint{point(3, 40)}
	for _, kind := range []scenario.Arrivals{scenario.Constant, scenario.Poisson} {
		a := Plan(Schedule{Arrivals: kind, Rate: 40, To: 10 * time.Second}, 7, 2)
		b := Plan(Schedule{Arrivals: kind, Curve: flat, To: 10 * time.Second}, 7, 2)
		require.Len(t, b, len(a))
		for i := range a {
			require.InDelta(t, a[i], b[i], 2, "both draw alike")
		}
	}
	bursts := &scenario.Bursts{On: scenario.Duration(time.Second), Off: scenario.Duration(time.Second)}
	s := Schedule{Arrivals: scenario.Constant, Curve: day, Bursts: bursts, To: 12 * time.Second}
	want := integral(day, 0, 1) + integral(day, 2, 3) + integral(day, 4, 5) + integral(day, 6, 7) + integral(day, 8, 9)
	require.InDelta(t, want, float64(len(Plan(s, 1, 0))), 1.01)
	require.Empty(t, Plan(Schedule{Curve: []scenario.CurvePoint{point(0, 0)}, To: time.Second}, 1, 0))
}

func TestTimesBatchesAndSync(t *testing.T) {
	ms := scenario.Duration(time.Millisecond)
	s := Schedule{Times: []scenario.Duration{0, 5 * ms, 5 * ms, 9 * ms}, From: -time.Second, To: 9 * time.Millisecond}
	require.Equal(t, []int64{0, 5e6, 5e6}, Plan(s, 1, 0))
	s.Batch = 2
	require.Equal(t, []int64{0, 0, 5e6, 5e6, 5e6, 5e6}, Plan(s, 2, 1))

	p := Schedule{Arrivals: scenario.Poisson, Rate: 100, To: time.Second}
	q := p
	p.Sync, q.Sync = "herd", "herd"
	require.Equal(t, Plan(p, 1, 0), Plan(q, 1, 9), "whatever their places")
	require.NotEqual(t, Plan(p, 1, 0), Plan(p, 2, 0))
	q.Sync = "other"
	require.NotEqual(t, Plan(p, 1, 0), Plan(q, 1, 0))
}

func recording(grain int64, times ...int64) *scenario.Recording {
	tr := trace.Trace{Times: times, Grain: grain}
	return &scenario.Recording{Times: tr.Text(), Grain: grain, Requests: len(times)}
}

func TestReplay(t *testing.T) {
	s := Schedule{Recording: recording(0, 0, 3e6, 3e6, 8e9), Faster: 2, Base: time.Second, From: time.Second,
		To: 5 * time.Second}
	require.Equal(t, []int64{1e9, 1e9 + 1.5e6, 1e9 + 1.5e6}, Plan(s, 1, 0), "and not what is at the load's end")

	// 500 requests in each of 10 seconds, ten times as fast: each tenth has its 500, evenly.
	var times []int64
	for i := range int64(10) {
		times = append(times, slices.Repeat([]int64{i * second}, 500)...)
	}
	s = Schedule{Recording: recording(second, times...), Faster: 10, To: time.Second}
	plan := Plan(s, 1, 0)
	require.True(t, slices.IsSorted(plan))
	require.NotEqual(t, plan, Plan(s, 2, 0))
	var places []float64
	for i := range int64(10) {
		a, _ := slices.BinarySearch(plan, i*second/10)
		b, _ := slices.BinarySearch(plan, (i+1)*second/10)
		require.Equal(t, 500, b-a)
		for _, at := range plan[a:b] {
			places = append(places, float64(at%(second/10))/float64(second/10))
		}
	}
	require.Less(t, ks(places), critical(len(places)))
}

// A change of these numbers changes digests. Those of bursts are those of TestGoldenPlan, 50 ms on, and the last 100 ms
// more: the burst ended before it.
func TestGoldenProcesses(t *testing.T) {
	curve := []scenario.CurvePoint{point(0, 10), point(1, 30)}
	const tenth = scenario.Duration(100 * time.Millisecond)
	bursts := &scenario.Bursts{On: tenth, Off: tenth}
	for name, test := range map[string]struct {
		s    Schedule
		want []int64
	}{
		"curve, constant": {Schedule{Arrivals: scenario.Constant, Curve: curve, To: 400 * time.Millisecond},
			[]int64{7629061, 98069614, 176525877, 246784616, 310979200, 370452332}},
		"curve, Poisson": {Schedule{Arrivals: scenario.Poisson, Curve: curve, To: 400 * time.Millisecond},
			[]int64{7935829, 132772451, 192936359, 339201602}},
		"bursts, Poisson": {Schedule{Arrivals: scenario.Poisson, Rate: 40, Bursts: bursts, To: 400 * time.Millisecond},
			[]int64{1999701, 37600243, 57540199, 213564832}},
		"sync": {Schedule{Arrivals: scenario.Poisson, Rate: 40, Sync: "herd", To: 100 * time.Millisecond},
			[]int64{1045094, 6492557, 49332727}},
		"log": {Schedule{Recording: recording(second, 0, 0, second), Faster: 10, To: time.Second},
			[]int64{43802581, 73035119, 168044413}},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, test.want, Plan(test.s, 7, 0)) })
	}
}
