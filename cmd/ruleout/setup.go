package main

import (
	"context"

	"github.com/ruleout/ruleout/harness/selftest/doctor"
)

type setupCmd struct {
	Kernel string   `help:"Kernel that has to be there, such as 6.12; without it any will do." placeholder:"NAME"`
	Suite  []string `help:"Suites of the distribution to look for the kernel in if apt is set up for none that has it; the first that has it counts." placeholder:"SUITE"`
	Tests  bool     `help:"Get the programs too with which this repository's tests compare: tc and ip, strace, unshare, gpg, depmod and tshark."`
	DryRun bool     `help:"Say what would be done, and do nothing."`
}

func (*setupCmd) Help() string {
	return `Installs QEMU from the distribution's packages where it is missing, as root or with a sudo that asks for no password, and gets a kernel package into the user's cache where there is none. It says what it installs before it does. Without the right to install, it prints the exact command for somebody who has it, and exits with 3.

Examples:

  ruleout setup
  ruleout setup --kernel 6.12
  ruleout setup --kernel 6.12 --suite bookworm-backports,trixie`
}

// Run carries the command out.
func (c *setupCmd) Run(ctx context.Context, u *ui) error {
	return doctor.Mend(ctx, doctor.MendOptions{Kernel: c.Kernel, Suites: c.Suite, Tests: c.Tests, DryRun: c.DryRun, Say: &progress{u: u}})
}
