package actor

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Alarm waits for absolute times of CLOCK_MONOTONIC, until it is cancelled. It is for one thread that is
// locked to its goroutine: Go's own timers know no absolute times, and in a guest they ring up to 1 ms late.
//
// It does not use package socket's Poll, whose system calls do not tell the Go scheduler that they wait. That is right
// for a program that is one thread, but here it would keep the rest of the process from running.
type Alarm struct{ timer, quit int }

func newAlarm() (*Alarm, error) {
	timer, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create timerfd: %w", err)
	}
	quit, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("create eventfd: %w", err), unix.Close(timer))
	}
	return &Alarm{timer, quit}, nil
}

// Await returns at a time in ns, or at once if it has passed. It returns false once the alarm is cancelled.
func (a *Alarm) Await(at int64) (rang bool, err error) {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(max(at, 1))} // 0 would disarm
	if err := unix.TimerfdSettime(a.timer, unix.TFD_TIMER_ABSTIME, &spec, nil); err != nil {
		return false, fmt.Errorf("set alarm: %w", err)
	}
	poll := []unix.PollFd{{Fd: int32(a.timer), Events: unix.POLLIN}, {Fd: int32(a.quit), Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(poll, -1)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return false, fmt.Errorf("wait for alarm: %w", err)
		case poll[1].Revents != 0:
			return false, nil
		case poll[0].Revents != 0:
			return true, nil
		}
	}
}

// cancel ends this wait and all later ones.
func (a *Alarm) cancel() error {
	if _, err := unix.Write(a.quit, []byte{1, 0, 0, 0, 0, 0, 0, 0}); err != nil {
		return fmt.Errorf("cancel alarm: %w", err)
	}
	return nil
}

// Close frees it, once no goroutine waits.
func (a *Alarm) Close() error { return errors.Join(unix.Close(a.timer), unix.Close(a.quit)) }
