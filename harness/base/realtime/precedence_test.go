package realtime_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/realtime"
)

func TestTakeAndDrop(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// Without CAP_SYS_NICE the kernel refuses, and then the thread stays an ordinary one.
	refused := unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 1},
		0) != nil
	realtime.Drop()
	now := func() (policy, priority uint32) {
		a, err := unix.SchedGetAttr(0, 0)
		require.NoError(t, err)
		return a.Policy, a.Priority
	}
	for _, level := range []realtime.Level{realtime.Sample, realtime.Load, realtime.Fault} {
		realtime.Take(level)
		policy, priority := now()
		if refused {
			require.EqualValues(t, unix.SCHED_NORMAL, policy)
		} else {
			require.EqualValues(t, unix.SCHED_FIFO, policy)
			require.EqualValues(t, level, priority)
		}
		realtime.Drop()
		policy, priority = now()
		require.EqualValues(t, unix.SCHED_NORMAL, policy)
		require.Zero(t, priority)
	}
	require.Less(t, realtime.Sample, realtime.Load)
	require.Less(t, realtime.Load, realtime.Fault)
}
