package verdict

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

func TestClosedEBH(t *testing.T) {
	repeat := func(n int, e float64) []float64 { return slices.Repeat([]float64{e}, n) }
	for _, c := range []struct {
		name   string
		e      []float64
		bar    float64
		passed int
	}{
		{"none", nil, 20, 0},
		{"one that passes", []float64{20}, 20, 1},
		{"one that does not", []float64{19.9}, 20, 0},
		{"as e-BH", []float64{31, 0, 30}, 30, 2},
		// e-BH wants 40 of the only one that passes, and 20 of both.
		{"the second needs no more than if it were alone", []float64{1000, 20}, 20, 2},
		{"and no less, which mean consistency would let pass", []float64{1000, 19.9}, 40, 1},
		// {29, 0} has a mean of 14.5, and wants 1/(α·2) = 10; all three have one of 343, and want 1/α. e-BH wants 30.
		{"strong ones carry the weak", []float64{1000, 0, 29}, 29, 2},
		// {x, 0} wants x/2 ≥ 1/(α·2), and {x, 0, 0} x/3 ≥ 1/(α·2): x ≥ 30.
		{"the zeros count", []float64{1000, 0, 0, 30}, 30, 2},
		{"the zeros count", []float64{1000, 0, 0, 29.9}, 80, 1},
		{"the mean over all is above 1/α", []float64{40.1, 20, 20, 0}, 20, 3},
		{"the mean over all is below 1/α", []float64{39.9, 20, 20, 0}, 80, 0},
		{"12 of 1000, as in the design", append(repeat(12, 1700), repeat(988, 0)...), 1000 / (0.05 * 12), 12},
		{"902 of 1000", append(repeat(902, 22.2), repeat(98, 1)...), 1000 / (0.05 * 902), 902},
		// {24} is mean consistent here. But it could not stay, nor could both, with a second one of 24.
		{"one that others just below 1/α carry", []float64{24, 19.6, 19.6, 19.6, 19.6, 19.6, 19.6, 19.6, 19.6, 19.6}, 200, 0},
		{"two that others just below 1/α carry", []float64{24, 24, 19.6, 19.6, 19.6, 19.6, 19.6, 19.6, 19.6, 19.6}, 200, 0},
		// Of a list of two, {42.5, 2.5, 0, 0, 0} want 5·20/2 = 50, and have 45. With 32.5, they want 60, and have 77.5.
		{"what is not listed counts as it is", []float64{83.75, 42.5, 32.5, 2.5, 0, 0, 0}, 140, 0},
		{"what is not listed counts as it is", []float64{81.25, 56.25, 32.5, 20, 18.75, 0, 0, 0, 0, 0}, 200, 0},
		// {24, 0, 0, 0} want 4·20/3 = 26.7 of a list of three, and {52, 24, 0, 0, 0} want 5·2·20/2 = 50 of one of two.
		{"one fewer", []float64{352, 52, 24, 0, 0, 0}, 52, 2},
		{"one fewer", []float64{51, 46, 44, 24, 0, 0, 0, 0}, 44, 3},
		// Of 7, all want 140, and each of a list of one at least (1 + 1·(4-1)/(2·3))·20 = 30; of 10, (1 + 1·(7-1)/6)·20.
		{"one that many carry", []float64{60, 15, 15, 15, 14, 14, 14}, 60, 1},
		{"one at the floor", append([]float64{40}, repeat(9, 19.6)...), 40, 1},
		{"one below the floor", append([]float64{39.9}, repeat(9, 19.6)...), 200, 0},
		{"without bounds", []float64{math.Inf(1), math.Inf(1), 25, 0}, 25, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			bar, passed := ClosedEBH(c.e, 0.05)
			assert.InEpsilon(t, c.bar, bar, 1e-12)
			assert.Equal(t, c.passed, passed)
		})
	}
}

// sixteenth is an alpha with which e-values that are integers have exact sums and bars.
const sixteenth = 1. / 16

// someE draws up to most e-values around where lists end: ties, zeros and infinities among them.
func someE(t *rapid.T, most int) []float64 {
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 3))
	e := make([]float64, 1+r.IntN(most))
	scatter, zeros := 1+r.IntN(60), r.IntN(4)
	ends := []float64{0, 0, 1, 15, 16, 16, 17, 32, 48, 1000, 1e300, math.Inf(1)}
	for i := range e {
		switch r.IntN(4) {
		case 0:
			e[i] = ends[r.IntN(len(ends))]
		case 1:
			e[i] = float64(r.IntN(80))
		default:
			e[i] = float64(14 + r.IntN(scatter))
		}
		if zeros > 0 && r.IntN(zeros) == 0 {
			e[i] = 0
		}
	}
	return e
}

