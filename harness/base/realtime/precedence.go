// Package realtime puts threads of the harness ahead of the work that they watch, drive or disturb.
//
// All nodes of a run share a processor, and a node's busy workers would keep the rest of the harness from it for a
// whole period of the kernel's fair scheduler (6 ms on one processor: sysctl_sched_latency in kernel/sched/fair.c up to
// Linux 6.5). What stands for another computer, or for the cable, must not wait for them.
package realtime

import "golang.org/x/sys/unix"

// Level is a priority of the real-time class SCHED_FIFO, see sched(7). The higher ones go first.
type Level uint32

// The levels of the harness.
const (
	// Sample is for what records: a sample that is taken some microseconds later is as good.
	Sample Level = 1 + iota
	// Load is for what sends requests: one that leaves later is not the one that was planned.
	Load
	// Fault is for what acts on links at planned moments. It takes microseconds, and what the load meets must be there
	// when it comes.
	Fault
)

// Take gives the calling thread, which has to be locked to its goroutine, a level. Its children get none. Where the
// kernel refuses, it goes on without: the thread that takes a level measures how late it is.
func Take(l Level) { set(unix.SCHED_FIFO, uint32(l)) }

// Drop makes the calling thread an ordinary one again.
func Drop() { set(unix.SCHED_NORMAL, 0) }

func set(policy, priority uint32) {
	_ = unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: policy, Priority: priority,
		Flags: unix.SCHED_FLAG_RESET_ON_FORK}, 0)
}
