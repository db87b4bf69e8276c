package bisect

import (
	"fmt"
	"math"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/expect"
	"github.com/ruleout/ruleout/harness/scenario/metric"
	"github.com/ruleout/ruleout/harness/scenario/unit"
	"github.com/ruleout/ruleout/harness/verdict/compare"
)

// Measure is a number of a run.
type Measure struct {
	name string
	expr *expect.Expr
}

// ParseMeasure reads a metric or counter, or a sum of several as in an expectation, that runs of a scenario have. The
// error is of kind [problem.Usage].
func ParseMeasure(text string, s *scenario.Scenario) (*Measure, error) {
	e, err := expect.Compile(text+" > 0", s)
	if err != nil {
		return nil, problem.Wrap(problem.Usage, fmt.Errorf("%s: %w", unit.Clip(text), err), problem.HintOf(err))
	}
	return &Measure{text, e}, nil
}

// String is the measure as it was written.
func (m *Measure) String() string { return m.name }

// of returns the number of a run, and whether it has one.
func (m *Measure) of(e *archive.Entry) (float64, bool) {
	_, v, err := m.expr.Eval(e.Value)
	return v, err == nil && !math.IsNaN(v)
}

// least is the smallest change that matters where the number is zero.
func (m *Measure) least() float64 {
	if known, ok := metric.Lookup(m.name); ok {
		return compare.Least(known)
	}
	return 0
}

// Effect is what a search looks for: a number of a run that changes as it does between the two sides. If there are
// several, all have to change.
type Effect struct {
	Measures []*Measure
	// Margin is the smallest relative change that matters; Share the smallest part of the change between the sides.
	Margin, Share float64
	// changes are those between the two sides, one of each measure.
	changes []change
}

// change of a number between the two sides.
type change struct {
	calm, other float64 // means of the block
	bar         float64 // the smallest change that counts, above zero
}

// learn takes the changes from pairs of runs of one seed, the calm side first. Pairs without a valid run of the other
// side do not count.
func (e *Effect) learn(pairs [][2]*archive.Entry) {
	e.changes = nil
	for _, m := range e.Measures {
		var c change
		n := 0.0
		for _, p := range pairs {
			if p[1] == nil || !p[1].Valid {
				continue
			}
			calm, ok := m.of(p[0])
			other, ok2 := m.of(p[1])
			if ok && ok2 {
				c.calm, c.other, n = c.calm+calm, c.other+other, n+1
			}
		}
		if n > 0 {
			c.calm, c.other = c.calm/n, c.other/n
		}
		c.bar = max(e.Margin*math.Abs(c.calm), m.least(), e.Share*math.Abs(c.other-c.calm), math.SmallestNonzeroFloat64)
		e.changes = append(e.changes, c)
	}
}

// shows reports whether a run has the effect, compared with the calm side's run of the same seed. valid is whether both
// can be used.
func (e *Effect) shows(calm, run *archive.Entry) (shows, valid bool) {
	if calm == nil || run == nil || !calm.Valid || !run.Valid {
		return false, false
	}
	shows = true
	for i, m := range e.Measures {
		a, ok := m.of(calm)
		b, ok2 := m.of(run)
		if !ok || !ok2 {
			return false, false
		}
		c := e.changes[i]
		shows = shows && math.Copysign(1, c.other-c.calm)*(b-a) >= c.bar
	}
	return shows, true
}
