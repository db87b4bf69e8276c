package kernel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/base/atomicfile"
	"github.com/ruleout/ruleout/harness/base/problem"
)

// defaultPackages are what distributions call their own kernel for virtual machines, or
// failing that the usual one, in the order of preference: Debian's and Ubuntu's. Ubuntu's
// linux-image-kvm is not among them, since that build leaves out most of net/sched.
var defaultPackages = []string{"linux-image-cloud-amd64", "linux-image-amd64", "linux-image-virtual", "linux-image-generic"}

// Pull fetches a kernel with the system's package manager, which verifies the
// distribution's signatures, and imports it. It needs no root. The pattern is
//
//   - empty: the distribution's own cloud kernel, which becomes the [Store.Default];
//   - a series, with or without a flavour: 6.12, 6.1-rt; the newest release of it, cloud
//     before generic if no flavour is given;
//   - the name of a package, linux-image-6.1.0-56-amd64, or of a meta-package,
//     linux-image-rt-amd64; or a release, 6.1.0-56-amd64.
//
// What the store has already is not fetched again. Progress, which may be nil, gets
// lines of text for people.
func (s *Store) Pull(ctx context.Context, pattern string, progress io.Writer) (*Kernel, error) {
	if progress == nil {
		progress = io.Discard
	}
	a, err := findApt()
	if err != nil {
		return nil, err
	}
	packages, err := a.resolve(ctx, pattern)
	if err != nil {
		return nil, err
	}
	k, err := s.fetch(ctx, a, packages, progress)
	if err != nil || pattern != "" {
		return k, err
	}
	return k, s.setDefault(k.Release)
}

// fetch imports the packages unless they are in the store.
func (s *Store) fetch(ctx context.Context, a *apt, packages []candidate, progress io.Writer) (*Kernel, error) {
	var sums []string
	for _, p := range packages {
		sums = append(sums, p.sha256)
	}
	if !slices.Contains(sums, "") {
		dir := filepath.Join(s.dir, dirName(sums))
		if _, err := load(dir); err == nil {
			fmt.Fprintf(progress, "%s %s is in the store already\n", packages[0].name, packages[0].version)
			return s.named(dir)
		}
	}
	dir, release, err := s.downloadDir()
	if err != nil {
		return nil, err
	}
	defer release()
	for _, p := range packages {
		fmt.Fprintf(progress, "fetching %s %s\n", p.name, p.version)
	}
	if err := a.download(ctx, dir, packages, progress); err != nil {
		return nil, fmt.Errorf("pull %s: %w", packages[0].name, err)
	}
	debs, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(progress, "unpacking %s\n", packages[0].name)
	return s.Add(ctx, debs...)
}

// downloadDir makes a directory for downloads that GC leaves alone until release is called.
func (s *Store) downloadDir() (dir string, release func(), err error) {
	unlock, err := s.lock()
	if err != nil {
		return "", nil, err
	}
	defer unlock()
	dir, err = os.MkdirTemp(s.dir, downloadPrefix)
	if err != nil {
		return "", nil, storeError("make room for a download", err)
	}
	f, err := claim(dir)
	if err != nil {
		return "", nil, err
	}
	return dir, func() {
		os.RemoveAll(dir) //nolint:errcheck // what stays is for GC
		f.Close()
	}, nil
}

// setDefault remembers the release that Default returns.
func (s *Store) setDefault(release string) error {
	file := filepath.Join(s.dir, defaultFile)
	if text, err := os.ReadFile(file); err == nil && strings.TrimSpace(string(text)) == release {
		return nil // in a read-only store too
	}
	unlock, err := s.lock()
	if err != nil {
		return err
	}
	defer unlock()
	return storeError("remember the default kernel", atomicfile.File(file, []byte(release+"\n")))
}

// resolve returns the packages of the kernel that pattern means, the image first.
func (a *apt) resolve(ctx context.Context, pattern string) ([]candidate, error) {
	all, err := a.names(ctx, "linux-image-")
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, problem.Wrap(problem.Machine, errors.New("pull a kernel: apt knows no kernel packages"+a.where()),
			a.listHint())
	}
	var wanted []string
	switch {
	case pattern == "":
		wanted = defaultPackages
	case strings.HasPrefix(pattern, "linux-"):
		wanted = []string{pattern}
	default:
		wanted, err = a.series(ctx, all, pattern)
		if err != nil {
			return nil, err
		}
	}
	found, err := a.show(ctx, wanted...)
	if err != nil {
		return nil, err
	}
	for _, name := range wanted {
		if p, ok := found[name]; ok {
			return a.parts(ctx, p)
		}
	}
	if pattern == "" {
		return nil, problem.Wrap(problem.Machine,
			errors.New("pull the distribution's kernel: apt has none of "+strings.Join(wanted, ", ")+a.where()),
			a.listHint()+"; or name a package: ruleout kernel pull linux-image-…")
	}
	return nil, problem.Wrap(problem.Usage, fmt.Errorf("pull a kernel: apt has no package %s%s%s", pattern, a.where(), didYouMean(pattern, all)), a.otherHint("PACKAGE"))
}

