package main

import (
	"runtime"

	"github.com/ruleout/ruleout/harness/machine/backend"
)

type versionCmd struct{}

func (*versionCmd) Help() string {
	return `Examples:

  ruleout version`
}

// Run carries the command out.
func (*versionCmd) Run(u *ui) error { //nolint:unparam // kong calls methods that return an error
	u.printf("ruleout %s (%s %s/%s)\n", backend.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}
