package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/ruleout/ruleout/harness/base/problem"
)

// Spec says which agent to start and where.
type Spec struct {
	// Role is the registered name.
	Role string
	// Config is the role's configuration; it must marshal to JSON.
	Config any
	// Name of this agent in errors, such as "web/php". Default: Role.
	Name string
	// Start starts the command, in a network namespace for instance. It sees to it that the child dies
	// with this process (Pdeathsig from a thread that lives as long). Default: here, on such a thread.
	Start func(*exec.Cmd) error
	// CgroupFD is a directory of the cgroup v2 hierarchy in which the agent is born; 0 means this process's.
	CgroupFD int
	// Tally is how many counters the agent shares with this process; [Process.Tally] are these. 512 at most.
	Tally int
	// Env is added to the agent's environment, which is not this process's.
	Env []string
	// Namespaces are those in which the agent is the first process, as flags of clone(2); 0 for none.
	Namespaces uintptr
}

// Process is an agent as its parent sees it.
type Process struct {
	name     string
	cmd      *exec.Cmd
	commands *os.File
	mu       sync.Mutex // one command at a time
	stderr   *tail
	tally    Tally
	release  func() bool           // takes the kill off the context
	killed   atomic.Pointer[error] // why the context was done, if it was

	ready, done chan struct{}
	again       chan struct{} // ready, after Proceed
	// Written before done is closed, read after.
	result json.RawMessage
	err    error
}

// environment of an agent, so that nothing in the user's own shapes a run.
var environment = []string{
	"GOMAXPROCS=2", // roles raise it to what they need; set, so that the runtime does not go and read control groups
	"GOGC=off",
	"GOTRACEBACK=single",
	"GODEBUG=asyncpreemptoff=1",
	"TZ=UTC",
}

// Start starts an agent and returns when it is ready. The agent is killed when ctx is
// done, be that before or after it was ready. Close must be called in the end.
func Start(ctx context.Context, spec Spec) (*Process, error) {
	p, err := Launch(ctx, spec)
	if err != nil {
		return nil, err
	}
	if err := p.Ready(); err != nil {
		_ = p.Close()
		return nil, err
	}
	return p, nil
}

// Launch is Start without the wait: [Process.Ready] is that.
func Launch(ctx context.Context, spec Spec) (*Process, error) {
	if spec.Name == "" {
		spec.Name = spec.Role
	}
	p := &Process{name: spec.Name, stderr: &tail{}, ready: make(chan struct{}), done: make(chan struct{}),
		again: make(chan struct{}, 1)}
	if err := p.start(ctx, spec); err != nil {
		return nil, fmt.Errorf("start agent %s: %w", p.name, err)
	}
	return p, nil
}

// Ready waits until a launched agent is ready.
func (p *Process) Ready() error { return p.await(p.ready) }

// Proceed has an agent that is ready do what had to wait for others, and waits until it is ready again.
func (p *Process) Proceed() error {
	_ = p.command(message{Kind: proceedMessage}) // if it is gone, await knows how
	return p.await(p.again)
}

func (p *Process) await(ready <-chan struct{}) error {
	select {
	case <-ready:
		return nil
	case <-p.done:
		err := p.err
		if err == nil {
			err = errors.New("ended before it was ready")
		}
		return fmt.Errorf("start agent %s: %w", p.name, err)
	}
}

func (p *Process) start(ctx context.Context, spec Spec) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	config, err := json.Marshal(spec.Config)
	if err != nil {
		return fmt.Errorf("encode configuration: %w", err)
	}
	theirCommands, commands, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("create pipe: %w", err)
	}
	defer theirCommands.Close()
	reports, theirReports, err := os.Pipe()
	if err != nil {
		commands.Close()
		return fmt.Errorf("create pipe: %w", err)
	}
	defer theirReports.Close()

	files := []*os.File{theirCommands, theirReports}
	if spec.Tally > 0 {
		tally, file, err := shareTally(spec.Tally)
		if err != nil {
			commands.Close()
			reports.Close()
			return err
		}
		defer file.Close()
		p.tally = tally
		files = append(files, file)
	}
	cmd := &exec.Cmd{
		Path:        "/proc/self/exe", // also if the file was replaced meanwhile
		Args:        []string{name, spec.Role},
		Env:         append(append([]string{}, environment...), spec.Env...),
		Stdout:      p.stderr,
		Stderr:      p.stderr,
		ExtraFiles:  files,
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true, Cloneflags: spec.Namespaces},
		WaitDelay:   time.Second,
	}
	if spec.CgroupFD > 0 {
		cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, spec.CgroupFD
	}
	start := spec.Start
	if start == nil {
		start = func(cmd *exec.Cmd) error { return startAndStay(cmd, p.done) }
	}
	if err := start(cmd); err != nil {
		commands.Close()
		reports.Close()
		return errors.Join(err, p.tally.unshare())
	}
	p.cmd, p.commands = cmd, commands
	p.release = context.AfterFunc(ctx, func() {
		cause := context.Cause(ctx)
		p.killed.Store(&cause)
		p.kill()
	})
	go p.follow(reports)
	// The configuration may be larger than the pipe; an agent that dies meanwhile makes the
	// write fail, and its own error is the better one.
	_ = p.command(message{Kind: configMessage, Body: config, Tally: spec.Tally})
	return nil
}

