package verdict

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// cpu is a hypothesis about a share of at least 5 %.
func cpu(d Direction) Hypothesis {
	return Hypothesis{Name: "dup-ack 10 %, sack 0", Kind: Effect, Metric: "CPU per request", Direction: d,
		Scale: Ratio, Margin: 0.05}
}

// failures is a hypothesis about a difference of at least 1.
func failures(d Direction) Hypothesis {
	return Hypothesis{Name: "errors", Kind: Effect, Metric: "http.errors", Direction: d, Scale: Difference, Margin: 1}
}

func newState(t require.TestingT, h Hypothesis) *State {
	s, err := NewState(h, Rule{})
	require.NoError(t, err)
	return s
}

// differing returns the state after pairs with the given differences on the scale of the
// hypothesis.
func differing(t require.TestingT, h Hypothesis, ds ...float64) *State {
	s := newState(t, h)
	for _, d := range ds {
		if h.Scale == Ratio {
			s.Add(Pair{1, math.Exp(d)})
		} else {
			s.Add(Pair{0, d})
		}
	}
	return s
}

func repeat(n int, ds ...float64) []float64 {
	var all []float64
	for range n {
		all = append(all, ds...)
	}
	return all
}

func TestHypothesisCheck(t *testing.T) {
	for _, c := range []struct {
		want   string
		change func(*Hypothesis)
	}{
		{"", func(*Hypothesis) {}},
		{`hypothesis "dup-ack 10 %, sack 0": kind "efect": want effect, mechanism or explains`, func(h *Hypothesis) { h.Kind = "efect" }},
		{`direction "": want up, down or either`, func(h *Hypothesis) { h.Direction = "" }},
		{`scale "log": want ratio or difference`, func(h *Hypothesis) { h.Scale = "log" }},
		{"margin -0.05: want a number above zero; the direction says which way", func(h *Hypothesis) { h.Margin = -0.05 }},
		{"margin 0: want a number above zero", func(h *Hypothesis) { h.Margin = 0 }},
		{"margin NaN: want a number above zero", func(h *Hypothesis) { h.Margin = math.NaN() }},
		{"margin +Inf: want a number above zero", func(h *Hypothesis) { h.Margin = math.Inf(1) }},
		{"margin 1: nothing positive falls by 100 % or more", func(h *Hypothesis) { h.Margin, h.Direction = 1, Down }},
		{"", func(h *Hypothesis) { h.Margin = 3 }},
		{`extent "": want every or none`, func(h *Hypothesis) { h.Kind = Mechanism }},
		{"", func(h *Hypothesis) { h.Kind, h.Extent, h.Scale = Mechanism, Every, "" }},
	} {
		h := cpu(Up)
		c.change(&h)
		_, err := NewState(h, Rule{})
		if c.want == "" {
			assert.NoError(t, err)
			continue
		}
		assert.ErrorContains(t, err, c.want)
	}
}

func TestRuleCheck(t *testing.T) {
	for _, c := range []struct {
		want string
		rule Rule
	}{
		{"", Rule{}},
		{"", Rule{Alpha: 0.01, Against: 0.05, Beyond: 3}},
		{"rule: alpha 5: want a share between 0 and 1", Rule{Alpha: 5}},
		{"rule: alpha NaN", Rule{Alpha: math.NaN()}},
		{"rule: against -1", Rule{Against: -1}},
		{"rule: rare 1", Rule{Rare: 1}},
		{"rule: lost -0.1", Rule{Lost: -0.1}},
		{"rule: beyond 1: want 2 margins or more", Rule{Beyond: 1}},
	} {
		_, err := NewState(cpu(Up), c.rule)
		if c.want == "" {
			assert.NoError(t, err)
			continue
		}
		assert.ErrorContains(t, err, c.want)
	}
}

