package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/kernel"
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/nightly"
	"github.com/ruleout/ruleout/harness/verdict/sweep"
)

type nightlyCmd struct {
	Run    nightlyRunCmd    `cmd:"" help:"Make the runs of a night, or those of a new baseline."`
	Judge  nightlyJudgeCmd  `cmd:"" help:"Compare the runs of a night with the baseline, and add to the evidence of the nights before."`
	Accept nightlyAcceptCmd `cmd:"" help:"Make runs the baseline, to be reviewed and committed."`
}

// baselineFlag is where baselines are.
type baselineFlag struct {
	Baseline string `help:"Directory of the baseline (default ${default})." default:"results/baseline/nightly" placeholder:"DIR" type:"path" complete:"dir"`
}

type nightlyRunCmd struct {
	Scenarios []string `arg:"" name:"scenario" help:"Scenario files." placeholder:"SCENARIO" complete:"yaml"`

	Kernel []string      `help:"Kernel from the store; may be given again (default: those of the baseline, or else the default one)." placeholder:"NAME" complete:"kernel"`
	Night  string        `help:"Which night it is (default: today, UTC). It decides which seeds are drawn." placeholder:"DATE"`
	Seeds  int           `help:"Seeds that are drawn of each baseline's pool (default ${default})." default:"20" placeholder:"N"`
	Pool   int           `help:"Run seeds 1 to N instead, for a new baseline." placeholder:"N"`
	Shard  string        `help:"Make only part I of N of the runs, to be merged with ruleout results merge." placeholder:"I/N"`
	Set    []string      `help:"Change a value of the scenarios, for an experiment that counts as no night; may be given again." sep:"none" placeholder:"PATH=VALUE"`
	Jobs   int           `short:"j" help:"Runs at a time (default: as many as there are processors)." placeholder:"JOBS"`
	Budget time.Duration `help:"Begin no run after so long." placeholder:"DURATION"`
	Out    string        `help:"Directory of the records (default results/runs/nightly-NIGHT). What is there is not run again." placeholder:"DIR" type:"path" complete:"dir"`

	baselineFlag `embed:""`
}

