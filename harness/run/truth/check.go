package truth

import (
	"fmt"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario"
)

// Check returns an error of kind [problem.Machine] if the kernel cannot do a fault of the scenario
// as it is meant. What a kernel does in another way is not among it: a [Report] without seeds is no hindrance, since
// its random stream is seeded as a whole.
func (r *Report) Check(s *scenario.Scenario) error {
	for i := range s.Faults {
		f := &s.Faults[i]
		for _, c := range []struct {
			wants bool
			name  string
		}{{f.Do.InOrder, "in-order"}, {f.Do.Loss != nil, "loss-models"}} {
			if c.wants && r.Knows(c.name) != Yes {
				return problem.Wrap(problem.Machine,
					fmt.Errorf("fault %s: kernel %s cannot do it: it is not so that %s", f.Name, r.Release, about(c.name)),
					"use another kernel; ruleout kernel list --format json shows what each answers")
			}
		}
	}
	return nil
}

func about(name string) string {
	for _, q := range questions {
		if q.Name == name {
			return q.About
		}
	}
	return name
}
