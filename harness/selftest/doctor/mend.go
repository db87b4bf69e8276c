package doctor

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
	"github.com/ruleout/ruleout/harness/machine/kernel"
	"github.com/ruleout/ruleout/harness/machine/vm"
)

// qemuPackage is the package of QEMU in Debian and its descendants. What it
// recommends is for screens and sound.
const qemuPackage = "qemu-system-x86"

var (
	update  = []string{"apt-get", "update"}
	install = []string{"apt-get", "install", "--yes", "--no-install-recommends"}
)

// compared are programs with which tests compare what this repository makes, and the packages that have them in Debian
// and its descendants. Nothing else needs them.
var compared = []struct{ program, pkg string }{
	{"tc", "iproute2"}, {"ip", "iproute2"}, {"strace", "strace"}, {"unshare", "util-linux"}, {"gpg", "gnupg"},
	{"depmod", "kmod"}, {"tshark", "tshark"}, {"nats-server", "nats-server"},
}

// MendOptions say what to get.
type MendOptions struct {
	// Kernel that has to be in the store, as [kernel.Store.Pull] understands it. Empty means any.
	Kernel string
	// Suites of the distribution in which the kernel is looked for, in this order, if it is not
	// in those that apt is set up for.
	Suites []string
	// Tests says that the programs are needed with which tests compare.
	Tests bool
	// DryRun says what would be done, and does nothing.
	DryRun bool
	// Say reports what is going to be done, and what the tools print. It may be nil.
	Say io.Writer
}

// Mend gets what the vm backend lacks on this machine, QEMU and a kernel, and what tests compare with. What is
// there already is left alone. Without the right to install packages the error, of
// kind [problem.Machine], has the exact command as its hint.
func Mend(ctx context.Context, o MendOptions) error {
	if o.Say == nil {
		o.Say = io.Discard
	}
	if err := mendQEMU(ctx, o); err != nil {
		return err
	}
	if err := mendTests(ctx, o); err != nil {
		return err
	}
	return mendKernel(ctx, o)
}

// mendTests gets the programs with which tests compare.
func mendTests(ctx context.Context, o MendOptions) error {
	if !o.Tests {
		return nil
	}
	var programs, packages []string
	for _, c := range compared {
		if !installed(c.program) {
			programs = append(programs, c.program)
			if !slices.Contains(packages, c.pkg) {
				packages = append(packages, c.pkg)
			}
		}
	}
	if len(programs) == 0 {
		return nil
	}
	missing := problem.Wrap(problem.Machine,
		fmt.Errorf("no %s on this machine, which tests need", strings.Join(programs, ", ")), "")
	return installPackages(ctx, o, missing, "what tests compare with", "as your distribution has it", packages...)
}

// installed says whether a program is in PATH, or where only root's PATH leads.
func installed(program string) bool {
	for _, name := range []string{program, "/sbin/" + program, "/usr/sbin/" + program} {
		if _, err := exec.LookPath(name); err == nil {
			return true
		}
	}
	return false
}

func mendQEMU(ctx context.Context, o MendOptions) error {
	_, missing := vm.FindQEMU(ctx)
	if missing == nil || problem.KindOf(missing) != problem.Machine {
		return missing
	}
	return installPackages(ctx, o, missing, "QEMU",
		"for x86_64 (qemu-system-x86_64, 7.2 or newer) as your distribution has it", qemuPackage)
}

