package main

import (
	"context"

	"github.com/ruleout/ruleout/harness/machine/kernel"
	"github.com/ruleout/ruleout/harness/machine/vm"
	"github.com/ruleout/ruleout/harness/selftest/doctor"
)

type setupCmd struct {
	Kernel string   `help:"Kernel that is needed, such as 6.12 (default: any)." placeholder:"NAME"`
	Suite  []string `help:"Suites of the distribution in which to look for the kernel if apt is set up for none that has it; the first one that has it is used." placeholder:"SUITE"`
	Tests  bool     `help:"Also install what tests compare with, such as strace, tshark and nats-server."`
	DryRun bool     `help:"Print what would be done, and do nothing."`
	Format string   `help:"Output: text or json." enum:"text,json" default:"text"`
}

func (*setupCmd) Help() string {
	return `Installs QEMU from the packages of the distribution if it is missing, as root or with a sudo that needs no
password, and gets a kernel package into the user's cache if there is none. It prints what it will install first.
Without the right to install, it prints the exact command for an administrator, and exits with 3.

With --format json, what it does is in notes on standard error, and standard output says which QEMU and kernel there are
in the end, each null if there is none.

Examples:

  ruleout setup
  ruleout setup --dry-run --format json
  ruleout setup --kernel 6.12
  ruleout setup --kernel 6.12 --suite bookworm-backports,trixie`
}

// Run carries the command out.
func (c *setupCmd) Run(ctx context.Context, u *ui) error {
	err := doctor.Mend(ctx,
		doctor.MendOptions{Kernel: c.Kernel, Suites: c.Suite, Tests: c.Tests, DryRun: c.DryRun, Say: &progress{u: u}})
	if err != nil || c.Format == formatText {
		return err
	}
	var has equipment
	if found, err := vm.FindQEMU(ctx); err == nil { // a dry run leaves it missing
		has.QEMU = &equippedQEMU{Path: found[0].Path, Version: found[0].Version}
	}
	store, err := kernel.OpenDefault()
	if err != nil {
		return err
	}
	if k, err := store.Choose(c.Kernel); err == nil {
		has.Kernel = &k.Name
	}
	return u.json(has)
}

// equipment is what a machine has for runs, in JSON.
type equipment struct {
	QEMU   *equippedQEMU `json:"qemu"`
	Kernel *string       `json:"kernel"`
}

type equippedQEMU struct {
	Path    string `json:"path"`
	Version string `json:"version"`
}
