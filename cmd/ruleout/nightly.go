package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/ruleout/ruleout/harness/archive"
	"github.com/ruleout/ruleout/harness/backend"
	"github.com/ruleout/ruleout/harness/campaign"
	"github.com/ruleout/ruleout/harness/kernel"
	"github.com/ruleout/ruleout/harness/nightly"
	"github.com/ruleout/ruleout/harness/problem"
	"github.com/ruleout/ruleout/harness/quantity"
	"github.com/ruleout/ruleout/harness/sweep"
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

Exit status: 0 all runs were made, 2 a file or name is wrong, 3 a kernel is missing, 4 a run broke twice, 130 interrupted. Whatever was
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
	a, err := c.open(u, files, fleet.Releases())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	last := time.Now()
	made, err := nightly.Make(ctx, nightly.Turn(c.Night, nightly.Shard(jobs, shard, shards)), nightly.MakeOptions{
		Workers: orElse(c.Jobs, runtime.NumCPU()), Budget: c.Budget, Archive: a, Runner: fleet,
		Tell: func(done, all int) {
			if now := time.Now(); now.Sub(last) >= every {
				last = now
				u.note("%d of %d runs", done, all)
			}
		},
	})
	if err != nil {
		u.note("%s are kept in %s; the same command goes on from there", quantity.Plural(int64(a.Len()), "run"), shorten(c.Out))
		return err
	}
	for _, b := range made.Broken {
		u.note("%s on %s, seed %d broke twice: %v", b.Scenario, b.Kernel, b.Seed, b.Err)
	}
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
func (c *nightlyRunCmd) jobs(u *ui, baselines []*nightly.Baseline, releases map[string]string) (jobs []nightly.Job, files map[string]string, err error) {
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
		if other, there := files[plain.Name]; there {
			return nil, nil, problem.Wrap(problem.Usage, fmt.Errorf("%s and %s are both called %s", other, file, plain.Name), "results are compared by the scenario's name: give one of them another")
		}
		files[plain.Name] = shorten(file)
		s := plain
		if len(c.Set) > 0 {
			if s, err = loadScenario(file, c.Set); err != nil {
				return nil, nil, err
			}
		}
		for _, name := range c.Kernel {
			j := nightly.Job{Scenario: plain.Name, Release: releases[name], Arm: campaign.Arm{Scenario: s, Hash: s.Hash(), Kernel: name, Set: set}}
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
func (c *nightlyRunCmd) open(u *ui, files, releases map[string]string) (*archive.Archive, error) {
	if c.Out == "" {
		c.Out = filepath.Join("results", "runs", "nightly-"+c.Night)
	}
	plan := nightly.Plan{Night: c.Night, Seeds: c.Seeds, Files: files, Set: c.Set}
	if c.Pool > 0 {
		plan.Seeds = 0
	}
	tool, err := backend.Tool()
	if err != nil {
		return nil, err
	}
	id, err := plan.Identity(tool, releases)
	if err != nil {
		return nil, err
	}
	a, err := archive.Open(c.Out, id)
	if err != nil {
		return nil, err
	}
	for _, d := range a.Damages {
		u.note("%s: %v", c.Out, d)
	}
	return a, nil
}

type nightlyJudgeCmd struct {
	Results  string   `arg:"" help:"Directory that was --out of ruleout nightly run, or of ruleout results merge." placeholder:"RESULTS" complete:"dir"`
	Kernel   []string `help:"Expect runs on this kernel; may be given again (default: on those of the baseline)." placeholder:"NAME" complete:"kernel"`
	State    string   `help:"File that carries the evidence from night to night (default ${default})." default:"results/runs/nightly-state.json" placeholder:"FILE" type:"path"`
	Nights   int      `help:"Tolerate one false alarm in so many nights (default ${default})." default:"365" placeholder:"N"`
	Markdown string   `help:"Write the report as Markdown too, for the summary of a CI job." placeholder:"FILE" type:"path"`
	Format   string   `help:"Output: text or json." enum:"text,json" default:"text"`

	baselineFlag `embed:""`
}

func (*nightlyJudgeCmd) Help() string {
	return `Runs with the digests of the baseline are identical to it, and that is all there is to say. Runs of the same build, kernel, scenario and
seed with two digests are a determinism alarm. Otherwise each metric that is watched adds the night's evidence to that of earlier
nights, and alarms when the evidence is strong enough for one false alarm in --nights nights, over all of them.
To judge a night again does not count it twice.

Exit status: 0 quiet; 1 an alarm; 2 a scenario has changed or has no baseline, or the baseline is damaged; 3 something was not run; 4 the
same run gave two digests, or runs are invalid or broke. Of several, what is worst: 4 for digests, 1, 4, 3, 2.

Examples:

  ruleout nightly judge results/runs/nightly-2026-11-25
  ruleout nightly judge whole --state state.json --markdown summary.md`
}

// Run carries the command out.
func (c *nightlyJudgeCmd) Run(_ context.Context, u *ui) (err error) {
	if c.Nights < 1 {
		return problem.Wrap(problem.Usage, fmt.Errorf("--nights %d: one is the least", c.Nights), "")
	}
	r, err := archive.Read(c.Results)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	plan, err := nightly.PlanOf(r.Identity)
	if err != nil {
		return err
	}
	if plan.Seeds == 0 {
		return problem.Wrap(problem.Usage, fmt.Errorf("%s has the runs of a new baseline", c.Results), "ruleout nightly accept makes them one; ruleout nightly run without --pool makes those of a night")
	}
	baselines, err := nightly.ReadBaselines(c.Baseline, c.Kernel...)
	if err != nil {
		return err
	}
	var others []string
	baselines = slices.DeleteFunc(baselines, func(b *nightly.Baseline) bool {
		_, part := plan.Files[b.Scenario]
		if !part {
			others = append(others, b.Place())
		}
		return !part
	})
	if len(others) > 0 {
		u.note("no part of the night: %s", strings.Join(others, ", "))
	}
	runs, err := nightly.Load(r)
	if err != nil {
		return err
	}
	state, lost, err := nightly.ReadState(c.State)
	if err != nil {
		return err
	}
	report, err := nightly.Judge(nightly.Night{Plan: plan, Baselines: baselines, Runs: runs, Nights: c.Nights, State: state})
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

type nightlyAcceptCmd struct {
	Results string   `arg:"" help:"Directory that was --out of ruleout nightly run --pool." placeholder:"RESULTS" complete:"dir"`
	Only    []string `help:"Accept only this scenario; may be given again." placeholder:"NAME"`

	baselineFlag `embed:""`
}

func (*nightlyAcceptCmd) Help() string {
	return `Writes a file for each scenario and kernel, leaves out seeds whose runs are invalid, and says what differs from the one before: review that, and commit it. The evidence of the
nights before is about the old baseline; it begins anew with the next night.

Exit status: 0 written, 2 these are no runs of a pool, 4 more than a fifth of them are invalid.

Examples:

  ruleout nightly accept pool
  ruleout nightly accept pool --only dup-ack && git diff --stat results/baseline/nightly`
}

// Run carries the command out.
func (c *nightlyAcceptCmd) Run(_ context.Context, u *ui) (err error) {
	r, err := archive.Read(c.Results)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	runs, err := nightly.Load(r)
	if err != nil {
		return err
	}
	var accepted []*nightly.Baseline
	for _, one := range runs {
		if len(c.Only) > 0 && !slices.Contains(c.Only, one.Scenario) {
			continue
		}
		b, err := nightly.Accept(one)
		if err != nil {
			return err // before anything is written
		}
		accepted = append(accepted, b)
	}
	if len(accepted) == 0 {
		return problem.Wrap(problem.Usage, fmt.Errorf("%s has no runs that could be accepted", c.Results), "ruleout nightly run --pool 20 makes them")
	}
	for _, b := range accepted {
		file := filepath.Join(c.Baseline, nightly.FileName(b.Scenario, b.Kernel))
		says := "new"
		old, err := nightly.ReadBaseline(file)
		if err == nil {
			says = differsFrom(old, b)
		} else if _, gone := os.Stat(file); gone == nil {
			says = "in place of one that is damaged"
		}
		if err := b.Write(c.Baseline); err != nil {
			return err
		}
		if len(b.Left) > 0 {
			says += fmt.Sprintf("; left out, since their runs are invalid: %v", b.Left)
		}
		u.printf("%s: %s, %s\n", b.Place(), quantity.Plural(int64(len(b.Rows)), "seed"), says)
	}
	return nil
}

// differsFrom says in what a baseline differs from the one before.
func differsFrom(old, now *nightly.Baseline) string {
	digests, metrics := nightly.Changes(old, now)
	var parts []string
	if old.Hash != now.Hash {
		parts = append(parts, "the scenario is another one")
	}
	switch digests {
	case 0:
		parts = append(parts, "no digest is another one")
	default:
		parts = append(parts, quantity.Plural(int64(digests), "other digest"))
	}
	for _, m := range metrics {
		parts = append(parts, fmt.Sprintf("%s %s → %s", m.Metric, m.Before, m.Now))
	}
	return strings.Join(parts, "; ")
}
