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
	"time"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/problem"
)

// BootError says that a guest did not get as far as its init.
type BootError struct{ Err error }

func (e *BootError) Error() string { return "the guest did not boot: " + e.Err.Error() }

// Unwrap returns what happened instead.
func (e *BootError) Unwrap() error { return e.Err }

// build makes a template in a temporary directory beside final and renames it when it is
// complete. Nothing stays behind when it fails.
func build(ctx context.Context, c Config, key, final string, progress func(string)) (err error) {
	began := time.Now()
	progress(fmt.Sprintf("booting kernel %s on %s (%v), once for this build", c.Kernel.Name, c.Machine, c.QEMU))
	if err := checkSpace(c.Dir, c.memory()); err != nil {
		return err
	}
	work, err := newWorkDir(c.Dir)
	if err != nil {
		return storeError(err)
	}
	defer work.remove()

	initramfs, err := os.Create(work.path("initramfs"))
	if err != nil {
		return storeError(err)
	}
	err = errors.Join(writeInitramfs(initramfs, &c), initramfs.Close())
	if err != nil {
		return storeError(err)
	}
	ram, err := os.OpenFile(work.path(ramFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return storeError(err)
	}
	defer ram.Close()
	if err := ram.Truncate(int64(c.memory())); err != nil {
		return storeError(err)
	}
	state, err := os.OpenFile(work.path(stateFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return storeError(err)
	}
	defer state.Close()

	m := meta{Key: key, QEMU: c.QEMU.Version, Machine: c.Machine, Kernel: c.Kernel.Release, Memory: c.memory()}
	if err := boot(ctx, &c, work, state, &m); err != nil {
		return err
	}
	saved, err := settleState(state, c.Shift, &m, progress)
	if err != nil {
		return err
	}
	if err := clearLeaked(ram); err != nil {
		return storeError(err)
	}
	if m.Hash, err = hashMachine(ram, saved); err != nil {
		return err
	}
	m.Build = time.Since(began).Seconds()
	if err := errors.Join(ram.Sync(), state.Sync(), writeMeta(work, &m), os.Remove(work.path("initramfs"))); err != nil {
		return storeError(err)
	}
	progress(fmt.Sprintf("frozen after %d million instructions, %.1f s", m.Instructions/1e6, m.Build))
	if err := work.publish(final); err != nil {
		return storeError(err)
	}
	return storeError(prune(c.Dir, keepBytes, keepTime))
}

// settleState takes what depends on the host out of a saved state, counts its instructions, and returns it.
func settleState(state *os.File, shift int, m *meta, progress func(string)) ([]byte, error) {
	saved, err := io.ReadAll(io.NewSectionReader(state, 0, math.MaxInt64))
	if err != nil {
		return nil, storeError(err)
	}
	if m.Instructions, err = normalise(saved, shift); err != nil {
		return nil, err
	}
	if _, err := state.WriteAt(saved, 0); err != nil {
		return nil, storeError(err)
	}
	return saved, checkInstructions(m.Instructions, progress)
}

func writeMeta(work *workDir, m *meta) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(work.path(metaFile), append(text, '\n'), 0o644)
}

// save waits until the guest stops itself, saves its devices, and ends QEMU; the guest's memory is
// in its file already.
func (p *process) save(state *os.File) error {
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
	ctx, cancel := context.WithTimeoutCause(ctx, bootLimit, &BootError{&LimitError{Limit: bootLimit}})
	defer cancel()
	cpu, release := cpus.take()
	p, err := start(ctx, launch{
		config: c, plan: plan{ram: work.path(ramFile), initramfs: work.path("initramfs"), image: c.Kernel.Image()},
		cpu: cpu, release: release,
	})
	if err != nil {
		return err
	}
	if err := p.save(state); err != nil {
		err = p.giveUp(err)
		if p.story.checked == nil && p.story.failure == "" && ctx.Err() == nil {
			err = &BootError{err} // not a word from init
		}
		return err
	}
	p.finish()
	defer p.close()
	if p.story.checked == nil {
		return &BootError{p.unfinished()}
	}
	m.Checked = *p.story.checked
	return nil
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
