package main

import (
	"context"
	"errors"

	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/report/findings"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/cases"
	"github.com/ruleout/ruleout/harness/verdict/sweep"
)

type verdictCmd struct {
	Results  string   `arg:"" help:"Directory that was --out of a sweep." placeholder:"RESULTS" complete:"dir" takes:"sweep"`
	Campaign string   `help:"Use this campaign file instead of the one that the sweep ran." placeholder:"CAMPAIGN" type:"path" complete:"yaml"`
	Set      []string `help:"Change a value of the campaign; may be given again." sep:"none" placeholder:"PATH=VALUE"`
	All      bool     `help:"Show every case, also the ruled out ones."`
	Format   string   `help:"Output: text or json (JSON Lines)." enum:"text,json" default:"text"`
}

func (*verdictCmd) Help() string {
	return `Evaluates the records of a sweep again, without running anything: after shards were merged, with another
margin, or while the sweep is running.

Exit status: 0 all verdicts are as the campaign expects, 1 a verdict is not, 2 the directory has no results of a sweep,
4 a run has two digests.

Examples:

  ruleout verdict results/runs/sweep-incident-small
  ruleout verdict results/runs/sweep-incident-small --set false-discovery=1%`
}

// Run carries the command out.
func (c *verdictCmd) Run(_ context.Context, u *ui) error {
	var alarm error
	plan, analysis, err := judgeAgain(c.Results, c.Campaign, c.Set, func(r *archive.Reader) {
		alarm = r.Tell(func(text string) { u.note("%s: %s", shorten(c.Results), text) })
	})
	if err != nil {
		return err
	}
	f := findings.Of(plan, analysis, analysis.Finished())
	if err := printFindings(u, f, c.Format, c.All); err != nil {
		return err
	}
	switch {
	case alarm != nil:
		return alarm
	case !f.AsExpected():
		return status(1)
	}
	return nil
}

// judgeAgain makes an analysis of what an archive has. look sees the archive first.
func judgeAgain(dir, file string, set []string, look func(*archive.Reader)) (_ *campaign.Plan, _ *cases.Analysis,
	err error) {
	r, err := archive.Read(dir)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	look(r)
	var plan *campaign.Plan
	if file != "" {
		plan, err = campaign.Load(file, set)
	} else {
		plan, err = campaign.FromSource(r.Identity.Source, set...)
	}
	if err != nil {
		return nil, nil, err
	}
	analysis, _, err := sweep.Archived(plan, r)
	return plan, analysis, err
}
