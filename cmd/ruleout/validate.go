package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/selftest/validate"
	"github.com/ruleout/ruleout/harness/verdict/sweep"
)

type validateCmd struct {
	Cases    []string `arg:"" name:"dir" help:"Directories of cases." placeholder:"DIR" complete:"dir"`
	Only     []string `help:"Run only these cases." placeholder:"NAME,…"`
	Kernel   []string `help:"Kernel from the store; may be given again." placeholder:"NAME" complete:"kernel"`
	Jobs     int      `short:"j" help:"Runs at a time (default ${default})." default:"2" placeholder:"JOBS"`
	Seed     uint64   `help:"Seed of the first run of each case (default ${default})." default:"1" placeholder:"N"`
	Break    string   `help:"File with a change for each case. With it, the case must fail." placeholder:"FILE" type:"path"`
	Out      string   `help:"Directory for the records." placeholder:"DIR" type:"path" complete:"dir"`
	Markdown string   `help:"Write the table as a page into this file." placeholder:"FILE" type:"path"`
	Command  string   `help:"Command that the page names as its origin." default:"make validate" placeholder:"COMMAND"`
	Format   string   `help:"Output: text or json." enum:"text,json" default:"text"`

	crewFlags `embed:""`
}

func (*validateCmd) Help() string {
	return `Each case is a scenario whose key source says where its expected numbers come from. It runs once on each
kernel, or as often as its key seeds says, with seeds from --seed on. Counts are then added, all other values are
averaged, and expect is checked against the result.

Given files instead of directories, this is another name of ruleout check: nothing is run.

With --break, every case is changed so that it must fail. This shows that each case can fail.

Exit status: 0 all kernels agree with all sources, 1 a kernel does not, 4 a run is invalid or left no record. With
--break: 0 every case failed, 1 a case agreed although it was changed.

Examples:

  ruleout validate scenarios/validate --kernel 5.10 --kernel 6.1
  ruleout validate scenarios/validate --only syn-retries,slow-start
  ruleout validate scenarios/validate --break scenarios/validate/broken.txt`
}

// Run carries the command out.
func (c *validateCmd) Run(ctx context.Context, u *ui) error {
	cases, err := validate.Load(c.Cases)
	if err != nil {
		return err
	}
	if c.Break != "" {
		if cases, err = validate.Break(c.Break, cases); err != nil {
			return err
		}
	}
	if cases, err = validate.Only(cases, c.Only); err != nil {
		return err
	}
	if c.Out != "" {
		if err := result.CheckDir(c.Out); err != nil {
			return err
		}
	}
	if c.Jobs < 1 {
		return problem.Wrap(problem.Usage, fmt.Errorf("-j %d: at least one run at a time is needed", c.Jobs), "")
	}
	fleet, err := sweep.OpenFleet(ctx, orOne(c.Kernel))
	if err != nil {
		return err
	}
	var kernels []validate.Kernel
	for _, name := range orOne(c.Kernel) {
		kernels = append(kernels, validate.Kernel{Name: name, Release: fleet.Releases()[name]})
	}
	done := 0
	each := func(k validate.Case, m validate.Kernel, o *validate.Outcome) {
		done++
		took := ""
		if runs := o.Records(); len(runs) > 0 {
			wall := 0.
			for _, r := range runs {
				wall += r.Time.Wall
				c.keep(u, r)
			}
			if took = fmt.Sprintf(", %.1f s", wall); len(runs) > 1 {
				took += fmt.Sprintf(" for %d runs", len(runs))
			}
		}
		u.note("%d/%d  %s on %s: %s%s",
			done, len(cases)*len(kernels), k.Scenario.Name, validate.Short(m.Release), o.Verdict, took)
	}
	crew, err := c.crewFlags.open(ctx, u, fleet, "published results", c.Jobs, false)
	if err != nil {
		return err
	}
	defer crew.Close()
	o := validate.Options{Runner: crew, Seed: c.Seed, Jobs: c.Jobs, Each: each}
	table, err := validate.Run(crew.ctx, cases, kernels, o)
	err = crew.settled(err)
	if err != nil {
		return err
	}
	if c.Format == formatJSON {
		err = u.json(table)
	} else {
		err = table.Text(u.out)
	}
	if err == nil && c.Markdown != "" {
		err = c.page(table)
	}
	if err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	if c.Break != "" {
		missed := table.Missed()
		for _, m := range missed {
			u.note("agreed although it was changed: %s", m)
		}
		if len(missed) > 0 {
			return status(1)
		}
		return nil
	}
	switch n := table.Count(); {
	case n[validate.Invalid]+n[validate.Failed] > 0:
		return status(problem.Invalid)
	case n[validate.Disagrees] > 0:
		return status(1)
	}
	return nil
}

// keep saves a record where they are kept.
func (c *validateCmd) keep(u *ui, r *result.Record) {
	if c.Out == "" {
		return
	}
	if _, err := result.Save(c.Out, r); err != nil {
		u.note("%v", err)
	}
}

// page writes the table as a page, with links to the cases.
func (c *validateCmd) page(t *validate.Table) error {
	cases, err := filepath.Abs(filepath.Dir(t.Rows[0].File))
	if err != nil {
		return err
	}
	links, err := filepath.Rel(filepath.Dir(c.Markdown), cases)
	if err != nil {
		return err
	}
	return writeWhole(c.Markdown, func(w io.Writer) error { return t.Markdown(w, c.Command, filepath.ToSlash(links)) })
}
