package kernel

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/shelf"
	"github.com/ruleout/ruleout/harness/scenario/spelling"
)

// Store is a directory of kernels. It holds nothing open; any number of processes may
// use one at the same time.
type Store struct {
	dir    string
	limits limits

	// Waits is called when another process imports the same kernel, and this one waits for it. It may be nil.
	Waits func()
}

// defaultFile names the release that the last Pull of the distribution's default brought.
const defaultFile = "default"

// shelf is where the kernels' directories are.
func (s *Store) shelf() *shelf.Shelf {
	return &shelf.Shelf{Dir: s.dir, What: "kernel", Takes: "90 to 250 MB", Waits: s.Waits, Whole: func(dir string) error {
		_, err := load(dir)
		return err
	}}
}

// storeError classifies an error of the file system under the store: the user of this machine has to act.
func storeError(op string, err error) error { return new(Store).shelf().Error(op, err) }

// CacheDir returns ruleout's directory for what can be had again:
// $XDG_CACHE_HOME/ruleout, or ~/.cache/ruleout. It need not exist.
func CacheDir() (string, error) {
	// The XDG base directory specification says to ignore relative paths.
	if dir := os.Getenv("XDG_CACHE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "ruleout"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil || !filepath.IsAbs(home) {
		return "", problem.Wrap(problem.Machine,
			errors.New("find the cache directory: neither XDG_CACHE_HOME nor HOME is set"),
			"set XDG_CACHE_HOME to a writable directory")
	}
	return filepath.Join(home, ".cache", "ruleout"), nil
}

// Open returns the store in dir, normally "kernels" below [CacheDir]. The directory is
// made when something is first stored; an absent or read-only one can be listed.
func Open(dir string) (*Store, error) {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "open", Path: dir, Err: syscall.ENOTDIR}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, storeError("open the kernel store", err)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("open the kernel store: %w", err)
	}
	return &Store{dir: dir, limits: defaultLimits}, nil
}

// OpenDefault returns the store in the user's cache directory.
func OpenDefault() (*Store, error) {
	dir, err := CacheDir()
	if err != nil {
		return nil, err
	}
	return Open(filepath.Join(dir, "kernels"))
}

// Dir returns the store's directory.
func (s *Store) Dir() string { return s.dir }

// List returns all kernels, oldest version first. Directories that hold no complete
// kernel are left out; importing the kernel again mends them.
func (s *Store) List() ([]*Kernel, error) {
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, storeError("list kernels", err)
	}
	var kernels []*Kernel
	for _, e := range entries {
		if !e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if k, err := load(filepath.Join(s.dir, e.Name())); err == nil {
			kernels = append(kernels, k)
		}
	}
	kernels = newestBuilds(kernels)
	slices.SortFunc(kernels, byVersion)
	name(kernels)
	return kernels, nil
}

func byVersion(a, b *Kernel) int {
	return cmp.Or(compareVersions(a.Version, b.Version), compareVersions(a.Release, b.Release),
		strings.Compare(a.Dir, b.Dir))
}

// name gives every kernel a name that no other one has. Builds have theirs.
func name(kernels []*Kernel) {
	count := map[string]int{}
	for _, k := range kernels {
		if k.Build == nil {
			count[k.Release]++
			count[k.Release+"_"+k.Version]++
		}
	}
	for _, k := range kernels {
		if k.Build != nil {
			continue
		}
		k.Name = k.Release
		if count[k.Release] > 1 {
			k.Name += "_" + k.Version
			if count[k.Name] > 1 {
				k.Name += "_" + filepath.Base(k.Dir)[:6]
			}
		}
	}
}

// flavours in the order in which a series such as 6.1 prefers them. The cloud builds
// are the smallest and boot fastest.
var flavours = []string{"cloud", "generic", "virtual", "kvm", "rt"}

func preference(flavour string) int {
	if i := slices.Index(flavours, flavour); i >= 0 {
		return i
	}
	return len(flavours)
}

// Get returns the kernel that name means, the first of these that matches:
//
//   - its [Kernel.Name];
//   - its release: the newest package of several, or else a build;
//   - the beginning of a release, up to a boundary (6.1 is not the beginning of 6.12.117),
//     with or without a flavour after it (6.1, 6.1-rt, 6.1.0-56): the newest of the
//     flavour, or without one of the first of cloud, generic, virtual, kvm, rt and others; never a build;
//   - the beginning of its hash, sha256: and at least 8 digits.
//
// The error for a name that matches nothing is a [problem.Usage] and says what is there.
func (s *Store) Get(name string) (*Kernel, error) {
	kernels, err := s.List()
	if err != nil {
		return nil, err
	}
	if k := choose(kernels, name); k != nil {
		return k, nil
	}
	return nil, notFound(kernels, name)
}