// meanConsistent says by the definition whether a list, as a set of bits, is: all sets are tried.
func meanConsistent(e []float64, list uint, alpha float64) bool {
	r := float64(bits.OnesCount(list))
	for s := uint(1); s < 1<<len(e); s++ {
		var mean float64
		for i, x := range e {
			if s>>i&1 == 1 {
				mean += min(x, 1e300)
			}
		}
		mean /= float64(bits.OnesCount(s))
		if mean*alpha*r < float64(bits.OnesCount(s&list))-1e-9 {
			return false
		}
	}
	return true
}

// allowedList says whether a list may be reported: mean consistent, and with no e-value below the floor.
func allowedList(e []float64, list uint, alpha float64) bool {
	if !meanConsistent(e, list, alpha) {
		return false
	}
	r := float64(bits.OnesCount(list))
	// The floor, of this list and of all longer ones, by trying all halves.
	var least float64
	for r := r; r < float64(len(e)); r++ {
		z := float64(len(e)) - r - 1
		for x := 0.; x <= r-1; x += 0.5 {
			least = max(least, x*(z-x)/(r*(r+1)))
		}
	}
	for i, x := range e {
		if list>>i&1 == 1 && x*alpha < 1+least-1e-12 {
			return false
		}
	}
	return true
}

// TestClosedEBHIsTheLargestList looks for the largest list among all, by the definition.
func TestClosedEBHIsTheLargestList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := someE(t, 7)
		most := 0
		for list := uint(1); list < 1<<len(e); list++ {
			if n := bits.OnesCount(list); n > most && allowedList(e, list, sixteenth) {
				most = n
			}
		}
		bar, passed := ClosedEBH(e, sixteenth)
		assert.Equal(t, most, passed)
		reach := uint(0)
		for i, x := range e {
			if x >= bar {
				reach |= 1 << i
			}
		}
		assert.Equal(t, passed, bits.OnesCount(reach), "the bar separates those that pass")
		if passed > 0 {
			assert.True(t, allowedList(e, reach, sixteenth), "and those are a list that may be reported")
		}
	})
}

// TestClosedEBHOfTen is the same with more hypotheses, where the lists are only those of the largest e-values.
func TestClosedEBHOfTen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := someE(t, 10)
		slices.Sort(e)
		most := 0
		for r := 1; r <= len(e); r++ {
			if allowedList(e, (1<<r-1)<<(len(e)-r), sixteenth) {
				most = r
			}
		}
		_, passed := ClosedEBH(e, sixteenth)
		assert.Equal(t, most, passed)
	})
}

// many draws as many e-values as have lists of all lengths: some large, most near 1/alpha, and rests.
func many(t *rapid.T) []float64 {
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	large, near, scatter := r.Float64()*r.Float64(), r.Float64(), r.Float64()
	e := make([]float64, 1+r.IntN([]int{6, 15, 60}[r.IntN(3)]))
	for i := range e {
		switch u := r.Float64(); {
		case u < large:
			e[i] = math.Exp(3 + 5*r.Float64())
		case u < large+near:
			e[i] = 20 * math.Exp(3*scatter*scatter*(r.Float64()-0.4))
		default:
			e[i] = r.ExpFloat64()
		}
	}
	return e
}

func TestClosedEBHProperties(t *testing.T) {
	longer := 0
	rapid.Check(t, func(t *rapid.T) {
		e := many(t)
		bar, passed := ClosedEBH(e, 0.05)
		plain, few := EBH(e, 0.05)
		assert.GreaterOrEqual(t, passed, few, "never shorter than the list of e-BH")
		assert.LessOrEqual(t, bar, plain)
		assert.GreaterOrEqual(t, bar, 20-1e-9, "each would pass alone")
		if passed == few {
			assert.Equal(t, plain, bar)
		} else {
			longer++
		}
		listed := map[int]bool{}
		for i, x := range e {
			listed[i] = x >= bar
		}
		other, _ := ClosedEBH(rapid.Permutation(e).Draw(t, "in another order"), 0.05)
		assert.Equal(t, bar, other)

		i := rapid.IntRange(0, len(e)-1).Draw(t, "one")
		e[i] = max(e[i], rapid.OneOf(rapid.Just(bar), rapid.Float64Range(15, 60), rapid.Float64Range(0, 2000)).Draw(t, "to"))
		now, more := ClosedEBH(e, 0.05)
		assert.GreaterOrEqual(t, more, passed)
		for j, was := range listed {
			assert.True(t, !was || e[j] >= now, "more evidence for one takes none away from another")
		}
		assert.True(t, e[i] < bar || e[i] >= now, "what reaches the bar passes")
	})
	assert.Positive(t, longer, "there is something to be tested")
}

