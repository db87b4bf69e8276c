package image

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/base/stamp"
	"github.com/ruleout/ruleout/harness/machine/kernel"
	"github.com/ruleout/ruleout/harness/machine/shelf"
)

// Store is a directory of images. It holds nothing open; any number of processes may use one at the same time.
type Store struct {
	dir    string
	limits limits

	// Waits is called when another process makes the same image, and this one waits for it. It may be nil.
	Waits func()
}

// Directories of the store that hold no image.
const (
	debDir   = ".debs"
	stampDir = ".stamps"
)

// Open returns the store in dir, normally "images" below [kernel.CacheDir]. The directory is made when something is
// first stored; an absent or read-only one can be listed.
func Open(dir string) (*Store, error) {
	s := &Store{limits: defaultLimits}
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "open", Path: dir, Err: syscall.ENOTDIR}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, s.error("open the image store", err)
	}
	if s.dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("open the image store: %w", err)
	}
	return s, nil
}

// OpenDefault returns the store in the user's cache directory.
func OpenDefault() (*Store, error) {
	dir, err := kernel.CacheDir()
	if err != nil {
		return nil, err
	}
	return Open(filepath.Join(dir, "images"))
}

// Dir returns the store's directory.
func (s *Store) Dir() string { return s.dir }

// shelf is where the images' directories are.
func (s *Store) shelf() *shelf.Shelf {
	return &shelf.Shelf{Dir: s.dir, What: "image", Takes: "30 to 500 MB, and twice that while it is made", Waits: s.Waits,
		Whole: func(dir string) error {
			_, err := load(dir)
			return err
		}}
}

func (s *Store) error(op string, err error) error { return s.shelf().Error(op, err) }

func (s *Store) stamps() *stamp.Cache { return stamp.Open(filepath.Join(s.dir, stampDir)) }

// debFile is where a package is kept.
func (s *Store) debFile(p Package) string { return filepath.Join(s.dir, debDir, p.SHA256+".deb") }

// List returns all images, by name, the one that was asked for last first. Directories that hold no complete
// image are left out.
func (s *Store) List() ([]*Image, error) {
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, s.error("list images", err)
	}
	var images []*Image
	for _, e := range entries {
		if !e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if i, err := load(filepath.Join(s.dir, e.Name())); err == nil {
			images = append(images, i)
		}
	}
	slices.SortFunc(images, func(a, b *Image) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), b.Used.Compare(a.Used), strings.Compare(a.dir, b.dir))
	})
	return images, nil
}

// Get returns the image with a hash, given in full or by a beginning that no other image has, with sha256: or without.
func (s *Store) Get(hash string) (*Image, error) {
	images, err := s.List()
	if err != nil {
		return nil, err
	}
	var found *Image
	var several []string
	want := strings.TrimPrefix(hash, "sha256:")
	for _, i := range images {
		if want == "" || !strings.HasPrefix(strings.TrimPrefix(i.Hash, "sha256:"), want) {
			continue
		}
		if found == nil || found.Hash != i.Hash {
			several = append(several, i.Hash)
		}
		found = i
	}
	const list = "ruleout image list shows the images in the store"
	switch {
	case len(several) > 1:
		return nil, problem.Wrap(problem.Usage, fmt.Errorf("image %s: %d images begin like this", hash, len(several)),
			"give more digits; "+list)
	case found == nil:
		return nil, problem.Wrap(problem.Usage, fmt.Errorf("image %q is not in the store", hash),
			list+"; ruleout image build makes one")
	}
	return found, nil
}

// Use returns the image that [Store.Get] finds, and notes that a run uses it: GC removes images that no run has used
// for a while.
func (s *Store) Use(hash string) (*Image, error) {
	i, err := s.Get(hash)
	if err == nil {
		i.touch()
	}
	return i, err
}

// Remove deletes the image that [Store.Get] finds, under all names.
func (s *Store) Remove(hash string) error {
	found, err := s.Get(hash)
	if err != nil {
		return err
	}
	images, err := s.List()
	if err != nil {
		return err
	}
	for _, i := range images {
		if i.Hash == found.Hash {
			err = errors.Join(err, s.error("remove image "+found.Hash, s.shelf().Remove(i.dir)))
		}
	}
	return err
}

// GC removes what interrupted builds left behind, images that no run has asked for during a time, and packages that
// then are of no image and are as old. It leaves alone what a living process is working on. It returns the paths
// that it removed.
func (s *Store) GC(unused time.Duration) ([]string, error) {
	removed, err := s.shelf().GC()
	errs := []error{err}
	old, debs, err := s.old(unused)
	errs = append(errs, err)
	for _, dir := range old {
		if err := s.shelf().Remove(dir); err != nil {
			errs = append(errs, s.error("clean the image store", err))
			continue
		}
		removed = append(removed, dir)
	}
	for _, file := range debs {
		if err := os.Remove(file); err != nil {
			errs = append(errs, s.error("clean the image store", err))
			continue
		}
		removed = append(removed, file)
	}
	return removed, errors.Join(errs...)
}

// Garbage returns what GC would remove, and leaves it there.
func (s *Store) Garbage(unused time.Duration) ([]string, error) {
	removed, err := s.shelf().Garbage()
	old, debs, err2 := s.old(unused)
	return slices.Concat(removed, old, debs), errors.Join(err, err2)
}

// old returns images that no run has asked for, and packages of no other image.
func (s *Store) old(unused time.Duration) (dirs, debs []string, err error) {
	images, err := s.List()
	if err != nil {
		return nil, nil, err
	}
	before := time.Now().Add(-unused)
	kept := map[string]bool{}
	for _, i := range images {
		if i.Used.Before(before) {
			dirs = append(dirs, i.dir)
			continue
		}
		for _, p := range i.Packages {
			kept[p.SHA256] = true
		}
	}
	entries, err := os.ReadDir(filepath.Join(s.dir, debDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return dirs, nil, s.error("clean the image store", err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || kept[strings.TrimSuffix(e.Name(), ".deb")] || !info.ModTime().Before(before) {
			continue
		}
		debs = append(debs, filepath.Join(s.dir, debDir, e.Name()))
	}
	return dirs, debs, nil
}
