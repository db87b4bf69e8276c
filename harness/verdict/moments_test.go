package verdict

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

// worked is the example of the design, docs/architecture/verdict.md.
var worked = []float64{.081, .094, .072, .103, .088, .079, .097, .085, .090, .076}

func moments(xs []float64) Moments {
	var m Moments
	for _, x := range xs {
		m.Add(x)
	}
	return m
}

// formula is E(m) as the design writes it, over all differences at once.
func formula(xs []float64, mean float64) float64 {
	n := float64(len(xs))
	var sum, squares float64
	for _, x := range xs {
		sum += x
	}
	for _, x := range xs {
		squares += (x - sum/n) * (x - sum/n)
	}
	nu, r := n-1, n+1
	t := (sum/n - mean) * math.Sqrt(n) / math.Sqrt(squares/nu)
	return math.Pow(r, -0.5) * math.Pow((1+t*t/nu)/(1+t*t/(nu*r)), n/2)
}

func TestWorkedExample(t *testing.T) {
	m := moments(worked)
	assert.InDelta(t, 0.0865, m.Mean, 1e-12)
	assert.InDelta(t, 0.0098, m.SD(), 0.00005)
	assert.InDelta(t, 5061, m.Above(math.Log(1.05)), 0.5)
	i := m.Interval(0.05)
	assert.InDelta(t, 7.7, 100*math.Expm1(i.Lo), 0.05)
	assert.InDelta(t, 10.3, 100*math.Expm1(i.Hi), 0.05)
	assert.InDelta(t, 1/math.Sqrt(11), m.Below(math.Log(1.05)), 1e-12)
}

// An effect one standard deviation past the margin takes the design's numbers of pairs.
func TestPairsNeeded(t *testing.T) {
	for _, c := range []struct {
		bar  float64
		want int
	}{{20, 14}, {4000, 30}} {
		n := 2
		for (Moments{n, 1, float64(n - 1)}).Above(0) < c.bar {
			n++
		}
		assert.Equal(t, c.want, n, "pairs for e = %v", c.bar)
	}
}

func TestMomentsDegenerate(t *testing.T) {
	constant := func(n int, x float64) Moments {
		var m Moments
		for range n {
			m.Add(x)
		}
		return m
	}
	for _, c := range []struct {
		name string
		m    Moments
		want float64 // E(0)
	}{
		{"nothing", Moments{}, 1},
		{"one", constant(1, 3), 1},
		{"one, at the mean", constant(1, 0), 1 / math.Sqrt2},
		{"five equal ones", constant(5, 0.1), 36},
		{"five equal ones, negative", constant(5, -1e-9), 36},
		{"five at the mean", constant(5, 0), 1 / math.Sqrt(6)},
		{"scatter below the square root of the least number", Moments{5, 0.1, 5e-324}, 36},
		{"so many that the e-value has no end", constant(1000, 1), largest},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.InEpsilon(t, c.want, c.m.E(0), 1e-9)
			assert.LessOrEqual(t, c.m.Above(0), c.m.E(0)*(1+1e-12))
		})
	}
	assert.True(t, math.IsNaN(constant(1, 3).SD()))
	assert.Equal(t, Interval{math.Inf(-1), math.Inf(1), 0.95}, constant(4, 1).Interval(0.05), "too few")
	assert.Equal(t, Interval{1, 1, 0.95}, constant(5, 1).Interval(0.05), "a point")
}

func TestMomentsProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		xs := rapid.SliceOfN(rapid.Float64Range(-10, 10), 2, 60).Draw(t, "differences")
		mean := rapid.Float64Range(-10, 10).Draw(t, "mean")
		m := moments(xs)
		if m.M2 < 1e-6 {
			t.Skip("where all are equal, the formula divides by zero")
		}
		if e := formula(xs, mean); e < 1e300 {
			assert.InEpsilon(t, e, m.E(mean), 1e-9, "the formula, at once")
		}

		other := moments(rapid.Permutation(xs).Draw(t, "in another order"))
		assert.InDelta(t, m.Mean, other.Mean, 1e-11)
		assert.InEpsilon(t, m.M2, other.M2, 1e-9)

		lower := mean - rapid.Float64Range(0, 5).Draw(t, "less")
		assert.GreaterOrEqual(t, m.Above(lower)*(1+1e-12), m.Above(mean), "above less is easier")
		assert.LessOrEqual(t, m.Below(lower), m.Below(mean)*(1+1e-12), "below less is harder")

		i := m.Interval(0.05)
		if !math.IsInf(i.Lo, 0) {
			assert.InEpsilon(t, 20, m.E(i.Lo), 1e-6, "the interval ends where the evidence is enough")
			assert.InEpsilon(t, 20, m.E(i.Hi), 1e-6)
		}
	})
}

// One at a time gives what all at once give, to 1e-12, even far from zero.
func TestWelford(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var xs []float64
	var sum float64
	for range 100_000 {
		x := 1000 + r.NormFloat64()
		xs = append(xs, x)
		sum += x
	}
	mean := sum / float64(len(xs))
	var m2, rest float64
	for _, x := range xs {
		m2 += (x - mean) * (x - mean)
		rest += x - mean
	}
	m2 -= rest * rest / float64(len(xs))
	m := moments(xs)
	assert.InEpsilon(t, mean, m.Mean, 1e-12)
	assert.InEpsilon(t, m2, m.M2, 1e-12)
}
