package mutant

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// What ends the tests of a mutant: so many times the time that they take without one, and no less than this. Processor
// time counts where it can, since that of the clock says more of what else the machine does; a mutant that waits is
// ended by the clock.
const (
	times    = 5
	least    = 30 * time.Second
	leastCPU = 4 * time.Second
	building = 10 * time.Second // of processor time, for one step of a build
	// addressSpace bounds a mutant that never stops to allocate, in KiB.
	addressSpace = 6 << 20
)

// bench is what is prepared for the mutants of one target.
type bench struct {
	root    string
	target  Target
	list    []Mutant
	tmp     string
	covered func(*Mutant) bool
	// unviable mutants do not compile.
	unviable map[int]bool
	crowd    *crowd
	program  string // tests with the crowd
	flags    []string
	// slow tests, as a pattern: they are run only where the others find nothing.
	slow string
	// limits of go test, and of the program.
	limits, quick bounds
}

// bounds are what the tests may take; 0 is no bound.
type bounds struct{ wall, cpu time.Duration }

// times the time of tests without a mutant.
func (d *tested) bounds() bounds { return bounds{max(least, times*d.wall), max(leastCPU, times*d.cpu)} }

// prepare runs the tests without a mutant, and compiles those with all that can be compiled together.
func (b *bench) prepare(ctx context.Context) error {
	tests, err := filepath.Glob(filepath.Join(b.root, b.target.Dir, "*_test.go"))
	if err != nil {
		return fmt.Errorf("list tests: %w", err)
	}
	for _, path := range tests {
		text, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("read test: %w", err)
		}
		if bytes.Contains(text, []byte(`"pgregory.net/rapid"`)) {
			b.flags = []string{"-rapid.nofailfile"} // what fails with a mutant is no case to keep
		}
	}
	profile := filepath.Join(b.tmp, "cover")
	var args []string
	if !b.target.Machine {
		args = []string{"-coverprofile=" + profile}
	}
	plain, err := b.goTest(ctx, bounds{wall: 20 * time.Minute}, args...)
	if err != nil {
		return err
	} else if plain.status != Survived {
		return fmt.Errorf("tests of %s fail without any change:\n%s", b.target.Dir, plain.out)
	}
	b.limits = plain.bounds()
	b.limits.cpu = max(b.limits.cpu, building)
	b.covered = func(*Mutant) bool { return true }
	if b.target.Machine { // what the environment says does not reach into a guest
		return nil
	}
	if b.covered, err = coverage(profile); err != nil {
		return err
	}
	l, err := load(b.root, b.target.Dir)
	if err != nil {
		return err
	}
	b.unviable = map[int]bool{}
	wanted := make([]Mutant, len(b.list))
	for i := range b.list {
		switch {
		case !b.covered(&b.list[i]):
		case !l.compiles(&b.list[i]):
			b.unviable[i] = true
		default:
			wanted[i] = b.list[i]
		}
	}
	b.crowd = newCrowd(l, wanted)
	if len(b.crowd.in) == 0 {
		return nil
	}
	dir := filepath.Join(b.tmp, "crowd")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return fmt.Errorf("make directory of mutants: %w", err)
	}
	list, err := overlay(dir, b.crowd.files)
	if err != nil {
		return err
	}
	b.program = filepath.Join(b.tmp, "crowd.test")
	build := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-overlay="+list, "-o", b.program, "./"+b.target.Dir)
	build.Dir = b.root
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("compile mutants of %s: %w\n%s", b.target.Dir, err, out)
	}
	alone, err := b.run(ctx, bounds{wall: 20 * time.Minute}, 0, "-test.v")
	if err != nil {
		return err
	} else if alone.status != Survived {
		return fmt.Errorf("tests of %s fail with no mutant alive:\n%s", b.target.Dir, alone.out)
	}
	b.quick, b.slow = alone.bounds(), slow(alone.out)
	return nil
}

