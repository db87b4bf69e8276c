package verdict

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What is projected for three times as many seeds is what three times the same seeds say, lost ones among them.
func TestProjectionIsThatOfTheSameSeedsAgain(t *testing.T) {
	ds := []float64{1.5, 2.75, 0, -0.5, 1, 3.25, 2.25, 0.25}
	for _, c := range []struct {
		kind      Kind
		direction Direction
		extent    Extent
		scale     float64
		rule      Rule
	}{
		{Effect, Up, "", 3, Rule{}},
		{Effect, Down, "", 3, Rule{Against: 0.2}},
		{Effect, Either, "", 2, Rule{Against: 0.1, Rare: 0.3}},
		{Mechanism, Up, Every, 4, Rule{}},
		{Mechanism, Down, None, 3, Rule{Rare: 0.2}},
		{Explains, Up, "", 3, Rule{}},
		{Explains, Either, "", 2, Rule{Against: 0.2}},
	} {
		h := failures(c.direction)
		h.Kind, h.Extent = c.kind, c.extent
		of := func(times int) *State {
			s, err := NewState(h, c.rule)
			require.NoError(t, err)
			for range times {
				for i, d := range ds {
					if c.kind == Explains {
						s.AddContrast(Pair{0, d + 4}, Pair{0, ds[(i+3)%len(ds)] / 2})
					} else {
						s.Add(Pair{0, d})
					}
				}
				s.Lose(Broken)
				s.Lose(FaultIdle)
			}
			return s
		}
		got, want := of(1).project(c.scale), of(int(c.scale)).Evidence()
		for i, pair := range [][2]float64{{want.Confirm, got.Confirm}, {want.RuleOut, got.RuleOut}, {want.Real,
			got.Real}, {want.Part, got.Part}} {
			assert.InDelta(t, 1, (pair[1]+1e-300)/(pair[0]+1e-300), 1e-9, "%+v: %d", c, i)
		}
	}
}

// reached returns an alpha of which 1/alpha is just e.
func reached(t *testing.T, e float64) float64 {
	for _, alpha := range []float64{1 / e, math.Nextafter(1/e, 0), math.Nextafter(1/e, 1)} {
		if 1/alpha == e {
			return alpha
		}
	}
	require.Fail(t, "no such alpha", "%v", e)
	return 0
}

// Evidence that just reaches a bar is enough.
func TestABarThatIsJustReached(t *testing.T) {
	found := 0
	for n := 6; n < 30; n++ {
		confirm := differing(t, failures(Up), repeat(n, 3, 4)...)
		for alpha := 1 / confirm.Evidence().Confirm; 1/alpha == confirm.Evidence().Confirm; alpha = 0 {
			v := Campaign(alpha, []Case{{State: confirm}})[0]
			assert.Equal(t, v.Bars.Confirm, v.Evidence.Confirm)
			assert.Equal(t, Confirmed, v.Outcome)
			found++
		}
		ruleOut := differing(t, failures(Up), repeat(n, 0.1, 0.2)...)
		for alpha := 1 / ruleOut.Evidence().RuleOut; 1/alpha == ruleOut.Evidence().RuleOut; alpha = 0 {
			v := Campaign(alpha, []Case{{State: ruleOut, Dose: given, Control: seen}})[0]
			assert.Equal(t, v.Bars.RuleOut, v.Evidence.RuleOut)
			assert.Equal(t, RuledOut, v.Outcome)
		}
		real := differing(t, failures(Up), repeat(n, 0.5, 1.5)...)
		for alpha := 1 / real.Evidence().Real; 1/alpha == real.Evidence().Real; alpha = 0 {
			v := Campaign(alpha, []Case{{State: real}})[0]
			assert.True(t, v.Real)
		}
	}
	assert.Greater(t, found, 3, "1/(1/e) is mostly e")

	v := Verdict{Evidence: Evidence{RuleOut: 20}, Bars: Evidence{RuleOut: 20}, Outcome: Inconclusive}
	assert.Equal(t, Missed, ControlOf(v, false).Status)
	v.Evidence.RuleOut = math.Nextafter(20, 0)
	assert.Equal(t, Pending, ControlOf(v, false).Status)
}

