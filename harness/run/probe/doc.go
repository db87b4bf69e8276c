// Package probe records what each node and the machine went through in the measured
// window: CPU time by kind, run queue and load, pressure, memory, sockets, accept queues,
// and all of the kernel's network counters; as totals, and as a timeline on request.
//
// # How it counts
//
// What can be exact is. Up to ten small BPF programs on raw tracepoints count softirq time by
// the network namespace whose packet was being worked on, runnable tasks by control group, what waits in queues,
// idle time, and TCP sockets by state, event by event, into memory that this process maps.
// The CPU time of a node's tasks is the kernel's own exact sum for the control group. The
// rest is read from /proc, from the control group's files and by sock_diag: at both ends of
// the window, and in between as often as the timeline asks. docs/architecture/probe.md says
// of every figure what it means, how it comes about, and how wrong it can be.
//
// # Life cycle
//
// [New] attaches the programs and opens the files, [Probe.Start] sets the window, and a
// thread of its own reads when it is time, [Probe.Wait] returns the [Result], [Probe.Close]
// detaches. Nothing is pinned: whatever ends the process also ends the recording.
//
//	p, err := probe.New(probe.Options{Nodes: nodes, Interval: 100 * time.Millisecond})
//	…
//	defer p.Close()
//	err = p.Start(start, 30*time.Second)
//	seen, err := p.Wait(ctx)
//
// Call New before the nodes' processes start. A task is counted as runnable from the first
// time that the programs see it wake up or give up a CPU; and a process has to be started in
// its control group, for a later move is not seen.
//
// # The trap
//
// On a kernel without CONFIG_IRQ_TIME_ACCOUNTING, Debian's among them, a softirq that runs on the back of a task is
// charged to the task and to its control group, whichever node's packets it handled. On a busy node that is most of the
// network's work. The programs note on whose back every softirq ran, and that time comes off the node's CPU time again.
package probe
