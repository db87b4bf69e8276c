package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/verdict/nightly"
)

type nightlyJudgeCmd struct {
	Results  string   `arg:"" help:"Directory that was --out of ruleout nightly run, or of ruleout results merge." placeholder:"RESULTS" complete:"dir" takes:"night"`
	Kernel   []string `help:"Expect runs on this kernel; may be given again (default: the kernels of the baseline)." placeholder:"NAME" complete:"kernel"`
	State    string   `help:"File that carries the evidence from night to night (default ${default})." default:"results/runs/nightly-state.json" placeholder:"FILE" type:"path"`
	Nights   int      `help:"Tolerate one false alarm in this many nights (default ${default})." default:"365" placeholder:"N"`
	Markdown string   `help:"Write the report as Markdown too, for the summary of a CI job." placeholder:"FILE" type:"path"`
	Format   string   `help:"Output: text or json." enum:"text,json" default:"text"`

	baselineFlag `embed:""`
}

func (*nightlyJudgeCmd) Help() string {
	return `A run with the digest of the baseline is identical, and needs no statistics. Two digests for the same build,
kernel, scenario and seed are a determinism alarm. For each other run, every watched metric adds its evidence to that of
earlier nights. A metric alarms when the evidence is strong enough for one false alarm in --nights nights, over all
metrics. Repeating the command for a night does not count it twice.

Exit status: 0 no alarm; 1 an alarm; 2 a scenario has changed or has no baseline, or the baseline is damaged; 3
something was not run; 4 the same run gave two digests, or runs are invalid or broke. Of several, the first of: 4 for
digests, 1, 4, 3, 2.

Examples:

  ruleout nightly judge results/runs/nightly-2026-11-25
  ruleout nightly judge whole --state state.json --markdown summary.md`
}

// Run carries the command out.
func (c *nightlyJudgeCmd) Run(_ context.Context, u *ui) (err error) {
	if c.Nights < 1 {
		return problem.Wrap(problem.Usage, fmt.Errorf("--nights %d: at least one is needed", c.Nights), "")
	}
	r, err := readResults(u, c.Results)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	plan, err := nightly.PlanOf(r.Identity)
	if err != nil {
		return err
	}
	if plan.Seeds == 0 {
		return problem.Wrap(problem.Usage, fmt.Errorf("%s has runs for a new baseline", c.Results),
			"ruleout nightly accept writes the baseline; ruleout nightly run without --pool makes the runs of a night")
	}
	baselines, err := nightly.ReadBaselines(c.Baseline, c.Kernel...)
	if err != nil {
		return err
	}
	baselines, others := plan.Part(baselines)
	if len(others) > 0 {
		u.note("not part of the night: %s", strings.Join(others, ", "))
	}
	runs, err := nightly.Load(r)
	if err != nil {
		return err
	}
	state, lost, err := nightly.ReadState(c.State)
	if err != nil {
		return err
	}
	report, err := nightly.Judge(nightly.Night{Plan: plan, Baselines: baselines, Runs: runs, Nights: c.Nights,
		State: state})
	if err != nil {
		return err
	}
	if report.StateLost = lost; len(plan.Set) == 0 {
		if err := state.Write(c.State); err != nil {
			return err
		}
	}
	if c.Format == formatJSON {
		err = u.json(report)
	} else {
		err = report.Text(u.out, c.options(false))
	}
	if err == nil && c.Markdown != "" {
		err = writeWhole(c.Markdown, func(w io.Writer) error { return report.Text(w, c.options(true)) })
	}
	if err != nil {
		return err
	}
	if s := report.Status(); s != 0 {
		return status(s)
	}
	return nil
}

func (c *nightlyJudgeCmd) options(markdown bool) nightly.TextOptions {
	return nightly.TextOptions{Results: quote(shorten(c.Results)), Baseline: shorten(c.Baseline), Markdown: markdown}
}
