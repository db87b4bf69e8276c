package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/ruleout/ruleout/harness/scenario/quantity"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
)

type resultsKeepCmd struct {
	Results string `arg:"" help:"Directory that was --out of a sweep." placeholder:"RESULTS" complete:"dir" takes:"sweep"`
	Into    string `help:"Directory for the numbers." required:"" placeholder:"DIR" type:"path" complete:"dir"`
	Format  string `help:"Output: text or json." enum:"text,json" default:"text"`
}

func (*resultsKeepCmd) Help() string {
	return `Keeps the campaign and, of each run, the digest and the metrics and counters that the campaign compares.
ruleout verdict and ruleout report work on the copy as on the sweep. Its runs cannot be replayed.

Examples:

  ruleout results keep results/runs/sweep-incident --into results/baseline/incident && ruleout verdict results/baseline/incident`
}

// Run carries the command out.
func (c *resultsKeepCmd) Run(_ context.Context, u *ui) (err error) {
	r, err := readResults(u, c.Results)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	plan, err := campaign.FromSource(r.Identity.Source)
	if err != nil {
		return err
	}
	runs, err := r.Keep(c.Into, plan.Numbers())
	if err != nil {
		return err
	}
	return u.result(keptRuns{Into: c.Into, Runs: runs},
		fmt.Sprintf("the numbers of %s in %s\n", quantity.Plural(int64(runs), "run"), shorten(c.Into)))
}

// keptRuns is where the numbers of runs are, in JSON.
type keptRuns struct {
	Into string `json:"into"`
	Runs int    `json:"runs"`
}
