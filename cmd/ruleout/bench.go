package main

import (
	"context"
	"fmt"

	"github.com/ruleout/ruleout/harness/base/table"
	"github.com/ruleout/ruleout/harness/scenario/expect"
	"github.com/ruleout/ruleout/harness/selftest/bench"
)

type benchCmd struct {
	Scenario string `help:"Scenario for runs per second (default ${default})." default:"scenarios/bench/hundred.yaml" placeholder:"FILE" complete:"yaml"`
	Recorded string `help:"Scenario to run with and without its timeline (default ${default})." default:"scenarios/dup-ack.yaml" placeholder:"FILE" complete:"yaml"`
	Kernel   string `help:"Kernel from the store." placeholder:"NAME" complete:"kernel"`
	N        int    `short:"n" help:"Number of runs (default ${default})." default:"16" placeholder:"RUNS"`
	Jobs     int    `short:"j" help:"Runs at a time (default ${default})." default:"2" placeholder:"JOBS"`
	Format   string `help:"Output: text or json." enum:"text,json" default:"text"`
}

func (*benchCmd) Help() string {
	return `The machine should be idle otherwise. A missed target is marked; it is not an error.

Examples:

  ruleout bench
  ruleout bench -n 40 --format json`
}

// Run carries the command out.
func (c *benchCmd) Run(ctx context.Context, u *ui) error {
	counted, err := expect.Load(c.Scenario, nil)
	if err != nil {
		return err
	}
	file, err := expect.Open(c.Recorded)
	if err != nil {
		return err
	}
	recorded, err := file.With(nil)
	if err != nil {
		return err
	}
	unrecorded, err := file.With([]string{"timeline=off"})
	if err != nil {
		return err
	}
	figures, err := bench.Run(ctx, bench.Options{
		File: c.Scenario, Scenario: counted, Recorded: recorded, Unrecorded: unrecorded,
		Kernel: c.Kernel, Runs: c.N, Jobs: c.Jobs, Progress: func(text string) { u.note("%s", text) },
	})
	if err != nil {
		return err
	}
	if c.Format == formatJSON {
		return u.json(figures)
	}
	t := table.Table{Header: []string{"", "what", "measured", "target", ""}}
	for _, f := range figures {
		mark, target := "", ""
		if f.Better != "" {
			mark, target = "✓", fmt.Sprintf("%s %.4g", f.Better, f.Target)
			if !f.Met() {
				mark = "✗"
			}
		}
		t.Rows = append(t.Rows, []string{mark, f.Name, threeDigits(f.Value) + " " + f.Unit, target, f.Note})
	}
	return u.table(&t)
}

// threeDigits formats with three digits that matter, or all those before the point.
func threeDigits(v float64) string {
	if v >= 1000 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}
