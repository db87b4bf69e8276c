// Package shelf keeps directories that are filled once, by whichever process comes first, and never written again:
// kernels, images of programs.
//
// # Concept
//
// A [Shelf] is a directory of them. [Shelf.Fill] fills one under another name and moves it into place when it is
// complete, so a directory with its own name is whole or was left by a power cut. The maker of the shelf says which by
// [Shelf.Whole].
//
// # Life cycle
//
// Who fills a directory holds a lock on it, which ends with the process. So what an interrupted process left is what no
// process has locked, and [Shelf.GC] removes that. The lock of the shelf itself is held for moments only.
//
// # Traps
//
//   - A shelf may be read-only: what is on it can be used, and everything else is an error with a hint.
//   - Another version of the program may have put directories here that this one cannot read. They are not garbage: say
//     [ErrForeign] about them.
package shelf

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

	"github.com/ruleout/ruleout/harness/base/atomicfile"
)

// Beginnings of the names of directories that are not whole, and the name of the lock.
const (
	Staging  = ".import-"   // being filled
	Scratch  = ".download-" // of [Shelf.Room]
	Trash    = ".trash-"    // being removed
	LockFile = ".lock"
)

// Shelf is a directory of directories that are filled once. It holds nothing open; any number of processes may use one
// at the same time.
type Shelf struct {
	Dir   string
	What  string // that is kept, for messages: kernel
	Takes string // one of them, for hints: 90 to 250 MB
	// Whole returns nil for a directory that is complete, and [ErrForeign] for one to be left alone.
	Whole func(dir string) error
	// Waits is called when another process fills the same directory, and this one waits for it. It may be nil.
	Waits func()
}

// ErrForeign marks the directory of another version of ruleout.
var ErrForeign = errors.New("stored in the layout of another version")

// a is what is kept, with its article.
func (s *Shelf) a() string {
	if strings.ContainsRune("aeiou", rune(s.What[0])) {
		return "an " + s.What
	}
	return "a " + s.What
}

// Fill returns the directory of this name on the shelf. If there is none, it calls
// fill with a staging directory and moves that into place. Of several processes
// that do this at once, one fills it and the others wait for it.
func (s *Shelf) Fill(ctx context.Context, name string, fill func(staging string) error) (dir string, err error) {
	dir = filepath.Join(s.Dir, name)
	// A store that has it may be read-only.
	if s.Whole(dir) == nil {
		return dir, nil
	}
	staging := filepath.Join(s.Dir, Staging+name)
	owner, err := s.stage(ctx, dir, staging)
	if owner == nil {
		return dir, err
	}
	defer owner.Close()
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(staging))
		}
	}()
	if err := fill(staging); err != nil {
		return "", err
	}
	// Without this a power cut could leave a directory of empty files behind.
	if err := syncAll(owner); err != nil {
		return "", s.Error("store "+s.a(), &fs.PathError{Op: "syncfs", Path: staging, Err: err})
	}
	unlock, err := s.Lock()
	if err != nil {
		return "", err
	}
	defer unlock()
	// What stands in the way is not whole, or stage would have found it.
	if err := errors.Join(os.RemoveAll(dir), atomicfile.Rename(staging, dir)); err != nil {
		return "", s.Error("store "+s.a(), err)
	}
	return dir, nil
}

// stage makes an empty staging directory and returns it open and locked, or nil if dir
// has appeared meanwhile or on error.
func (s *Shelf) stage(ctx context.Context, dir, staging string) (*os.File, error) {
	told := s.Waits == nil
	for {
		f, err := s.tryStage(dir, staging)
		if f != nil || !errors.Is(err, errBusy) {
			return f, err
		}
		if !told {
			s.Waits()
			told = true
		}
		// flock cannot wait for a context as well, so look again from time to time.
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for another process to make the %s: %w", s.What, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// errBusy says that a directory has a living owner.
var errBusy = errors.New("locked by another process")

func (s *Shelf) tryStage(dir, staging string) (*os.File, error) {
	unlock, err := s.Lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	if s.Whole(dir) == nil {
		return nil, nil
	}
	return s.claim(staging)
}

// claim makes an empty directory and locks it until the returned file is closed, or
// returns errBusy if its owner lives. The store's lock must be held.
func (s *Shelf) claim(dir string) (*os.File, error) {
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, s.Error("make room for "+s.a(), err)
	}
	f, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) { // its owner has just given up
		return nil, errBusy
	}
	if err != nil {
		return nil, s.Error("make room for "+s.a(), err)
	}
	if err := flock(f, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = errBusy
		}
		return nil, errors.Join(err, f.Close())
	}
	// Between opening and locking, the owner may have removed it and gone.
	if mine, err := f.Stat(); err != nil {
		return nil, errors.Join(s.Error("make room for "+s.a(), err), f.Close())
	} else if there, err := os.Stat(dir); err != nil || !os.SameFile(mine, there) {
		return nil, errors.Join(errBusy, f.Close())
	}
	names, err := f.Readdirnames(-1)
	for _, name := range names {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, name)))
	}
	if err != nil {
		return nil, errors.Join(s.Error("remove a partial directory", err), f.Close())
	}
	return f, nil
}

// Lock takes the shelf's lock, making the shelf if necessary. It is held for moments only.
func (s *Shelf) Lock() (unlock func(), err error) {
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return nil, s.Error("make the "+s.What+" store", err)
	}
	f, err := os.OpenFile(filepath.Join(s.Dir, LockFile), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, s.Error("lock the "+s.What+" store", err)
	}
	if err := flock(f, unix.LOCK_EX); err != nil {
		return nil, errors.Join(s.Error("lock the "+s.What+" store", &fs.PathError{Op: "flock", Path: f.Name(), Err: err}),
			f.Close())
	}
	return func() { f.Close() }, nil
}

// flock is flock(2), tried again when a signal interrupts it.
func flock(f *os.File, how int) error {
	for {
		if err := unix.Flock(int(f.Fd()), how); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
