package run_test

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/run"
	"github.com/ruleout/ruleout/harness/run/protocol"
)

// hog keeps the CPU for a while from all that has no higher real-time priority, the recorder and
// the generators among it.
func hog(t *testing.T, d time.Duration) {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and dies with its priority
		err := unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 90}, 0)
		for began := time.Now(); time.Since(began) < d; {
		}
		done <- err
	}()
	t.Cleanup(func() { require.NoError(t, <-done) })
}

func TestARecorderThatIsLateMakesTheRunInvalid(t *testing.T) {
	// The window is 2 s, so that 20 ms are too much.
	for _, c := range []struct {
		name   string
		before time.Duration // the window at which the CPU is taken away
		hogged time.Duration
		least  float64 // that the recorder is late, s; at most it is twice that and 10 ms
		late   bool
	}{
		{"at the beginning", 20 * time.Millisecond, 60 * time.Millisecond, 0.03, true},
		{"a little", 20 * time.Millisecond, 30 * time.Millisecond, 0.005, false},
		{"in the middle", -500 * time.Millisecond, 60 * time.Millisecond, 0, false},
		{"at the end", -1980 * time.Millisecond, 60 * time.Millisecond, 0.03, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := parse(t, small)
			rec, err := run.Run(t.Context(), canonical(t, s), seed, func(e protocol.Event) {
				if e.Kind == protocol.Warmup {
					go func() {
						time.Sleep(-e.At - c.before)
						hog(t, c.hogged)
					}()
				}
			})
			require.NoError(t, err)
			late := rec.Metrics["machine.recorder.late"].Value
			require.GreaterOrEqual(t, late, c.least)
			require.Less(t, late, 2*c.least+0.01)
			reasons := rec.InvalidBecause.String()
			if !c.late {
				require.NotContains(t, reasons, "the recorder")
				return
			}
			require.False(t, rec.Valid)
			require.Contains(t, reasons, "the recorder was ")
			require.Contains(t, reasons, " late at an end of the measured window, the bound is 1 % of that, 20ms")
		})
	}
}

// Garbage that is made in the window is collected after it.
func TestNothingIsCollectedInTheWindow(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(20))
	collections := func() uint32 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.NumGC
	}
	var began, ended uint32
	s := parse(t, small)
	_, err := run.Run(t.Context(), canonical(t, s), seed, func(e protocol.Event) {
		switch e.Kind {
		case protocol.Measure:
			began = collections()
			for range 32 {
				garbage = make([]byte, 1<<20)
			}
		case protocol.Drain:
			ended = collections()
		}
	})
	require.NoError(t, err)
	require.Equal(t, began, ended)
	require.Equal(t, 20, debug.SetGCPercent(20), "it is on again")
}

// garbage is what nobody reads.
var garbage []byte
