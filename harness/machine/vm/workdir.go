package vm

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// workDir is a directory that belongs to a running process, as the lock on the file in it
// shows. One whose lock is free was left by a process that is gone; [sweep] removes it.
type workDir struct {
	dir  string
	lock *os.File
}

const (
	workPrefix = "work-"
	lockName   = "lock"
)

func newWorkDir(parent string) (*workDir, error) {
	// The lock is taken before the directory has the name that sweep looks for.
	dir, err := os.MkdirTemp(parent, "new-"+workPrefix)
	if err != nil {
		return nil, err
	}
	f, err := os.Create(filepath.Join(dir, lockName))
	if err == nil {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	}
	final := filepath.Join(parent, strings.TrimPrefix(filepath.Base(dir), "new-"))
	if err == nil {
		err = os.Rename(dir, final)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &workDir{dir: final, lock: f}, nil
}

func (w *workDir) path(name string) string { return filepath.Join(w.dir, name) }

// remove removes the directory, unless it was published, and gives up the lock.
func (w *workDir) remove() {
	if w.dir != "" {
		_ = os.RemoveAll(w.dir)
	}
	_ = w.lock.Close()
}

// publish gives the directory its final name. If something is there already it stays.
func (w *workDir) publish(final string) error {
	if err := os.Remove(w.path(lockName)); err != nil {
		return err
	}
	err := os.Rename(w.dir, final)
	if errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, unix.EEXIST) {
		// What is there could not be loaded, or it would have been used.
		if err := os.RemoveAll(final); err != nil {
			return err
		}
		err = os.Rename(w.dir, final)
	}
	if err != nil {
		return fmt.Errorf("publish the template: %w", err)
	}
	w.dir = ""
	return nil
}

// sweep removes the work directories of processes that are gone.
func sweep(parent string) (removed int) {
	dirs, _ := filepath.Glob(filepath.Join(parent, workPrefix+"*"))
	for _, dir := range dirs {
		f, err := os.Open(filepath.Join(dir, lockName))
		if errors.Is(err, fs.ErrNotExist) && forsaken(dir) { // it died while it published
			removed++
		}
		if err != nil {
			continue
		}
		if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil && os.RemoveAll(dir) == nil {
			removed++
		}
		_ = f.Close()
	}
	// A process may have died between making and locking one.
	young, _ := filepath.Glob(filepath.Join(parent, "new-"+workPrefix+"*"))
	for _, dir := range young {
		if forsaken(dir) {
			removed++
		}
	}
	return removed
}

// forsaken removes a directory without a lock, and reports whether it did. A living process has one for a moment; an
// hour is enough.
func forsaken(dir string) bool {
	info, err := os.Stat(dir)
	return err == nil && time.Since(info.ModTime()) > time.Hour && os.RemoveAll(dir) == nil
}

// lockFile takes the lock on a file, and waits for it as long as the context allows. It calls waits if it has to.
func lockFile(ctx context.Context, name string, waits func()) (unlock func(), err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
		return func() { _ = f.Close() }, nil
	}
	waits()
	done := make(chan error, 1)
	go func() {
		for {
			err := unix.Flock(int(f.Fd()), unix.LOCK_EX)
			if !errors.Is(err, unix.EINTR) {
				done <- err
				return
			}
		}
	}()
	select {
	case err := <-done:
		if err != nil {
			_ = f.Close()
			return nil, fmt.Errorf("lock %s: %w", name, err)
		}
		return func() { _ = f.Close() }, nil
	case <-ctx.Done():
		// A wait for the lock cannot be given up; the goroutine that gets it lets go.
		go func() { <-done; _ = f.Close() }() //nolint:errcheck // it is let go of either way
		return nil, context.Cause(ctx)
	}
}