// TestFloorOfClosedEBH has three e-values that are a mean-consistent list until a fourth grows past one of them:
// without the floor, that one would have to go then.
func TestFloorOfClosedEBH(t *testing.T) {
	list := func(third, fourth float64) []float64 { return []float64{0, 0, fourth, third, 34, 47.3} }
	consistent := func(e []float64, r int) bool { return tooMany(e, cumulate(e), r, 0.05) == 0 }
	assert.True(t, consistent(list(20.02, 19.8), 3))
	assert.False(t, consistent(list(20.02, 20.03), 4), "{20.02, 20.03, 34, 0, 0} has a mean of 14.8, and wants 15")
	assert.True(t, consistent([]float64{0, 0, 20.02, 20.03, 34, 47.3}, 3), "which leaves the other three")
	for _, c := range []struct {
		third, fourth float64
		passed        int
	}{
		{20.02, 19.8, 2}, {20.02, 20.03, 2},
		{21.6, 19.8, 2}, {21.7, 19.8, 3}, // (1 + 1·(2-1)/(3·4))·20
		{21.7, 21.7, 4},
	} {
		_, passed := ClosedEBH(list(c.third, c.fourth), 0.05)
		assert.Equal(t, c.passed, passed, "%v", c)
	}
}

// TestTooMany has lists of which the sets with t of them want fewer by hand: (size·t - α·sum·r)/(size - α·sum).
func TestTooMany(t *testing.T) {
	steps := func(alpha float64, zeros int, list ...float64) int {
		e := append(make([]float64, zeros), list...)
		return tooMany(e, cumulate(e), len(list), alpha)
	}
	// 4 of the list and the zeros: (13·4 - 6.3·6)/(13 - 6.3) = 2.1.
	assert.Equal(t, 3, steps(0.05, 9, 21, 22, 23, 60, 300, 400))
	// 2 of the list and the zeros: (10·2 - 2·6)/(10 - 2) = 1, just so.
	assert.Equal(t, 1, steps(sixteenth, 8, 16, 16, 1e4, 1e4, 1e4, 1e4))
	assert.Equal(t, 0, steps(sixteenth, 8, 40, 40, 1e4, 1e4)) // 10·2 = 5·4
}

func TestMixedBar(t *testing.T) {
	e := []float64{1000, 0, 29} // closed e-BH lists two, with a bar of 29; e-BH one, with a bar of 60
	for _, c := range []struct{ stronger, want float64 }{
		{31.5, 29}, // 60.5 and 0 want 3·2·20/2 = 60
		{30, 60},   // 59 and 0
		{29, 60},
		{28, 29}, // and is not claimed
	} {
		assert.InDelta(t, c.want, mixedBar(e, []float64{c.stronger, 0, 29}, 29, 0.05), 1e-9, "%v", c)
	}
	assert.Equal(t, 20., mixedBar(nil, nil, 20, 0.05))
}

// TestMixedBarProperties holds the bar of a stronger claim against the definition.
func TestMixedBarProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := someE(t, 8)
		stronger := make([]float64, len(e))
		for i, x := range e {
			stronger[i] = min(x, someE(t, 1)[0])
		}
		bar, _ := ClosedEBH(e, sixteenth)
		at := mixedBar(e, stronger, bar, sixteenth)
		mixed := func(at float64) (claims []float64, list uint) {
			claims = slices.Clone(e)
			for i, x := range e {
				if x >= bar {
					list |= 1 << i
					if stronger[i] >= at {
						claims[i] = stronger[i]
					}
				}
			}
			return claims, list
		}
		consistent := func(at float64) bool {
			claims, list := mixed(at)
			return list == 0 || meanConsistent(claims, list, sixteenth)
		}
		assert.True(t, consistent(at))
		assert.False(t, at > bar && consistent(bar), "%v is enough", bar)
	})
}