// installPackages installs packages of the distribution, for want of which there is the error missing. what they are,
// and which of them to get where there is no apt-get, goes into what is said.
func installPackages(ctx context.Context, o MendOptions, missing error, what, which string, packages ...string) error {
	install := slices.Concat(install, packages)
	if _, err := exec.LookPath("apt-get"); err != nil {
		return problem.Wrap(problem.Machine, missing, fmt.Sprintf("there is no apt-get here: install %s %s", what, which))
	}
	as, err := privileged(ctx)
	if err != nil {
		return problem.Wrap(problem.Machine, missing,
			"run this as an administrator: sudo "+strings.Join(update, " ")+" && sudo "+strings.Join(install, " "))
	}
	fmt.Fprintf(o.Say, "installing %s from the distribution: %s\n", what, strings.Join(append(as, install...), " "))
	if o.DryRun {
		return nil
	}
	if err := apt(ctx, o.Say, as, install); err == nil {
		return nil
	} else if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	// The lists of a fresh machine are empty or old; it takes long, so it is not done first.
	fmt.Fprintf(o.Say, "updating the package lists: %s\n", strings.Join(append(as, update...), " "))
	if err := apt(ctx, o.Say, as, update); err != nil {
		return problem.Wrap(problem.Machine, err, "fix the package manager, then run this again")
	}
	if err := apt(ctx, o.Say, as, install); err != nil {
		return problem.Wrap(problem.Machine, err,
			fmt.Sprintf("install %s by hand, then run this again: %s", what, strings.Join(install, " ")))
	}
	return nil
}

func mendKernel(ctx context.Context, o MendOptions) error {
	store, err := kernel.OpenDefault()
	if err != nil {
		return err
	}
	if _, err = store.Choose(o.Kernel); err == nil {
		return nil
	}
	fmt.Fprintf(o.Say, "getting a kernel from the distribution: ruleout kernel pull %s\n", o.Kernel)
	if o.DryRun {
		return nil
	}
	if err = pull(ctx, store, o); err == nil || ctx.Err() != nil {
		return err
	}
	errs := []error{err}
	for _, suite := range o.Suites {
		fmt.Fprintf(o.Say, "not found; trying: ruleout kernel pull %s --suite %s\n", o.Kernel, suite)
		if _, err := store.PullFrom(ctx, suite, o.Kernel, o.Say); err == nil || ctx.Err() != nil {
			return err
		} else {
			errs = append(errs, err)
		}
	}
	if len(errs) == 1 {
		return err
	}
	var texts []string
	for _, err := range errs {
		texts = append(texts, err.Error())
	}
	return problem.Wrap(problem.Machine, fmt.Errorf("get kernel %s: not found: %s", o.Kernel, strings.Join(texts, "; ")),
		"download its packages from your distribution, and import them: ruleout kernel add FILES; see docs/guides/kernels.md")
}

// pull gets a kernel from where apt is set up for, with fresh lists if need be.
func pull(ctx context.Context, store *kernel.Store, o MendOptions) error {
	_, err := store.Pull(ctx, o.Kernel, o.Say)
	if err == nil || ctx.Err() != nil {
		return err
	}
	as, denied := privileged(ctx)
	if denied != nil || problem.KindOf(err) != problem.Machine {
		return err
	}
	fmt.Fprintf(o.Say, "updating the package lists: %s\n", strings.Join(append(as, update...), " "))
	if updateErr := apt(ctx, o.Say, as, update); updateErr != nil {
		return err
	}
	_, err = store.Pull(ctx, o.Kernel, o.Say)
	return err
}

// privileged returns what to put before a command that needs root: nothing, or sudo if
// it asks for no password.
func privileged(ctx context.Context) ([]string, error) {
	if os.Geteuid() == 0 {
		return nil, nil
	}
	if err := exec.CommandContext(ctx, "sudo", "-n", "true").Run(); err != nil {
		return nil, fmt.Errorf("sudo: %w", err)
	}
	return []string{"sudo", "-n"}, nil
}

func apt(ctx context.Context, say io.Writer, as, command []string) error {
	words := append(append([]string{}, as...), command...)
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
	var last bytes.Buffer
	cmd.Stdout, cmd.Stderr = say, io.MultiWriter(say, &last)
	if err := cmd.Run(); err != nil {
		line := strings.TrimSpace(last.String())
		if i := strings.LastIndexByte(line, '\n'); i >= 0 {
			line = line[i+1:]
		}
		return errors.Join(fmt.Errorf("%s: %w", strings.Join(words, " "), err), errText(line))
	}
	return nil
}

func errText(s string) error {
	if s == "" {
		return nil
	}
	return errors.New(s)
}
