package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/apt"
	"github.com/ruleout/ruleout/harness/scenario/spelling"
)

// noApt is what to do on a machine without apt.
const noApt = "make the image on a machine with apt; or from an OCI image (docker save, skopeo copy) or from files"

// private returns the machine's apt with its sources, lists, keys, proxies and pins, and a status of its own in dir.
func private(dir string, asked []string) (*apt.Apt, error) {
	a, err := apt.Find("find packages for an image", noApt)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(dir, "cache/archives/partial"), 0o755); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "status")
	if err := os.WriteFile(file, []byte(status(asked)), 0o644); err != nil {
		return nil, err
	}
	for _, option := range []string{
		"Dir::State::status=" + file, "Dir::State::extended_states=" + filepath.Join(dir, "extended_states"),
		"Dir::Cache=" + filepath.Join(dir, "cache"), "Dir::Cache::archives=archives/", "Dir::Cache::pkgcache=",
		"Dir::Cache::srcpkgcache=", "Dir::Log=" + dir, "Debug::NoLocking=true",
		"APT::Architecture=amd64", "APT::Install-Recommends=false", "APT::Install-Suggests=false",
		"APT::Get::Assume-Yes=true", "Acquire::ForceHash=sha256", "Dpkg::Use-Pty=0",
	} {
		a.Args = append(a.Args, "-o", option)
	}
	return a, nil
}

// resolve asks apt which packages these names need, themselves included.
func resolve(ctx context.Context, dir string, names []string) ([]Package, error) {
	a, err := private(dir, names)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	args := slices.Concat([]string{"-q", "--print-uris", "install", "--"}, names, without(always, names))
	if err := a.Get(ctx, "", &out, "install", args); err != nil {
		return nil, unresolved(ctx, a, out.String(), err)
	}
	return parseURIs(out.String())
}

func without(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(other, s) })
}

// uri is a line of apt-get --print-uris: 'URI' FILE SIZE SHA256:HASH.
var uri = regexp.MustCompile(`^'[^']*' ([^ ]+)_([^ _]+)_([a-z0-9-]+)\.deb [0-9]+ (?:SHA256:([0-9a-f]{64}))?`)

func parseURIs(text string) ([]Package, error) {
	var list []Package
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "'") {
			continue
		}
		m := uri.FindStringSubmatch(line)
		if m == nil || m[4] == "" {
			return nil, problem.Wrap(problem.Machine, errors.New("apt knows no SHA-256 of a package"), apt.UpdateHint)
		}
		version, err := url.PathUnescape(m[2])
		if err != nil {
			return nil, fmt.Errorf("version %q: %w", m[2], err)
		}
		list = append(list, Package{Name: m[1], Version: version, Architecture: m[3], SHA256: m[4]})
	}
	slices.SortFunc(list, func(a, b Package) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// located is how apt says that it does not have a package.
var located = regexp.MustCompile(`Unable to locate package ([^ ;]+)|Package '([^']+)' has no installation candidate`)

// unresolved words apt's refusal.
func unresolved(ctx context.Context, a *apt.Apt, out string, err error) error {
	if m := located.FindStringSubmatch(err.Error()); m != nil {
		name := m[1] + m[2]
		all, listed := a.Names(ctx, "")
		if listed != nil {
			return listed
		}
		if len(without(all, slices.Concat(assumed...))) == 0 { // the private status has these
			return problem.Wrap(problem.Machine, fmt.Errorf("package %s: apt has no package lists", name), apt.UpdateHint)
		}
		if m[2] != "" {
			return problem.Wrap(problem.Usage, fmt.Errorf("%s is no package that apt can install by itself", name),
				"name a package that provides it: apt-cache showpkg "+name)
		}
		what := "apt has no package " + name
		if near := spelling.Nearest(name, all); near != "" && near != name {
			what += "; did you mean " + near + "?"
		}
		return problem.Wrap(problem.Usage, errors.New(what), "if the distribution has it: sudo apt-get update")
	}
	// What contradicts what stands behind this line, one package a line.
	if _, why, ok := strings.Cut(out, "have unmet dependencies:\n"); ok {
		return problem.Wrap(problem.Usage,
			fmt.Errorf("apt cannot have these packages in one image: %s", strings.Join(strings.Fields(why), " ")),
			"put them into two images, for two nodes")
	}
	return err
}

// fetch brings the packages that the store does not have yet.
func (s *Store) fetch(ctx context.Context, packages []Package, progress func(string)) error {
	var missing []Package
	for _, p := range packages {
		// A power cut may have left a part of one.
		if sum, err := s.sum(ctx, s.debFile(p)); err != nil || sum != p.SHA256 {
			missing = append(missing, p)
			continue
		}
		now := time.Now()
		_ = os.Chtimes(s.debFile(p), now, now) // so that GC does not take it for old
	}
	if len(missing) == 0 {
		return nil
	}
	dir, release, err := s.shelf().Room()
	if err != nil {
		return err
	}
	defer release()
	a, err := private(dir, nil)
	if err != nil {
		return s.error("make room for packages", err)
	}
	var list []apt.Candidate
	for _, p := range missing {
		list = append(list, apt.Candidate{Name: p.Name, Version: p.Version, SHA256: p.SHA256})
	}
	if err := a.Download(ctx, dir, list, &fetching{say: progress, of: len(missing)}); err != nil {
		return withdrawn(err)
	}
	found, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil {
		return err
	}
	bySum := map[string]string{}
	for _, file := range found {
		sum, err := s.sum(ctx, file)
		if err != nil {
			return err
		}
		bySum[sum] = file
	}
	if err := os.MkdirAll(filepath.Join(s.dir, debDir), 0o755); err != nil {
		return s.error("keep packages", err)
	}
	for _, p := range missing {
		file, ok := bySum[p.SHA256]
		if !ok {
			return problem.Wrap(problem.Machine,
				fmt.Errorf("package %s %s came with another SHA-256 than %s…", p.Name, p.Version, p.SHA256[:12]),
				"apt's lists and the lock disagree: write the lock anew (ruleout image lock), or find out who changed the package")
		}
		if err := os.Rename(file, s.debFile(p)); err != nil {
			return s.error("keep packages", err)
		}
	}
	return nil
}

// withdrawn words that a version is no more.
func withdrawn(err error) error {
	if strings.Contains(err.Error(), "was not found") {
		return problem.Wrap(problem.Machine, err,
			"distributions remove old versions: write the lock anew (ruleout image lock), "+
				"or add a source to apt that has the version")
	}
	return err
}

// fetching tells what apt fetches.
type fetching struct {
	say  func(string)
	n    int
	of   int
	line []byte
}

// Write reads apt's lines, "Get:1 URI SUITE ARCH NAME ARCH VERSION [SIZE]", or of a flat repository "Get:1 URI DIR/
// NAME VERSION [SIZE]".
func (f *fetching) Write(p []byte) (int, error) {
	f.line = append(f.line, p...)
	for {
		line, rest, ok := bytes.Cut(f.line, []byte("\n"))
		if !ok {
			return len(p), nil
		}
		f.line = rest
		w := strings.Fields(string(line))
		end := slices.IndexFunc(w, func(s string) bool { return strings.HasPrefix(s, "[") })
		if end < 5 || !strings.HasPrefix(w[0], "Get:") {
			continue
		}
		name := w[end-2]
		if !strings.HasSuffix(w[2], "/") {
			name = w[max(end-3, 0)]
		}
		f.n++
		f.say(fmt.Sprintf("fetching package %d of %d: %s %s", f.n, f.of, name, w[end-1]))
	}
}

var _ io.Writer = (*fetching)(nil)
