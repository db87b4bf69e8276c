package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
	"github.com/ruleout/ruleout/harness/verdict/nightly"
)

type nightlyAcceptCmd struct {
	Results string   `arg:"" help:"Directory that was --out of ruleout nightly run --pool." placeholder:"RESULTS" complete:"dir" takes:"night"`
	Only    []string `help:"Accept only this scenario; may be given again." placeholder:"NAME"`

	Format string `help:"Output: text or json." enum:"text,json" default:"text"`

	baselineFlag `embed:""`
}

func (*nightlyAcceptCmd) Help() string {
	return `Writes a file for each scenario and kernel, leaves out seeds with invalid runs, and prints the differences from
the previous baseline. Review them and commit the files. The evidence of earlier nights belongs to the old baseline; it
starts again with the next night.

Exit status: 0 written, 2 the directory has no runs of a pool, 4 more than a fifth of the runs are invalid.

Examples:

  ruleout nightly accept pool
  ruleout nightly accept pool --only dup-ack && git diff --stat results/baseline/nightly`
}

// Run carries the command out.
func (c *nightlyAcceptCmd) Run(_ context.Context, u *ui) (err error) {
	r, err := readResults(u, c.Results)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	runs, err := nightly.Load(r)
	if err != nil {
		return err
	}
	accepted, err := nightly.AcceptAll(runs, c.Only)
	if err != nil {
		return err // before anything is written
	}
	if len(accepted) == 0 {
		return problem.Wrap(problem.Usage, fmt.Errorf("%s has no runs that could be accepted", c.Results),
			"ruleout nightly run --pool 20 makes them")
	}
	list := []acceptedBaseline{}
	for _, b := range accepted {
		says, err := b.Replace(c.Baseline)
		if err != nil {
			return err
		}
		list = append(list, acceptedBaseline{Scenario: b.Scenario, Kernel: b.Kernel, Seeds: len(b.Rows), Says: says,
			File: filepath.Join(c.Baseline, nightly.FileName(b.Scenario, b.Kernel))})
		if c.Format == formatText {
			u.printf("%s: %s, %s\n", b.Place(), quantity.Plural(int64(len(b.Rows)), "seed"), says)
		}
	}
	if c.Format == formatJSON {
		return u.json(list)
	}
	return nil
}

// acceptedBaseline is a baseline that was written, in JSON.
type acceptedBaseline struct {
	Scenario string `json:"scenario"`
	Kernel   string `json:"kernel"`
	File     string `json:"file"`
	Seeds    int    `json:"seeds"`
	Says     string `json:"says"` // in what it differs from the one before
}
