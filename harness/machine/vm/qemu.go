package vm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/ruleout/ruleout/harness/base/problem"
)

// QEMU is one installed emulator.
type QEMU struct {
	Path    string
	Version string // 7.2.22

	// Parts is what else it consists of, nil if it does not start; Broken says why.
	Parts  *parts `json:",omitempty"`
	Broken string `json:",omitempty"`
}

// EnvQEMU names an emulator that is preferred to those in PATH.
const EnvQEMU = "RULEOUT_QEMU"

const (
	qemuName = "qemu-system-x86_64"
	qemuHint = "install qemu-system-x86 (Debian, Ubuntu: apt-get install --no-install-recommends qemu-system-x86), " +
		"or name another with " + EnvQEMU
)

// FindQEMU returns the emulators on this machine, the preferred one first: $RULEOUT_QEMU,
// then those in PATH. The error is of kind problem.Machine when there is none.
func FindQEMU(ctx context.Context) ([]QEMU, error) {
	var found []QEMU
	if path := os.Getenv(EnvQEMU); path != "" {
		q, err := openQEMU(ctx, path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", EnvQEMU, err)
		}
		found = append(found, q)
	}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		path := filepath.Join(dir, qemuName)
		if info, err := os.Stat(path); err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
			continue
		}
		real, err := filepath.EvalSymlinks(path)
		if err != nil || slices.ContainsFunc(found, func(q QEMU) bool { return q.Path == real }) {
			continue
		}
		q, err := openQEMU(ctx, real)
		if err != nil {
			return nil, err
		}
		found = append(found, q)
	}
	if len(found) == 0 {
		return nil, problem.Wrap(problem.Machine, errors.New("no "+qemuName+" on this machine"), qemuHint)
	}
	return found, nil
}

// ChooseQEMU returns the emulator at path or, when path is empty, the preferred one.
func ChooseQEMU(ctx context.Context, path string) (QEMU, error) {
	if path != "" {
		return openQEMU(ctx, path)
	}
	found, err := FindQEMU(ctx)
	if err != nil {
		return QEMU{}, err
	}
	return found[0], nil
}

var versionLine = regexp.MustCompile(`QEMU emulator version (\d+\.\d+[0-9.]*)`)

func openQEMU(ctx context.Context, path string) (QEMU, error) {
	path, err := exec.LookPath(path)
	if err != nil {
		return QEMU{}, problem.Wrap(problem.Machine, err, qemuHint)
	}
	if path, err = filepath.Abs(path); err != nil {
		return QEMU{}, err
	}
	return introduce(ctx, path)
}

// ask starts a QEMU to see what it is.
func ask(ctx context.Context, path string) (QEMU, error) {
	out, err := command(ctx, path, "--version").CombinedOutput()
	if ctx.Err() != nil {
		return QEMU{}, ctx.Err()
	}
	m := versionLine.FindSubmatch(out)
	if m == nil {
		return QEMU{}, problem.Wrap(problem.Machine,
			errors.Join(fmt.Errorf("%s does not print its version: %q", path, out), err), qemuHint)
	}
	q := QEMU{Path: path, Version: string(m[1])}
	if q.Parts, err = explore(ctx, path); err != nil {
		if ctx.Err() != nil {
			return QEMU{}, ctx.Err()
		}
		q.Broken = err.Error()
	}
	return q, nil
}

// known returns the parts. A QEMU that tells its version and does not start is an error of kind [problem.Machine].
func (q QEMU) known() (*parts, error) {
	if q.Parts == nil {
		return nil, problem.Wrap(problem.Machine, fmt.Errorf("%v does not start: %s", q, q.Broken), qemuHint)
	}
	return q.Parts, nil
}

// Sandboxed says that the kernel refuses what an emulator never asks for, which takes a QEMU that was built with
// seccomp.
func (q QEMU) Sandboxed() bool { return q.Parts != nil && q.Parts.Sandbox }

func (q QEMU) String() string { return "QEMU " + q.Version }
