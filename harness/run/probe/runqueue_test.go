package probe

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRunQueueCountsBusyTasks(t *testing.T) {
	const tasks = 3
	k := newBench(t)
	p := k.record(t, 100*time.Millisecond)
	stop := k.a.busy(t, tasks)
	start(t, p, 6*time.Second)
	before, at := k.a.schedstat(t), monotonic()
	r := wait(t, p)
	wanted := float64(k.a.schedstat(t)-before) / float64(monotonic()-at)
	threads, err := k.a.Group.Threads()
	require.NoError(t, err)
	stop()

	// The Go runtime has a thread of its own that looks around now and then, and waits for its turn.
	require.InDelta(t, tasks, r.value(t, "a.runqueue.mean"), 0.4)
	require.InEpsilon(t, wanted, r.value(t, "a.runqueue.mean"), 0.01, "by schedstat")
	require.GreaterOrEqual(t, r.value(t, "a.runqueue.max"), float64(tasks))
	require.LessOrEqual(t, r.value(t, "a.runqueue.max"), float64(threads), "no more than there are")
	require.GreaterOrEqual(t, r.value(t, "machine.runqueue.mean"), r.value(t, "a.runqueue.mean"))
	require.Zero(t, r.value(t, "b.runqueue.mean"))
	require.InDelta(t, 1, r.value(t, "a.pressure.cpu"), 0.02)

	// One whole step of 5 s and one of 1 s.
	mean := r.value(t, "a.runqueue.mean")
	require.InDelta(t, mean*(1-math.Pow(decay, 6.0/5)), r.value(t, "a.load1"), 0.01)

	require.Len(t, r.Timeline["a.runqueue"], 60)
	for i, v := range r.Timeline["a.runqueue"] {
		require.InDelta(t, tasks, v, 0.6, "interval %d", i)
	}
}
