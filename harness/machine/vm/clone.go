package vm

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/vm/frame"
)

// Clone is one run of a frozen machine, from the moment of its freeze. It is used as an
// exec.Cmd is: set what matters, then [Clone.Run], or [Clone.Start] and [Clone.Wait].
type Clone struct {
	// Payload is what the guest function gets.
	Payload []byte
	// Entropy seeds the kernel's random pool. All zeros means the SHA-256 of Payload.
	Entropy [frame.EntropyLen]byte
	// Output gets what the guest function writes, while it runs.
	Output io.Writer
	// Log gets what processes of the guest write on standard output and error, while they run.
	Log io.Writer
	// Attachments returns what is to get an attachment of the guest function ([guest.Host]). It is called
	// when the guest has stopped, for one after the other. Without it they are not fetched.
	Attachments func(name string) (io.Writer, error)
	// Console gets everything that the kernel printed, when the clone has ended.
	Console io.Writer
	// VirtualLimit is how long the guest function may take on the guest's clock; 0 means
	// one hour. When it is exceeded, the stacks of its goroutines are in Log.
	VirtualLimit time.Duration
	// WallLimit is how long the clone may take on the host's clock, without the time that it waited for a CPU
	// while others ran; 0 means that the context alone decides.
	WallLimit time.Duration
	// Unpinned lets the host's scheduler move QEMU between CPUs. It does not change results.
	Unpinned bool

	template *Template
	process  *process
	cancel   context.CancelFunc
	usage    Usage
}

// Usage is what a clone cost the host.
type Usage struct {
	Restore time.Duration // from Start to the guest's first instructions
	Wall    time.Duration // from Start to the end
	CPU     time.Duration // of QEMU, user and system
	Memory  int64         // peak resident size of QEMU in bytes, most of it shared between clones
}

// Command returns a clone that has not been started.
func (t *Template) Command(payload []byte) *Clone { return &Clone{Payload: payload, template: t} }

// Run starts the clone and waits for its end.
func (c *Clone) Run(ctx context.Context) error {
	if err := c.Start(ctx); err != nil {
		return err
	}
	return c.Wait()
}

// Start restores the machine and lets it go. When the context ends before the guest does,
// the machine is killed, and Wait returns the context's error.
//
// From then on QEMU is left alone: whatever its control channel is asked would be
// answered at a moment that depends on the host.
func (c *Clone) Start(ctx context.Context) error {
	if c.process != nil {
		return errors.New("start a clone: it was started already")
	}
	if c.VirtualLimit <= 0 {
		c.VirtualLimit = time.Hour
	}
	envelope := frame.Envelope{Entropy: c.Entropy, VirtualLimit: c.VirtualLimit, Payload: c.Payload}
	if envelope.Entropy == [frame.EntropyLen]byte{} {
		envelope.Entropy = sha256.Sum256(c.Payload)
	}
	state, err := c.template.openState()
	if err != nil {
		return err
	}
	defer state.Close()
	cpu, release := cpus.take()
	if c.Unpinned {
		cpu = -1
	}
	ctx, c.cancel = context.WithCancel(ctx)
	p, err := start(ctx, launch{
		config:  &c.template.config,
		plan:    plan{incoming: true, ram: inherited(fdRAM)},
		payload: envelope.Marshal(), ram: c.template.ram,
		sinks: sinks{output: c.Output, log: c.Log}, cpu: cpu, release: release,
	})
	if err != nil {
		c.cancel()
		return classify(err)
	}
	if c.WallLimit > 0 {
		go p.limit(c.WallLimit, errWall)
	}
	if err := p.restore(state); err != nil {
		err = p.giveUp(err)
		c.cancel()
		return classify(err)
	}
	c.process = p
	return nil
}

// restore loads the device state and lets the CPU run.
func (p *process) restore(state *os.File) error {
	if err := p.monitor.ignoreShared(); err != nil {
		return err
	}
	if err := p.monitor.pass("state", state); err != nil {
		return err
	}
	if err := p.monitor.command("migrate-incoming", map[string]any{"uri": "fd:state"}, nil); err != nil {
		return err
	}
	if err := p.monitor.migrated(); err != nil {
		return err
	}
	return p.monitor.command("cont", nil, nil)
}

// errWall marks the end of a clone by its limit on the host's clock.
var errWall = errors.New("the limit on the host's clock was exceeded")

// Wait waits for the end of the guest and says how it ended: nil for status 0, [ExitError]
// for another one, [PanicError], [LimitError], [GuestError], [DiedError], or the context's error.
func (c *Clone) Wait() error {
	p := c.process
	if p == nil {
		return errors.New("wait for a clone: it was not started")
	}
	fetched := make(chan error, 1)
	go func() { fetched <- p.attend(c.Output, c.Attachments) }()
	<-p.told
	p.finish()
	fetchErr := <-fetched
	c.cancel()
	defer p.close()
	console := p.consoleText()
	c.usage = Usage{Wall: time.Since(p.started)}
	c.usage.Memory, c.usage.CPU = p.usage()
	if !p.story.awake.IsZero() {
		c.usage.Restore = p.story.awake.Sub(p.started)
	}
	if c.Console != nil {
		if _, err := io.WriteString(c.Console, console); err != nil {
			return fmt.Errorf("pass on the console: %w", err)
		}
	}
	return classify(cmp.Or(c.outcome(console, fetchErr), fetchErr))
}

// Usage is what the clone cost; it is known after Wait.
func (c *Clone) Usage() Usage { return c.usage }

// outcome says how the guest ended; attended is why it had to be killed, if it stopped by itself.
func (c *Clone) outcome(console string, attended error) error {
	p, s := c.process, &c.process.story
	p.mu.Lock()
	cause := p.cause
	p.mu.Unlock()
	panicked := findPanic(console)
	switch {
	case panicked != nil: // whatever became of the machine afterwards
		return panicked
	case errors.Is(cause, errWall):
		return &LimitError{Limit: c.WallLimit, Last: s.recent(console)}
	case cause != nil:
		return cause
	}
	if err := s.failed(console); err != nil {
		return err
	}
	switch {
	case s.limited:
		return &LimitError{Virtual: true, Limit: c.VirtualLimit, Last: s.last}
	case s.status == nil:
		return cmp.Or(attended, p.unfinished())
	case *s.status != 0:
		return &ExitError{Status: int(*s.status), Log: lastLines(s.log.String(), 10)}
	}
	return nil
}

// classify says who has to act: a guest that panics or does not end has shown nothing, and
// a QEMU that dies was mostly killed for want of memory.
func classify(err error) error {
	if problem.KindOf(err) != problem.Other {
		return err
	}
	var (
		panicked *PanicError
		limit    *LimitError
		guest    *GuestError
		died     *DiedError
		reset    *ResetError
	)
	switch {
	case errors.As(err, &panicked), errors.As(err, &limit), errors.As(err, &guest), errors.As(err, &reset):
		return problem.Wrap(problem.Invalid, err, "")
	case errors.As(err, &died):
		return problem.Wrap(problem.Machine, err, "check the kernel log of this machine for a lack of memory, then try again")
	}
	return err
}