func TestPairDifference(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		name  string
		pair  Pair
		scale Scale
		want  float64
		loss  Loss
	}{
		{"ratio", Pair{100, 110}, Ratio, math.Log(1.1), ""},
		{"ratio of little to much", Pair{1e90, 1e-90}, Ratio, -180 * math.Ln10, ""},
		{"difference", Pair{3, 1}, Difference, -2, ""},
		{"difference from zero", Pair{0, 1}, Difference, 1, ""},
		{"nothing of nothing is no change", Pair{0, 0}, Ratio, 0, ""},
		{"something of nothing", Pair{0, 1}, Ratio, 0, NoRatio},
		{"nothing of something", Pair{1, 0}, Ratio, 0, NoRatio},
		{"negative", Pair{-1, 1}, Ratio, 0, NoRatio},
		{"not measured", Pair{nan, 1}, Ratio, 0, NotMeasured},
		{"not measured, difference", Pair{1, nan}, Difference, 0, NotMeasured},
		{"infinite", Pair{1, inf}, Ratio, 0, NotMeasured},
		{"infinite, difference", Pair{-inf, 1}, Difference, 0, NotMeasured},
		{"beyond belief", Pair{0, 1e200}, Difference, 0, NotMeasured},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, loss := c.pair.difference(c.scale)
			assert.InDelta(t, c.want, d, 1e-12)
			assert.Equal(t, c.loss, loss)
		})
	}
}

// The state gives what the design's formulas give over all pairs at once.
func TestEvidenceIsThatOfTheFormulas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ds := rapid.SliceOfN(rapid.Float64Range(-4, 4), 2, 120).Draw(t, "differences")
		direction := rapid.SampledFrom([]Direction{Up, Down, Either}).Draw(t, "direction")
		got := differing(t, failures(direction), ds...).Evidence()

		one := func(sign float64) (confirm, ruleOut float64, beyond int) {
			var past, reach int
			var xs []float64
			rise, fall := [5]float64{1, 1, 1, 1, 1}, [5]float64{1, 1, 1, 1, 1}
			var sum float64
			for _, d := range ds {
				x := sign * d
				xs = append(xs, x)
				sum += x
				if x > 1 {
					past++
				}
				if x >= 1 {
					reach++
				}
				if x > 2 {
					beyond++
				}
				for i, stake := range []float64{.1, .3, .5, .7, .9} {
					rise[i] *= 1 + stake*(max(x, 0)-1)
					fall[i] *= 1 + stake*(1-min(max(x, 0), 2))
				}
			}
			mean := sum / float64(len(xs))
			up, down := formula(xs, 1), formula(xs, 1)
			none := 1 / math.Sqrt(float64(len(xs))+1)
			if mean > 1 {
				down = none
			} else {
				up = none
			}
			avg := func(v [5]float64) float64 { return (v[0] + v[1] + v[2] + v[3] + v[4]) / 5 }
			return min(up, (Share{past, len(xs)}.Above(0.5)+avg(rise))/2),
				min(down, avg(fall), Share{reach, len(xs)}.Below(0.5)), beyond
		}
		tail := func(beyond int) float64 {
			return math.Pow(0.1, float64(beyond)) * math.Pow(0.995/0.95, float64(len(ds)-beyond))
		}
		upConfirm, upRuleOut, above := one(1)
		downConfirm, downRuleOut, below := one(-1)
		want := map[Direction]Evidence{
			Up:     {Confirm: upConfirm, RuleOut: min(upRuleOut, tail(above))},
			Down:   {Confirm: downConfirm, RuleOut: min(downRuleOut, tail(below))},
			Either: {Confirm: (upConfirm + downConfirm) / 2, RuleOut: min(upRuleOut, downRuleOut, tail(above+below))},
		}[direction]
		if math.IsNaN(want.Confirm) || math.IsNaN(want.RuleOut) || want.Confirm > 1e200 || want.RuleOut > 1e200 {
			t.Skip("the formulas overflow, or all differences are equal, or so small that nothing is left of their squares")
		}
		near := func(want, got float64) {
			assert.LessOrEqual(t, math.Abs(want-got), 1e-7*want, "want %v, got %v", want, got)
		}
		near(want.Confirm, got.Confirm)
		near(want.RuleOut, got.RuleOut)

		other := differing(t, failures(direction), rapid.Permutation(ds).Draw(t, "in another order")...).Evidence()
		near(got.Confirm, other.Confirm)
		near(got.RuleOut, other.RuleOut)
	})
}

