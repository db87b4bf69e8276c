package box

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/run/agent"
)

func init() { agent.Register(Role, run) }

const (
	look         = 5 * time.Millisecond // between two looks at what is not ready
	killAfter    = 2 * time.Second      // of a program that does not obey its stop signal
	restartAfter = 100 * time.Millisecond
	// drain is how long the readers have, at the end, for what waits in the pipes: 64 KiB (pipe(7)), in reads of 32 KiB
	// with a rest after each.
	drain = 4 * rest
	// manyEnds is how many processes that have ended are taken before something else has its turn.
	manyEnds = 256
)

// MostRestarts is how often a program is started again.
const MostRestarts = 100

// box is the agent's state. All of it belongs to the goroutine that starts programs.
type box struct {
	config   Config
	programs []*program
	seed     string
	children chan os.Signal // a child has ended
	own      own
	oom      int64    // programs that the kernel has ended for lack of memory
	plan     []action // what is still to be done, in order of time
	status   []*watched
}

// end is a process that has ended.
type end struct {
	pid    int
	status syscall.WaitStatus
	at     int64
}

// action is something to do at a time.
type action struct {
	at int64 // ns of CLOCK_MONOTONIC
	do func() error
}

func run(ctx context.Context, raw json.RawMessage, c agent.Control) (any, error) {
	b := &box{children: make(chan os.Signal, 1)}
	if err := json.Unmarshal(raw, &b.config); err != nil {
		return nil, fmt.Errorf("decode configuration of box: %w", err)
	}
	runtime.LockOSThread()
	// Children inherit the slack of the thread that forks them: 50 µs is the kernel's default.
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, 50_000, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("set the timer slack: %w", err)
	}
	unix.Umask(0o022)
	deafen()
	spareThreads()
	if err := haste(); err != nil {
		return nil, err
	}
	if err := b.own.open(b.config.Events); err != nil {
		return nil, err
	}
	if err := b.own.mortal(never); err != nil {
		return nil, err
	}
	if err := b.config.enter(); err != nil {
		return nil, err
	}
	if err := confine(); err != nil {
		return nil, err
	}
	for i := range b.config.Programs {
		p := &program{Program: b.config.Programs[i], client: i >= len(b.config.Programs)-b.config.Clients}
		if p.Ready != nil {
			p.out.seek = []byte(p.Ready.Line)
			p.path = append([]byte(p.Ready.Path), 0)
		}
		b.programs = append(b.programs, p)
	}
	signal.Notify(b.children, syscall.SIGCHLD)
	if err := b.startAll(ctx); err != nil {
		return nil, err
	}
	for _, step := range []func() error{b.warmAll, b.reside} {
		c.Ready()
		if _, going, err := live(ctx, b, c.Proceed()); !going {
			return b.report(), err
		}
		if err := step(); err != nil {
			return nil, err
		}
	}
	c.Ready()
	return b.carryOut(ctx, c.Begin())
}

// settle takes the processes that have ended: children, and whatever they left to the first process of the namespace.
// The number of a process is free for another one as soon as it was waited for. So nothing else waits, and what sends
// signals does it on the same goroutine: no number that the box has is stale.
func (b *box) settle() {
	for range manyEnds {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
		b.take(end{pid, status, agent.Now()})
	}
	select {
	case b.children <- syscall.SIGCHLD: // there may be more, and no further signal
	default:
	}
}

// take notes the end of a process; what a program left behind is none of the programs.
func (b *box) take(e end) {
	i := slices.IndexFunc(b.programs, func(p *program) bool { return p.pid == e.pid })
	if i < 0 {
		return
	}
	p := b.programs[i]
	p.pid = 0
	o := &p.outcome
	o.Ended, o.Exit, o.Signal = e.at, e.status.ExitStatus(), ""
	if e.status.Signaled() {
		o.Exit, o.Signal = 128+int(e.status.Signal()), unix.SignalName(e.status.Signal())
	}
	if e.status.Signaled() && e.status.Signal() == unix.SIGKILL && !o.Stopped && b.own.killed() > b.oom {
		o.OOM = true
		b.oom++
	}
	b.restart(p, e.at)
}

