package main

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/report/grid"
	"github.com/ruleout/ruleout/harness/scenario/expect"
	"github.com/ruleout/ruleout/harness/verdict/compare"
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
	var profiles []*compare.Profile
	for _, k := range c.Matrix {
		p, err := compare.SideOf(k)
		if err != nil {
			return err
		}
		profiles = append(profiles, p)
	}
	sides, broken, err := c.runs(ctx, u, profiles)
	if err != nil {
		return err
	}
	m, err := matrix.New(sides, names, c.Seeds, matrix.Options{Margin: margin})
	if err != nil {
		return err
	}
	if c.HTML != "" {
		if err := writeWhole(c.HTML, func(w io.Writer) error { return grid.Write(w, m) }); err != nil {
			return problem.Wrap(problem.KindOf(err), err, "give another place with --html FILE")
		}
		u.note("wrote %s", shorten(c.HTML))
	}
	if c.Format == formatJSON {
		err = u.json(m)
	} else {
		err = m.Text(u.out, c.Format == formatMarkdown, c.All)
	}
	if err == nil && (len(m.Alarms()) > 0 || broken || m.Undecided()) {
		err = status(problem.Invalid)
	}
	return err
}
