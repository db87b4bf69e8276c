package kernel

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/atomicfile"
	"github.com/ruleout/ruleout/harness/base/problem"
)

// Add imports a kernel from its package files, all of them in one call where a
// distribution splits a kernel (linux-image, linux-modules, …), in any order. Packages
// that are in the store already are not unpacked again.
//
// An error of the files is a [problem.Usage], one of the store's file system a
// [problem.Machine]; either way nothing is left behind.
func (s *Store) Add(ctx context.Context, debs ...string) (*Kernel, error) {
	if len(debs) == 0 {
		return nil, problem.Wrap(problem.Usage, errors.New("import a kernel: no package file given"),
			"give the path of a linux-image-*.deb")
	}
	var files []*debFile
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	for _, deb := range debs {
		f, err := openDeb(ctx, deb)
		if err != nil {
			return nil, problem.Wrap(problem.Usage, fmt.Errorf("import %s: %w", deb, err),
				"give the path of a linux-image-*.deb")
		}
		files = append(files, f)
	}
	slices.SortFunc(files, func(a, b *debFile) int { return strings.Compare(a.sum, b.sum) })
	files = slices.CompactFunc(files, func(a, b *debFile) bool {
		if a.sum == b.sum {
			b.Close()
		}
		return a.sum == b.sum
	})
	var sums []string
	for _, f := range files {
		sums = append(sums, f.sum)
	}
	dir, err := s.fill(ctx, dirName(sums), func(staging string) error {
		return s.unpack(ctx, files, staging)
	})
	if err != nil {
		return nil, err
	}
	return s.named(dir)
}

// named returns the kernel in dir under the name that List gives it.
func (s *Store) named(dir string) (*Kernel, error) {
	kernels, err := s.List()
	if err != nil {
		return nil, err
	}
	for _, k := range kernels {
		if k.Dir == dir {
			return k, nil
		}
	}
	return nil, fmt.Errorf("kernel in %s was removed while it was being imported", dir)
}

// dirName returns the name of the directory for the packages with these SHA-256 sums.
func dirName(sums []string) string {
	if len(sums) > 1 {
		sums = slices.Sorted(slices.Values(sums))
		return fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(sums, "\n"))))[:dirDigits]
	}
	return sums[0][:dirDigits]
}

// dirDigits is the length of a directory's name: 96 bits.
const dirDigits = 24

// debFile is a package file and the SHA-256 of its contents.
type debFile struct {
	*os.File
	path string
	sum  string
}

func openDeb(ctx context.Context, path string) (*debFile, error) {
	// O_NONBLOCK: a named pipe must not keep us waiting.
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, pathless(err)
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(cmpErr(err, errors.New("not a regular file")), f.Close())
	}
	h := sha256.New()
	if _, err := io.Copy(h, &contextReader{ctx, f}); err != nil {
		return nil, errors.Join(pathless(err), f.Close())
	}
	return &debFile{f, path, fmt.Sprintf("%x", h.Sum(nil))}, nil
}

func cmpErr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// pathless drops the path from an error whose message has it already.
func pathless(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// contextReader ends with the context's error.
type contextReader struct {
	ctx context.Context
	in  io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.in.Read(p)
}

// fill returns the directory of this name in the store. If there is none, it calls
// unpack to fill a staging directory and moves that into place. Of several processes
// that do this at once, one unpacks and the others wait for it.
func (s *Store) fill(ctx context.Context, name string, unpack func(staging string) error) (dir string, err error) {
	dir = filepath.Join(s.dir, name)
	// A store that has the kernel may be read-only.
	if _, err := load(dir); err == nil {
		return dir, nil
	}
	staging := filepath.Join(s.dir, stagingPrefix+name)
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
	if err := unpack(staging); err != nil {
		return "", err
	}
	// Without this a power cut could leave a directory of empty files behind.
	if err := syncAll(owner); err != nil {
		return "", storeError("store a kernel", &fs.PathError{Op: "syncfs", Path: staging, Err: err})
	}
	unlock, err := s.lock()
	if err != nil {
		return "", err
	}
	defer unlock()
	// What stands in the way is no complete kernel, or stage would have found it.
	if err := errors.Join(os.RemoveAll(dir), atomicfile.Rename(staging, dir)); err != nil {
		return "", storeError("store a kernel", err)
	}
	return dir, nil
}

// stage makes an empty staging directory and returns it open and locked, or nil if dir
// has appeared meanwhile or on error.
func (s *Store) stage(ctx context.Context, dir, staging string) (*os.File, error) {
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
			return nil, fmt.Errorf("wait for another process to import the kernel: %w", ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

var errBusy = errors.New("locked by another process")

func (s *Store) tryStage(dir, staging string) (*os.File, error) {
	unlock, err := s.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	if _, err := load(dir); err == nil {
		return nil, nil
	}
	return claim(staging)
}

// claim makes an empty directory and locks it until the returned file is closed, or
// returns errBusy if its owner lives. The store's lock must be held.
func claim(dir string) (*os.File, error) {
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, storeError("make room for a kernel", err)
	}
	f, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) { // its owner has just given up
		return nil, errBusy
	}
	if err != nil {
		return nil, storeError("make room for a kernel", err)
	}
	if err := flock(f, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = errBusy
		}
		return nil, errors.Join(err, f.Close())
	}
	// Between opening and locking, the owner may have removed it and gone.
	if mine, err := f.Stat(); err != nil {
		return nil, errors.Join(storeError("make room for a kernel", err), f.Close())
	} else if there, err := os.Stat(dir); err != nil || !os.SameFile(mine, there) {
		return nil, errors.Join(errBusy, f.Close())
	}
	names, err := f.Readdirnames(-1)
	for _, name := range names {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, name)))
	}
	if err != nil {
		return nil, errors.Join(storeError("remove a partial import", err), f.Close())
	}
	return f, nil
}

// GC removes what interrupted imports and downloads left behind, and directories that
// hold no complete kernel. It leaves alone what a living process is working on. It
// returns the paths that it removed.
func (s *Store) GC() ([]string, error) { return s.sweep(os.RemoveAll) }

// Garbage returns what GC would remove, and leaves it there.
func (s *Store) Garbage() ([]string, error) { return s.sweep(func(string) error { return nil }) }

// sweep calls remove with every path that is garbage and returns them.
func (s *Store) sweep(remove func(path string) error) ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, storeError("clean the kernel store", err)
	}
	var removed []string
	var errs []error
	for _, e := range entries {
		if !e.IsDir() || !s.isGarbage(e.Name()) {
			continue
		}
		path := filepath.Join(s.dir, e.Name())
		gone, err := s.collect(path, remove)
		if gone {
			removed = append(removed, path)
		}
		errs = append(errs, err)
	}
	return removed, errors.Join(errs...)
}

// isGarbage tells whether a directory of the store is garbage, unless somebody owns it.
func (s *Store) isGarbage(name string) bool {
	for _, prefix := range []string{stagingPrefix, downloadPrefix, trashPrefix} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	if strings.HasPrefix(name, ".") {
		return false
	}
	_, err := load(filepath.Join(s.dir, name))
	return err != nil && !errors.Is(err, errSchema)
}

func (s *Store) collect(path string, remove func(path string) error) (gone bool, err error) {
	unlock, err := s.lock()
	if err != nil {
		return false, err
	}
	defer unlock()
	if !s.isGarbage(filepath.Base(path)) { // an import finished meanwhile
		return false, nil
	}
	owner, err := claim(path)
	if errors.Is(err, errBusy) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer owner.Close()
	if err := remove(path); err != nil {
		return false, storeError("clean the kernel store", err)
	}
	return true, nil
}
