package precedence_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/precedence"
)

func TestTakeAndDrop(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// Without CAP_SYS_NICE the kernel refuses, and then the thread stays an ordinary one.
	refused := unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 1}, 0) != nil
	precedence.Drop()
	now := func() (policy, priority uint32) {
		a, err := unix.SchedGetAttr(0, 0)
		require.NoError(t, err)
		return a.Policy, a.Priority
	}
	for _, level := range []precedence.Level{precedence.Sample, precedence.Load, precedence.Fault} {
		precedence.Take(level)
		policy, priority := now()
		if refused {
			require.EqualValues(t, unix.SCHED_NORMAL, policy)
		} else {
			require.EqualValues(t, unix.SCHED_FIFO, policy)
			require.EqualValues(t, level, priority)
		}
		precedence.Drop()
		policy, priority = now()
		require.EqualValues(t, unix.SCHED_NORMAL, policy)
		require.Zero(t, priority)
	}
	require.Less(t, precedence.Sample, precedence.Load)
	require.Less(t, precedence.Load, precedence.Fault)
}
