package shelf

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
)

// Remove takes a directory away. That it is gone already is no error.
func (s *Shelf) Remove(dir string) error {
	unlock, err := s.Lock()
	if err != nil {
		return err
	}
	trash := filepath.Join(s.Dir, Trash+filepath.Base(dir))
	err = errors.Join(os.RemoveAll(trash), os.Rename(dir, trash))
	unlock()
	if errors.Is(err, fs.ErrNotExist) { // another process was faster
		return nil
	}
	return errors.Join(err, os.RemoveAll(trash))
}

// Room makes a directory for downloads and the like that GC leaves alone until release is called.
func (s *Shelf) Room() (dir string, release func(), err error) {
	unlock, err := s.Lock()
	if err != nil {
		return "", nil, err
	}
	defer unlock()
	dir, err = os.MkdirTemp(s.Dir, Scratch)
	if err != nil {
		return "", nil, s.Error("make room for a download", err)
	}
	f, err := s.claim(dir)
	if err != nil {
		return "", nil, err
	}
	return dir, func() {
		os.RemoveAll(dir) //nolint:errcheck // what stays is for GC
		f.Close()
	}, nil
}

// GC removes what interrupted processes left behind, and directories that
// are not whole. It leaves alone what a living process is working on. It
// returns the paths that it removed.
func (s *Shelf) GC() ([]string, error) { return s.sweep(os.RemoveAll) }

// Garbage returns what GC would remove, and leaves it there.
func (s *Shelf) Garbage() ([]string, error) { return s.sweep(func(string) error { return nil }) }

// sweep calls remove with every path that is garbage and returns them.
func (s *Shelf) sweep(remove func(path string) error) ([]string, error) {
	entries, err := os.ReadDir(s.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, s.Error("clean the "+s.What+" store", err)
	}
	var removed []string
	var errs []error
	for _, e := range entries {
		if !e.IsDir() || !s.isGarbage(e.Name()) {
			continue
		}
		path := filepath.Join(s.Dir, e.Name())
		gone, err := s.collect(path, remove)
		if gone {
			removed = append(removed, path)
		}
		errs = append(errs, err)
	}
	return removed, errors.Join(errs...)
}

// isGarbage tells whether a directory of the shelf is garbage: it is not while a process owns it.
func (s *Shelf) isGarbage(name string) bool {
	for _, prefix := range []string{Staging, Scratch, Trash} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	if strings.HasPrefix(name, ".") {
		return false
	}
	err := s.Whole(filepath.Join(s.Dir, name))
	return err != nil && !errors.Is(err, ErrForeign)
}

func (s *Shelf) collect(path string, remove func(path string) error) (gone bool, err error) {
	unlock, err := s.Lock()
	if err != nil {
		return false, err
	}
	defer unlock()
	if !s.isGarbage(filepath.Base(path)) { // it was finished meanwhile
		return false, nil
	}
	owner, err := s.claim(path)
	if errors.Is(err, errBusy) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer owner.Close()
	if err := remove(path); err != nil {
		return false, s.Error("clean the "+s.What+" store", err)
	}
	return true, nil
}

// Error classifies an error of the file system under the shelf: the user of this machine has to act.
func (s *Shelf) Error(op string, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s: %w", op, err)
	var hint string
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		hint = "make room, or set XDG_CACHE_HOME to a directory with more (" + s.a() + " takes " + s.Takes + ")"
	case errors.Is(err, unix.EROFS), errors.Is(err, fs.ErrPermission), errors.Is(err, unix.ENOTDIR):
		hint = "set XDG_CACHE_HOME to a directory that you can write to"
	default:
		return err
	}
	return problem.Wrap(problem.Machine, err, hint)
}

// Pathless drops the path from an error whose message has it already.
func Pathless(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
