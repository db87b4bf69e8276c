package kernel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/apt"
)

// PullFrom is [Store.Pull] from another suite of the distribution, such as bullseye-security,
// bookworm-backports or sid. It needs no root either: apt works with lists of its own, which
// are gone afterwards, and the machine's are not touched. Where the packages are and whose
// signature they must have is taken from the machine's sources.
//
// What is pulled never becomes the [Store.Default].
func (s *Store) PullFrom(ctx context.Context, suite, pattern string, progress io.Writer) (*Kernel, error) {
	if progress == nil {
		progress = io.Discard
	}
	if !suiteName.MatchString(suite) {
		return nil, problem.Wrap(problem.Usage, fmt.Errorf("pull a kernel: %q is no name of a suite", suite),
			"examples of suites: bullseye-security, bookworm-backports, sid")
	}
	machine, err := findApt("apt-config")
	if err != nil {
		return nil, err
	}
	all, err := machine.sources(ctx)
	if err != nil {
		return nil, err
	}
	sources := siblings(all, suite, codenames())
	if len(sources) == 0 {
		return nil, problem.Wrap(problem.Machine,
			errors.New("pull a kernel: apt's sources have no line of the distribution to find suite "+suite+" by"), aptHint)
	}
	dir, release, err := s.shelf().Room()
	if err != nil {
		return nil, err
	}
	defer release()
	var places []string
	for i, from := range sources {
		a, err := privateApt(filepath.Join(dir, fmt.Sprint(i)), from, suite)
		if err != nil {
			return nil, storeError("make room for apt's lists", err)
		}
		fmt.Fprintf(progress, "getting the package lists of %s\n", suite)
		if err := a.Update(ctx, progress); errors.Is(err, apt.ErrNoSuite) {
			places = append(places, from.place)
			continue
		} else if err != nil {
			return nil, err
		}
		packages, err := a.resolve(ctx, pattern)
		if err != nil {
			return nil, err
		}
		return s.fetch(ctx, a, packages, progress)
	}
	return nil, problem.Wrap(problem.Usage,
		fmt.Errorf("pull a kernel: there is no suite %s where %s points to", suite, strings.Join(places, " or ")),
		"name an existing suite, or "+aptHint)
}

// privateConfig undoes what a machine's configuration may ask of apt and which is not meant for
// these lists. Hooks would work on the machine's own files: in container images one removes
// all packages that apt has fetched.
const privateConfig = `#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Default-Release;
Acquire::Languages "none";
APT::Update::Error-Mode "any";
APT::Sandbox::User "root";
`

// privateApt returns an apt that knows nothing but a suite of one source, and writes
// nowhere but into dir.
func privateApt(dir string, from source, suite string) (*lists, error) {
	for _, d := range []string{"lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return nil, err
		}
	}
	for name, text := range map[string]string{"apt.conf": privateConfig,
		"suite.sources": from.render(suite), "status": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	// The file of APT_CONFIG would be read before the machine's configuration, and so count for less.
	a := &lists{&apt.Apt{Suite: suite, Args: []string{"-c", filepath.Join(dir, "apt.conf")}, Lists: freshHint(suite),
		Other: elsewhere}}
	for _, option := range []string{
		"Dir::Etc::sourcelist=" + filepath.Join(dir, "suite.sources"), "Dir::Etc::sourceparts=/dev/null",
		"Dir::Etc::preferences=/dev/null", "Dir::Etc::preferencesparts=/dev/null",
		"Dir::State::lists=" + filepath.Join(dir, "lists"), "Dir::State::status=" + filepath.Join(dir, "status"),
		"Dir::Cache=" + filepath.Join(dir, "cache"), "Dir::Cache::archives=archives/", "Dir::Cache::pkgcache=",
		"Dir::Cache::srcpkgcache=",
	} {
		a.Args = append(a.Args, "-o", option)
	}
	return a, nil
}
