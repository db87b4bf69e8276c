package explain

import (
	"fmt"
	"slices"

	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/describe"
)

// Calm returns the scenario without what acts in it, and what that is, in words. Faults act, and where there are none,
// loads with times of their own beside one that goes on all the time. Expectations are left out, since they may name
// faults. If nothing acts, the list is empty.
func Calm(s *scenario.Scenario) (calm *scenario.Scenario, without []string) {
	c := *s
	c.Faults, c.Expect = nil, nil
	for i := range s.Faults {
		without = append(without, s.Faults[i].Name)
	}
	if len(s.Faults) > 0 {
		return &c, without
	}
	// The plan of a load depends on its place in the list, so only those at the end can go.
	if !slices.ContainsFunc(s.Load, usual) {
		return &c, nil
	}
	c.Load = slices.Clone(s.Load)
	for n := len(c.Load) - 1; timed(c.Load[n]); n-- {
		without = append([]string{loadName(&c.Load[n])}, without...)
		c.Load = c.Load[:n]
	}
	return &c, without
}

// loadName tells a load from others.
func loadName(t *scenario.Traffic) string {
	var much string
	switch h := t.HTTP; {
	case h != nil && h.Rate > 0:
		much = describe.Together(h.Rate, h.Batch)
	case h != nil:
		much, _ = describe.Arrivals(h)
	case t.UDP != nil:
		much = t.UDP.Rate.String()
	default:
		return describe.Load(t)
	}
	return fmt.Sprintf("the load %s → %s, %s", t.From, t.To, much)
}

// timed tells a load with times of its own, usual one that goes on all the time.
func timed(t scenario.Traffic) bool { p, ok := t.Pace(); return ok && p.At != nil }
func usual(t scenario.Traffic) bool { p, ok := t.Pace(); return ok && p.At == nil }
