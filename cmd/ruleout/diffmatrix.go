package main

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/report/grid"
	"github.com/ruleout/ruleout/harness/scenario/expect"
	"github.com/ruleout/ruleout/harness/verdict/matrix"
)

// matrix compares each of several kernels with the one before it.
func (c *diffCmd) matrix(ctx context.Context, u *ui, margin float64) error {
	c.Scenarios = slices.DeleteFunc(append([]string{c.A, c.B}, c.Scenarios...), func(s string) bool { return s == "" })
	c.A, c.B = "", "" // all arguments are scenarios
	if err := matrix.Check(c.Matrix); err != nil {
		return err
	}
	if c.Packets || c.Pcap != "" {
		return problem.Wrap(problem.Usage, errors.New("--packets and --pcap are for two records"),
			"ruleout diff A.json B.json")
	}
	list, err := expect.OpenDistinct(c.Scenarios)
	if err != nil {
		return err
	}
	var names []string
	for _, f := range list {
		names = append(names, f.Plain.Name)
	}
	sides, _, broken, err := c.runs(ctx, u, c.Matrix, list)
	if err != nil {
		return err
	}
	m, err := matrix.New(sides, names, c.Seeds, matrix.Options{Margin: margin})
	if err != nil {
		return err
	}
	if err := c.page(u, func(w io.Writer) error { return grid.Write(w, m) }); err != nil {
		return err
	}
	err = c.tell(u, m)
	if err == nil && (len(m.Alarms()) > 0 || broken || m.Undecided()) {
		err = status(problem.Invalid)
	}
	return err
}
