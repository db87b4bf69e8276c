package vm

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/ruleout/ruleout/harness/machine/vm/frame"
)

// process is one QEMU, whether it makes a template or is a clone.
type process struct {
	cmd     *exec.Cmd
	monitor *monitor
	streams *streams
	stderr  tail
	started time.Time
	memory  uint64 // of the guest, bytes

	story    story
	held     chan held        // output to be fetched, at most one
	attached []frame.Attached // to be fetched too; complete when held has come
	complete bool             // it has come
	freezing chan struct{}    // has one element when the guest is about to stop to be saved
	told     chan struct{}    // closed when the guest's output has ended
	stopKill func() bool      // ends the watch over the context
	release  func()           // gives the CPU back

	mu    sync.Mutex
	cause error // why it was killed from outside
}

// story is what the guest said. It may be read when process.told is closed.
type story struct {
	checked *frame.Checked // before the freeze
	awake   time.Time      // when a clone had read its payload
	status  *int32
	failure string   // of the guest's supervisor
	limited bool     // the limit in virtual time was exceeded
	last    []string // lines printed before that; stacks follow
	log     tail
	output  tail
	err     error // of the reader, or of a writer that output was passed to
}

// held is output that waits in the guest's memory, at a virtual address of the process
// that runs when the machine stops.
type held struct{ address, size uint64 }

// sinks are where the guest's output goes; each may be nil.
type sinks struct {
	output, log io.Writer
}

// launch is what a process is started with.
type launch struct {
	config  *Config
	plan    plan
	payload []byte   // the envelope
	ram     *os.File // of a clone
	sinks   sinks
	cpu     int
	release func()
}

// start starts QEMU and returns when it has greeted. The context ends the process too.
func start(ctx context.Context, l launch) (*process, error) {
	qemu, err := l.config.QEMU.known()
	if err == nil {
		l.plan.sandbox = qemu.Sandbox
		l.plan.bios, err = qemu.find(firmware[l.config.machine()][0])
	}
	if err != nil {
		l.release()
		return nil, err
	}
	streams, err := openStreams(l.payload, l.ram)
	if err != nil {
		l.release()
		return nil, err
	}
	p := &process{
		streams: streams, held: make(chan held, 1), freezing: make(chan struct{}, 1), told: make(chan struct{}),
		release: l.release, started: time.Now(),
		memory: l.config.memory(),
	}
	// the context's cause is told, see kill
	p.cmd = command(context.Background(), l.config.QEMU.Path, l.config.arguments(l.plan)...)
	p.cmd.ExtraFiles = streams.theirs
	p.cmd.Stderr = &p.stderr
	p.cmd.WaitDelay = 5 * time.Second
	if err := errors.Join(spawn(p.cmd, l.cpu), streams.giveAway()); err != nil {
		l.release()
		if p.cmd.Process != nil { // it runs, and nothing else waits for it
			_ = p.cmd.Process.Kill()
			_ = p.cmd.Wait()
		}
		return nil, errors.Join(fmt.Errorf("start QEMU: %w", err), streams.close())
	}
	p.stopKill = context.AfterFunc(ctx, func() { p.kill(context.Cause(ctx)) })
	go p.listen(l.sinks)
	if p.monitor, err = newMonitor(streams.control); err == nil {
		err = p.monitor.greet()
	}
	if err != nil {
		p.kill(nil)
		return nil, p.wait(err)
	}
	return p, nil
}

// kill ends QEMU for a reason that wait will tell.
func (p *process) kill(cause error) {
	p.mu.Lock()
	if p.cause == nil {
		p.cause = cause
	}
	p.mu.Unlock()
	if p.cmd.Process != nil {
		_ = p.cmd.Process.Kill()
	}
}

// The guest is believed as little as any input: what it says has bounds.
const (
	// frameLimit is how long a frame may be, bytes. Output above 2 KiB is held; the log comes in pieces of 16 KiB.
	frameLimit = 16 << 20
	// attachedLimit is how many files it may attach: one for each link.
	attachedLimit = 4096
)

// listen reads the guest's output to its end, whatever it is. It waits for no reader, or the end would not be seen.
func (p *process) listen(s sinks) {
	defer close(p.told)
	r := p.streams.frames
	frames := frame.NewReader(bufio.NewReaderSize(r, 64<<10), frameLimit)
	for {
		kind, data, err := frames.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				p.story.err = err
			}
			_, _ = io.Copy(io.Discard, r) // whatever it is, QEMU must not wait for us
			return
		}
		if kind == frame.Held || kind == frame.Attach {
			if err := p.take(kind, data); err != nil {
				p.story.err = errors.Join(p.story.err, err)
				p.kill(p.story.err)
			}
			continue
		}
		p.story.add(kind, data, s)
		if kind == frame.Freeze {
			select {
			case p.freezing <- struct{}{}:
			default:
			}
		}
	}
}