// Why more seeds would not help depends on what was seen, not on seeds that were lost.
func TestObstacles(t *testing.T) {
	s := differing(t, failures(Up), repeat(20, 1)...)
	s.Lose(Broken)
	assert.Equal(t, "the effect is too close to the margin for any number of seeds; choose another margin",
		s.obstacle())
	s = differing(t, failures(Up), append(repeat(19, 1), 2.5, 2.5)...)
	assert.Equal(t,
		"2 of 21 seeds moved by more than 2 margins, so that more seeds rule nothing out; "+
			"widen the margin or calm the scenario", s.obstacle())
	s = differing(t, failures(Up), append(repeat(300, 1), 2.5)...)
	assert.Equal(t, "the effect is too close to the margin for any number of seeds; choose another margin",
		s.obstacle(), "one of many is not too many")

	// 0.1 for the one, and 0.995/0.95 for each other, ten times as many: 0.71 of 50 seeds, and 1.8 of 52.
	s = differing(t, failures(Up), append(repeat(49, 1), 2.5)...)
	assert.Contains(t, s.obstacle(), "1 of 50 seeds moved by more than 2 margins")
	s = differing(t, failures(Up), append(repeat(51, 1), 2.5)...)
	assert.Contains(t, s.obstacle(), "the effect is too close to the margin")
	s = differing(t, failures(Up), repeat(50, 1)...)
	v := Judge(Case{State: s})
	require.True(t, v.Has(NotBySeeds), "%s", v)
	assert.Contains(t, v.Reasons, Reason{NotBySeeds, s.obstacle()})

	h := failures(Up)
	h.Kind, h.Relieved = Explains, "x"
	inPlace, relieved := repeat(5, 2.5, 2.6), repeat(5, 0.9, 1.1)
	e := contrasted(t, h, inPlace, relieved).contrast()
	for alpha, want := range map[float64]string{
		reached(t, e): "what remains is too close to the margin for any number of seeds; choose another margin",
		0.99 / e:      "the effect is too close to the margin for any number of seeds; choose another margin",
	} {
		s, err := NewState(h, Rule{Alpha: alpha})
		require.NoError(t, err)
		for i := range inPlace {
			s.AddContrast(Pair{0, inPlace[i]}, Pair{3, 3 + relieved[i]})
		}
		assert.Equal(t, want, s.obstacle())
	}
}

// Intervals say how sure they are.
func TestConfidence(t *testing.T) {
	m, err := NewState(Hypothesis{Kind: Mechanism, Direction: Up, Margin: 1, Extent: Every}, Rule{Alpha: 0.01})
	require.NoError(t, err)
	m.Add(Pair{0, 1})
	assert.InDelta(t, 0.99, m.estimate().Confidence, 1e-12)
	assert.InDelta(t, 0.9, Share{1, 3}.Interval(0.1).Confidence, 1e-12)
	assert.Equal(t, Interval{0, 1, 0.9}, Share{}.Interval(0.1))
	assert.InDelta(t, 0.9, Moments{}.Interval(0.1).Confidence, 1e-12)
	assert.InDelta(t, 0.9, Moments{9, 1, 2}.Interval(0.1).Confidence, 1e-12)
	h := failures(Up)
	h.Kind, h.Relieved = Explains, "x"
	assert.InDelta(t, 0.95, contrasted(t, h, inPlace50, relieved38).explained().Confidence, 1e-12)
}

// Shares of seeds are in per cent.
func TestStrengthInPerCent(t *testing.T) {
	v := Verdict{Outcome: Confirmed, Seeds: 9, Past: Share{7, 9}, Against: Bound{Share{1, 9}, 0.8},
		Evidence: Evidence{Confirm: 30}, Bars: Evidence{Confirm: 20}}
	assert.Equal(t, []string{"9 pairs, e = 30 (bar 20)", "past the margin in the mean, and in 7 of the seeds",
		"1 went the other way (at most 80 % of seeds do)"}, v.strength())
	v = Verdict{Outcome: RuledOut, Seeds: 1, Beyond: Bound{Share{0, 1}, 0.254}, Evidence: Evidence{RuleOut: 30},
		Bars: Evidence{RuleOut: 20}, Rule: Rule{Beyond: 3}}
	assert.Equal(t, []string{"1 pair, e = 30 (bar 20)",
		"inside the margin in a typical seed, none beyond 3 margins (at most 25.4 % of seeds are)"}, v.strength())
}

