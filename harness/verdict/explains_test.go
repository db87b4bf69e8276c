package verdict

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func backlog() Hypothesis {
	h := cpu(Up)
	h.Kind, h.Relieved = Explains, "the listen backlog"
	return h
}

// contrasted returns the state after effects with what is to explain them in place, and with it relieved.
func contrasted(t *testing.T, h Hypothesis, inPlace, relieved []float64) *State {
	s := newState(t, h)
	for i := range inPlace {
		if h.Scale == Ratio {
			s.AddContrast(Pair{1, math.Exp(inPlace[i])}, Pair{2, 2 * math.Exp(relieved[i])})
		} else {
			s.AddContrast(Pair{0, inPlace[i]}, Pair{3, 3 + relieved[i]})
		}
	}
	return s
}

// An effect of +50 % of which +38 % remain. The values are from the program of reference_test.go: the share's ends
// by bisection of E over contrast - share·effect.
var (
	inPlace50  = []float64{.405, .41, .40, .407, .403, .399, .412, .404, .401, .409}
	relieved38 = []float64{.322, .325, .32, .321, .324, .318, .326, .323, .319, .322}
)

func TestExplainsAgainstReference(t *testing.T) {
	s := contrasted(t, backlog(), inPlace50, relieved38)
	e := s.Evidence()
	assert.InEpsilon(t, 114.600198183, s.contrast(), 1e-9)
	assert.InEpsilon(t, 114.600198183, e.Part, 1e-9)
	assert.InEpsilon(t, 0.0755816865, e.Confirm, 1e-9, "what remains is past the margin")
	share := s.explained()
	assert.InDelta(t, 20.49382716049, share.Value, 1e-9)
	assert.InDelta(t, 19.84402386436, share.Lo, 1e-7)
	assert.InDelta(t, 21.13187501209, share.Hi, 1e-7)
}

func TestAPartIsNotAll(t *testing.T) {
	v := Judge(Case{State: contrasted(t, backlog(), inPlace50, relieved38), Dose: given, Control: seen})
	assert.Equal(t, Inconclusive, v.Outcome, "%s", v)
	assert.Equal(t, []Code{ExplainsPart}, codes(v.Reasons))
	assert.Equal(t, "explains a part of it, 20 % [20, 21] of the effect's logarithm; what remains is past the margin, too",
		v.Reasons[0].Text)

	// Seeds without end do not make it all of it.
	v = Judge(Case{State: contrasted(t, backlog(), repeat(20, inPlace50...), repeat(20, relieved38...)),
		Dose: given, Control: seen})
	assert.Equal(t, []Code{ExplainsPart}, codes(v.Reasons), "%s", v)

	// What remains is about the margin: a part at the least, and no number of seeds tells.
	open := contrasted(t, backlog(), inPlace50, repeat(5, .047, .051))
	v = Judge(Case{State: open, Dose: given, Control: seen})
	assert.Equal(t, Inconclusive, v.Outcome)
	require.True(t, v.Has(ExplainsPart), "%s", v)
	assert.Contains(t, v.Reasons[0].Text, "explains a part of it at the least, 88 % [")

	// Nearly nothing remains, in a few seeds: more of them would confirm it.
	v = Judge(Case{State: contrasted(t, backlog(), inPlace50[:6], repeat(3, .03, .04)), Dose: given, Control: seen})
	require.NotNil(t, v.More, "%s", v)
	assert.Equal(t, Confirmed, v.More.Toward)

	// The other way: what remains is half of a fall, and of a difference.
	h := failures(Down)
	h.Kind, h.Relieved = Explains, "x"
	v = Judge(Case{State: contrasted(t, h, repeat(5, -8, -8.1), repeat(5, -4, -4.2)), Dose: given, Control: seen})
	assert.Equal(t, []Code{ExplainsPart}, codes(v.Reasons), "%s", v)
	assert.Equal(t, "explains a part of it, 49 % [48, 50] of the effect; what remains is past the margin, too",
		v.Reasons[0].Text)

	// Relieving it turns the effect around: of a suspicion about a rise, nothing remains.
	v = Judge(Case{State: contrasted(t, backlog(), inPlace50, repeat(5, -.1, -.12)), Dose: given, Control: seen})
	assert.Equal(t, Confirmed, v.Outcome, "%s", v)
	either := backlog()
	either.Direction = Either
	v = Judge(Case{State: contrasted(t, either, inPlace50, repeat(5, -.1, -.12)), Dose: given, Control: seen})
	assert.Equal(t, Inconclusive, v.Outcome, "of one about a change, something does: %s", v)

	// With it relieved the effect is twice as large: it explains nothing.
	v = Judge(Case{State: contrasted(t, either, inPlace50, repeat(5, .8, .82)), Dose: given, Control: seen})
	assert.NotEqual(t, Confirmed, v.Outcome)
	assert.False(t, v.Has(ExplainsPart), "%s", v)
}

