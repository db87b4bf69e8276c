package kernel

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/deb"
	"github.com/ruleout/ruleout/harness/machine/shelf"
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
	dir, err := s.shelf().Fill(ctx, dirName(sums), func(staging string) error {
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
	f, err := openFile(path)
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	if _, err := io.Copy(h, deb.Until(ctx, f)); err != nil {
		return nil, errors.Join(shelf.Pathless(err), f.Close())
	}
	return &debFile{f, path, fmt.Sprintf("%x", h.Sum(nil))}, nil
}

// openFile opens a regular file. Its errors do not name it.
func openFile(path string) (*os.File, error) {
	// O_NONBLOCK: a named pipe must not keep us waiting.
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, shelf.Pathless(err)
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(cmpErr(err, errors.New("not a regular file")), f.Close())
	}
	return f, nil
}

func cmpErr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// GC removes what interrupted imports and downloads left behind, and directories that
// hold no complete kernel. It leaves alone what a living process is working on. It
// returns the paths that it removed.
func (s *Store) GC() ([]string, error) { return s.shelf().GC() }

// Garbage returns what GC would remove, and leaves it there.
func (s *Store) Garbage() ([]string, error) { return s.shelf().Garbage() }
