// Package guesttest builds the guest program for tests that make runs. Only tests import it.
package guesttest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/ruleout/ruleout/harness/machine"
)

// Build builds the guest program as the Makefile does and has this process use it, unless the environment names one
// already. Call it in TestMain, and what it returns after the tests.
func Build() (remove func(), err error) {
	if os.Getenv(machine.EnvGuest) != "" {
		return func() {}, nil
	}
	dir, err := os.MkdirTemp("", "ruleout-guest-*")
	if err != nil {
		return nil, err
	}
	remove = func() { _ = os.RemoveAll(dir) }
	if err := Into(dir, "github.com/ruleout/ruleout/cmd/ruleout-guest"); err != nil {
		remove()
		return nil, err
	}
	return remove, os.Setenv(machine.EnvGuest, filepath.Join(dir, "ruleout-guest"))
}

// Into builds programs of the repository into a directory, as the Makefile does.
func Into(dir string, packages ...string) error {
	cmd := exec.Command("go",
		append([]string{"build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", dir + string(filepath.Separator)},
			packages...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %v: %w\n%s", packages, err, out)
	}
	return nil
}
