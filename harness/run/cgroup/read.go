package cgroup

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/ruleout/ruleout/harness/base/problem"
)

// CPU is the processor time that a group's processes have used since it was made.
type CPU struct {
	// Usage is exact, in microseconds by the kernel's resolution.
	Usage time.Duration
	// User and System divide Usage by the share of timer ticks that met either (cputime_adjust in
	// kernel/sched/cputime.c), so they are less exact than their sum.
	User, System time.Duration
}

// CPU reads the group's processor time. It includes the time of softirqs that ran on a
// task's back, unless the kernel has IRQ_TIME_ACCOUNTING.
func (g *Group) CPU() (CPU, error) {
	text, err := g.read("cpu.stat")
	if err != nil {
		return CPU{}, err
	}
	usage, err1 := Value(text, "usage_usec")
	user, err2 := Value(text, "user_usec")
	system, err3 := Value(text, "system_usec")
	if err := errors.Join(err1, err2, err3); err != nil {
		return CPU{}, fmt.Errorf("read %s/cpu.stat: %w", g.Path, err)
	}
	return CPU{time.Duration(usage) * time.Microsecond, time.Duration(user) * time.Microsecond,
		time.Duration(system) * time.Microsecond}, nil
}

// Pressure is the time for which processes of a group waited for a resource since the group was made.
type Pressure struct {
	// Some is the time in which at least one task waited, Full that in which all did.
	Some, Full time.Duration
}

// Pressure reads the pressure for a resource: cpu, memory or io. On a kernel that does not
// keep it (psi=0, the default of some distributions) the error is of kind [problem.Machine].
func (g *Group) Pressure(resource string) (Pressure, error) {
	text, err := g.read(resource + ".pressure")
	if err != nil {
		return Pressure{}, problem.Wrap(problem.Machine, err, "the kernel needs CONFIG_PSI, and psi=1 on its command line")
	}
	var p Pressure
	for line := range strings.Lines(text) {
		// some avg10=0.00 avg60=0.00 avg300=0.00 total=12345
		kind, _, _ := strings.Cut(line, " ")
		_, total, ok := strings.Cut(strings.TrimSpace(line), "total=")
		us, err := strconv.ParseInt(total, 10, 64)
		if !ok || err != nil {
			return Pressure{}, fmt.Errorf("read %s/%s.pressure: malformed line %q", g.Path, resource, line)
		}
		switch kind {
		case "some":
			p.Some = time.Duration(us) * time.Microsecond
		case "full": // absent for cpu before 5.13
			p.Full = time.Duration(us) * time.Microsecond
		}
	}
	return p, nil
}

// Memory reads the bytes that the group's processes use, with their page cache and kernel memory, and
// the most that they used. Before Linux 5.19 the kernel does not keep the latter, and it is the
// most that any call of Memory has seen.
//
// Without the memory controller the error is of kind [problem.Machine].
func (g *Group) Memory() (current, peak int64, err error) {
	if current, err = g.number("memory.current"); err != nil {
		return 0, 0, problem.Wrap(problem.Machine, err, unified)
	}
	peak, err = g.number("memory.peak")
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case errors.Is(err, os.ErrNotExist):
		g.peak = max(g.peak, current)
		return current, g.peak, nil
	case err != nil:
		return 0, 0, err
	}
	return current, max(peak, current), nil
}

// Threads counts the group's threads; those of groups below it are not included.
func (g *Group) Threads() (int, error) {
	text, err := g.read("cgroup.threads")
	if err != nil {
		return 0, err
	}
	return strings.Count(text, "\n"), nil
}

// read returns a file of the group. Files stay open, since they are read over and over.
func (g *Group) read(name string) (string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.files == nil {
		return "", fmt.Errorf("read %s/%s: %w", g.Path, name, os.ErrClosed)
	}
	f := g.files[name]
	if f == nil {
		var err error
		if f, err = os.Open(filepath.Join(g.Path, name)); err != nil {
			return "", fmt.Errorf("read control group: %w", err)
		}
		g.files[name] = f
	}
	// From the start again; seeking makes the kernel compose the text again.
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", fmt.Errorf("read %s/%s: %w", g.Path, name, err)
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return "", fmt.Errorf("read %s/%s: %w", g.Path, name, err)
	}
	return string(text), nil
}

func (g *Group) number(name string) (int64, error) {
	text, err := g.read(name)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read %s/%s: %w", g.Path, name, err)
	}
	return n, nil
}

// Value reads a number of a file of lines "name number", such as memory.events.
func Value(text, key string) (int64, error) {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, key+" "); ok {
			return strconv.ParseInt(strings.TrimSpace(rest), 10, 64)
		}
	}
	return 0, fmt.Errorf("no %s", key)
}
