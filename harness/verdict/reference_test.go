package verdict

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The values in this file were computed by a program of their own, in Python with exact
// fractions: powers and products as they stand in docs/architecture/verdict.md, over all
// differences at once, and the integral of e_most as a finite sum, from
//
//	∫ from p to 1 of q^k·(1-q)^(n-k) dq = k!·(n-k)!/(n+1)! · P(Binomial(n+1, p) ≤ k)
//
// Differences are in margins. Many are exactly at the margin, at twice the margin, or at zero,
// so that it shows on which side of a bound each counts.
var (
	mixed = slices.Concat(repeat(6, 1.), repeat(9, 2.5), repeat(3, 0.), repeat(2, -1.5), repeat(2, 2.))
	calm  = slices.Concat(repeat(40, 0.), repeat(5, 1.), repeat(20, .5), repeat(2, 2.), repeat(3, -.5), repeat(1, 2.25))
)

func TestPartsAgainstReference(t *testing.T) {
	type values map[string]float64
	for _, c := range []struct {
		name string
		ds   []float64
		lost int
		rule Rule
		want values
	}{
		{"mixed, one lost", mixed, 1, Rule{Against: 0.05}, values{
			"few seeds blow up": 1.82512738269e-10, "mean past the margin": 0.435624675717,
			"most seeds, or the clipped mean, past the margin": 1.57468387251, "mean inside the margin": 0.208514414057,
			"most seeds inside the margin": 0.0686684596868, "clipped mean inside the margin": 0.101621762377,
			"few seeds go the other way": 0.00252341981575, "real": 43.7675438596,
		}},
		{"calm", calm, 0, Rule{Against: 0.05}, values{
			"few seeds blow up": 2.55248549018, "mean past the margin": 0.117851130198,
			"most seeds, or the clipped mean, past the margin": 0.00809162840064, "mean inside the margin": 4.81233388291e15,
			"most seeds inside the margin": 6164832110.49, "clipped mean inside the margin": 344983426746,
			"few seeds go the other way": 0.0232682826685, "real": 14929.6503302,
		}},
		{"calm, two lost", calm, 2, Rule{Against: 0.05}, values{
			"few seeds blow up": 0.0255248549018, "most seeds, or the clipped mean, past the margin": 0.00776974444176,
			"most seeds inside the margin": 410836645.628, "clipped mean inside the margin": 4886601329.07,
			"few seeds go the other way": 0.000232682826685, "real": 1064.48353513,
		}},
		{"calm, two lost, a tenth may blow up", calm, 2, Rule{Rare: 0.1}, values{
			"few seeds blow up": 0.789746956799, "clipped mean inside the margin": 4886601329.07, "real": 1064.48353513,
		}},
		{"mixed, the other way, one lost", negated(mixed), 1, Rule{Against: 0.05}, values{
			"few seeds blow up": 0.27681426073, "mean past the margin": 0.208514414057,
			"most seeds, or the clipped mean, past the margin": 0.0369232882533, "mean inside the margin": 577482.001107,
			"most seeds inside the margin": 394.666172596, "clipped mean inside the margin": 3511.83815006,
			"few seeds go the other way": 1.26036802648e-18, "real": 43.7675438596,
		}},
	} {
		for _, direction := range []Direction{Up, Down} {
			t.Run(c.name+", "+string(direction), func(t *testing.T) {
				ds := c.ds
				if direction == Down {
					ds = negated(ds)
				}
				s, err := NewState(failures(direction), c.rule)
				require.NoError(t, err)
				for _, d := range ds {
					s.Add(Pair{0, d})
				}
				for range c.lost {
					s.Lose(Broken)
				}
				e := s.Evidence()
				got := values{"real": e.Real}
				least := map[Outcome]float64{Confirmed: math.Inf(1), RuledOut: math.Inf(1)}
				for _, p := range s.Parts() {
					_, name, found := strings.Cut(p.Name, ": ")
					if !found {
						name = p.Name
					}
					got[name] = p.E
					least[p.Toward] = min(least[p.Toward], p.E)
				}
				for name, want := range c.want {
					assert.InEpsilon(t, want, got[name], 1e-9, name)
				}
				assert.InEpsilon(t, least[Confirmed], e.Confirm, 1e-12, "all parts have to pass")
				assert.InEpsilon(t, least[RuledOut], e.RuleOut, 1e-12)
			})
		}
	}
}

// In either direction what is ruled out is so on both sides, and what is confirmed is so on one of two.
func TestEitherAgainstReference(t *testing.T) {
	s := differing(t, failures(Either), mixed...)
	s.Lose(Broken)
	e := s.Evidence()
	assert.InEpsilon(t, (0.435624675717+0.0369232882533)/2, e.Confirm, 1e-9)
	assert.InEpsilon(t, 1.82512738269e-10, e.RuleOut, 1e-9)
}

func TestMechanismAgainstReference(t *testing.T) {
	for _, c := range []struct {
		extent           Extent
		yes, n, lost     int
		confirm, ruleOut float64
	}{
		{Every, 114, 115, 0, 19.5587097612, 0.01011994003},
		{Every, 118, 120, 1, 0.235362952774, 0.0113579912388},
		{Every, 55, 60, 1, 1.27488540741e-05, 0.147078409837},
		{None, 118, 120, 1, 1.09698060942e-119, 1.16124246543e+146},
		{None, 55, 60, 1, 1.26036802648e-56, 1.49865393431e+62},
	} {
		s := newState(t, Hypothesis{Kind: Mechanism, Direction: Up, Margin: 1, Extent: c.extent})
		for i := range c.n {
			s.Add(Pair{0, map[bool]float64{true: 1}[i < c.yes]}) // a move of just the margin is one
		}
		for range c.lost {
			s.Lose(FaultIdle)
		}
		e := s.Evidence()
		assert.InEpsilon(t, c.confirm, e.Confirm, 1e-9, "%+v", c)
		assert.InEpsilon(t, c.ruleOut, e.RuleOut, 1e-9, "%+v", c)
	}
}

// The interval's ends were found in Python twice: by its formula, and by bisection of E.
func TestIntervalsAgainstReference(t *testing.T) {
	i := moments(mixed).Interval(0.05)
	assert.InDelta(t, 0.402579463158431, i.Lo, 1e-9)
	assert.InDelta(t, 2.279238718659751, i.Hi, 1e-9)
	i = moments(calm).Interval(0.01)
	assert.InDelta(t, 0.0438675860519139, i.Lo, 1e-9)
	assert.InDelta(t, 0.512470442117100, i.Hi, 1e-9)
	assert.InDelta(t, 0.99, i.Confidence, 1e-12)

	assert.InDelta(t, 0.0497977309974, Share{0, 65}.AtMost(0.05), 1e-9)
	assert.InDelta(t, 0.0462328391925, Share{2, 180}.AtMost(0.05), 1e-9)
	assert.InDelta(t, 0.1391801880116, Share{1, 40}.AtMost(0.05), 1e-9)
}
