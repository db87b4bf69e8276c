package fault

import (
	"errors"
	"fmt"
	"math"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/run/actor"
	"github.com/ruleout/ruleout/harness/scenario"
)

// turns are the times that an actor begins a fault and ends it again: of do: down and do: pause, which no packet brings
// about. All of it belongs to the actor's thread until stop has returned.
type turns struct {
	times int64         // begun
	late  time.Duration // of beginnings and ends, at the most
	stood time.Duration // from beginnings to ends, in all
	since int64         // when it last began, ns of CLOCK_MONOTONIC
	err   error
	actor *actor.Actor // nil until it is started
}

// begin starts the actor; start is the beginning of the measured window in ns of CLOCK_MONOTONIC. on begins the fault,
// off ends it: due tells whether it is time to, or the actor was stopped before.
func (t *turns) begin(f *scenario.Fault, start int64, on func() error, off func(due bool) error) (err error) {
	t.actor, err = actor.New(func(a *actor.Alarm) error {
		for n := 0; f.Times == 0 || n < f.Times; n++ {
			if n > 0 && f.Every == 0 {
				return nil
			}
			from := start + int64(f.At) + int64(n)*int64(f.Every)
			if rang, err := a.Await(from); err != nil || !rang {
				return err
			}
			t.times++
			t.since = t.done(from, on())
			if f.For == 0 {
				return nil
			}
			until := from + int64(f.For)
			rang, err := a.Await(until)
			if !rang {
				until = math.MaxInt64 // never late
			}
			t.stood += time.Duration(t.done(until, off(rang)) - t.since)
			if err != nil || !rang {
				return err
			}
		}
		return nil
	})
	return err
}

// done notes that the fault has begun or ended, and returns when; at is when that was due.
func (t *turns) done(at int64, err error) (now int64) {
	now, errNow := monotonic()
	t.late = max(t.late, time.Duration(now-at))
	t.err = errors.Join(t.err, err, errNow)
	return now
}

// stop ends the actor, if there is one, and waits for it. Call it once.
func (t *turns) stop() {
	if t.actor != nil {
		t.err = errors.Join(t.err, t.actor.Stop())
	}
}

// stopTurns ends all actors, the first time that it is called. Processes go on, links stay as they are.
func (w *Wires) stopTurns() (err error) {
	if w.stopped > 0 {
		return nil
	}
	if w.stopping, err = monotonic(); err != nil {
		return err
	}
	for _, o := range w.outages {
		o.stop()
	}
	for _, p := range w.pauses {
		p.stop()
	}
	w.stopped, err = monotonic()
	return err
}

// asked is how often a fault was to begin in the time that it had. It may have been due at the very moment at which the
// actors were stopped.
func (w *Wires) asked(f *scenario.Fault, t *turns) int64 {
	return min(max(t.times, due(f, time.Duration(w.stopping-w.start))), due(f, time.Duration(w.stopped-w.start)))
}

// due is how often the fault begins before a time, in ns from the start of the measured window.
func due(f *scenario.Fault, until time.Duration) (n int64) {
	switch left := until - time.Duration(f.At); {
	case left < 0:
		return 0
	case f.Every == 0:
		return 1
	default:
		n = 1 + int64(left/time.Duration(f.Every))
	}
	if f.Times > 0 {
		n = min(n, int64(f.Times))
	}
	return n
}

// monotonic reads the clock of a run, in ns.
func monotonic() (int64, error) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return 0, fmt.Errorf("read CLOCK_MONOTONIC: %w", err)
	}
	return now.Nano(), nil
}