// restart plans a new start of a program that has ended, if it is to have one.
func (b *box) restart(p *program, ended int64) {
	if !p.Restart || p.over || p.outcome.Restarts == MostRestarts {
		return
	}
	p.outcome.Restarts++
	b.at(ended+int64(restartAfter), func() error {
		if p.over {
			return nil
		}
		err := b.start(p)
		switch {
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.ENOMEM): // no more tasks or memory at the moment
			b.restart(p, agent.Now())
		case err != nil:
			p.outcome.Failed = err.Error()
		}
		return nil
	})
}

// at plans an action.
func (b *box) at(when int64, do func() error) {
	i, _ := slices.BinarySearchFunc(b.plan, when, func(a action, t int64) int {
		if a.at <= t {
			return -1
		}
		return 1
	})
	b.plan = slices.Insert(b.plan, i, action{when, do})
}

// carryOut waits for the run's beginning, starts and stops programs at their times, and returns what became of all.
func (b *box) carryOut(ctx context.Context, begin <-chan agent.Beginning) (*Report, error) {
	first, going, err := live(ctx, b, begin)
	if going {
		b.schedule(first)
		_, _, err = live[agent.Beginning](ctx, b, nil)
	}
	if err != nil {
		return nil, err
	}
	time.Sleep(drain)
	b.settle()
	return b.report(), nil
}

// live takes what ends and does what is planned until the parent says something; going is false if that is to stop.
func live[T any](ctx context.Context, b *box, word <-chan T) (said T, going bool, err error) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		b.settle()
		if err := b.carryOutDue(); err != nil {
			return said, false, err
		}
		wait := time.Hour
		if len(b.plan) > 0 {
			wait = time.Duration(b.plan[0].at - agent.Now())
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-b.children: // the loop settles
		case said = <-word:
			return said, true, nil
		case <-ctx.Done():
			return said, false, nil
		}
	}
}

// carryOutDue does what is planned until now.
func (b *box) carryOutDue() error {
	for len(b.plan) > 0 && b.plan[0].at <= agent.Now() {
		next := b.plan[0]
		b.plan = b.plan[1:]
		if err := next.do(); err != nil {
			return err
		}
	}
	return nil
}

// schedule plans the starts and stops of a run.
func (b *box) schedule(first agent.Beginning) {
	b.seed = strconv.FormatUint(first.Seed, 10)
	b.followStatus(first.Start)
	for _, p := range b.programs {
		start := first.Start
		if p.At != nil {
			start += int64(*p.At)
		}
		if p.At != nil || p.client {
			b.at(start, func() error {
				if err := b.start(p); err != nil {
					p.outcome.Failed = err.Error()
				}
				return nil
			})
		}
		if p.For > 0 {
			b.at(start+int64(p.For), func() error { b.stop(p, stopSignal(string(p.Stop))); return nil })
			b.at(start+int64(p.For)+int64(killAfter), func() error { b.stop(p, unix.SIGKILL); return nil })
		}
	}
}

// stop sends a signal to a program that runs. KILL goes to all that it has started and that has not left its group,
// also if the program itself has obeyed before.
func (b *box) stop(p *program, s syscall.Signal) {
	b.settle() // one that has ended by itself was not stopped
	p.over = true
	if p.pid != 0 {
		p.outcome.Stopped = true
		_ = unix.Kill(p.pid, s)
	}
	if s == unix.SIGKILL && p.group != 0 {
		_ = unix.Kill(-p.group, s)
	}
}

// stopSignal finds a signal by its name without SIG.
func stopSignal(name string) syscall.Signal {
	if s := unix.SignalNum("SIG" + name); s != 0 {
		return s
	}
	return unix.SIGTERM
}

func (b *box) report() *Report {
	r := &Report{Killed: b.own.killed() - b.oom, Status: b.statusLogs()}
	for _, p := range b.programs {
		o := p.outcome
		o.Name = p.Name
		o.Output, o.Dropped = p.out.lines()
		r.Programs = append(r.Programs, o)
	}
	return r
}