func choose(kernels []*Kernel, name string) *Kernel {
	newest := func(match func(*Kernel) bool) *Kernel {
		var best *Kernel
		for _, k := range kernels { // oldest first
			if match(k) && (best == nil || preference(k.Flavour) <= preference(best.Flavour)) {
				best = k
			}
		}
		return best
	}
	series, flavour := name, ""
	if i := strings.LastIndexByte(name, '-'); i >= 0 && !digit((name + "0")[i+1]) {
		series, flavour = name[:i], name[i+1:]
	}
	packaged := func(k *Kernel) bool { return k.Build == nil }
	for _, match := range []func(*Kernel) bool{
		func(k *Kernel) bool { return k.Name == name },
		func(k *Kernel) bool { return k.Release == name && packaged(k) },
		func(k *Kernel) bool { return k.Release == name },
		func(k *Kernel) bool { return hasPrefix(k.Release, name) && packaged(k) },
		func(k *Kernel) bool {
			return flavour != "" && k.Flavour == flavour && hasPrefix(k.Release, series) && packaged(k)
		},
		func(k *Kernel) bool { return len(name) >= len("sha256:")+8 && strings.HasPrefix(k.Hash, name) },
	} {
		if k := newest(match); k != nil {
			return k
		}
	}
	return nil
}

func notFound(kernels []*Kernel, name string) error {
	if len(kernels) == 0 {
		return problem.Wrap(problem.Usage, fmt.Errorf("kernel %q is not in the store; the store is empty", name),
			pullHint(name))
	}
	var names []string
	for _, k := range kernels {
		names = append(names, k.Name)
	}
	return problem.Wrap(problem.Usage,
		fmt.Errorf("kernel %q is not in the store, which has %s%s", name, strings.Join(names, ", "), didYouMean(name, names)),
		pullHint(name))
}

func pullHint(name string) string {
	if !validRelease.MatchString(name) {
		return "ruleout kernel list shows the kernels in the store; " +
			"ruleout kernel pull gets the current one of the distribution"
	}
	return "to get it from the distribution: ruleout kernel pull " + name +
		"; from a file: ruleout kernel add FILE.deb; a build of yours: ruleout kernel add NAME --tree DIR"
}

// Choose returns the kernel that [Store.Get] finds, or without a name that of [Store.Default].
func (s *Store) Choose(name string) (*Kernel, error) {
	if name == "" {
		return s.Default()
	}
	return s.Get(name)
}

// Default returns the kernel to use when none is named: the one that the last [Store.Pull]
// of the distribution's default kernel brought, or else what "6.1" means to
// [Store.Get], or else the newest of the preferred flavour, or else a build.
func (s *Store) Default() (*Kernel, error) {
	kernels, err := s.List()
	if err != nil {
		return nil, err
	}
	pulled, err := os.ReadFile(filepath.Join(s.dir, defaultFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, storeError("find the default kernel", err)
	}
	for _, name := range []string{strings.TrimSpace(string(pulled)), "6.1"} {
		if k := choose(kernels, name); k != nil {
			return k, nil
		}
	}
	var best *Kernel
	for _, k := range kernels {
		if best == nil || best.Build != nil && k.Build == nil ||
			preference(k.Flavour) <= preference(best.Flavour) && (best.Build == nil) == (k.Build == nil) {
			best = k
		}
	}
	if best == nil {
		return nil, problem.Wrap(problem.Machine, fmt.Errorf("no kernel in %s", s.dir),
			"get the kernel of the distribution: ruleout kernel pull; or import a package: ruleout kernel add FILE.deb")
	}
	return best, nil
}

// Remove deletes the kernel of this name, which [Store.Get] must be able to tell.
func (s *Store) Remove(name string) error {
	k, err := s.Get(name)
	if err != nil {
		return err
	}
	dirs := []string{k.Dir}
	if k.Build != nil {
		dirs = s.generations(k.Name, math.MaxInt)
	}
	for _, dir := range dirs {
		err = errors.Join(err, s.shelf().Remove(dir))
	}
	return storeError("remove kernel "+k.Name, err)
}

// didYouMean is the end of a message about a name that there is not.
func didYouMean(want string, names []string) string {
	if near := spelling.Nearest(want, slices.Sorted(slices.Values(names))); near != "" {
		return fmt.Sprintf("; did you mean %s?", near)
	}
	return ""
}