// A wider margin is easier to stay inside of and harder to exceed.
func TestEvidenceIsMonotoneInTheMargin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ds := rapid.SliceOfN(rapid.Float64Range(-3, 3), 5, 80).Draw(t, "differences")
		h := failures(rapid.SampledFrom([]Direction{Up, Down}).Draw(t, "direction"))
		narrow := differing(t, h, ds...).Evidence()
		h.Margin = rapid.Float64Range(1, 4).Draw(t, "margin")
		wide := differing(t, h, ds...).Evidence()
		assert.LessOrEqual(t, wide.Confirm, narrow.Confirm*(1+1e-9))
		assert.GreaterOrEqual(t, wide.RuleOut, narrow.RuleOut*(1-1e-9))
	})
}

// At no time does the same data say both.
func TestEvidenceNeverSaysBoth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		direction := rapid.SampledFrom([]Direction{Up, Down, Either}).Draw(t, "direction")
		ds := rapid.SliceOfN(rapid.Float64Range(-3, 3), 1, 200).Draw(t, "differences")
		s := newState(t, failures(direction))
		for _, d := range ds {
			s.Add(Pair{0, d})
			e := s.Evidence()
			assert.Less(t, min(e.Confirm, e.RuleOut), 2.0)
		}
		h := Hypothesis{Kind: Mechanism, Direction: direction, Margin: 1, Extent: Every}
		m := newState(t, h)
		for _, d := range ds {
			m.Add(Pair{0, d})
			e := m.Evidence()
			assert.LessOrEqual(t, min(e.Confirm, e.RuleOut), 1.0)
		}
	})
}

// A lost seed never helps, whichever way the evidence points.
func TestLostSeedsCountAgainst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := failures(rapid.SampledFrom([]Direction{Up, Down, Either}).Draw(t, "direction"))
		switch rapid.IntRange(0, 2).Draw(t, "kind") {
		case 1:
			h.Kind, h.Extent = Mechanism, Every
		case 2:
			h.Kind, h.Extent = Mechanism, None
		}
		s := differing(t, h, rapid.SliceOfN(rapid.Float64Range(-3, 3), 1, 100).Draw(t, "differences")...)
		before := s.Evidence()
		s.Lose(Broken)
		after := s.Evidence()
		assert.LessOrEqual(t, after.Confirm, before.Confirm*(1+1e-9))
		assert.LessOrEqual(t, after.RuleOut, before.RuleOut*(1+1e-9))
	})
}

func TestAddPanics(t *testing.T) {
	explains := cpu(Up)
	explains.Kind = Explains
	assert.Panics(t, func() { newState(t, explains).Add(Pair{1, 1}) })
	assert.Panics(t, func() { newState(t, cpu(Up)).AddContrast(Pair{1, 1}, Pair{1, 1}) })
}

// Memory does not grow with the seeds, and a seed allocates nothing.
func TestAddAllocatesNothing(t *testing.T) {
	s := newState(t, cpu(Either))
	assert.Zero(t, testing.AllocsPerRun(1000, func() {
		s.Add(Pair{100, 101})
		s.Evidence()
	}))
}

func BenchmarkAdd(b *testing.B) {
	s := newState(b, cpu(Up))
	for i := range b.N {
		s.Add(Pair{100, 101 + float64(i%7)})
	}
}

func BenchmarkEvidence(b *testing.B) {
	s := differing(b, cpu(Up), repeat(20, .01, .02, .03)...)
	for range b.N {
		s.Evidence()
	}
}
