package vm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
)

// BootError says that a guest gave up before its init: its kernel panicked, it reset the machine, or QEMU lacks the
// machine or its firmware. A QEMU that was killed, or that could not go on, is none: that says nothing of the machine.
type BootError struct{ Err error }

func (e *BootError) Error() string { return "the guest did not boot: " + e.Err.Error() }

// Unwrap returns what happened instead.
func (e *BootError) Unwrap() error { return e.Err }

// build makes a template beside final and renames it when it is complete. Nothing stays
// behind when it fails.
func build(ctx context.Context, c Config, key, final string, progress func(string)) error {
	if err := c.Kernel.Verify(); err != nil {
		return err
	}
	began := time.Now()
	progress(fmt.Sprintf("booting kernel %s on %s (%v), once for this build", c.Kernel.Name, c.Machine, c.QEMU))
	f, err := c.settled(ctx, func(ctx context.Context) (*frozen, error) { return bootFrozen(ctx, &c, key) }, progress)
	if err != nil {
		return err
	}
	defer f.discard()
	m := &f.meta
	m.Build = time.Since(began).Seconds()
	if err := errors.Join(f.ram.Sync(), f.state.Sync(), writeMeta(f.work, m)); err != nil {
		return storeError(err)
	}
	progress(fmt.Sprintf("template made after %d million instructions, %.1f s", m.Instructions/1e6, m.Build))
	if err := f.publish(final); err != nil {
		return err
	}
	return storeError(prune(c.Dir, keepBytes, keepTime))
}

// settled makes a machine that every other one of its key is equal to, or just one if the configuration allows that.
func (c *Config) settled(ctx context.Context, make func(context.Context) (*frozen, error),
	progress func(string)) (*frozen, error) {
	if c.Once {
		if err := checkSpace(c.Dir, c.memory()); err != nil {
			return nil, err
		}
		return make(ctx)
	}
	if err := checkSpace(c.Dir, 2*c.memory()); err != nil {
		return nil, err
	}
	return agree(ctx, make, progress)
}

// bootFrozen boots a machine and freezes it.
func bootFrozen(ctx context.Context, c *Config, key string) (_ *frozen, err error) {
	f, err := newFrozen(c.Dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			f.discard()
		}
	}()
	f.meta = meta{Key: key, QEMU: c.QEMU.Version, Machine: c.Machine, Kernel: c.Kernel.Release, Memory: c.memory()}
	initramfs, err := os.Create(f.work.path("initramfs"))
	if err != nil {
		return nil, storeError(err)
	}
	err = errors.Join(writeInitramfs(initramfs, c), initramfs.Close(), f.ram.Truncate(int64(c.memory())),
		c.placeImages(f.ram))
	if err != nil {
		return nil, storeError(err)
	}
	if err := boot(ctx, c, f.work, f.state, &f.meta); err != nil {
		return nil, err
	}
	if err := errors.Join(clearLeaked(f.ram), os.Remove(f.work.path("initramfs"))); err != nil {
		return nil, storeError(err)
	}
	return f, f.settle(c.Shift)
}

// settle takes what depends on the host out of a saved state, counts its instructions and
// hashes the machine.
func (f *frozen) settle(shift int) error {
	saved, err := io.ReadAll(io.NewSectionReader(f.state, 0, math.MaxInt64))
	if err != nil {
		return storeError(err)
	}
	n, err := normalise(saved, shift)
	if err != nil {
		return err
	}
	f.meta.Instructions += n
	if _, err := f.state.WriteAt(saved, 0); err != nil {
		return storeError(err)
	}
	f.meta.Hash, err = hashMachine(f.ram, saved)
	return err
}

func writeMeta(work *workDir, m *meta) error {
	var err error
	if m.Sum, err = m.sum(); err != nil {
		return err
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(work.path(metaFile), append(text, '\n'), 0o644)
}

// bootAndSave lets the guest go and waits until it stops itself, saves its devices, and ends QEMU; the guest's memory
// is in its file already.
func (p *process) bootAndSave(state *os.File) error {
	if err := p.monitor.command("cont", nil, nil); err != nil {
		return err
	}
	if err := p.monitor.wait("GUEST_PANICKED", nil); err != nil {
		return err
	}
	return p.saveStopped(state)
}

func (p *process) saveStopped(state *os.File) error {
	if err := p.monitor.ignoreShared(); err != nil {
		return err
	}
	if err := p.monitor.pass("state", state); err != nil {
		return err
	}
	if err := p.monitor.command("migrate", map[string]any{"uri": "fd:state"}, nil); err != nil {
		return err
	}
	if err := p.monitor.migrated(); err != nil {
		return err
	}
	return p.monitor.command("quit", nil, nil)
}

// giveUp ends a process whose conversation broke off with err, and says what happened to it.
func (p *process) giveUp(err error) error {
	if !errors.Is(err, errGone) {
		p.kill(nil)
	}
	return p.wait(err)
}

// boot boots the guest and freezes it.
func boot(ctx context.Context, c *Config, work *workDir, state *os.File, m *meta) error {
	cpu, release := cpus.take()
	p, err := start(ctx, launch{
		config: c, plan: plan{ram: work.path(ramFile), initramfs: work.path("initramfs"), image: c.Kernel.Image()},
		cpu: cpu, release: release,
	})
	if died := (*DiedError)(nil); errors.As(err, &died) && noMachine.MatchString(died.Stderr) {
		return &BootError{err}
	}
	if err != nil {
		return err
	}
	go p.limit(bootLimit, &LimitError{Limit: bootLimit})
	if err := p.bootAndSave(state); err != nil {
		err = p.giveUp(err)
		if ctx.Err() == nil && p.gaveUp(err) {
			err = &BootError{err}
		}
		return err
	}
	p.finish()
	defer p.close()
	if p.story.checked == nil {
		err := p.unfinished()
		if p.gaveUp(err) {
			err = &BootError{err}
		}
		return err
	}
	m.Checked = *p.story.checked
	return nil
}

// noMachine is what QEMU says of a machine that it was built without (select_machine in softmmu/vl.c,
// later system/vl.c).
var noMachine = regexp.MustCompile(`unsupported machine type|No such machine`)

// gaveUp tells whether the guest itself ended the machine before its init said a word: err is how the process ended.
func (p *process) gaveUp(err error) bool {
	if p.story.checked != nil || p.story.failure != "" {
		return false
	}
	panicked := (*PanicError)(nil)
	return errors.As(err, &panicked) || p.monitor != nil && p.monitor.guestEnded
}

// checkSpace refuses to begin what would end in a SIGBUS of QEMU: it writes the guest's
// memory through a mapping, and a full disk cannot be reported there.
func checkSpace(dir string, memory uint64) error {
	const margin = 64 << 20 // initramfs and state
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return fmt.Errorf("look for space in %s: %w", dir, err)
	}
	free := s.Bavail * uint64(s.Bsize)
	if free >= memory+margin {
		return nil
	}
	return problem.Wrap(problem.Machine, fmt.Errorf("store a template in %s: %d MiB are needed and %d MiB are free: %w",
		filepath.Clean(dir), (memory+margin)>>20, free>>20, unix.ENOSPC),
		"free some space with \"ruleout gc\", or set XDG_CACHE_HOME to a larger disk")
}
