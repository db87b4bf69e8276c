package image

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/base/atomicfile"
	"github.com/ruleout/ruleout/harness/base/problem"
)

// Lock pins the packages of an image.
type Lock struct {
	// Scenario and Image are the names of what it is for; empty for a lock that is of no scenario.
	Scenario, Image string

	Asked    []string  // names that were asked for, sorted
	Packages []Package // these, and all that they need, by name
}

// comment stands on top of each lock.
const comment = `# The packages of an image: name, version, architecture, SHA-256. Those that were asked for say so;
# the others are what these depend on. ruleout image lock writes this file, and with it the image is the same on every
# machine.
`

// owner begins the line that says what a lock is for. It is a comment: the packages are the same whosever they are.
const owner = "# It is for the image "

// purpose is that line.
func (l *Lock) purpose() string {
	if l.Scenario == "" {
		return ""
	}
	return fmt.Sprintf("%s%s of the scenario %s.\n", owner, l.Image, l.Scenario)
}

// String returns the lock as its file has it, but for the line that says what it is for.
func (l *Lock) String() string {
	var b strings.Builder
	b.WriteString(comment)
	for _, p := range l.Packages {
		fmt.Fprintf(&b, "%s %s %s sha256:%s", p.Name, p.Version, p.Architecture, p.SHA256)
		if slices.Contains(l.Asked, p.Name) {
			b.WriteString(" asked")
		}
		b.WriteByte('\n')
	}
	// A name that several packages provide is none of a package.
	for _, name := range l.Asked {
		if !slices.ContainsFunc(l.Packages, func(p Package) bool { return p.Name == name }) {
			fmt.Fprintf(&b, "%s asked\n", name)
		}
	}
	return b.String()
}

// WriteLock writes a lock. It takes the place of one with other packages only if that is of the same scenario, since
// scenarios beside each other have one directory for their locks.
func WriteLock(path string, l *Lock) error {
	old, err := ReadLock(path)
	if err == nil && old.Scenario != "" && old.Scenario != l.Scenario && !slices.Equal(old.Asked, l.Asked) {
		return problem.Wrap(problem.Usage,
			fmt.Errorf("write lock: %s is of the scenario %s, whose image %s has other packages (%s)", path, old.Scenario,
				old.Image, strings.Join(old.Asked, ", ")),
			"give the image another name in one of the scenarios; if that one is gone, remove its lock")
	}
	if err := atomicfile.File(path, []byte(l.purpose()+l.String())); err != nil {
		return problem.Wrap(problem.Usage, fmt.Errorf("write lock: %w", err), "choose a directory that you can write to")
	}
	return nil
}

// versionText is what a version may look like, deb-version(7).
var versionText = regexp.MustCompile(`^[0-9A-Za-z.+:~-]+$`)

// sumText is a SHA-256.
var sumText = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// ReadLock reads a lock. An error names the line.
func ReadLock(path string) (*Lock, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, problem.Wrap(problem.Usage, fmt.Errorf("read lock: %w", err),
			"write one: ruleout image lock --package NAME -o FILE")
	}
	l, err := parseLock(string(text))
	if err != nil {
		return nil, problem.Wrap(problem.Usage, fmt.Errorf("read lock %s:%w", path, err), "write it anew: ruleout image lock")
	}
	return l, nil
}

func parseLock(text string) (*Lock, error) {
	l := &Lock{}
	seen := map[string]bool{}
	number := 0
	for line := range strings.Lines(text) {
		number++
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), owner); ok {
			l.Image, l.Scenario, _ = strings.Cut(strings.TrimSuffix(rest, "."), " of the scenario ")
		}
		line, _, _ = strings.Cut(line, "#")
		w := strings.Fields(line)
		wrong := func(what string, args ...any) error {
			return fmt.Errorf("%d: "+what, append([]any{number}, args...)...)
		}
		isAsked := len(w) > 0 && w[len(w)-1] == "asked"
		switch {
		case len(w) == 0:
			continue
		case isAsked:
			w = w[:len(w)-1]
			if len(w) == 0 {
				return nil, wrong("a package without a name")
			}
			l.Asked = append(l.Asked, w[0])
		}
		if !packageName.MatchString(w[0]) {
			return nil, wrong("%q is no name of a package", w[0])
		}
		if seen[w[0]] {
			return nil, wrong("package %s is there twice", w[0])
		}
		seen[w[0]] = true
		if len(w) == 1 && isAsked {
			continue
		}
		switch {
		case len(w) != 4:
			return nil, wrong("%q is not name, version, architecture and SHA-256", strings.TrimSpace(line))
		case !versionText.MatchString(w[1]):
			return nil, wrong("%q is no version", w[1])
		case w[2] != "amd64" && w[2] != "all":
			return nil, wrong("package %s is for %q, and the guest is amd64", w[0], w[2])
		case !sumText.MatchString(w[3]):
			return nil, wrong("%q is no SHA-256, which has 64 digits after sha256:", w[3])
		}
		l.Packages = append(l.Packages, Package{w[0], w[1], w[2], strings.TrimPrefix(w[3], "sha256:")})
	}
	if len(l.Packages) == 0 {
		return nil, errors.New("1: it has no package")
	}
	slices.Sort(l.Asked)
	slices.SortFunc(l.Packages, func(a, b Package) int { return strings.Compare(a.Name, b.Name) })
	return l, nil
}

// matches makes sure that a lock is of these packages.
func (l *Lock) matches(asked []string) error {
	if slices.Equal(l.Asked, asked) {
		return nil
	}
	say := func(names []string) string {
		if len(names) == 0 {
			return "none"
		}
		return strings.Join(names, ", ")
	}
	of, hint := "", "write it anew: ruleout image lock"
	if l.Scenario != "" {
		of = fmt.Sprintf(" (it is for the image %s of the scenario %s)", l.Image, l.Scenario)
		hint += "; if it is another scenario's, give the image another name"
	}
	return problem.Wrap(problem.Usage,
		fmt.Errorf("the lock is of other packages%s: it lacks %s, and has in addition %s", of, say(without(asked, l.Asked)),
			say(without(l.Asked, asked))), hint)
}