func (*nightlyRunCmd) Help() string {
	return `Runs each scenario on each kernel with seeds that are drawn from the pool of its baseline. What cannot be compared, because there is no
baseline or the scenario is another one, is run with one seed.

Exit status: 0 all runs were made that the budget has time for, 2 a file or name is wrong, 3 a kernel is missing, 4 a run broke twice, 130 interrupted. Whatever was
missing, the rest is run.

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
	shard, shards, err := parseShard(c.Shard)
	if err != nil {
		return err
	}
	if c.Seeds < 1 || c.Pool < 0 {
		return problem.Wrap(problem.Usage, fmt.Errorf("%d seeds of a pool of %d: one seed is the least", c.Seeds, c.Pool), "")
	}
	baselines, err := nightly.ReadBaselines(c.Baseline)
	if err != nil {
		return err
	}
	missing, err := c.kernels(u, baselines)
	if err != nil {
		return err
	}
	fleet, err := sweep.OpenFleet(ctx, c.Kernel)
	if err != nil {
		return err
	}
	jobs, files, err := c.jobs(u, baselines, fleet.Releases())
	if err != nil {
		return err
	}
	a, err := c.open(u, files, fleet)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	jobs = nightly.Turn(c.Night, nightly.Shard(jobs, shard, shards))
	loop := sweep.Loop{Workers: orElse(c.Jobs, runtime.NumCPU()), Budget: c.Budget, Archive: a, Runner: fleet}
	made, err := loop.Make(ctx, jobs, u.runsMade())
	if err != nil {
		u.note("%s are kept in %s; the same command goes on from there", quantity.Plural(int64(a.Len()), "run"), shorten(c.Out))
		return err
	}
	u.brokenRuns(jobs, made.Broken)
	u.note("%d of %d runs are in %s", made.Runs, made.All, shorten(c.Out))
	switch {
	case len(made.Broken) > 0:
		return status(problem.Invalid)
	case len(missing) > 0:
		return status(problem.Machine)
	}
	return nil
}

// kernels decides on which kernels to run, and returns those that are not in the store.
func (c *nightlyRunCmd) kernels(u *ui, baselines []*nightly.Baseline) (missing []string, err error) {
	if len(c.Kernel) == 0 {
		for _, b := range baselines {
			c.Kernel = append(c.Kernel, b.Kernel)
		}
	}
	store, err := kernel.OpenDefault()
	if err != nil {
		return nil, err
	}
	if len(c.Kernel) == 0 {
		k, err := store.Default()
		if err != nil {
			return nil, err
		}
		c.Kernel = []string{nightly.Series(k.Release)}
	}
	slices.Sort(c.Kernel)
	c.Kernel = slices.Compact(c.Kernel)
	var there []string
	var first error
	for _, name := range c.Kernel {
		if _, err := store.Get(name); err != nil {
			u.note("not run on %s: %v", name, err)
			missing, first = append(missing, name), errors.Join(first, err)
			continue
		}
		there = append(there, name)
	}
	if len(there) == 0 {
		return nil, first
	}
	c.Kernel = there
	return missing, nil
}

// jobs lists what is to be run, and the files of the scenarios by their names.
func (c *nightlyRunCmd) jobs(u *ui, baselines []*nightly.Baseline, releases map[string]string) (jobs []sweep.Job, files map[string]string, err error) {
	set, err := settings(c.Set)
	if err != nil {
		return nil, nil, err
	}
	files = map[string]string{}
	for _, file := range c.Scenarios {
		plain, err := loadScenario(file, nil)
		if err != nil {
			return nil, nil, err
		}
		if err := nameOnce(files, plain.Name, file); err != nil {
			return nil, nil, err
		}
		s := plain
		if len(c.Set) > 0 {
			if s, err = loadScenario(file, c.Set); err != nil {
				return nil, nil, err
			}
		}
		for _, name := range c.Kernel {
			j := sweep.Job{Name: plain.Name, Release: releases[name], Arm: campaign.Arm{Scenario: s, Hash: s.Hash(), Kernel: name, Set: set}}
			if j.Seeds, err = c.seeds(u, baselines, plain.Name, plain.Hash(), name); err != nil {
				return nil, nil, err
			}
			jobs = append(jobs, j)
		}
	}
	return jobs, files, nil
}

// seeds of a scenario on a kernel.
func (c *nightlyRunCmd) seeds(u *ui, baselines []*nightly.Baseline, scenario, hash, kernel string) (seeds []uint64, err error) {
	if c.Pool > 0 {
		for s := range c.Pool {
			seeds = append(seeds, uint64(s)+1)
		}
		return seeds, nil
	}
	i := slices.IndexFunc(baselines, func(b *nightly.Baseline) bool { return b.Scenario == scenario && b.Kernel == kernel })
	why := "has no baseline"
	if i >= 0 {
		b := baselines[i]
		if b.Hash == hash {
			return nightly.Draw(c.Night, b.Place(), b.Pool(), c.Seeds), nil
		}
		why = "is another one than its baseline's"
	}
	if len(c.Set) > 0 {
		return nil, problem.Wrap(problem.Usage, fmt.Errorf("%s on %s %s: there is nothing to compare an experiment with", scenario, kernel, why), "accept a baseline first: ruleout nightly accept --help")
	}
	u.note("%s on %s %s: one run", scenario, kernel, why)
	return []uint64{1}, nil
}

// open opens the night's archive.
func (c *nightlyRunCmd) open(u *ui, files map[string]string, fleet *sweep.Fleet) (*archive.Archive, error) {
	if c.Out == "" {
		c.Out = filepath.Join("results", "runs", "nightly-"+c.Night)
	}
	plan := nightly.Plan{Night: c.Night, Seeds: c.Seeds, Files: files, Set: c.Set}
	if c.Pool > 0 {
		plan.Seeds = 0
	}
	name, source, err := plan.Source()
	if err != nil {
		return nil, err
	}
	a, err := archive.Open(c.Out, fleet.Identity(name, source))
	if err != nil {
		return nil, err
	}
	if alarm := a.Tell(func(text string) { u.note("%s: %s", c.Out, text) }); alarm != nil {
		return nil, errors.Join(alarm, a.Close())
	}
	return a, nil
}