// A scope is made of what is known of it.
func TestScope(t *testing.T) {
	for want, s := range map[string]Scope{
		"":             {},
		"dup-ack":      {Scenario: "dup-ack"},
		"6.1, 6.12":    {Kernels: []string{"6.1", "6.12"}},
		"sack 0, slow": {Contexts: []string{"sack 0", "slow"}},
		"dup-ack; 6.1": {Scenario: "dup-ack", Kernels: []string{"6.1"}},
		"dup-ack; 6.1; sack 0, ten": {Scenario: "dup-ack", Kernels: []string{"6.1"}, Contexts: []string{"sack 0",
			"ten"}},
	} {
		assert.Equal(t, want, s.String())
	}
}

// An e-value keeps two digits, and is never rounded up.
func TestEValue(t *testing.T) {
	for want, e := range map[string]float64{
		"0": 0, "0.0012": 0.00129, "0.25": 0.2599, "1": 1, "1.9": 1.99, "9.9": 9.99, "10": 10.9, "20": 20,
		"999999": 999999.9, "10^6": 1e6, "10^7": 9.9e7,
	} {
		assert.Equal(t, want, EValue(e), fmt.Sprint(e))
	}
}

// Two significant digits are shown, and nine decimals at the most.
func TestDecimals(t *testing.T) {
	for _, c := range []struct {
		value, width float64
		want         int
	}{
		{5, math.Inf(1), 1}, {50, 20, 0}, {0.5, 3, 2}, {0.5, 0.03, 3}, {0, 0.03, 3}, {1e-8, 1, 9}, {1e-12, 1, 9}, {0,
			0, 1}, {math.NaN(), math.Inf(1), 1}, {123, 456, 0},
	} {
		assert.Equal(t, c.want, decimals(c.value, c.width), "%+v", c)
	}
}

// A twentieth of the seeds may be lost, of those so far or of all that there will be.
func TestLostSeeds(t *testing.T) {
	s := differing(t, failures(Up), repeat(95, 1)...)
	for range 5 {
		s.Lose(Broken)
	}
	assert.Equal(t, []bool{false, false, true}, []bool{s.TooManyLost(), s.Hopeless(100), s.Hopeless(99)})
	v := Judge(Case{State: s})
	assert.False(t, v.Has(RunsBroken))
	s.Lose(Broken)
	assert.Equal(t, []Reason{{RunsBroken, "a run broke in 6 of 101 seeds"}}, Judge(Case{State: s}).Reasons[:1])
	assert.Equal(t, []bool{true, true, false}, []bool{s.TooManyLost(), s.Hopeless(119), s.Hopeless(120)})
}

// A seed that is lost to a contrast is lost to both of its effects.
func TestASeedIsLostToBothEffects(t *testing.T) {
	h := failures(Up)
	h.Kind, h.Relieved = Explains, "x"
	s := contrasted(t, h, []float64{3}, []float64{1})
	for i, lose := range []func(){
		func() { s.Lose(Broken) },
		func() { s.AddContrast(Pair{math.NaN(), 1}, Pair{0, 1}) },
		func() { s.AddContrast(Pair{0, 1}, Pair{0, math.NaN()}) },
	} {
		lose()
		assert.Equal(t, []int{i + 1, i + 1, i + 1}, []int{s.Lost(), s.inPlace.Lost(), s.remaining.Lost()})
		assert.Equal(t, []int{1, 1, 1}, []int{s.N(), s.inPlace.N(), s.remaining.N()})
	}
}

// A counter that moved in any seed has moved.
func TestACounterThatMovedIsReal(t *testing.T) {
	for moved := range 3 {
		s := newState(t, Hypothesis{Kind: Mechanism, Direction: Up, Margin: 1, Extent: None})
		for i := range 5 {
			s.Add(Pair{0, map[bool]float64{true: 1}[i < moved]})
		}
		assert.Equal(t, moved > 0, Judge(Case{State: s}).Real)
	}
}