// startAndStay starts cmd on a thread that lives until done, because the kernel sends
// PR_SET_PDEATHSIG when the *thread* that forked ends (prctl(2)).
func startAndStay(cmd *exec.Cmd, done <-chan struct{}) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlock: the thread ends with this goroutine
		cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
		err := cmd.Start()
		started <- err
		if err == nil {
			<-done
		}
	}()
	return <-started
}

// follow reads what the agent reports, and reaps it.
func (p *Process) follow(reports *os.File) {
	defer close(p.done)
	defer reports.Close()
	ready := false
	for {
		m, err := receive(reports)
		if err != nil {
			break // io.EOF when the agent exits or dies; anything else is as final
		}
		switch m.Kind {
		case readyMessage:
			if ready {
				select {
				case p.again <- struct{}{}:
				default: // it was not asked
				}
				continue
			}
			ready = true
			close(p.ready)
		case resultMessage:
			p.result = m.Body
		case errorMessage:
			p.err = errors.New(m.Error)
			if m.Problem != 0 {
				p.err = problem.Wrap(m.Problem, p.err, m.Hint)
			}
		}
	}
	p.kill()         // it has nothing more to say; mostly it has exited already
	_ = p.cmd.Wait() // its state is in ProcessState
	switch {
	case p.result != nil || p.err != nil:
	case p.killed.Load() != nil:
		p.err = *p.killed.Load()
	default:
		p.err = fmt.Errorf("died (%s)%s", p.cmd.ProcessState, p.stderr.summary())
	}
}

func (p *Process) kill() {
	if p.cmd.Process != nil {
		_ = p.cmd.Process.Kill()
	}
}

func (p *Process) command(m message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return send(p.commands, m)
}

// Tally returns the counters that the agent shares. They are there until Close.
func (p *Process) Tally() Tally { return p.tally }

// PID returns the process id; the process may have ended.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Begin tells the agent when the run begins, and its seed.
func (p *Process) Begin(b Beginning) error {
	if err := p.command(message{Kind: beginMessage, Begin: b}); err != nil {
		return fmt.Errorf("agent %s: %w", p.name, p.because(err))
	}
	return nil
}

// because prefers the reason why the agent ended to the broken pipe that this caused.
func (p *Process) because(err error) error {
	select {
	case <-p.done:
		if p.err != nil {
			return p.err
		}
	default:
	}
	return err
}

// Wait waits for a role to end by itself and returns its result. When ctx is done first, the agent goes on.
func (p *Process) Wait(ctx context.Context) (json.RawMessage, error) {
	select {
	case <-p.done:
		if p.err != nil {
			return nil, fmt.Errorf("agent %s: %w", p.name, p.err)
		}
		return p.result, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for agent %s: %w", p.name, context.Cause(ctx))
	}
}

// Ended returns how an agent has ended that should not have; nil while it runs.
func (p *Process) Ended() error {
	select {
	case <-p.done:
	default:
		return nil
	}
	if p.err != nil {
		return p.err
	}
	return errors.New("ended by itself")
}

// Stop asks the role to end and returns its result. When ctx is done first, the agent is killed.
func (p *Process) Stop(ctx context.Context) (json.RawMessage, error) {
	_ = p.command(message{Kind: stopMessage}) // if it is gone, Wait knows how
	result, err := p.Wait(ctx)
	if ctx.Err() != nil {
		p.kill()
	}
	return result, err
}

// Close kills the agent if it still runs, and reaps it. Calling it again does nothing.
func (p *Process) Close() error {
	p.release()
	p.kill()
	<-p.done
	p.mu.Lock()
	defer p.mu.Unlock()
	err := p.tally.unshare()
	p.tally = nil
	if e := p.commands.Close(); e != nil && !errors.Is(e, os.ErrClosed) {
		err = errors.Join(err, fmt.Errorf("close pipe to agent %s: %w", p.name, e))
	}
	return err
}
