package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/ruleout/ruleout/harness/machine/kernel"
	"github.com/ruleout/ruleout/harness/machine/vm"
)

// commands compares runs that are made by the command, each in a process of its own, with
// a full cache and with an empty one.
func (m *measurement) commands(ctx context.Context) (err error) {
	cache, err := kernel.CacheDir()
	if err != nil {
		return err
	}
	// In the cache, since that is a file system with room for machines.
	work, err := os.MkdirTemp(cache, workPrefix+"*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()

	m.Progress(fmt.Sprintf("%d commands, %d at a time, with VM templates in the cache", m.Runs, m.Jobs))
	warm, err := m.timed(m.Runs, func(i int) error {
		return m.command(ctx, filepath.Dir(cache), filepath.Join(work, "records"))
	})
	if err != nil {
		return err
	}
	runs := max(4, m.Runs/4)
	m.Progress(fmt.Sprintf("%d commands, %d at a time, each of which boots its own machine", runs, m.Jobs))
	boots, preparations := make([]time.Duration, runs), make([]time.Duration, runs)
	cold, err := m.timed(runs, func(i int) error {
		own := filepath.Join(work, fmt.Sprint("cold", i))
		if err := os.MkdirAll(filepath.Join(own, "ruleout"), 0o755); err != nil {
			return err
		}
		if err := os.Symlink(filepath.Join(cache, "kernels"), filepath.Join(own, "ruleout", "kernels")); err != nil {
			return err
		}
		if err := m.command(ctx, own, filepath.Join(work, "records")); err != nil {
			return err
		}
		stored, err := vm.List(filepath.Join(own, "ruleout", "templates"))
		if err != nil {
			return err
		}
		if boots[i], preparations[i], err = coldTimes(stored); err != nil {
			return err
		}
		return os.RemoveAll(own) // each takes the size of a guest's memory
	})
	if err != nil {
		return err
	}
	m.add(Figure{Name: "boot of a template", Value: median(boots), Unit: "s",
		Note: fmt.Sprintf("median, %d at a time, each made twice", m.Jobs)})
	m.add(Figure{Name: "preparing it for the scenario", Value: median(preparations), Unit: "s",
		Note: fmt.Sprintf("median, %d at a time, each made twice", m.Jobs)})
	m.add(Figure{Name: "commands that clone", Value: warm, Unit: "1/s", Note: fmt.Sprintf("%d at a time", m.Jobs)})
	m.add(Figure{Name: "commands that boot", Value: cold, Unit: "1/s", Note: fmt.Sprintf("%d at a time", m.Jobs)})
	m.add(Figure{Name: "cloning is faster than booting by", Value: warm / cold, Unit: "times", Better: AtLeast, Target: 4})
	return nil
}

// timed returns how many calls of f were made a second.
func (m *measurement) timed(n int, f func(i int) error) (float64, error) {
	began := time.Now()
	err := atATime(m.Jobs, n, f)
	return float64(n) / time.Since(began).Seconds(), err
}

// command makes one run in a process of its own.
func (m *measurement) command(ctx context.Context, cache, out string) error {
	args := []string{"run", m.File, "--format", "json", "--out", out}
	if m.Kernel != "" {
		args = append(args, "--kernel", m.Kernel)
	}
	cmd := exec.CommandContext(ctx, "/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+cache)
	// The child is asked to end, so that it ends its machine; see [exec.Cmd.WaitDelay].
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = 10 * time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("ruleout run %s: %w: %s", m.File, err, lastLine(stderr.Bytes()))
	}
	return nil
}

func lastLine(b []byte) []byte {
	b = bytes.TrimSpace(b)
	return b[bytes.LastIndexByte(b, '\n')+1:]
}

// coldTimes returns how long the machines of one cold run took to make: the one that was
// booted, and the one that was prepared from it for the scenario.
func coldTimes(stored []vm.Stored) (boot, prepare time.Duration, err error) {
	wrong := fmt.Errorf("a cold run left %d templates instead of one booted and one prepared", len(stored))
	if len(stored) != 2 {
		return 0, 0, wrong
	}
	base, prepared := stored[0], stored[1]
	if base.Base != "" {
		base, prepared = prepared, base
	}
	if base.Base != "" || prepared.Base != base.Key {
		return 0, 0, wrong
	}
	return base.Build, prepared.Build, nil
}

func median(times []time.Duration) float64 { return quantile(times, 0.5).Seconds() }
