package main

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/base/table"
	"github.com/ruleout/ruleout/harness/machine/kernel"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
	"github.com/ruleout/ruleout/harness/verdict/compare"
)

type kernelConfigCmd struct {
	A      string   `arg:"" name:"a" help:"Kernel in the store." placeholder:"A" complete:"kernel"`
	B      string   `arg:"" name:"b" help:"Another one." placeholder:"B" complete:"kernel"`
	Option []string `help:"Show options that match, such as 'TCP_*'; may be given again." placeholder:"PATTERN"`
	All    bool     `help:"Show all options that differ."`
	Format string   `help:"Output: text or json." enum:"text,json" default:"text"`
}

func (*kernelConfigCmd) Help() string {
	return `Shows the options that two kernels were not built alike with: y is built in, m a module, and n stands for an
option that is not set, or that the kernel does not know. Without --option and --all, options of networks, packet
filters, scheduler, timers, preemption, BPF, control groups and mitigations are shown.

The settings that can be changed at run time are not among them: sysctls have their defaults in the source.

Examples:

  ruleout kernel config 6.1 6.12
  ruleout kernel config 6.1 6.1-rt --option 'PREEMPT*' --option 'HZ*'
  ruleout kernel config 6.1 7 --all --format json | jq -r '.[] | select(.b == "n") | .name'`
}

// Run carries the command out.
func (c *kernelConfigCmd) Run(u *ui) error {
	store, err := kernel.OpenDefault()
	if err != nil {
		return err
	}
	for _, p := range c.Option {
		if _, err := path.Match(p, ""); err != nil {
			return problem.Wrap(problem.Usage, fmt.Errorf("--option %s: %w", p, err), "patterns are like 'TCP_*' or 'HZ_[0-9]*'")
		}
	}
	a, err := store.Get(c.A)
	if err != nil {
		return err
	}
	b, err := store.Get(c.B)
	if err != nil {
		return err
	}
	changes, err := compare.Configurations(a, b)
	if err != nil {
		return err
	}
	shown := slices.DeleteFunc(slices.Clone(changes), func(x compare.Setting) bool { return !c.shows(x.Name) })
	if c.Format == formatJSON {
		return u.json(shown)
	}
	if len(shown) > 0 {
		t := table.Table{Header: []string{"option", a.Name, b.Name}}
		for _, x := range shown {
			t.Rows = append(t.Rows, []string{x.Name, x.A, x.B})
		}
		if err := u.table(&t); err != nil {
			return err
		}
	}
	switch {
	case len(changes) == 0:
		u.printf("the two have the same configuration\n")
	case len(shown) < len(changes):
		u.printf("%s of the %s that differ are shown; --all shows the rest\n", quantity.Count(int64(len(shown))),
			quantity.Plural(int64(len(changes)), "option"))
	}
	return nil
}

// shows tells whether an option is shown. Patterns may begin with CONFIG_.
func (c *kernelConfigCmd) shows(option string) bool {
	if len(c.Option) == 0 {
		return c.All || compare.Touching(option)
	}
	return slices.ContainsFunc(c.Option, func(p string) bool {
		whole, _ := path.Match(p, option)
		short, _ := path.Match(p, strings.TrimPrefix(option, "CONFIG_"))
		return whole || short
	})
}