// TestCalibrationOfLists draws e-values of which the truth is known, and counts the false ones listed. A false claim
// has an e-value with a mean of exactly 1: exp(s·x - s²/2) of a normal x, which depends on the others' in the ways
// listed, or what bets all on one number.
func TestCalibrationOfLists(t *testing.T) {
	n := campaigns(t, 2000)
	normals := func(common float64) func(r *rand.Rand, false []float64) {
		return func(r *rand.Rand, e []float64) {
			shared := r.NormFloat64()
			for i := range e {
				x := math.Sqrt(common)*shared + math.Sqrt(1-common)*r.NormFloat64()
				e[i] = math.Exp(3*x - 4.5)
			}
		}
	}
	worlds := []struct {
		name string
		draw func(r *rand.Rand, e []float64)
	}{
		{"independent", normals(0)},
		{"half in common", normals(0.5)},
		{"all the same", normals(1)},
		{"one of them wins", func(r *rand.Rand, e []float64) {
			e[r.IntN(len(e))] = float64(len(e))
		}},
		{"all win together, of 25", func(r *rand.Rand, e []float64) {
			if r.Float64() < 1./25 {
				for i := range e {
					e[i] = 25
				}
			}
		}},
		{"each wins alone, of 22", func(r *rand.Rand, e []float64) {
			for i := range e {
				if r.Float64() < 1./22 {
					e[i] = 22
				}
			}
		}},
	}
	t.Logf("%d campaigns each; a share of false ones of 5 %% is allowed", n)
	for _, w := range worlds {
		for _, truths := range []int{0, 5, 40} {
			r := noise(fmt.Sprint("lists", w.name, truths))
			var closed, squares, plain, longer float64
			for range n {
				e := make([]float64, 20+truths)
				w.draw(r, e[:20])
				for i := range truths {
					e[20+i] = math.Exp(4 + 3*r.NormFloat64())
				}
				share := func(bar float64) float64 {
					var s Share
					for i, x := range e {
						if x >= bar {
							s.Add(i < 20)
						}
					}
					return float64(s.Yes) / float64(max(s.N, 1))
				}
				bar, passed := ClosedEBH(e, 0.05)
				before, few := EBH(e, 0.05)
				x := share(bar)
				closed, squares, plain = closed+x, squares+x*x, plain+share(before)
				longer += float64(passed - few)
			}
			m := float64(n)
			t.Logf("| %-24s | 20 false, %2d true | false: %4.1f %% (e-BH %4.1f %%) | longer by %.2f |", w.name, truths,
				100*closed/m, 100*plain/m, longer/m)
			variance := squares/m - closed/m*closed/m
			assert.LessOrEqual(t, closed/m, 0.05+3*math.Sqrt(variance/m), w.name)
		}
	}
}

// BenchmarkClosedEBH is for 20,000 cases: as campaigns are, and where most lists have to be tried.
func BenchmarkClosedEBH(b *testing.B) {
	const n = 20000
	shapes := map[string]func(i int, u float64) float64{
		"a campaign":  func(i int, u float64) float64 { return []float64{1e6, 25 + 5*u, 25 + 5*u, u}[i%4] },
		"one carries": func(i int, u float64) float64 { return map[bool]float64{true: 1e5, false: 20 + 20*u}[i == 0] },
		"brink":       func(i int, _ float64) float64 { return 20 * n / float64(i+1) * 0.999 },
		"steep":       func(_ int, u float64) float64 { return 20 / (u + 1e-5) },
		"half zero": func(i int, u float64) float64 {
			return map[bool]float64{true: 20 * (1 + u*u*u*4), false: 0}[i%2 == 0]
		},
	}
	for name, shape := range shapes {
		r := rand.New(rand.NewPCG(1, 2))
		e := make([]float64, n)
		for i := range e {
			e[i] = shape(i, r.Float64())
		}
		b.Run(name, func(b *testing.B) {
			passed := 0
			for range b.N {
				_, passed = ClosedEBH(e, 0.05)
			}
			_, few := EBH(e, 0.05)
			b.ReportMetric(float64(passed), "listed")
			b.ReportMetric(float64(few), "listed-by-e-BH")
		})
	}
}
