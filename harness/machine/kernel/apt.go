package kernel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/deb"
)

// apt asks the system's package manager. It changes nothing outside its own temporary
// files and needs no rights.
type apt struct {
	suite string   // that its lists are of; empty for the machine's own lists
	args  []string // for every call
}

// errNoSuite says that a source does not have the suite that was asked for.
var errNoSuite = errors.New("no such suite")

// aptHint is what to do where there is no apt.
const aptHint = "download the kernel packages another way (linux-image-*.deb, and linux-modules-*.deb if the distribution splits them), then: ruleout kernel add FILES"

// updateHint is what to do about package lists that are absent or old.
const updateHint = "update apt's package lists: sudo apt-get update"

// listHint is what to do about packages that should be there and are not.
func (a *apt) listHint() string {
	if a.suite != "" {
		return "the lists of " + a.suite + " are fresh: try another suite, or fetch the packages in another way and import them: ruleout kernel add FILES"
	}
	return updateHint
}

// findApt returns the machine's apt, if it has that and the other tools named.
func findApt(others ...string) (*apt, error) {
	for _, tool := range append([]string{"apt-get", "apt-cache"}, others...) {
		if _, err := exec.LookPath(tool); err != nil {
			return nil, problem.Wrap(problem.Machine, fmt.Errorf("pull a kernel: no %s on this machine", tool), aptHint)
		}
	}
	return &apt{}, nil
}

// cache runs apt-cache and returns its output.
func (a *apt) cache(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "apt-cache", slices.Concat(a.args, args)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	var out, msg bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &msg
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		// "No packages found" is an answer, and what could be found is printed all the same.
		if strings.Contains(msg.String(), "No packages found") || out.Len() > 0 {
			return out.Bytes(), nil
		}
		return nil, a.wrap("apt-cache "+args[0], err, msg.String())
	}
	return out.Bytes(), nil
}

// names returns the names of all packages that begin with prefix.
func (a *apt) names(ctx context.Context, prefix string) ([]string, error) {
	out, err := a.cache(ctx, "pkgnames", prefix)
	return strings.Fields(string(out)), err
}

// candidate is a package that apt would install.
type candidate struct {
	name, version, sha256 string
	depends               []string // names, first alternatives only
}

// image returns the linux-image package that a meta-package stands for, empty for others.
func (c candidate) image() string {
	for _, d := range c.depends {
		if strings.HasPrefix(d, "linux-image-") {
			return d
		}
	}
	return ""
}

// show returns the candidates of the named packages; those that apt cannot install are absent.
func (a *apt) show(ctx context.Context, names ...string) (map[string]candidate, error) {
	found := map[string]candidate{}
	if len(names) == 0 {
		return found, nil
	}
	out, err := a.cache(ctx, append([]string{"show", "--no-all-versions", "--"}, names...)...)
	if err != nil {
		return nil, err
	}
	for paragraph := range bytes.SplitSeq(out, []byte("\n\n")) {
		c, err := deb.ParseControl(paragraph)
		if err != nil {
			return nil, fmt.Errorf("apt-cache show: %w", err)
		}
		// Without a file name it is installed, but cannot be fetched.
		if c["Package"] == "" || c["Filename"] == "" {
			continue
		}
		p := candidate{name: c["Package"], version: c["Version"], sha256: c["SHA256"]}
		for _, d := range strings.Split(c["Pre-Depends"]+","+c["Depends"], ",") {
			if f := strings.Fields(d); len(f) > 0 {
				p.depends = append(p.depends, f[0])
			}
		}
		found[p.name] = p
	}
	return found, nil
}

// download fetches packages into dir.
func (a *apt) download(ctx context.Context, dir string, packages []candidate, progress io.Writer) error {
	// The sandbox user of a root's apt could not write to dir, which is private.
	args := []string{"-q", "-o", "APT::Sandbox::User=root", "-o", "Dpkg::Use-Pty=0", "download", "--"}
	for _, p := range packages {
		args = append(args, p.name+"="+p.version)
	}
	return a.get(ctx, dir, progress, "download", args)
}

// update gets the package lists. It is for lists that are not the machine's own.
func (a *apt) update(ctx context.Context, progress io.Writer) error {
	return a.get(ctx, "", progress, "update", []string{"-q", "update"})
}

// get runs apt-get in dir.
func (a *apt) get(ctx context.Context, dir string, progress io.Writer, op string, args []string) error {
	cmd := exec.CommandContext(ctx, "apt-get", slices.Concat(a.args, args)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	var msg bytes.Buffer
	cmd.Stdout, cmd.Stderr = progress, &msg
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return a.wrap("apt-get "+op, err, msg.String())
	}
	return nil
}

// wrap makes one line of apt's messages and says what to do about it.
func (a *apt) wrap(op string, err error, messages string) error {
	var lines []string
	for line := range strings.Lines(messages) {
		if rest, ok := strings.CutPrefix(line, "E: "); ok {
			lines = append(lines, strings.TrimSpace(rest))
		}
	}
	if len(lines) > 0 {
		err = errors.New(strings.Join(lines, "; "))
	}
	hint := "see what apt says: " + op
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(messages, p) {
				return true
			}
		}
		return false
	}
	switch {
	case a.suite != "" && has("does not have a Release file"):
		return fmt.Errorf("%s: %w: %w", op, errNoSuite, err)
	case has("NO_PUBKEY", "is not signed", "public key is not available", "Missing key"):
		hint = "apt does not trust " + a.suite + " here: the key may be in a newer package of the distribution's keyring (debian-archive-keyring, ubuntu-keyring)"
	case has("is expired", "is not valid yet"):
		hint = "the lists of " + a.suite + " are out of date where apt gets them, or this machine's clock is wrong"
	case a.suite == "" && has("404 ", "File not found", "Hash Sum mismatch", "unexpected size"):
		err = fmt.Errorf("the package lists are older than those of the mirror: %w", err)
		hint = updateHint
	case has("resolving", "Could not connect", "Connection failed", "Connection refused", "Network is unreachable", "timed out"):
		hint = "check the network and apt's proxy settings; a package fetched elsewhere can be imported: ruleout kernel add FILES"
	case has("No space left"):
		hint = "make room, or set XDG_CACHE_HOME to a directory with more"
	case has("Unable to locate package", "was not found", "no installation candidate", "Can't select"):
		hint = a.listHint()
	}
	return problem.Wrap(problem.Machine, fmt.Errorf("%s: %w", op, err), hint)
}
