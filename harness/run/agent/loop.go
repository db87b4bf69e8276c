package agent

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/ruleout/ruleout/harness/base/realtime"
	"github.com/ruleout/ruleout/harness/run/socket"
)

// Loop is a role that one thread plays: it waits for its sockets with Poll.
type Loop struct {
	Poll  *socket.Poll
	start atomic.Int64 // of the measured window; 0 while it is not known
}

// NewLoop prepares the process for the thread, which never gives its P back (see package socket), and for a number of
// descriptors. The caller closes it.
func NewLoop(descriptors int) (*Loop, error) {
	socket.Reserve(descriptors)
	runtime.GOMAXPROCS(3)
	p, err := socket.NewPoll()
	return &Loop{Poll: p}, err
}

// Close frees what the loop waits with.
func (l *Loop) Close() { l.Poll.Close() }

// Start of the measured window in ns of CLOCK_MONOTONIC.
func (l *Loop) Start() int64 { return l.start.Load() }

// Now returns the time since the start of the measured window.
func (l *Loop) Now() int64 { return Now() - l.start.Load() }

// Serve is ready at once, and plays f until ctx is done.
func (l *Loop) Serve(ctx context.Context, c Control, thread string, f func(context.Context) error) error {
	go func() {
		select {
		case b := <-c.Begin():
			l.start.Store(b.Start)
		case <-ctx.Done():
		}
	}()
	return l.play(ctx, thread, func() error {
		StrictTimers()
		c.Ready()
		return f(ctx)
	})
}

// Generate plays f from the run's beginning on, for which begin prepares. It tells whether the run began. The thread
// stands for another computer than the service's, whose busy workers must not keep it from its plan. It returns after
// the measured window's end, also where f was done before: the result that the caller makes of it is no load of the
// node's, and cost it 7 to 10 ms of CPU time.
func (l *Loop) Generate(ctx context.Context, c Control, thread string, begin func(Beginning) error,
	f func(context.Context) error) (began bool, _ error) {
	c.Ready()
	var b Beginning
	select {
	case b = <-c.Begin():
		l.start.Store(b.Start)
		if err := begin(b); err != nil {
			return true, err
		}
	case <-ctx.Done():
		return false, nil
	}
	err := l.play(ctx, thread, func() error {
		realtime.Take(realtime.Load)
		return f(ctx)
	})
	select {
	case <-time.After(time.Duration(b.End - Now())):
	case <-ctx.Done():
	}
	return true, err
}

// play runs f on a thread of its own. When ctx is done, f is woken from its wait.
func (l *Loop) play(ctx context.Context, thread string, f func() error) error {
	rung := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { l.Poll.Ring(); close(rung) })
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		NameThread(thread)
		done <- f()
	}()
	err := <-done
	if !stop() {
		<-rung // or it would ring what is closed by then
	}
	return err
}
