package verdict

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Of 80 seeds at a bar of 40, all equal to the bit: the figures of the guide, by ln(bar)/ln((1-rare/10)/(1-rare)).
func TestLeastSeeds(t *testing.T) {
	for _, c := range []struct {
		rule    Rule
		bar     float64
		ruleOut int
		every   int
	}{
		{Rule{}, 20, 65, 65},
		{Rule{}, 40, 80, 80},
		{Rule{Rare: 0.1}, 20, 32, 32},
		{Rule{Rare: 0.1}, 40, 39, 39},
		{Rule{Rare: 0.02}, 20, 165, 165},
		{Rule{Rare: 0.02}, 40, 203, 203},
		{Rule{Rare: 0.5}, 20, 7, 5}, // a sign test and bets on the mean take more than such a tail
		{Rule{}, 1, 1, 1},
		{Rule{Alpha: 2}, 20, 0, 0},
		{Rule{Rare: 1e-5}, 20, 0, 0},
	} {
		assert.Equal(t, c.ruleOut, c.rule.LeastToRuleOut(c.bar), "%+v", c)
		assert.Equal(t, c.every, c.rule.LeastToKnowEvery(c.bar), "%+v", c)
		if c.ruleOut < 2 {
			continue
		}
		s, err := NewState(failures(Down), c.rule)
		require.NoError(t, err)
		for s.Evidence().RuleOut < c.bar {
			s.Add(Pair{4, 4})
		}
		assert.Equal(t, c.ruleOut, s.N(), "seed by seed: %+v", c)
	}
}

// A cause that does nothing to 98 % of the seeds, and 5 margins to the others, may be ruled out: that is the
// promise. But the verdict says it.
func TestFewSeedsAreWarnedOf(t *testing.T) {
	ds := append(repeat(179, .1), 5)
	v := Judge(Case{State: differing(t, failures(Up), ds...), Dose: given, Control: seen})
	require.Equal(t, RuledOut, v.Outcome, "%s", v)
	assert.Equal(t, []Code{SeedsBeyond}, codes(v.Reasons))
	assert.Equal(t, "warning: 1 of 180 seeds beyond 2 margins, the farthest at 5: "+
		"an effect in so few seeds is not ruled out", v.Reasons[0].Text)
	assert.True(t, v.Typical)

	v = Judge(Case{State: differing(t, failures(Up), ds...), Dose: Dose{}, Control: seen})
	assert.Equal(t, []Code{DoseUnknown, SeedsBeyond}, codes(v.Reasons), "what could be ruled out, too")

	v = Judge(Case{State: differing(t, failures(Up), repeat(178, .1)...), Dose: given, Control: seen})
	assert.Equal(t, []Code{AllEqual}, codes(v.Reasons), "none")
	v = Judge(Case{State: differing(t, failures(Up), append(repeat(177, .1), .2, 2)...), Dose: given, Control: seen})
	assert.Empty(t, v.Reasons, "at twice the margin is not beyond")

	// The other way round: most seeds rise past the margin, and one falls far.
	v = Judge(Case{State: differing(t, failures(Up), append(repeat(50, 1.5, 1.6), -9)...)})
	require.Equal(t, Confirmed, v.Outcome, "%s", v)
	assert.Equal(t, []Code{SeedsBeyond}, codes(v.Reasons))
	assert.Equal(t, "warning: 1 of 101 seeds beyond 2 margins, the farthest at 9: "+
		"the other way, which is not what most seeds do", v.Reasons[0].Text)
	v = Judge(Case{State: differing(t, failures(Either), append(repeat(50, -1.5, -1.6), 9)...)})
	require.Equal(t, Confirmed, v.Outcome, "%s", v)
	assert.Equal(t, []Code{SeedsBeyond}, codes(v.Reasons))
	v = Judge(Case{State: differing(t, failures(Up), append(repeat(20, 5, 6), 0)...)})
	assert.Empty(t, v.Reasons, "what is confirmed is mostly beyond")
}

// Bounds on shares of seeds count the lost ones as the worst that they could be. Values by the program of
// reference_test.go.
func TestBoundsCountLostSeeds(t *testing.T) {
	s := differing(t, failures(Up), repeat(89, .01, .02)...)
	for range 2 {
		s.Lose(Broken)
	}
	v := Judge(Case{State: s, Dose: given, Control: seen})
	assert.Equal(t, Share{0, 178}, v.Beyond.Share)
	assert.InDelta(t, 0.0462328391925, v.Beyond.AtMost, 1e-9, "as of 2 of 180")
	assert.InDelta(t, 0.0462328391925, v.Against.AtMost, 1e-9)

	// Of a counter that moved in 3 of 9, and perhaps in a lost one: the bounds are those of 3 of 10 and of 4 of 10.
	m := newState(t, Hypothesis{Kind: Mechanism, Direction: Up, Margin: 1, Extent: Every})
	for i := range 9 {
		m.Add(Pair{0, []float64{0, 0, 1}[i%3]})
	}
	m.Lose(Broken)
	e := m.estimate()
	assert.InDelta(t, 3.664029037551, e.Lo, 1e-7)
	assert.InDelta(t, 100*Share{4, 10}.Interval(0.05).Hi, e.Hi, 1e-9)
	assert.InDelta(t, 100./3, e.Value, 1e-9)
}

