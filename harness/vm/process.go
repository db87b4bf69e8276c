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
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/vm/frame"
	"github.com/ruleout/ruleout/harness/vm/guest"
)

// process is one QEMU, whether it makes a template or is a clone.
type process struct {
	cmd     *exec.Cmd
	monitor *monitor
	console *os.File
	stderr  tail
	started time.Time

	story    story
	told     chan struct{} // closed when the guest's output has ended
	stopKill func() bool   // ends the watch over the context
	release  func()        // gives the CPU back

	mu    sync.Mutex
	cause error // why it was killed from outside
}

// story is what the guest said. It may be read when process.told is closed.
type story struct {
	checked *guest.Checked // before the freeze
	awake   time.Time      // when a clone had read its payload
	status  *int32
	failure string // of the guest's supervisor
	limit   string // that was exceeded
	log     tail
	output  tail
	err     error // of the reader, or of a writer that output was passed to
}

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
func start(ctx context.Context, l launch) (_ *process, err error) {
	p := &process{told: make(chan struct{}), release: l.release, started: time.Now()}
	var files []*os.File // of the child, from descriptor 3
	letGo := func() {
		for _, f := range files {
			_ = f.Close()
		}
		files = nil
	}
	defer func() {
		letGo()
		if err != nil {
			l.release()
		}
	}()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("start QEMU: %w", err)
	}
	files = append(files, os.NewFile(uintptr(pair[0]), "control"))
	if p.monitor, err = newMonitor(os.NewFile(uintptr(pair[1]), "control")); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = p.monitor.close()
		}
	}()
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start QEMU: %w", err)
	}
	files = append(files, writer)
	defer func() {
		if err != nil {
			_ = reader.Close()
		}
	}()
	if p.console, err = memoryFile("console", nil); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = p.console.Close()
		}
	}()
	console, err := duplicate(p.console)
	if err != nil {
		return nil, err
	}
	files = append(files, console)
	payload, err := memoryFile("payload", l.payload)
	if err != nil {
		return nil, err
	}
	files = append(files, payload)
	if l.ram != nil {
		again, err := duplicate(l.ram)
		if err != nil {
			return nil, err
		}
		files = append(files, again)
	}

	p.cmd = exec.Command(l.config.QEMU.Path, l.config.arguments(l.plan)...)
	p.cmd.ExtraFiles = files
	p.cmd.Stderr = &p.stderr
	p.cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C"}
	p.cmd.WaitDelay = 5 * time.Second
	if err := spawn(p.cmd, l.cpu); err != nil {
		return nil, fmt.Errorf("start QEMU: %w", err)
	}
	letGo() // while we hold the other end of the control channel, its end is not seen
	p.stopKill = context.AfterFunc(ctx, func() { p.kill(context.Cause(ctx)) })
	go p.listen(reader, l.sinks)
	if greetErr := p.monitor.greet(); greetErr != nil {
		p.kill(nil)
		return nil, p.wait(greetErr)
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
	_ = p.cmd.Process.Kill()
}

// listen reads the guest's output to its end.
func (p *process) listen(r *os.File, s sinks) {
	defer close(p.told)
	defer r.Close()
	frames := frame.NewReader(bufio.NewReaderSize(r, 64<<10))
	for {
		kind, data, err := frames.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				p.story.err = err
			}
			_, _ = io.Copy(io.Discard, r) // whatever it is, QEMU must not wait for us
			return
		}
		p.story.add(kind, data, s)
	}
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
		s.checked = &guest.Checked{}
		s.err = errors.Join(s.err, json.Unmarshal(data, s.checked))
	case frame.Awake:
		s.awake = time.Now()
	case frame.Limit:
		s.limit = string(data)
	case frame.Error:
		s.failure = string(data)
	case frame.Exit:
		if len(data) == 4 {
			status := int32(binary.LittleEndian.Uint32(data))
			s.status = &status
		}
	}
}

// finish waits for QEMU's end and lets go of everything.
func (p *process) finish() {
	<-p.told
	_ = p.cmd.Wait() // what it says is in ProcessState
	p.stopKill()
	_ = p.monitor.close()
	p.release()
}

// wait ends a process whose conversation broke off with err, and says what happened to it.
func (p *process) wait(err error) error {
	p.finish()
	text := p.consoleText()
	_ = p.console.Close()
	p.mu.Lock()
	cause := p.cause
	p.mu.Unlock()
	if cause != nil {
		return cause
	}
	if said := p.story.failed(text); said != nil {
		return said
	}
	if !errors.Is(err, errGone) {
		return err
	}
	return &DiedError{State: p.cmd.ProcessState.String(), Stderr: p.stderr.String(), Console: lastLines(text, 5)}
}

// consoleText is everything that the kernel printed.
func (p *process) consoleText() string {
	const most = 1 << 20
	size, err := p.console.Seek(0, io.SeekEnd)
	if err != nil {
		return ""
	}
	b := make([]byte, min(size, most))
	n, _ := p.console.ReadAt(b, size-int64(len(b)))
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

// memoryFile returns a file without a name that holds data; it is gone with its last descriptor.
func memoryFile(name string, data []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("ruleout-"+name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a memory file: %w", err)
	}
	f := os.NewFile(uintptr(fd), name)
	if _, err := f.Write(data); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("fill a memory file: %w", err)
	}
	return f, nil
}

// duplicate returns a second descriptor of the same file.
func duplicate(f *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("duplicate %s: %w", f.Name(), err)
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}
