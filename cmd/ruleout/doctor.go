package main

import (
	"context"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/selftest/doctor"
)

type doctorCmd struct {
	Quick  bool   `help:"Skip the test whether runs repeat, which boots machines."`
	Format string `help:"Output: text or json." enum:"text,json" default:"text"`
}

func (*doctorCmd) Help() string {
	return `Each line is ok, missing or broken, with what was found and how to fix it. Where possible a feature is tested
by use: namespaces are made, programs loaded, machines booted. Everything is removed afterwards.

Lines about the host backend do not matter to the vm backend, which is the default and has its own kernel.

Exit status: 0 the vm backend can work, 3 it cannot.

Examples:

  ruleout doctor
  ruleout doctor --quick --format json | jq '.checks[] | select(.status != "ok")'`
}

// examined is the JSON form of the result.
type examined struct {
	VM     bool           `json:"vm"`   // the vm backend can work
	Host   bool           `json:"host"` // the host backend can work
	Checks []doctor.Check `json:"checks"`
}

// Run carries the command out.
func (c *doctorCmd) Run(ctx context.Context, u *ui) error {
	options := doctor.Options{Quick: c.Quick, Progress: func(text string) { u.note("%s", text) }}
	if c.Format == formatText {
		options.Found = u.check
	}
	checks, err := doctor.Examine(ctx, options)
	if err != nil {
		return err
	}
	e := examined{VM: doctor.Fit(doctor.VM, checks), Host: doctor.Fit(doctor.Host, checks), Checks: checks}
	if c.Format == formatJSON {
		if err := u.json(e); err != nil {
			return err
		}
	} else {
		u.printf("\nvm backend (the default): %s\nhost backend: %s\n", able(e.VM), able(e.Host))
	}
	if !e.VM {
		return status(problem.Machine)
	}
	return nil
}

func able(yes bool) string {
	if yes {
		return "can work"
	}
	return "cannot work here"
}

// check prints one line, and the hint below it.
func (u *ui) check(c doctor.Check) {
	paint, reset := "", ""
	if color(u.out) {
		reset = "\x1b[0m"
		switch {
		case c.Status == doctor.OK:
			paint = "\x1b[32m"
		case c.For == doctor.VM:
			paint = "\x1b[31m"
		default:
			paint = "\x1b[33m"
		}
	}
	u.printf("%s%-7s%s  %-4s  %-22s  %s\n", paint, c.Status, reset, c.For, c.Name, c.Detail)
	if c.Hint != "" && c.Status != doctor.OK {
		u.printf("%-7s  %-4s  %-22s  → %s\n", "", "", "", c.Hint)
	}
}
