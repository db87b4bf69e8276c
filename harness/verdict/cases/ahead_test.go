package cases_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/verdict"
	"github.com/ruleout/ruleout/harness/verdict/cases"
	"github.com/ruleout/ruleout/harness/verdict/cases/casestest"
)

// The number of seeds that confirm a clear effect is that of the evidence written out, at any bar.
func TestSeedsToConfirm(t *testing.T) {
	rule := cases.Rule{Rule: verdict.Rule{Alpha: 0.05}}
	h := verdict.Hypothesis{Name: "h", Kind: verdict.Effect, Metric: "m", Direction: verdict.Down,
		Scale: verdict.Ratio, Margin: 0.05}
	for _, bar := range []float64{0.5, 2, 20, 40, 200, 1000, 1e4, 1e6, 1e9} {
		require.Equal(t, seedsToConfirm(bar), rule.SeedsToConfirm(h, bar), "bar %g", bar)
	}
	// That fewer than one seed in a thousand goes the other way takes (0.9999/0.999)^n of evidence.
	rule.Against = 0.001
	each := math.Log(0.9999 / 0.999)
	for bar, want := range map[float64]int{math.Exp(99.5 * each): 100, math.Exp(998.5 * each): 999,
		math.Exp(999.5 * each): 0} {
		require.Equal(t, want, rule.SeedsToConfirm(h, bar), "no more than 999")
	}
	rule.Alpha = 2
	require.Zero(t, rule.SeedsToConfirm(h, 20), "there is no such rule")
}

// An arm is taken up for each block up to 32 seeds, and once for all that comes then.
func TestVisits(t *testing.T) {
	p := casestest.Plan(t, reference) // blocks end after 8, 20, 32 and 44 seeds, and so on
	an, err := cases.New(p)
	require.NoError(t, err)
	for seed := range uint64(30) {
		an.Add(2, referenceFirst+seed, entry(0, 1))
		if seed < 20 {
			an.Add(1, referenceFirst+seed, entry(0, 1))
		}
	}
	for _, c := range []struct{ none, twenty, thirty, visits0, visits1, visits2 int }{
		{0, 0, 0, 0, 0, 0},
		{1, 1, 1, 1, 1, 1},
		{8, 12, 2, 1, 1, 1},
		{9, 13, 3, 2, 2, 2},
		{20, 24, 14, 2, 2, 2},
		{32, 80, 70, 3, 2, 2},
		{33, 0, 0, 4, 0, 0},
		{100, 0, 0, 4, 0, 0},
	} {
		ahead := make([]int, len(p.Arms))
		ahead[0], ahead[1], ahead[2] = c.none, c.twenty, c.thirty
		require.Equal(t, []int{c.visits0, c.visits1, c.visits2}, an.Visits(ahead)[:3], "%v", ahead)
	}
}

// All arms have eight seeds at the least, and 160 at the most.
func TestBounds(t *testing.T) {
	p := casestest.Plan(t, reference)
	least, most := cases.Bounds(p)
	require.Equal(t, []int{8 * len(p.Arms), 160 * len(p.Arms)}, []int{least, most})
}

// What runs were made with has a number of its own, from 1. 0 is for what is not known, and for what is too much.
func TestNumbersOfWhatRunsWereMadeWith(t *testing.T) {
	an, err := cases.New(casestest.Plan(t, reference))
	require.NoError(t, err)
	require.EqualValues(t, 0, an.Number(""))
	for i := 1; i <= math.MaxUint16; i++ {
		require.EqualValues(t, i, an.Number(fmt.Sprint("build ", i)))
	}
	require.EqualValues(t, 7, an.Number("build 7"))
	require.EqualValues(t, 0, an.Number("one more"))
	require.EqualValues(t, math.MaxUint16, an.Number("build 65535"))
}

// Of four runs that belong together, those that were made with different programs are lost, also when the first one
// does not say what made it.
func TestRunsThatDifferBesideOneThatIsUnknown(t *testing.T) {
	p := casestest.Plan(t, reference)
	i := len(p.Cases)
	for i--; p.Cases[i].Kind != verdict.Explains; i-- {
	}
	c := &p.Cases[i]
	for _, test := range []struct {
		made []string
		loss verdict.Loss
	}{
		{[]string{"", "one", "two", "one"}, verdict.Different},
		{[]string{"", "", "one", "two"}, verdict.Different},
		{[]string{"one", "", "", "two"}, verdict.Different},
		{[]string{"", "one", "", "one"}, ""},
		{[]string{"", "", "", "two"}, ""},
		{[]string{"two", "two", "two", "two"}, ""},
	} {
		an, err := cases.New(p)
		require.NoError(t, err)
		for n, arm := range c.Arms() {
			for seed := range uint64(8) {
				e := entry(float64(n), 1)
				e.Made = test.made[n]
				an.Add(arm, referenceFirst+seed, e)
			}
		}
		require.Len(t, an.Pairs(i), 8)
		for _, pair := range an.Pairs(i) {
			require.Equal(t, test.loss, pair.Loss, "%q", test.made)
		}
	}
}
