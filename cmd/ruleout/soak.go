package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/base/table"
	"github.com/ruleout/ruleout/harness/machine"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario/expect"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
	"github.com/ruleout/ruleout/harness/selftest/soak"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/cases"
	"github.com/ruleout/ruleout/harness/verdict/sweep"
)

type soakCmd struct {
	Scenarios []string `arg:"" name:"scenario" help:"Scenario files." placeholder:"SCENARIO" complete:"yaml" takes:"scenario"`
	N         int      `short:"n" help:"Runs of each scenario (default ${default})." default:"20" placeholder:"RUNS"`
	Jobs      int      `short:"j" help:"Runs at a time (default ${default})." default:"2" placeholder:"JOBS"`
	Load      bool     `help:"Keep every processor busy with other work."`
	Seed      uint64   `help:"Seed of the runs (default ${default})." default:"1" placeholder:"N"`
	Kernel    []string `help:"Kernel from the store; may be given again." placeholder:"NAME" complete:"kernel"`
	QEMU      []string `help:"Path of a QEMU; may be given again." placeholder:"PATH" name:"qemu"`
	Set       []string `help:"Change a value of the scenarios; may be given again." sep:"none" placeholder:"PATH=VALUE"`
	Keep      string   `help:"Directory for the first record and for records that differ from it." placeholder:"DIR" type:"path" complete:"dir"`
	Format    string   `help:"Output: text or json." enum:"text,json" default:"text"`

	crewFlags `embed:""`
}

func (*soakCmd) Help() string {
	return `Every run must have the digest of the first one. A run with another seed must differ.

Exit status: 0 all digests are equal, 4 they are not.

Examples:

  ruleout soak scenarios/dup-ack.yaml -n 200 -j 2 --load
  ruleout soak scenarios/*.yaml --kernel 5.10 --kernel 6.1 --kernel 6.12`
}

// Run carries the command out.
func (c *soakCmd) Run(ctx context.Context, u *ui) (err error) {
	if c.Keep != "" {
		if err := result.CheckDir(c.Keep); err != nil {
			return err
		}
	}
	if c.Load {
		busy, err := machine.MakeBusy(ctx, runtime.NumCPU())
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, busy.Close()) }()
	}
	results := []*soak.Result{}
	pass := true
	fleet, err := sweep.OpenFleet(ctx, orOne(c.Kernel), orOne(c.QEMU)...)
	if err != nil {
		return err
	}
	runner, ctx, end, err := c.runner(ctx, u, fleet)
	if err != nil {
		return err
	}
	defer end()
	for _, qemu := range orOne(c.QEMU) {
		for _, kernel := range orOne(c.Kernel) {
			for _, file := range c.Scenarios {
				r, err := c.soak(ctx, u, runner, campaign.Arm{Kernel: kernel, QEMU: qemu}, file)
				if err != nil {
					return err
				}
				pass = pass && r.Pass()
				results = append(results, r)
			}
		}
	}
	if c.Format == formatJSON {
		err = u.json(results)
	} else {
		err = printSoak(u, results)
	}
	if err == nil && !pass {
		err = status(problem.Invalid)
	}
	return err
}

func (c *soakCmd) soak(
	ctx context.Context, u *ui, runner sweep.Runner, arm campaign.Arm, file string,
) (*soak.Result, error) {
	f, err := expect.Open(file)
	if err != nil {
		return nil, err
	}
	s, err := f.With(c.Set)
	if err != nil {
		return nil, err
	}
	done := 0
	each := func(r *result.Record, equal bool, err error) {
		done++
		switch {
		case err != nil:
			u.note("%s %d/%d: %v", s.Name, done, c.N, err)
		case !equal:
			u.note("%s %d/%d: differs, %s", s.Name, done, c.N, result.Short(r.Digest))
		case done == 1 || done == c.N || done%10 == 0:
			u.note("%s %d/%d: %s, %.1f s", s.Name, done, c.N, result.Short(r.Digest), r.Time.Wall)
		}
		if c.Keep == "" || r == nil || equal && done > 1 {
			return
		}
		if path, err := result.Save(c.Keep, r); err != nil {
			u.note("%v", err)
		} else {
			u.note("kept %s", path)
		}
	}
	arm.Scenario, arm.Hash = s, s.Hash()
	r, err := soak.Run(ctx, soak.Options{Runner: runner, Arm: arm, Seed: c.Seed, Runs: c.N, Jobs: c.Jobs, Each: each})
	return r, f.Locate(err, c.Set)
}

// runner returns who makes the runs. Several QEMUs are those of this machine.
func (c *soakCmd) runner(ctx context.Context, u *ui, fleet *sweep.Fleet) (sweep.Runner, context.Context, func(),
	error) {
	if len(c.QEMU) > 0 {
		if c.others() {
			return nil, nil, nil, problem.Wrap(problem.Usage, errors.New("--qemu is the path of a program on this machine"),
				"leave out --listen and --nats")
		}
		return fleet, ctx, func() {}, nil
	}
	crew, err := c.crewFlags.open(ctx, u, fleet, "soak", c.Jobs, true)
	if err != nil {
		return nil, nil, nil, err
	}
	return crew, crew.ctx, crew.Close, nil
}

func printSoak(u *ui, results []*soak.Result) error {
	t := table.Table{Header: []string{"scenario", "kernel", "QEMU", "equal", "rate", "runs/s", "digest", "other seed"}}
	for _, r := range results {
		other := "differs in " + quantity.Plural(int64(r.OtherSeedDiffers), "field")
		if r.OtherSeedDiffers == 0 {
			other = "THE SAME"
		}
		t.Rows = append(t.Rows, []string{
			r.Scenario, r.Kernel, r.QEMU, fmt.Sprintf("%d of %d", r.Equal, r.Runs),
			fmt.Sprintf("%.1f %%", 100*float64(r.Equal)/float64(r.Runs)), fmt.Sprintf("%.2f", float64(r.Runs)/r.Wall),
			result.Short(r.Digest), other,
		})
	}
	if err := u.table(&t); err != nil {
		return err
	}
	for _, r := range results {
		if r.Failed > 0 {
			u.printf("\n%s on %s: %s gave no record; the first: %s\n", r.Scenario, r.Kernel,
				quantity.Plural(int64(r.Failed), "run"), r.Failure)
		}
		if r.NotMade > 0 {
			u.printf("%s were not made, since %d in a row broke\n", quantity.Plural(int64(r.NotMade), "run"), cases.InARow)
		}
		for i, d := range r.Differences {
			if i == 0 {
				u.printf("\n%s on %s: the first run that differs does so in %s:\n", r.Scenario, r.Kernel,
					quantity.Plural(int64(len(r.Differences)), "field"))
			}
			if i == 5 {
				u.printf("  …\n")
				break
			}
			u.printf("  %s%s: %s and %s\n", moment(d.Moment), d.Field, d.A, d.B)
		}
	}
	return nil
}

func moment(s float64) string {
	if s < 0 {
		return ""
	}
	return fmt.Sprintf("at %+.1f s, ", s)
}

// orOne makes a loop over a flag's values run once when there are none.
func orOne(list []string) []string {
	if len(list) == 0 {
		return []string{""}
	}
	return list
}