// Of three truths each makes "explains it" or "explains a part" false just so: the contrast at the margin with
// nothing left, the rest at the margin, and no effect beyond the margin in place. None is claimed in more than one
// campaign of twenty, looked at after every seed.
func TestExplainsAtTheEdge(t *testing.T) {
	n := campaigns(t, 200)
	h := failures(Up)
	h.Kind, h.Relieved = Explains, "x"
	for _, c := range []struct {
		name              string
		inPlace, relieved float64
		all, part         bool // may be claimed
	}{
		{"contrast at the margin", 1.5, 0.5, false, false},
		{"the rest at the margin", 6, 1, false, false},
		{"the effect at the margin", 1, -2, false, false},
		{"all of it", 6, 0, true, false},
		{"a half", 6, 3, false, true},
	} {
		r := noise(c.name)
		var all, part int
		for range n {
			s := newState(t, h)
			for s.N() < 60 {
				x := 0.5 * r.NormFloat64()
				s.AddContrast(Pair{x, x + c.inPlace + 0.3*r.NormFloat64()}, Pair{x, x + c.relieved + 0.3*r.NormFloat64()})
				e := s.Evidence()
				if e.Confirm >= 20 {
					all++
					break
				}
				if e.Part >= 20 {
					part++
					break
				}
			}
		}
		t.Logf("%s: explains it %.1f %%, a part %.1f %%", c.name, 100*float64(all)/float64(n), 100*float64(part)/float64(n))
		if !c.all {
			assert.LessOrEqual(t, all, atMost(n, 0.05), c.name)
		}
		if !c.part {
			assert.LessOrEqual(t, part, atMost(n, 0.05), c.name)
		}
		assert.False(t, c.all && all < n*9/10 || c.part && part < n*9/10, "%s: seldom claimed", c.name)
	}
}

// The share's interval holds the true one at every n at once.
func TestShareIntervalCovers(t *testing.T) {
	n := campaigns(t, 300)
	r := noise("share")
	h := failures(Up)
	h.Kind, h.Relieved = Explains, "x"
	missed := 0
	for range n {
		s := newState(t, h)
		ever := false
		for s.N() < 80 {
			x, y := r.NormFloat64(), r.NormFloat64()
			s.AddContrast(Pair{0, 5 + x}, Pair{0, 2 + 0.4*x + 0.5*y})
			ever = ever || s.explained().Excludes(60)
		}
		if ever {
			missed++
		}
	}
	t.Logf("the interval ever misses the share in %.1f %%", 100*float64(missed)/float64(n))
	assert.LessOrEqual(t, missed, atMost(n, 0.05))

	// Without an effect there is no share.
	s := contrasted(t, h, []float64{.1, -.1, .2, -.2, .1, -.15}, []float64{0, 0, 0, 0, .1, 0})
	assert.True(t, math.IsInf(s.explained().Lo, -1) && math.IsInf(s.explained().Hi, 1))
	assert.True(t, math.IsNaN(newState(t, h).explained().Value))
}
