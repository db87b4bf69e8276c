package vm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/vm/frame"
)

// prepared is what is known of a template that was made of another one.
type prepared struct {
	Base   string `json:"base"`   // key of the other one
	Boot   string `json:"boot"`   // of the host; the files need not survive it
	Output []byte `json:"output"` // of the guest function until the freeze
}

// prepareRecipe is raised whenever a prepared template would differ for a reason that is neither in the
// base's key nor in the payload.
const prepareRecipe = 2

// Preparation makes a template of a template: the guest function begins with a payload and
// has the machine frozen when it has done what all runs have in common ([guest.Host]).
type Preparation struct {
	Payload []byte
	// VirtualLimit and WallLimit are as those of a [Clone].
	VirtualLimit, WallLimit time.Duration
	// Progress reports what is going on; it may be nil.
	Progress func(string)
}

// EndedError says that a guest function returned where it should have had the machine
// frozen. What it wrote says why, if anything does.
type EndedError struct {
	Status int
	Output []byte
	Log    []string // the end of what the guest's processes wrote on standard output and error
}

func (e *EndedError) Error() string {
	return fmt.Sprintf("prepare: the guest ended with status %d instead", e.Status)
}

// Prepare returns the template that a preparation makes of this one, and makes it if it is not in the cache: it runs in
// a clone that writes to a copy of the memory file, twice unless [Config.Once]. Two processes that ask at the same time
// make it once. The oldest ones beyond [MaxPrepared] are removed.
//
// The caller closes it. The errors are those of [Clone.Wait], and [EndedError].
func (t *Template) Prepare(ctx context.Context, p Preparation) (*Template, error) {
	boot, err := bootID()
	if err != nil {
		return nil, err
	}
	head := fmt.Sprintf("prepare %d\n%s\n", prepareRecipe, t.key)
	key := hashBytes(append([]byte(head), p.Payload...))
	final := filepath.Join(t.config.Dir, short(key))
	load := func() (*Template, error) {
		if m, err := readMeta(final); err == nil && (m.Prepared == nil || m.Prepared.Boot != boot) {
			return nil, errOtherBoot // what is in its files need not have reached the disk
		}
		return loadTemplate(t.config, key, final)
	}
	progress := p.Progress
	if progress == nil {
		progress = func(string) {}
	}
	return loadOrMake(ctx, final, progress, load, func() error {
		m := meta{
			Key: key, QEMU: t.meta.QEMU, Machine: t.meta.Machine, Kernel: t.meta.Kernel, Memory: t.meta.Memory,
			Checked:      t.meta.Checked,
			Instructions: t.meta.Instructions, Prepared: &prepared{Base: t.key, Boot: boot},
		}
		if err := t.verify(); err != nil {
			return problem.Wrap(problem.Machine, err, "start ruleout again: it makes a new one")
		}
		if err := t.prepare(ctx, p, final, &m); err != nil {
			return err
		}
		trim(t.config.Dir, final)
		return nil
	})
}

// errOtherBoot says that a prepared template was made before the host was started.
var errOtherBoot = errors.New("it was made before the host was started")

// prepare makes a prepared template.
//
// Nothing is waited for to reach the disk, which would take longer than all the rest: after a
// power cut the template is of another boot, and is made again.
func (t *Template) prepare(ctx context.Context, p Preparation, final string, m *meta) error {
	began := time.Now()
	f, err := t.config.settled(ctx, func(ctx context.Context) (*frozen, error) {
		return t.prepareFrozen(ctx, p, m)
	}, func(string) {})
	if err != nil {
		return classify(err)
	}
	defer f.discard()
	f.meta.Build = time.Since(began).Seconds()
	if err := writeMeta(f.work, &f.meta); err != nil {
		return storeError(err)
	}
	return f.publish(final)
}

// prepareFrozen carries the preparation out in a clone, and freezes it.
func (t *Template) prepareFrozen(ctx context.Context, p Preparation, m *meta) (_ *frozen, err error) {
	f, err := newFrozen(t.config.Dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			f.discard()
		}
	}()
	own := *m.Prepared
	f.meta = *m
	f.meta.Prepared = &own
	if err := copySparse(f.ram, t.ram); err != nil {
		return nil, storeError(err)
	}
	if own.Output, err = t.carryOut(ctx, p, f.ram, f.state); err != nil {
		return nil, err
	}
	return f, f.settle(t.config.Shift)
}

