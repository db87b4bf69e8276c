package main

import (
	"runtime"

	"github.com/ruleout/ruleout/harness/machine"
)

type versionCmd struct{}

func (*versionCmd) Help() string {
	return `Examples:

  ruleout version`
}

// Run carries the command out.
func (*versionCmd) Run(u *ui) error { //nolint:unparam // kong calls methods that return an error
	u.printf("ruleout %s (%s %s/%s)\n", machine.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}
