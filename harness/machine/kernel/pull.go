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
	"github.com/ruleout/ruleout/harness/machine/apt"
)

// defaultPackages are what distributions call their own kernel for virtual machines, or
// failing that the usual one, in the order of preference: Debian's and Ubuntu's. Ubuntu's
// linux-image-kvm is not among them, since that build leaves out most of net/sched.
var defaultPackages = []string{"linux-image-cloud-amd64", "linux-image-amd64", "linux-image-virtual",
	"linux-image-generic"}

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
func (s *Store) fetch(ctx context.Context, a *lists, packages []apt.Candidate, progress io.Writer) (*Kernel, error) {
	var sums []string
	for _, p := range packages {
		sums = append(sums, p.SHA256)
	}
	if !slices.Contains(sums, "") {
		dir := filepath.Join(s.dir, dirName(sums))
		if _, err := load(dir); err == nil {
			fmt.Fprintf(progress, "%s %s is in the store already\n", packages[0].Name, packages[0].Version)
			return s.named(dir)
		}
	}
	dir, release, err := s.shelf().Room()
	if err != nil {
		return nil, err
	}
	defer release()
	for _, p := range packages {
		fmt.Fprintf(progress, "fetching %s %s\n", p.Name, p.Version)
	}
	if err := a.Download(ctx, dir, packages, progress); err != nil {
		return nil, fmt.Errorf("pull %s: %w", packages[0].Name, err)
	}
	debs, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(progress, "unpacking %s\n", packages[0].Name)
	return s.Add(ctx, debs...)
}

// setDefault remembers the release that Default returns.
func (s *Store) setDefault(release string) error {
	file := filepath.Join(s.dir, defaultFile)
	if text, err := os.ReadFile(file); err == nil && strings.TrimSpace(string(text)) == release {
		return nil // in a read-only store too
	}
	unlock, err := s.shelf().Lock()
	if err != nil {
		return err
	}
	defer unlock()
	return storeError("remember the default kernel", atomicfile.File(file, []byte(release+"\n")))
}

// resolve returns the packages of the kernel that pattern means, the image first.
func (a *lists) resolve(ctx context.Context, pattern string) ([]apt.Candidate, error) {
	all, err := a.Names(ctx, "linux-image-")
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, problem.Wrap(problem.Machine, errors.New("pull a kernel: apt knows no kernel packages"+a.where()),
			a.Lists)
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
	found, err := a.Show(ctx, wanted...)
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
			a.Lists+"; or name a package: ruleout kernel pull linux-image-…")
	}
	return nil, problem.Wrap(problem.Usage, fmt.Errorf("pull a kernel: apt has no package %s%s%s", pattern, a.where(),
		didYouMean(pattern, all)), a.otherHint("PACKAGE"))
}

// series returns the image packages of a series or release, the best first.
func (a *lists) series(ctx context.Context, all []string, pattern string) ([]string, error) {
	var kernels []*Kernel // as far as choose needs them
	var names, releases []string
	for _, name := range all {
		if kind, release := partOf(name); kind == "image" && name == "linux-image-"+release {
			names, releases = append(names, name), append(releases, release)
		}
	}
	found, err := a.Show(ctx, names...)
	if err != nil {
		return nil, err
	}
	for _, release := range releases {
		if p, ok := found["linux-image-"+release]; ok && image(p) == "" {
			kernels = append(kernels, &Kernel{Name: release, Release: release, Flavour: flavourOf(release), Version: p.Version})
		}
	}
	slices.SortFunc(kernels, byVersion)
	if k := choose(kernels, pattern); k != nil {
		return []string{"linux-image-" + k.Release}, nil
	}
	return nil, problem.Wrap(problem.Usage, fmt.Errorf("pull kernel %s: apt has no such kernel%s, but %s", pattern,
		a.where(), seriesOf(kernels)), a.otherHint(pattern))
}

// where says which lists a message is about.
func (a *lists) where() string {
	if a.Suite == "" {
		return ""
	}
	return " in " + a.Suite
}

// otherHint is where else a kernel may be.
func (a *lists) otherHint(what string) string {
	const elsewhere = "docs/guides/kernels.md says which suites have others"
	if a.Suite != "" {
		return elsewhere
	}
	return "if the distribution has it: sudo apt-get update; if another suite has it: ruleout kernel pull " + what +
		" --suite SUITE; " + elsewhere
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
func (a *lists) parts(ctx context.Context, p apt.Candidate) ([]apt.Candidate, error) {
	for depth := 0; ; depth++ {
		name := image(p)
		if kind, release := partOf(p.Name); name == "" && strings.HasPrefix(kind, "image") {
			return a.complete(ctx, p, release)
		}
		if name == "" || depth > 4 {
			return nil, problem.Wrap(problem.Usage, fmt.Errorf("pull %s: it leads to no kernel image", p.Name),
				"name a package linux-image-RELEASE")
		}
		next, err := a.Show(ctx, name)
		if err != nil {
			return nil, err
		}
		q, ok := next[name]
		if !ok {
			return nil, problem.Wrap(problem.Machine, fmt.Errorf("pull %s: it needs %s, which apt does not have", p.Name, name),
				a.Lists)
		}
		p = q
	}
}

// complete returns the image and the other packages of the release: those that it depends
// on, and linux-modules-extra, where Ubuntu keeps netem but which its image does without.
func (a *lists) complete(ctx context.Context, image apt.Candidate, release string) ([]apt.Candidate, error) {
	packages := []apt.Candidate{image}
	asked := map[string]bool{image.Name: true}
	extra := "linux-modules-extra-" + release
	for queue := append(slices.Clone(image.Depends), extra); len(queue) > 0; {
		var names []string
		for _, d := range queue {
			if _, of := partOf(d); of == release && !asked[d] {
				names = append(names, d)
				asked[d] = true
			}
		}
		found, err := a.Show(ctx, names...)
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
					fmt.Errorf("pull %s: it needs %s, which apt does not have", image.Name, name), a.Lists)
			}
			packages = append(packages, p)
			queue = append(queue, p.Depends...)
		}
	}
	return packages, nil
}
