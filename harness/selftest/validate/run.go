package validate

import (
	"context"
	"fmt"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/sweep"
)

// Kernel is one that cases run on.
type Kernel struct {
	Name    string // in the store; empty for the default one
	Release string // such as 6.1.0-48-cloud-amd64
}

// Options of [Run].
type Options struct {
	Runner sweep.Runner
	Seed   uint64 // of a case's first run; cases with several take the numbers that follow
	Jobs   int    // runs at a time; at least 1
	// Each is called when all runs of a case on a kernel are done, one at a time. It may be nil.
	Each func(c Case, k Kernel, o *Outcome)
}

// Run makes every case on every kernel. A run that gives no record is an outcome of its case; the error is for what
// kept all of it from being done.
func Run(ctx context.Context, cases []Case, kernels []Kernel, o Options) (*Table, error) {
	if len(cases) == 0 || len(kernels) == 0 || o.Jobs < 1 {
		return nil, fmt.Errorf("%d cases on %d kernels, %d at a time: nothing to do", len(cases), len(kernels), o.Jobs)
	}
	if o.Each == nil {
		o.Each = func(Case, Kernel, *Outcome) {}
	}
	t := newTable(cases, kernels, o.Seed)
	var jobs []sweep.Job
	type place struct{ row, column, left int }
	var places []place               // of each job, and how many runs of it are to come
	for column, k := range kernels { // all of one kernel first: its template is made once and stays warm
		for row, c := range cases {
			s := c.Scenario
			outcome := &Outcome{Verdict: LeftOut, Because: s.Unfit(k.Release)}
			t.Rows[row].Outcomes[column] = outcome
			if outcome.Because != "" {
				o.Each(c, k, outcome)
				continue
			}
			j := sweep.Job{Arm: campaign.Arm{Scenario: s, Hash: s.Hash(), Kernel: k.Name}, Together: true}
			for i := range seeds(s) {
				j.Seeds = append(j.Seeds, o.Seed+uint64(i))
			}
			jobs, places = append(jobs, j), append(places, place{row, column, len(j.Seeds)})
		}
	}
	loop := sweep.Loop{Runner: o.Runner, Workers: o.Jobs}
	_, err := loop.Make(ctx, jobs, func(_ *sweep.Made, run *sweep.Outcome) error {
		p := &places[run.Job]
		c, outcome := cases[p.row], t.Rows[p.row].Outcomes[p.column]
		outcome.add(run)
		if p.left--; p.left == 0 || run.GivenUp {
			outcome.judge(c.Scenario)
			o.Each(c, kernels[p.column], outcome)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return t, nil
}

// add takes one run of the case.
func (o *Outcome) add(run *sweep.Outcome) {
	if run.Err == nil {
		o.records = append(o.records, run.Record)
	} else if o.Because == "" {
		o.Because = run.Err.Error()
		if hint := problem.HintOf(run.Err); hint != "" {
			o.Because += " (" + hint + ")"
		}
	}
}