// slow returns a pattern of the tests that take a second or more, by what go test -v says of all; empty where there are
// none.
func slow(out []byte) string {
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^--- PASS: (\w+) \([1-9]`).FindAllSubmatch(out, -1) {
		names = append(names, string(m[1]))
	}
	if names == nil {
		return ""
	}
	return "^(" + strings.Join(names, "|") + ")$"
}

// try runs the tests with mutant i of the list.
func (b *bench) try(ctx context.Context, i int) (Status, error) {
	m := &b.list[i]
	switch {
	case !b.covered(m):
		return Uncovered, nil
	case b.unviable[i]:
		return Unviable, nil
	case b.crowd != nil && b.crowd.in[i]:
		done, err := b.run(ctx, b.quick, i+1, "-test.skip", b.slow)
		if err == nil && done.status == Survived && b.slow != "" {
			done, err = b.run(ctx, b.quick, i+1, "-test.run", b.slow)
		}
		return done.status, err
	}
	path := filepath.Join(b.root, m.File)
	source, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read source: %w", err)
	}
	dir, err := os.MkdirTemp(b.tmp, "m")
	if err != nil {
		return "", fmt.Errorf("make directory of a mutant: %w", err)
	}
	list, err := overlay(dir, map[string][]byte{path: m.apply(source)})
	if err != nil {
		return "", err
	}
	done, err := b.goTest(ctx, b.limits, "-overlay="+list)
	return done.status, errors.Join(err, os.RemoveAll(dir))
}

// goTest runs go test.
func (b *bench) goTest(ctx context.Context, limit bounds, more ...string) (tested, error) {
	args := append([]string{"go", "test", "-count=1", "-vet=off", "-failfast", "-timeout", limit.wall.String()}, more...)
	if b.target.Run != "" {
		args = append(args, "-run", b.target.Run)
	}
	if b.target.Machine {
		limit.cpu = 0
	}
	return b.exec(ctx, limit, b.root, b.target.Env, append(append(args, "./"+b.target.Dir), b.flags...)...)
}

// run runs the program with one of its mutants alive; 0 is none.
func (b *bench) run(ctx context.Context, limit bounds, mutant int, more ...string) (tested, error) {
	args := []string{b.program, "-test.failfast", "-test.timeout", limit.wall.String()}
	if b.target.Run != "" {
		args = append(args, "-test.run", b.target.Run)
	}
	args = append(args, more...) // the last -test.run counts
	env := append([]string{fmt.Sprintf("%s=%d", which, mutant)}, b.target.Env...)
	return b.exec(ctx, limit, filepath.Join(b.root, b.target.Dir), env, append(args, b.flags...)...)
}

// tested is how tests ended.
type tested struct {
	status Status
	out    []byte
	wall   time.Duration
	cpu    time.Duration // in user space
}

// exec runs a command within bounds.
func (b *bench) exec(ctx context.Context, limit bounds, dir string, env []string,
	args ...string) (done tested, err error) {
	shell := `exec "$@"`
	if limit.cpu > 0 { // the soft limit: at the hard one the kernel kills, and nothing tells that from a failure
		shell = fmt.Sprintf("ulimit -v %d; ulimit -S -t %d; ", addressSpace, int(math.Ceil(limit.cpu.Seconds()))) + shell
	}
	cmd := exec.CommandContext(ctx, "sh", append([]string{"-c", shell, "sh"}, args...)...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	began := time.Now()
	done.out, err = cmd.CombinedOutput()
	done.wall = time.Since(began)
	if cmd.ProcessState != nil {
		done.cpu = cmd.ProcessState.UserTime()
	}
	var exit *exec.ExitError
	says := func(text string) bool { return bytes.Contains(done.out, []byte(text)) }
	switch {
	case ctx.Err() != nil:
		return done, context.Cause(ctx)
	case err == nil:
		done.status = Survived
	case !errors.As(err, &exit):
		return done, fmt.Errorf("run tests: %w", err)
	case says("[build failed]") || says("[setup failed]"):
		done.status = Unviable
	case says("panic: test timed out") || says("SIGXCPU") || exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGXCPU:
		done.status = TimedOut
	default:
		done.status = Killed
	}
	return done, nil
}
