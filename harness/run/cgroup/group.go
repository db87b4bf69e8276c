package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// prefix of the names of all our groups.
const prefix = "ruleout-"

// patience is how long processes may take to end after they were killed. One that sits in
// the kernel, in uninterruptible sleep, ends when it wakes.
const patience = 10 * time.Second

// Group is a control group with a node's processes in it.
type Group struct {
	// Path of the group's directory.
	Path string

	dir   *os.File
	close func() error

	mu    sync.Mutex
	files map[string]*os.File
	peak  int64
}

// Create makes a group below another one, which is [Root] or the Path of a group.
//
// Below Root its name is ruleout-PID-NAME; below a group of ours it is the name itself. A
// name is one path element. The controllers that it needs are switched on above it; those of Root are switched
// off again with the last group.
func Create(parent, name string) (*Group, error) {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\n") {
		return nil, fmt.Errorf("create control group %q: not a name", name)
	}
	make := func() error { return os.Mkdir(filepath.Join(parent, name), 0o755) }
	if ours(parent) {
		enable(parent)
	} else {
		name = fmt.Sprintf("%s%d-%s", prefix, os.Getpid(), name)
		inside := make
		make = func() error { return borrow(parent, inside) }
	}
	if err := make(); err != nil {
		return nil, fmt.Errorf("create control group: %w", err)
	}
	path := filepath.Join(parent, name)
	dir, err := os.Open(path)
	if err == nil {
		// Shared, so that children which inherit it by accident do no harm; see Leftovers.
		err = unix.Flock(int(dir.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	}
	if err != nil {
		if dir != nil {
			err = errors.Join(err, dir.Close())
		}
		return nil, errors.Join(fmt.Errorf("create control group %s: %w", path, err), Remove(path))
	}
	g := &Group{Path: path, dir: dir, files: map[string]*os.File{}}
	g.close = sync.OnceValue(g.remove)
	return g, nil
}

// Limit sets one of the group's limits, such as memory.max.
func (g *Group) Limit(file string, value int64) error {
	if err := g.write(file, strconv.FormatInt(value, 10)); err != nil {
		return fmt.Errorf("limit control group: %w", err)
	}
	return nil
}

func (g *Group) write(file, text string) error { return write(filepath.Join(g.Path, file), text) }

// write writes a file of a group. os.WriteFile would create it, which is forbidden here and not impossible: so the
// error where there is none would be another one.
func write(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// FD is the descriptor of the group's directory, for SysProcAttr.CgroupFD; owned by the group.
func (g *Group) FD() int { return int(g.dir.Fd()) }

// Close kills everything inside, waits for its end, and removes the group with the groups
// below it. Calling it again returns the same error.
func (g *Group) Close() error { return g.close() }

func (g *Group) remove() error {
	err := Remove(g.Path)
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, f := range g.files {
		err = errors.Join(err, f.Close())
	}
	g.files = nil
	return errors.Join(err, g.dir.Close())
}

// Remove kills everything in a group and below it, waits for its end, and removes it. With the last group below
// [Root] the controllers go that were switched on for them. A group that is not there is no error.
func Remove(path string) error {
	if !isMark(path) {
		if err := remove(path); err != nil {
			return err
		}
	}
	if parent := filepath.Dir(path); !ours(parent) {
		return giveBack(parent)
	}
	return nil
}

// ours reports whether a path is that of a group that we made.
func ours(path string) bool { return strings.HasPrefix(filepath.Base(path), prefix) }

func remove(path string) error {
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err := end(path); err != nil {
		return fmt.Errorf("remove control group %s: %w", path, err)
	}
	if err := removeTree(path); err != nil {
		return fmt.Errorf("remove control group: %w", err)
	}
	return nil
}

// removeTree removes a group and, before it, those below it. Only directories can be removed here.
func removeTree(path string) error {
	entries, err := os.ReadDir(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := removeTree(filepath.Join(path, e.Name())); err != nil {
				return err
			}
		}
	}
	if err := unix.Rmdir(path); err != nil && !errors.Is(err, unix.ENOENT) {
		return &os.PathError{Op: "rmdir", Path: path, Err: err}
	}
	return nil
}

// end kills everything in a group and below it and waits until there is nothing.
func end(path string) error {
	events, err := openEvents(path)
	if err != nil {
		return err
	}
	defer events.Close()
	limit := time.Now().Add(patience)
	for {
		// In this order: what changes after the reading wakes the poll.
		populated, err := events.say("populated")
		if err != nil || !populated {
			return err
		}
		again, err := kill(path)
		if err != nil {
			return err
		}
		left := time.Until(limit)
		if left <= 0 {
			list, err := members(path)
			return errors.Join(fmt.Errorf("processes %v did not end within %v of being killed", list, patience), err)
		}
		if again {
			// Processes are killed one by one, so one may have forked meanwhile: look again soon.
			left = min(left, 5*time.Millisecond)
		}
		if err := events.await(left); err != nil {
			return err
		}
	}
}

// kill sends SIGKILL to everything in a group and below it. again says that this was done
// one by one, which does not catch what is forked at the same time.
func kill(path string) (again bool, err error) {
	if err := write(filepath.Join(path, "cgroup.kill"), "1"); !errors.Is(err, os.ErrNotExist) {
		return false, err
	}
	// Before 5.14 there is no cgroup.kill.
	list, err := members(path)
	if err != nil {
		return false, err
	}
	for _, pid := range list {
		// By number: between the reading and the signal the process may have ended, but its
		// number is not given away until it has been waited for, and then not soon.
		if err := unix.Kill(pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
			return false, fmt.Errorf("kill %d: %w", pid, err)
		}
	}
	return true, nil
}

// members lists the processes in a group and below it. Groups that go meanwhile have none.
func members(path string) (pids []int, err error) {
	err = filepath.WalkDir(path, func(p string, d os.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return unlessGone(err)
		}
		procs, err := os.ReadFile(filepath.Join(p, "cgroup.procs"))
		for _, field := range strings.Fields(string(procs)) {
			// 0 stands for a process of another PID namespace.
			if pid, err := strconv.Atoi(field); err == nil && pid > 0 {
				pids = append(pids, pid)
			}
		}
		return unlessGone(err)
	})
	return pids, err
}

// unlessGone returns an error, but for those that say that a group is not there any more.
func unlessGone(err error) error {
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}