// A verdict says whether it holds for a typical seed, or for the mean of all.
func TestTypical(t *testing.T) {
	most := Judge(Case{State: differing(t, failures(Up), repeat(10, 3, 4, 5)...)})
	assert.True(t, most.Typical)
	assert.Contains(t, most.String(), "; past the margin in a typical seed; ")
	few := Judge(Case{State: differing(t, failures(Up), repeat(20, 0, .1, 10)...)})
	require.Equal(t, Confirmed, few.Outcome, "%s", few)
	assert.False(t, few.Typical)
	assert.Contains(t, few.String(), "; past the margin in the mean, and in 20 of the seeds; ")
	lost := differing(t, failures(Up), repeat(5, 3)...)
	lost.Lose(Broken)
	assert.InEpsilon(t, Share{5, 6}.Above(0.5), lost.typical(), 1e-9, "a lost seed is not past the margin")
	down := Judge(Case{State: differing(t, failures(Either), repeat(10, -3, -4, -5)...)})
	assert.True(t, down.Typical)
	assert.Equal(t, Share{30, 30}, down.Past)
	assert.False(t, Judge(Case{State: differing(t, failures(Up), repeat(5, .5)...)}).Typical, "of nothing")
}

// Against asks for seeds that do not go the other way: 65 of them, and 50 more for each that does.
func TestAgainstCostsSeeds(t *testing.T) {
	for bad, want := range []int{65, 116} {
		s, err := NewState(failures(Up), Rule{Against: 0.05})
		require.NoError(t, err)
		for range bad {
			s.Add(Pair{0, -1})
		}
		for s.Evidence().Confirm < 20 {
			s.Add(Pair{0, 3})
		}
		assert.Equal(t, want, s.N())
	}
	s, err := NewState(failures(Up), Rule{Against: 0.05})
	require.NoError(t, err)
	for range 80 {
		s.Add(Pair{0, 3})
	}
	for range 2 {
		s.Lose(Broken)
	}
	assert.InEpsilon(t, Share{2, 82}.Rarer(0.05), s.Evidence().Confirm, 1e-9, "a lost seed went the other way")
}

func TestControlSizes(t *testing.T) {
	judge := func(size float64) Verdict {
		c := seen
		c.Size = size
		return Judge(Case{State: differing(t, cpu(Up), small(68)...), Dose: given, Control: c})
	}
	for _, c := range []struct {
		size    float64
		want    Outcome
		reasons []Code
	}{
		{0, RuledOut, nil}, {2.1, RuledOut, nil}, {4, RuledOut, nil}, {4.1, RuledOut, []Code{ControlLarge}}, {10, RuledOut, []Code{ControlLarge}},
		{10.1, Inconclusive, []Code{ControlTooLarge}}, {38.7, Inconclusive, []Code{ControlTooLarge}},
	} {
		v := judge(c.size)
		assert.Equal(t, c.want, v.Outcome, "%g margins", c.size)
		assert.Equal(t, c.reasons, codes(v.Reasons), "%g margins", c.size)
	}
	assert.Contains(t, judge(2.1).String(), "control seen: burn 10 %, 2.1 margins")
	assert.Contains(t, judge(6).String(),
		"warning: the control burn 10 %, 6.0 margins is larger than the 2 that would show how well this setting sees")
	assert.Contains(t, judge(11).String(),
		"the control burn 10 %, 11.0 margins does not show that one margin would be seen: want about 2, and at most 10")

	// What is not ruled out needs no control, and is not warned of one.
	large := seen
	large.Size = 20
	assert.Empty(t, Judge(Case{State: differing(t, cpu(Up), worked...), Control: large}).Reasons)

	// Such a case neither passes nor lowers the bar of the others.
	cases := []Case{{State: differing(t, cpu(Up), small(72)...), Dose: given, Control: seen},
		{State: differing(t, cpu(Up), small(72)...), Dose: given, Control: large}}
	assert.InDelta(t, 40, Campaign(0.05, cases)[0].Bars.RuleOut, 1e-9)

	// Its size is that of its effect, up or down, on the scale of the margin: 1.05 to the fourth.
	control := ControlOf(
		Judge(Case{State: differing(t, cpu(Either), slices.Repeat([]float64{4 * 0.04879016416943201}, 20)...)}), true)
	assert.InDelta(t, 4, control.Size, 1e-9)
	control = ControlOf(Judge(Case{State: differing(t, failures(Either), repeat(20, -3)...)}), true)
	assert.InDelta(t, 3, control.Size, 1e-9)
	assert.Zero(t, ControlOf(Judge(Case{State: newState(t, cpu(Up))}), false).Size, "not known yet")
}
