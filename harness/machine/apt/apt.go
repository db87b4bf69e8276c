// Package apt asks the system's package manager, and fetches packages through it: it knows where they are, and whose
// signature they must have. It changes nothing outside its own temporary files, and needs no rights.
package apt

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

// Apt is the machine's apt, or one that [Apt.Args] have given lists of its own.
type Apt struct {
	Suite string   // that its lists are of; empty for the machine's own lists
	Args  []string // for every call

	Lists string // hint on packages that the lists lack
	Other string // hint on how else a package can come in, where there is no network; it may be empty
}

// ErrNoSuite says that a source does not have the suite that was asked for.
var ErrNoSuite = errors.New("no such suite")

// UpdateHint is what to do about package lists that are absent or old.
const UpdateHint = "update apt's package lists: sudo apt-get update"

// Find returns the machine's apt, if it has that and the other tools named. Otherwise the error says what for (op), and
// has the hint.
func Find(op, hint string, others ...string) (*Apt, error) {
	for _, tool := range append([]string{"apt-get", "apt-cache"}, others...) {
		if _, err := exec.LookPath(tool); err != nil {
			return nil, problem.Wrap(problem.Machine, fmt.Errorf("%s: no %s on this machine", op, tool), hint)
		}
	}
	return &Apt{Lists: UpdateHint}, nil
}

// cache runs apt-cache and returns its output.
func (a *Apt) cache(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "apt-cache", slices.Concat(a.Args, args)...)
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

// Names returns the names of all packages that begin with prefix.
func (a *Apt) Names(ctx context.Context, prefix string) ([]string, error) {
	out, err := a.cache(ctx, "pkgnames", prefix)
	return strings.Fields(string(out)), err
}

// Candidate is a package that apt would install.
type Candidate struct {
	Name, Version, SHA256 string
	Depends               []string // names, first alternatives only
}

// Show returns the candidates of the named packages; those that apt cannot install are absent.
func (a *Apt) Show(ctx context.Context, names ...string) (map[string]Candidate, error) {
	found := map[string]Candidate{}
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
		p := Candidate{Name: c["Package"], Version: c["Version"], SHA256: c["SHA256"]}
		for _, d := range strings.Split(c["Pre-Depends"]+","+c["Depends"], ",") {
			if f := strings.Fields(d); len(f) > 0 {
				p.Depends = append(p.Depends, f[0])
			}
		}
		found[p.Name] = p
	}
	return found, nil
}

// Download fetches packages into dir.
func (a *Apt) Download(ctx context.Context, dir string, packages []Candidate, progress io.Writer) error {
	// The sandbox user of a root's apt could not write to dir, which is private.
	args := []string{"-q", "-o", "APT::Sandbox::User=root", "-o", "Dpkg::Use-Pty=0", "download", "--"}
	for _, p := range packages {
		args = append(args, p.Name+"="+p.Version)
	}
	return a.Get(ctx, dir, progress, "download", args)
}

// Update gets the package lists. It is for lists that are not the machine's own.
func (a *Apt) Update(ctx context.Context, progress io.Writer) error {
	return a.Get(ctx, "", progress, "update", []string{"-q", "update"})
}

// Get runs apt-get in dir.
func (a *Apt) Get(ctx context.Context, dir string, progress io.Writer, op string, args []string) error {
	cmd := exec.CommandContext(ctx, "apt-get", slices.Concat(a.Args, args)...)
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
func (a *Apt) wrap(op string, err error, messages string) error {
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
	case a.Suite != "" && has("does not have a Release file"):
		return fmt.Errorf("%s: %w: %w", op, ErrNoSuite, err)
	case has("NO_PUBKEY", "is not signed", "public key is not available", "Missing key"):
		hint = "apt does not trust " + a.Suite +
			" here: the key may be in a newer package of the distribution's keyring (debian-archive-keyring, ubuntu-keyring)"
	case has("is expired", "is not valid yet"):
		hint = "the lists of " + a.Suite + " are out of date where apt gets them, or this machine's clock is wrong"
	case a.Suite == "" && has("404 ", "File not found", "Hash Sum mismatch", "unexpected size"):
		err = fmt.Errorf("the package lists are older than those of the mirror: %w", err)
		hint = UpdateHint
	case has("resolving", "Could not connect", "Connection failed", "Connection refused",
		"Network is unreachable", "timed out"):
		hint = "check the network and apt's proxy settings" + a.Other
	case has("No space left"):
		hint = "make room, or set XDG_CACHE_HOME to a directory with more"
	case has("Unable to locate package", "was not found", "no installation Candidate", "Can't select"):
		hint = a.Lists
	}
	return problem.Wrap(problem.Machine, fmt.Errorf("%s: %w", op, err), hint)
}
