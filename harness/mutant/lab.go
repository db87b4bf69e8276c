package mutant

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Status is what became of a mutant.
type Status string

// Statuses.
const (
	Killed    Status = "killed"    // a test failed
	TimedOut  Status = "timed out" // the tests did not come to an end, which counts as killed
	Survived  Status = "survived"
	Uncovered Status = "uncovered" // no test reaches it, which counts as survived
	Unviable  Status = "unviable"  // it does not compile, and counts for nothing
)

// Outcome is what became of a mutant, as a line of the file of results has it.
type Outcome struct {
	Package string `json:"package"`
	Key     string `json:"key"`
	Line    int    `json:"line"`
	Status  Status `json:"status"`
	// Sum is of all files of the package: with others the mutant is tried anew.
	Sum     string  `json:"sum"`
	Seconds float64 `json:"seconds"`
}

// Target is a package whose mutants are tried.
type Target struct {
	// Dir is relative to the root of the module.
	Dir string
	// Files that are changed; none stands for all.
	Files []string
	// Except are functions that are left as they are, TYPE.METHOD for a method.
	Except []string
	// Run is the -run of go test; empty for all tests. Env is added to the environment.
	Run string
	Env []string
	// Machine says that the tests boot virtual machines, so that a mutant takes half a minute.
	Machine bool
	// About says to a person which part it is.
	About string
}

// Lab runs tests with mutants.
type Lab struct {
	Root    string // of the module
	Workers int
	// Tell is called after each mutant by one goroutine at a time, or nil.
	Tell func(Outcome)
}

// What ends the tests of a mutant: so many times the time that they take without one, and no less than this. Processor time counts where it can, since
// that of the clock says more of what else the machine does; a mutant that waits is ended by the clock.
const (
	times    = 5
	least    = 30 * time.Second
	leastCPU = 8 * time.Second
	// addressSpace bounds a mutant that never stops to allocate, in KiB.
	addressSpace = 6 << 20
)

// Try runs the tests of the target with each mutant. It returns the outcomes so far also with an error, which says that the tests fail without any mutant,
// or that the context has ended.
func (l *Lab) Try(ctx context.Context, t Target, list []Mutant, sum string) (outcomes []Outcome, err error) {
	if len(list) == 0 {
		return nil, nil
	}
	tmp, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return nil, fmt.Errorf("make directory of mutants: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	profile := filepath.Join(tmp, "cover")
	args := []string{"-coverprofile=" + profile}
	if t.Machine {
		args = nil
	}
	limit := bounds{wall: 10 * time.Minute}
	if _, err := l.test(ctx, t, limit, args...); err != nil { // compiles what the others will want
		return nil, err
	}
	began := time.Now()
	whole, err := l.test(ctx, t, limit, args...)
	if err != nil {
		return nil, err
	} else if whole.status != Survived {
		return nil, fmt.Errorf("tests of %s fail without any change:\n%s", t.Dir, whole.out)
	}
	limit = bounds{max(least, times*time.Since(began)), max(leastCPU, times*whole.cpu)}
	covered := func(*Mutant) bool { return true }
	if !t.Machine {
		if covered, err = coverage(profile); err != nil {
			return nil, err
		}
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	next := make(chan *Mutant)
	var failed error
	for range max(l.Workers, 1) {
		wg.Go(func() {
			for m := range next {
				began := time.Now()
				o := Outcome{Package: t.Dir, Key: m.Key(), Line: m.Line, Sum: sum, Status: Uncovered}
				var err error
				if covered(m) {
					o.Status, err = l.one(ctx, t, m, tmp, limit)
				}
				o.Seconds = time.Since(began).Round(time.Millisecond).Seconds()
				mu.Lock()
				if failed = errors.Join(failed, err); err == nil {
					outcomes = append(outcomes, o)
					if l.Tell != nil {
						l.Tell(o)
					}
				}
				mu.Unlock()
			}
		})
	}
	for i := range list {
		if ctx.Err() != nil {
			break
		}
		next <- &list[i]
	}
	close(next)
	wg.Wait()
	if ctx.Err() != nil {
		failed = context.Cause(ctx)
	}
	return outcomes, failed
}

// one runs the tests with one mutant.
func (l *Lab) one(ctx context.Context, t Target, m *Mutant, tmp string, limit bounds) (Status, error) {
	path := filepath.Join(l.Root, m.File)
	source, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read source: %w", err)
	}
	dir, err := os.MkdirTemp(tmp, "m")
	if err != nil {
		return "", fmt.Errorf("make directory of a mutant: %w", err)
	}
	changed, overlay := filepath.Join(dir, filepath.Base(path)), filepath.Join(dir, "overlay.json")
	text, err := json.Marshal(map[string]any{"Replace": map[string]string{path: changed}})
	if err != nil {
		return "", fmt.Errorf("encode overlay: %w", err)
	}
	if err := errors.Join(os.WriteFile(changed, m.apply(source), 0o644), os.WriteFile(overlay, text, 0o644)); err != nil {
		return "", fmt.Errorf("write mutant: %w", err)
	}
	done, err := l.test(ctx, t, limit, "-overlay="+overlay)
	return done.status, errors.Join(err, os.RemoveAll(dir))
}

// bounds are what the tests may take.
type bounds struct{ wall, cpu time.Duration }

// tested is how tests ended.
type tested struct {
	status Status
	out    []byte
	cpu    time.Duration // in user space, with what the build took
}

// test runs the tests of a target.
func (l *Lab) test(ctx context.Context, t Target, limit bounds, more ...string) (done tested, err error) {
	args := append([]string{"test", "-count=1", "-vet=off", "-failfast", "-timeout", limit.wall.String()}, more...)
	if t.Run != "" {
		args = append(args, "-run", t.Run)
	}
	args = append(args, "./"+t.Dir)
	cmd := exec.CommandContext(ctx, "go", args...)
	if !t.Machine {
		bound := fmt.Sprintf("ulimit -v %d", addressSpace)
		if limit.cpu > 0 {
			bound += fmt.Sprintf("; ulimit -t %d", int(math.Ceil(limit.cpu.Seconds())))
		}
		cmd = exec.CommandContext(ctx, "sh", append([]string{"-c", bound + `; exec go "$@"`, "go"}, args...)...)
	}
	cmd.Dir, cmd.Env = l.Root, append(os.Environ(), t.Env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	done.out, err = cmd.CombinedOutput()
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
		return done, fmt.Errorf("run go test: %w", err)
	case says("[build failed]") || says("[setup failed]"):
		done.status = Unviable
	case says("panic: test timed out") || says("CPU time limit exceeded") || says("SIGXCPU"):
		done.status = TimedOut
	default:
		done.status = Killed
	}
	return done, nil
}