// take notes what is to be fetched: attachments first, then held output, with which the list is complete.
func (p *process) take(kind frame.Kind, data []byte) error {
	if p.complete {
		return errors.New("the guest has more output after what was fetched")
	}
	if kind == frame.Held {
		if len(data) != 16 {
			return fmt.Errorf("the guest tells where its output is in %d bytes instead of 16", len(data))
		}
		p.complete = true
		// there is room for one
		p.held <- held{address: binary.LittleEndian.Uint64(data), size: binary.LittleEndian.Uint64(data[8:])}
		return nil
	}
	if len(p.attached) >= attachedLimit {
		return fmt.Errorf("the guest attaches more than %d files", attachedLimit)
	}
	var a frame.Attached
	if err := json.Unmarshal(data, &a); err != nil {
		return fmt.Errorf("read what the guest attaches: %w", err)
	}
	p.attached = append(p.attached, a)
	return nil
}

func (s *story) add(kind frame.Kind, data []byte, to sinks) {
	pass := func(w io.Writer) {
		if w == nil {
			return
		}
		if _, err := w.Write(data); err != nil && s.err == nil {
			s.err = fmt.Errorf("pass on the guest's output: %w", err)
		}
	}
	switch kind {
	case frame.Output:
		_, _ = s.output.Write(data)
		pass(to.output)
	case frame.Log:
		_, _ = s.log.Write(data)
		pass(to.log)
	case frame.Freeze:
		s.checked = &frame.Checked{}
		if err := json.Unmarshal(data, s.checked); err != nil && s.err == nil {
			s.err = fmt.Errorf("read what the guest checked: %w", err)
		}
	case frame.Awake:
		s.awake = time.Now()
	case frame.Limit:
		s.limited, s.last = true, s.recent("")
	case frame.Error:
		s.failure = string(data)
	case frame.Exit:
		if len(data) == 4 {
			status := int32(binary.LittleEndian.Uint32(data))
			s.status = &status
		}
	}
}

// finish waits for QEMU's end. What it left can be read until [process.close].
func (p *process) finish() {
	<-p.told
	_ = p.cmd.Wait() // what it says is in ProcessState
	p.stopKill()
	p.release()
}

// close lets go of everything that is shared with QEMU, which has ended.
func (p *process) close() error {
	var err error
	if p.monitor != nil {
		err = p.monitor.close()
	}
	return errors.Join(err, p.streams.close())
}

// wait ends a process whose conversation broke off with err, and says what happened to it.
func (p *process) wait(err error) error {
	p.finish()
	defer p.close()
	p.mu.Lock()
	cause := p.cause
	p.mu.Unlock()
	switch {
	case cause != nil:
		return cause
	case errors.Is(err, errGone):
		return p.unfinished()
	}
	return err
}

// unfinished says why a machine ended without a word.
func (p *process) unfinished() error {
	text := p.consoleText()
	if err := p.story.failed(text); err != nil {
		return err
	}
	if p.monitor != nil && p.monitor.guestEnded && p.cmd.ProcessState.Success() {
		return &ResetError{Console: lastLines(kernelText(text), 5)}
	}
	return &DiedError{State: p.cmd.ProcessState.String(), Stderr: p.stderr.String(), Console: lastLines(text, 5)}
}

// firmwareEnd is the last that SeaBIOS prints before the kernel runs.
const firmwareEnd = "Booting from ROM.."

// kernelText is a console without what the firmware printed.
func kernelText(console string) string {
	if _, after, ok := strings.Cut(console, firmwareEnd); ok {
		return after
	}
	return console
}

// consoleText is everything that the kernel printed.
func (p *process) consoleText() string {
	const most = 1 << 20
	info, err := p.streams.console.Stat()
	if err != nil {
		return ""
	}
	b := make([]byte, min(info.Size(), most))
	n, _ := p.streams.console.ReadAt(b, info.Size()-int64(len(b)))
	return string(b[:n])
}

// peak returns the most memory that QEMU had resident, in bytes, and the CPU time it took.
func (p *process) usage() (peak int64, cpu time.Duration) {
	s := p.cmd.ProcessState
	if s == nil {
		return 0, 0
	}
	if r, ok := s.SysUsage().(*syscall.Rusage); ok {
		peak = r.Maxrss << 10
	}
	return peak, s.UserTime() + s.SystemTime()
}
