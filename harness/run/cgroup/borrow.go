package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// The controllers of [Root] are not ours. Those that are off are switched on for as long as there are groups of ours,
// of any process. A group without processes is the mark that says which: it outlives a process that is killed.

// markPrefix is how the names of marks begin; those of the controllers follow.
const markPrefix = prefix + "controllers-"

func isMark(path string) bool { return strings.HasPrefix(filepath.Base(path), markPrefix) }

// borrow switches on what is off below root, and makes a group there before another process can switch it off again.
func borrow(root string, make func() error) (err error) {
	unlock, err := lock(root)
	if err != nil {
		return err
	}
	defer unlock()
	on, err := os.ReadFile(filepath.Join(root, "cgroup.subtree_control"))
	if err != nil {
		return err
	}
	able, err := os.ReadFile(filepath.Join(root, "cgroup.controllers"))
	if err != nil {
		return err
	}
	var off []string
	for _, c := range controllers {
		if !slices.Contains(strings.Fields(string(on)), c) && slices.Contains(strings.Fields(string(able)), c) {
			off = append(off, c)
		}
	}
	if len(off) > 0 { // the mark comes first: what it says too much does no harm
		if err := os.Mkdir(filepath.Join(root, markPrefix+strings.Join(off, "-")), 0o755); err != nil &&
			!errors.Is(err, os.ErrExist) {
			return err
		}
		enable(root)
	}
	return make()
}

// giveBack switches off what was switched on, if there are no groups of ours any more.
func giveBack(root string) error {
	unlock, err := lock(root)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unlock()
	entries, err := os.ReadDir(root)
	if err != nil {
		return fmt.Errorf("list control groups: %w", err)
	}
	var marks []string
	for _, e := range entries {
		switch path := filepath.Join(root, e.Name()); {
		case isMark(path):
			marks = append(marks, path)
		case e.IsDir() && ours(path):
			return nil
		}
	}
	var errs []error
	for _, path := range marks {
		for _, c := range strings.Split(strings.TrimPrefix(filepath.Base(path), markPrefix), "-") {
			err := write(filepath.Join(root, "cgroup.subtree_control"), "-"+c)
			if err != nil && !errors.Is(err, unix.EBUSY) { // the group of another process passes it on by now
				errs = append(errs, fmt.Errorf("switch the %s controller off again: %w", c, err))
			}
		}
		errs = append(errs, remove(path))
	}
	return errors.Join(errs...)
}

// lock keeps other processes of ours from switching controllers of a group.
func lock(root string) (unlock func(), err error) {
	f, err := os.Open(root)
	if err != nil {
		return nil, err
	}
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, unix.EINTR) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", root, err), f.Close())
		}
	}
}
