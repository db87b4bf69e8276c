package main

import (
	"cmp"
	"fmt"
	"path"
	"slices"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/base/table"
	"github.com/ruleout/ruleout/harness/machine/kernel"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

type kernelConfigCmd struct {
	A      string   `arg:"" name:"a" help:"Kernel in the store." placeholder:"A" complete:"kernel"`
	B      string   `arg:"" name:"b" help:"Another one." placeholder:"B" complete:"kernel"`
	Option []string `help:"Show options that match this pattern, such as 'TCP_*'; may be given again (default: those of networks, scheduler, timers and BPF)." placeholder:"PATTERN"`
	All    bool     `help:"Show all options that differ."`
	Format string   `help:"Output: text or json." enum:"text,json" default:"text"`
}

func (*kernelConfigCmd) Help() string {
	return `Shows the options that two kernels were not built alike with: y is built in, m a module. A dash stands for an
option that is not set, or that the kernel does not know; the file does not matter, only what was built.

The settings that can be changed at run time are not among them: sysctls have their defaults in the source.

Examples:

  ruleout kernel config 6.1 6.12
  ruleout kernel config 6.1 6.1-rt --option 'PREEMPT*' --option 'HZ*'
  ruleout kernel config 6.1 7 --all --format json | jq -r '.[] | select(.b == "") | .option'`
}

// ofNetworks are the patterns of options that runs can differ by: networks, scheduler, timers, memory of nodes and BPF.
var ofNetworks = []string{"NET", "NET_*", "INET*", "IP_*", "IPV6*", "IP6_*", "NF_*", "NFT_*", "NETFILTER*", "TCP_*",
	"DEFAULT_TCP_CONG", "DEFAULT_CUBIC", "DEFAULT_RENO", "DEFAULT_BBR", "DEFAULT_NET_SCH", "SYN_COOKIES", "XFRM*",
	"MPTCP*", "VETH", "BRIDGE*", "BQL", "RPS", "XPS", "PAGE_POOL*", "HZ", "HZ_*", "NO_HZ*", "HIGH_RES_TIMERS", "PREEMPT*",
	"SCHED_*", "FAIR_GROUP_SCHED", "RT_GROUP_SCHED", "CFS_BANDWIDTH", "CGROUP*", "MEMCG*", "PSI*", "BPF*",
	"TICK_CPU_ACCOUNTING", "VIRT_CPU_ACCOUNTING*", "IRQ_TIME_ACCOUNTING", "RCU_*", "*MITIGATION*", "RETPOLINE", "SLUB*",
	"TRANSPARENT_HUGEPAGE*"}

// Run carries the command out.
func (c *kernelConfigCmd) Run(u *ui) error {
	store, err := kernel.OpenDefault()
	if err != nil {
		return err
	}
	patterns := c.Option
	for _, p := range patterns {
		if _, err := path.Match(p, ""); err != nil {
			return problem.Wrap(problem.Usage, fmt.Errorf("--option %s: %w", p, err), "patterns are like 'TCP_*' or 'HZ_[0-9]*'")
		}
	}
	if len(patterns) == 0 {
		patterns = ofNetworks
	}
	var sides [2]*kernel.Kernel
	var configs [2]kernel.Config
	for i, name := range []string{c.A, c.B} {
		if sides[i], err = store.Get(name); err != nil {
			return err
		}
		if configs[i], err = sides[i].Config(); err != nil {
			return err
		}
	}
	changes := configs[0].Changes(configs[1])
	shown := changes
	if !c.All {
		shown = slices.DeleteFunc(slices.Clone(changes), func(x kernel.Change) bool { return !matches(patterns, x.Option) })
	}
	if c.Format == formatJSON {
		return u.json(shown)
	}
	if len(shown) > 0 {
		t := table.Table{Header: []string{"option", sides[0].Name, sides[1].Name}}
		for _, x := range shown {
			t.Rows = append(t.Rows, []string{x.Option, cmp.Or(x.A, "–"), cmp.Or(x.B, "–")})
		}
		if err := u.table(&t); err != nil {
			return err
		}
	}
	switch {
	case len(changes) == 0:
		u.printf("the same %s are set\n", quantity.Plural(int64(len(configs[0])), "option"))
	case len(shown) < len(changes):
		u.printf("%s of the %s that differ are shown; --all shows the rest\n", quantity.Count(int64(len(shown))),
			quantity.Plural(int64(len(changes)), "option"))
	}
	return nil
}

// matches tells whether an option is like one of some patterns, which may begin with CONFIG_.
func matches(patterns []string, option string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		for _, name := range []string{option, option[len("CONFIG_"):]} {
			if ok, _ := path.Match(p, name); ok {
				return true
			}
		}
		return false
	})
}
