package main

import (
	"context"

	"github.com/ruleout/ruleout/harness/selftest/doctor"
)

type setupCmd struct {
	Kernel string   `help:"Kernel that is needed, such as 6.12 (default: any)." placeholder:"NAME"`
	Suite  []string `help:"Suites of the distribution in which to look for the kernel if apt is set up for none that has it; the first one that has it is used." placeholder:"SUITE"`
	Tests  bool     `help:"Also install the programs that the tests of this repository compare with: tc and ip, strace, unshare, gpg, depmod, tshark and nats-server."`
	DryRun bool     `help:"Print what would be done, and do nothing."`
}

func (*setupCmd) Help() string {
	return `Installs QEMU from the packages of the distribution if it is missing, as root or with a sudo that needs no
password, and gets a kernel package into the user's cache if there is none. It prints what it will install first.
Without the right to install, it prints the exact command for an administrator, and exits with 3.

Examples:

  ruleout setup
  ruleout setup --kernel 6.12
  ruleout setup --kernel 6.12 --suite bookworm-backports,trixie`
}

// Run carries the command out.
func (c *setupCmd) Run(ctx context.Context, u *ui) error {
	return doctor.Mend(ctx,
		doctor.MendOptions{Kernel: c.Kernel, Suites: c.Suite, Tests: c.Tests, DryRun: c.DryRun, Say: &progress{u: u}})
}