// carryOut runs the guest to its freeze, and returns what the guest function has written.
func (t *Template) carryOut(ctx context.Context, p Preparation, ram, state *os.File) ([]byte, error) {
	before, err := t.openState()
	if err != nil {
		return nil, err
	}
	defer before.Close()
	if p.VirtualLimit <= 0 {
		p.VirtualLimit = time.Hour
	}
	// The base's key and the payload are all that this depends on.
	envelope := frame.Envelope{Entropy: [frame.EntropyLen]byte{1}, VirtualLimit: p.VirtualLimit, Payload: p.Payload}
	output := atMost{left: outputLimit}
	cpu, release := cpus.take()
	q, err := start(ctx, launch{
		config:  &t.config,
		plan:    plan{incoming: true, saved: true, ram: inherited(fdRAM)},
		payload: envelope.Marshal(), ram: ram,
		sinks: sinks{output: &output}, cpu: cpu, release: release,
	})
	if err != nil {
		return nil, err
	}
	if p.WallLimit > 0 {
		go q.limit(p.WallLimit, &LimitError{Limit: p.WallLimit})
	}
	if err := q.restore(before); err != nil {
		return nil, q.giveUp(err)
	}
	err = q.saveOrEnd(state, &output)
	if err != nil {
		err = q.giveUp(err)
	} else {
		q.finish()
		defer q.close()
	}
	s := &q.story
	switch {
	case s.checked != nil && err == nil:
		return output.Bytes(), nil
	case s.failure == "" && s.limited:
		return nil, &LimitError{Virtual: true, Limit: p.VirtualLimit, Last: s.last}
	case s.failure == "" && s.status != nil && ctx.Err() == nil:
		return nil, &EndedError{Status: int(*s.status), Output: output.Bytes(), Log: lastLines(s.log.String(), 10)}
	case err == nil:
		err = q.unfinished()
	}
	return nil, err
}

// outputLimit is how much a guest function may write before the freeze, bytes: what is kept with the template.
const outputLimit = 64 << 20

// atMost is a buffer with a bound.
type atMost struct {
	bytes.Buffer
	left int
}

func (a *atMost) Write(p []byte) (int, error) {
	if len(p) > a.left {
		return 0, errors.New("the guest writes more than has room")
	}
	a.left -= len(p)
	return a.Buffer.Write(p)
}

// saveOrEnd saves a guest that stops to be saved. One that stops to have its output fetched
// has ended.
func (p *process) saveOrEnd(state *os.File, output io.Writer) error {
	if err := p.monitor.wait("GUEST_PANICKED", nil); err != nil {
		return err
	}
	select {
	case h := <-p.held:
		if err := p.bounded(h); err != nil {
			return err
		}
		if err := p.fetch(h, output); err != nil {
			return err
		}
		return p.monitor.command("quit", nil, nil)
	case <-p.freezing:
		return p.saveStopped(state)
	case <-time.After(stopGrace):
		if panicked := findPanic(p.consoleText()); panicked != nil {
			return panicked
		}
		return errors.New("the guest stopped itself and did not say why")
	}
}

// copySparse copies a file with its holes, if need be by reading and writing.
func copySparse(to, from *os.File) error {
	size, err := from.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if err := to.Truncate(size); err != nil {
		return err
	}
	if cloneFile(to, from) == nil {
		return nil
	}
	for at := int64(0); at < size; {
		begin, err := unix.Seek(int(from.Fd()), at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			return nil // nothing but a hole follows
		}
		if err != nil {
			begin = at // a file system without holes
		}
		end, err := unix.Seek(int(from.Fd()), begin, unix.SEEK_HOLE)
		if err != nil {
			end = size
		}
		if _, err := io.Copy(io.NewOffsetWriter(to, begin), io.NewSectionReader(from, begin, end-begin)); err != nil {
			return fmt.Errorf("copy the memory file: %w", err)
		}
		at = end
	}
	return nil
}

// Output is what the guest function wrote while the template was prepared.
func (t *Template) Output() []byte { return t.meta.output() }

func (m *meta) output() []byte {
	if m.Prepared == nil {
		return nil
	}
	return m.Prepared.Output
}

// bootID names the host's present boot.
func bootID() (string, error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("read the host's boot id: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}