// series returns the image packages of a series or release, the best first.
func (a *apt) series(ctx context.Context, all []string, pattern string) ([]string, error) {
	var kernels []*Kernel // as far as choose needs them
	var names, releases []string
	for _, name := range all {
		if kind, release := partOf(name); kind == "image" && name == "linux-image-"+release {
			names, releases = append(names, name), append(releases, release)
		}
	}
	found, err := a.show(ctx, names...)
	if err != nil {
		return nil, err
	}
	for _, release := range releases {
		if p, ok := found["linux-image-"+release]; ok && p.image() == "" {
			kernels = append(kernels, &Kernel{Name: release, Release: release, Flavour: flavourOf(release), Version: p.version})
		}
	}
	slices.SortFunc(kernels, byVersion)
	if k := choose(kernels, pattern); k != nil {
		return []string{"linux-image-" + k.Release}, nil
	}
	return nil, problem.Wrap(problem.Usage, fmt.Errorf("pull kernel %s: apt has no such kernel%s, but %s", pattern, a.where(), seriesOf(kernels)), a.otherHint(pattern))
}

// where says which lists a message is about.
func (a *apt) where() string {
	if a.suite == "" {
		return ""
	}
	return " in " + a.suite
}

// otherHint is where else a kernel may be.
func (a *apt) otherHint(what string) string {
	const elsewhere = "docs/guides/kernels.md says which suites have others"
	if a.suite != "" {
		return elsewhere
	}
	return "if the distribution has it: sudo apt-get update; if another suite has it: ruleout kernel pull " + what + " --suite SUITE; " + elsewhere
}

// seriesOf lists the series of kernels for a message: 6.1 and 6.12.
func seriesOf(kernels []*Kernel) string {
	var series []string
	for _, k := range kernels {
		if parts := strings.SplitN(k.Release, ".", 3); len(parts) == 3 {
			if s := parts[0] + "." + parts[1]; !slices.Contains(series, s) {
				series = append(series, s)
			}
		}
	}
	if len(series) == 0 {
		return "none at all"
	}
	return strings.Join(series, " and ")
}

// parts follows meta-packages to a kernel, and returns all packages of that kernel.
func (a *apt) parts(ctx context.Context, p candidate) ([]candidate, error) {
	for depth := 0; ; depth++ {
		name := p.image()
		if kind, release := partOf(p.name); name == "" && strings.HasPrefix(kind, "image") {
			return a.complete(ctx, p, release)
		}
		if name == "" || depth > 4 {
			return nil, problem.Wrap(problem.Usage, fmt.Errorf("pull %s: it leads to no kernel image", p.name),
				"name a package linux-image-RELEASE")
		}
		next, err := a.show(ctx, name)
		if err != nil {
			return nil, err
		}
		q, ok := next[name]
		if !ok {
			return nil, problem.Wrap(problem.Machine, fmt.Errorf("pull %s: it needs %s, which apt does not have", p.name, name),
				a.listHint())
		}
		p = q
	}
}

// complete returns the image and the other packages of the release: those that it depends
// on, and linux-modules-extra, where Ubuntu keeps netem but which its image does without.
func (a *apt) complete(ctx context.Context, image candidate, release string) ([]candidate, error) {
	packages := []candidate{image}
	asked := map[string]bool{image.name: true}
	extra := "linux-modules-extra-" + release
	for queue := append(slices.Clone(image.depends), extra); len(queue) > 0; {
		var names []string
		for _, d := range queue {
			if _, of := partOf(d); of == release && !asked[d] {
				names = append(names, d)
				asked[d] = true
			}
		}
		found, err := a.show(ctx, names...)
		if err != nil {
			return nil, err
		}
		queue = nil
		for _, name := range names {
			p, ok := found[name]
			if !ok && name == extra {
				continue
			}
			if !ok {
				return nil, problem.Wrap(problem.Machine,
					fmt.Errorf("pull %s: it needs %s, which apt does not have", image.name, name), a.listHint())
			}
			packages = append(packages, p)
			queue = append(queue, p.depends...)
		}
	}
	return packages, nil
}
