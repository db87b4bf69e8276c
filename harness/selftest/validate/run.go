package validate

import (
	"context"
	"fmt"
	"sync"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine"
	"github.com/ruleout/ruleout/harness/record/result"
)

// Runner makes runs; [machine.VM] is one.
type Runner interface {
	Run(ctx context.Context, r machine.Request) (*result.Record, error)
}

// Machine is a kernel that cases run on.
type Machine struct {
	Release string // such as 6.1.0-48-cloud-amd64
	Runner  Runner
}

// Options of [Run].
type Options struct {
	Seed uint64 // of a case's first run; cases with several take the numbers that follow
	Jobs int    // runs at a time; at least 1
	// Each is called for every run when it is done, one at a time. It may be nil.
	Each func(c Case, m Machine, o *Outcome)
}

// Run makes every case on every machine. A run that gives no record is an outcome of its case; the
// error is for what kept all of it from being done.
func Run(ctx context.Context, cases []Case, machines []Machine, o Options) (*Table, error) {
	if len(cases) == 0 || len(machines) == 0 || o.Jobs < 1 {
		return nil, fmt.Errorf("%d cases on %d kernels, %d at a time: nothing to do", len(cases), len(machines), o.Jobs)
	}
	t := newTable(cases, machines, o.Seed)
	type job struct{ row, column int }
	jobs := make(chan job, len(cases)*len(machines))
	for column := range machines { // all of one kernel first: its template is made once and stays warm
		for row := range cases {
			jobs <- job{row, column}
		}
	}
	close(jobs)
	var workers sync.WaitGroup
	var told sync.Mutex
	for range o.Jobs {
		workers.Go(func() {
			for j := range jobs {
				if ctx.Err() != nil {
					return
				}
				c, m := cases[j.row], machines[j.column]
				outcome := attempt(ctx, c, m, o.Seed)
				told.Lock()
				t.Rows[j.row].Outcomes[j.column] = outcome
				if o.Each != nil && ctx.Err() == nil {
					o.Each(c, m, outcome)
				}
				told.Unlock()
			}
		})
	}
	workers.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return t, nil
}

func attempt(ctx context.Context, c Case, m Machine, seed uint64) *Outcome {
	if why := c.Scenario.Unfit(m.Release); why != "" {
		return &Outcome{Verdict: LeftOut, Because: why}
	}
	o := &Outcome{Verdict: Failed}
	for i := range seeds(c.Scenario) {
		record, err := m.Runner.Run(ctx, machine.Request{Scenario: c.Scenario, Seed: seed + uint64(i)})
		if err != nil {
			o.Because = err.Error()
			if hint := problem.HintOf(err); hint != "" {
				o.Because += " (" + hint + ")"
			}
			return o
		}
		o.records = append(o.records, record)
	}
	o.judge(c.Scenario)
	return o
}
