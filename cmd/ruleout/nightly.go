package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
	"github.com/ruleout/ruleout/harness/verdict/nightly"
	"github.com/ruleout/ruleout/harness/verdict/sweep"
)

type nightlyCmd struct {
	Run    nightlyRunCmd    `cmd:"" help:"Make the runs of a night, or those of a new baseline."`
	Judge  nightlyJudgeCmd  `cmd:"" help:"Compare the runs of a night with the baseline, and add them to the evidence of earlier nights."`
	Accept nightlyAcceptCmd `cmd:"" help:"Write a baseline from runs, for review and commit."`
}

// baselineFlag is where baselines are.
type baselineFlag struct {
	Baseline string `help:"Directory of the baseline (default ${default})." default:"results/baseline/nightly" placeholder:"DIR" type:"path" complete:"dir"`
}

type nightlyRunCmd struct {
	Scenarios []string `arg:"" name:"scenario" help:"Scenario files." placeholder:"SCENARIO" complete:"yaml" takes:"scenario"`

	Kernel []string      `help:"Kernel from the store; may be given again (default: those of the baseline, or else the default one)." placeholder:"NAME" complete:"kernel"`
	Night  string        `help:"Date of the night (default: today, UTC). It decides which seeds are drawn." placeholder:"DATE"`
	Seeds  int           `help:"Seeds to draw from the pool of each baseline (default ${default})." default:"20" placeholder:"N"`
	Pool   int           `help:"Run seeds 1 to N instead, for a new baseline." placeholder:"N"`
	Shard  string        `help:"Make only part I of N of the runs; ruleout results merge merges the parts." placeholder:"I/N"`
	Set    []string      `help:"Change a value of the scenarios, for an experiment that does not count as a night; may be given again." sep:"none" placeholder:"PATH=VALUE"`
	Jobs   int           `short:"j" help:"Runs at a time (default: as many as there are processors)." placeholder:"JOBS"`
	Budget time.Duration `help:"Start no run after this time." placeholder:"DURATION"`
	Out    string        `help:"Directory of the records (default results/runs/nightly-NIGHT). Runs that it has are not repeated." placeholder:"DIR" type:"path" complete:"dir"`
	Format string        `help:"Output: text or json." enum:"text,json" default:"text"`

	baselineFlag `embed:""`
	crewFlags    `embed:""`
}

func (*nightlyRunCmd) Help() string {
	return `Runs each scenario on each kernel, with seeds drawn from the pool of its baseline. A scenario without a
baseline, or one that changed since its baseline, cannot be compared and is run with one seed.

Exit status: 0 all runs were made that the budget has time for, 2 a file or name is wrong, 3 a kernel is missing, 4 a
run broke twice, 130 interrupted. If a kernel is missing, the rest is run.

Examples:

  ruleout nightly run scenarios/*.yaml
  ruleout nightly run scenarios/*.yaml --kernel 6.12 --shard 1/2 --out part1
  ruleout nightly run scenarios/*.yaml --kernel 6.1 --pool 20 --out pool
  ruleout nightly run scenarios/dup-ack.yaml --set nodes.web.sysctls.net.ipv4.tcp_sack=1 --out experiment`
}

// Run carries the command out.
func (c *nightlyRunCmd) Run(ctx context.Context, u *ui) (err error) {
	if c.Night == "" {
		c.Night = nightly.Tonight(time.Now())
	}
	if err := nightly.CheckNight(c.Night); err != nil {
		return err
	}
	shard, shards, err := sweep.ParseShard(c.Shard)
	if err != nil {
		return err
	}
	if c.Seeds < 1 || c.Pool < 0 {
		return problem.Wrap(problem.Usage,
			fmt.Errorf("%d seeds of a pool of %d: at least one seed is needed", c.Seeds, c.Pool), "")
	}
	baselines, err := nightly.ReadBaselines(c.Baseline)
	if err != nil {
		return err
	}
	note := func(text string) { u.note("%s", text) }
	kernels, missing, err := nightly.Kernels(c.Kernel, baselines, note)
	if err != nil {
		return err
	}
	fleet, err := sweep.OpenFleet(ctx, kernels)
	if err != nil {
		return err
	}
	jobs, files, err := nightly.Jobs(nightly.JobOptions{
		Files: c.Scenarios, Kernels: kernels, Releases: fleet.Releases(), Set: c.Set, Baselines: baselines,
		Night: c.Night, Seeds: c.Seeds, Pool: c.Pool, Note: note,
	})
	if err != nil {
		return err
	}
	crew, err := c.crewFlags.open(ctx, u, fleet, "night "+c.Night, c.Jobs, false)
	if err != nil {
		return err
	}
	defer crew.Close()
	a, err := c.open(ctx, u, files, fleet, sweep.Scenarios(jobs))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	jobs = nightly.Turn(c.Night, nightly.Shard(jobs, shard, shards))
	loop := sweep.Loop{Budget: c.Budget, Archive: a, Runner: crew}
	made, err := loop.Make(crew.ctx, jobs, u.runsMade())
	err = crew.settled(err)
	if err != nil {
		u.note("%s kept in %s; the same command continues from there", quantity.Plural(int64(a.Len()), "run"), shorten(c.Out))
		return err
	}
	u.brokenRuns(jobs, made.Broken)
	u.note("%d of %d runs are in %s", made.Runs, made.All, shorten(c.Out))
	if c.Format == formatJSON {
		err := u.json(nightMade{Night: c.Night, Out: c.Out, Runs: made.Runs, All: made.All,
			Broken: brokenOf(jobs, made.Broken), Missing: missing})
		if err != nil {
			return err
		}
	}
	switch {
	case len(made.Broken) > 0:
		return status(problem.Invalid)
	case missing:
		return status(problem.Machine)
	}
	return nil
}

// nightMade is what ruleout nightly run made, in JSON.
type nightMade struct {
	Night   string      `json:"night"`
	Out     string      `json:"out"`
	Runs    int         `json:"runs"` // that there are now
	All     int         `json:"all"`  // that there should be
	Broken  []brokenRun `json:"broken"`
	Missing bool        `json:"kernel_missing"`
}

// open opens the night's archive.
func (c *nightlyRunCmd) open(ctx context.Context, u *ui, files map[string]string, fleet *sweep.Fleet,
	scenarios []*scenario.Scenario) (*archive.Archive, error) {
	if c.Out == "" {
		c.Out = filepath.Join("results", "runs", "nightly-"+c.Night)
	}
	for name, file := range files {
		files[name] = shorten(file)
	}
	plan := nightly.Plan{Night: c.Night, Seeds: c.Seeds, Files: files, Set: c.Set}
	if c.Pool > 0 {
		plan.Seeds = 0
	}
	name, source, err := plan.Source()
	if err != nil {
		return nil, err
	}
	id, err := fleet.Identity(ctx, name, source, scenarios, u.building)
	if err != nil {
		return nil, err
	}
	a, err := archive.Open(c.Out, id)
	if err != nil {
		return nil, err
	}
	if alarm := a.Tell(func(text string) { u.note("%s: %s", c.Out, text) }); alarm != nil {
		return nil, errors.Join(alarm, a.Close())
	}
	return a, nil
}
