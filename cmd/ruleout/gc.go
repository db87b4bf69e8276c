package main

import (
	"errors"

	"github.com/ruleout/ruleout/harness/cgroup"
	"github.com/ruleout/ruleout/harness/kernel"
)

type gcCmd struct {
	DryRun bool   `help:"Say what would be removed, and remove nothing."`
	Format string `help:"Output: text or json." enum:"text,json" default:"text"`
}

func (*gcCmd) Help() string {
	return `Removes what a crash or a power cut left behind (half imported kernels, half frozen machines, control groups of the host backend), and frozen machines that no run used for a week. What a living process works with is left alone. Kernels and records are never removed.

Examples:

  ruleout gc --dry-run
  ruleout gc`
}

// Run carries the command out.
func (c *gcCmd) Run(u *ui) error {
	removed := []string{}
	var errs []error
	store, err := kernel.OpenDefault()
	if err != nil {
		return err
	}
	for _, collect := range []func(dryRun bool) ([]string, error){kernels(store), controlGroups} {
		paths, err := collect(c.DryRun)
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

func kernels(store *kernel.Store) func(dryRun bool) ([]string, error) {
	return func(dryRun bool) ([]string, error) {
		if dryRun {
			return store.Garbage()
		}
		return store.GC()
	}
}

// controlGroups removes those of host runs that are gone.
func controlGroups(dryRun bool) ([]string, error) {
	if cgroup.Supported() != nil {
		return nil, nil // where none can be made none can be left
	}
	left, err := cgroup.Leftovers()
	if err != nil || dryRun {
		return left, err
	}
	var errs []error
	for _, path := range left {
		errs = append(errs, cgroup.Remove(path))
	}
	return left, errors.Join(errs...)
}
