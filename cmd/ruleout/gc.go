package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"time"

	"github.com/ruleout/ruleout/harness/machine"
	"github.com/ruleout/ruleout/harness/machine/kernel"
	"github.com/ruleout/ruleout/harness/machine/vm"
	"github.com/ruleout/ruleout/harness/selftest/bench"
)

type gcCmd struct {
	Unused time.Duration `help:"Frozen machines that no run used for so long go (default ${default})." default:"168h" placeholder:"TIME"`
	DryRun bool          `help:"Say what would be removed, and remove nothing."`
	Format string        `help:"Output: text or json." enum:"text,json" default:"text"`
}

func (*gcCmd) Help() string {
	return `Removes what a crash or a power cut left behind (half imported kernels, half frozen machines, control groups of the host backend), and frozen machines that no run used for a while: every build of ruleout makes its own. It also forgets which emulated machine a kernel was found not to boot on. What a living process works with is left alone. Kernels and records are never removed.

Examples:

  ruleout gc --dry-run
  ruleout gc --unused 24h`
}

// Run carries the command out. One part that fails does not keep the others from it.
func (c *gcCmd) Run(u *ui) error {
	removed := []string{}
	var errs []error
	for _, collect := range []func() ([]string, error){c.kernels, c.templates, c.machines, c.benches, c.controlGroups} {
		paths, err := collect()
		removed = append(removed, paths...)
		errs = append(errs, err)
	}
	if c.Format == formatJSON {
		errs = append(errs, u.json(removed))
	} else {
		for _, path := range removed {
			u.printf("%s\n", path)
		}
	}
	return errors.Join(errs...)
}

func (c *gcCmd) kernels() ([]string, error) {
	store, err := kernel.OpenDefault()
	if err != nil {
		return nil, err
	}
	if c.DryRun {
		return store.Garbage()
	}
	return store.GC()
}

func (c *gcCmd) templates() ([]string, error) {
	dir, err := vm.DefaultDir()
	if err != nil {
		return nil, err
	}
	collect := vm.GC
	if c.DryRun {
		collect = vm.Unused
	}
	g, err := collect(dir, c.Unused)
	if g == nil {
		return nil, err
	}
	var paths []string
	for _, name := range g.Templates {
		paths = append(paths, filepath.Join(dir, name))
	}
	if g.Work > 0 {
		paths = append(paths, fmt.Sprintf("%s: %d that were never finished", dir, g.Work))
	}
	return paths, err
}

// machines are those that were found to work where the first one did not: what was found out once may have had another reason.
func (c *gcCmd) machines() ([]string, error) {
	if c.DryRun {
		return vm.Remembered("")
	}
	return vm.ForgetBoards("")
}

func (c *gcCmd) benches() ([]string, error) { return bench.Leftovers(c.DryRun) }

// controlGroups are those of host runs that are gone.
func (c *gcCmd) controlGroups() ([]string, error) {
	if runtime.GOOS != "linux" {
		return nil, nil
	}
	return machine.Leftovers(context.Background(), !c.DryRun)
}
