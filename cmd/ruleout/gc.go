package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"time"

	"github.com/ruleout/ruleout/harness/machine"
	"github.com/ruleout/ruleout/harness/machine/image"
	"github.com/ruleout/ruleout/harness/machine/kernel"
	"github.com/ruleout/ruleout/harness/machine/vm"
	"github.com/ruleout/ruleout/harness/selftest/bench"
	"github.com/ruleout/ruleout/harness/verdict/cluster/hub"
)

type gcCmd struct {
	Unused time.Duration `help:"Remove VM templates and images not used for this long (default ${default})." default:"168h" placeholder:"TIME"`
	DryRun bool          `help:"List what would be removed, and remove nothing."`
	Format string        `help:"Output: text or json." enum:"text,json" default:"text"`
}

func (*gcCmd) Help() string {
	return `Removes leftovers of a crash or a power cut (partial imports of kernels, unfinished VM templates and
images, queues, control groups of the host backend). It removes VM templates that were not used for a while, since every
build of ruleout makes its own, and images, with the packages that no other image is made of. It also forgets on which
emulated machines a kernel did not boot. Files in use by a running process stay. Kernels and records are never removed.

Examples:

  ruleout gc --dry-run
  ruleout gc --unused 24h`
}

// Run carries the command out. If one part fails, the others still run.
func (c *gcCmd) Run(u *ui) error {
	removed := []string{}
	var errs []error
	for _, collect := range []func() ([]string, error){
		c.kernels, c.images, c.templates, c.machines, c.benches, c.queues, c.controlGroups,
	} {
		paths, err := collect()
		removed = append(removed, paths...)
		errs = append(errs, err)
	}
	return errors.Join(append(errs, u.list(removed))...)
}

// list prints what was removed or written, as lines or as a list of strings.
func (u *ui) list(names []string) error {
	if u.format == formatJSON {
		return u.json(names)
	}
	for _, name := range names {
		u.printf("%s\n", name)
	}
	return nil
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

func (c *gcCmd) images() ([]string, error) {
	store, err := image.OpenDefault()
	if err != nil {
		return nil, err
	}
	if c.DryRun {
		return store.Garbage(c.Unused)
	}
	return store.GC(c.Unused)
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
		paths = append(paths, fmt.Sprintf("%s: %d unfinished", dir, g.Work))
	}
	return paths, err
}

// machines are the remembered boards on which a kernel boots. A failed boot may have had another reason, so they are
// found out again.
func (c *gcCmd) machines() ([]string, error) {
	if c.DryRun {
		return vm.Remembered("")
	}
	return vm.ForgetBoards("")
}

// queues are the files of servers between a sweep and its workers.
func (c *gcCmd) queues() ([]string, error) { return hub.GC(c.DryRun) }

func (c *gcCmd) benches() ([]string, error) { return bench.Leftovers(c.DryRun) }

// controlGroups are those of host runs that are gone.
func (c *gcCmd) controlGroups() ([]string, error) {
	if runtime.GOOS != "linux" {
		return nil, nil
	}
	return machine.Leftovers(context.Background(), !c.DryRun)
}
