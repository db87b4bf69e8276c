package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Leftovers lists the groups below [Root] whose makers have ended without closing them, and the mark of controllers
// that were not switched off again.
//
// A living maker has a lock on the group, which the kernel drops with its last descriptor, so a process id that was
// given away again does not mislead. Between making and locking a group its name alone protects it: the process of that
// number is alive.
func Leftovers() ([]string, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, fmt.Errorf("list control groups: %w", err)
	}
	var left, marks []string
	alive := false
	for _, e := range entries {
		if path := filepath.Join(root, e.Name()); isMark(path) {
			marks = append(marks, path)
			continue
		}
		rest, ours := strings.CutPrefix(e.Name(), prefix)
		number, _, _ := strings.Cut(rest, "-")
		pid, err := strconv.Atoi(number)
		if !ours || err != nil || !e.IsDir() {
			continue
		}
		if pid == os.Getpid() {
			alive = true
			continue
		}
		path := filepath.Join(root, e.Name())
		free, err := unlocked(path)
		if err != nil {
			return nil, err
		}
		if free && !justMade(pid) {
			left = append(left, path)
		} else {
			alive = true
		}
	}
	if !alive { // behind the groups, so that those are gone when its turn comes
		left = append(left, marks...)
	}
	return left, nil
}

// unlocked reports whether no process holds a lock on a group; one that is gone has a holder, its remover.
func unlocked(path string) (bool, error) {
	dir, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("list control groups: %w", err)
	}
	defer dir.Close()
	err = unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err != nil && !errors.Is(err, unix.EWOULDBLOCK) {
		return false, fmt.Errorf("lock %s: %w", path, err)
	}
	return err == nil, nil
}

// justMade reports whether a process of that number is alive that is this program too: the only
// kind that may be about to lock its group.
func justMade(pid int) bool {
	theirs, err := os.Stat(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		return false
	}
	ours, err := os.Stat("/proc/self/exe")
	return err != nil || os.SameFile(theirs, ours)
}
