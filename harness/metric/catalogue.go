package metric

//go:generate go test -count=1 -run=^TestGenerated -update .

// The names are fixed: scripts and stored records rely on them.

var http = []Metric{
	{"http.planned", One, Neither, "requests that the plan has in the measured window", false},
	{"http.sent", One, Neither, "planned requests of which at least one byte was sent", false},
	{"http.completed", One, Higher, "planned requests that were answered well, in time", false},
	{"http.errors", One, Lower, "planned requests that were not completed, of every kind", false},
	{"http.errors.timeout", One, Lower, "no full answer within the timeout, counted from the planned time", false},
	{"http.errors.refused", One, Lower, "connection refused", false},
	{"http.errors.reset", One, Lower, "connection reset or closed before the answer was whole", false},
	{"http.errors.status", One, Lower, "answered with a status other than 200", false},
	{"http.errors.malformed", One, Lower, "answered with something that is not HTTP/1.1", false},
	{"http.errors.other", One, Lower, "every other error", false},
	{"http.throughput", PerSecond, Higher, "completed requests a second of the measured window", false},
	{"http.latency.mean", Seconds, Lower, "mean time from a request's planned time to the last byte of its answer", false},
	{"http.latency.p50", Seconds, Lower, "median of the latency", false},
	{"http.latency.p90", Seconds, Lower, "90th percentile of the latency", false},
	{"http.latency.p99", Seconds, Lower, "99th percentile of the latency", false},
	{"http.latency.p999", Seconds, Lower, "99.9th percentile of the latency", false},
	{"http.latency.max", Seconds, Lower, "longest latency", false},
	{"http.connect.p50", Seconds, Lower, "median time from connect(2) to the connection's being established", false},
	{"http.connect.p99", Seconds, Lower, "99th percentile of the same", false},
}

var machine = []Metric{
	{"machine.cpu.user", One, Lower, "share of the machine's CPU time in user space", true},
	{"machine.cpu.system", One, Lower, "share of the machine's CPU time in the kernel on behalf of tasks", true},
	{"machine.cpu.softirq", One, Lower, "share of the machine's CPU time in softirqs", true},
	{"machine.cpu.idle", One, Neither, "share of the machine's CPU time that was idle", true},
	{"machine.cpu.total", One, Lower, "share of the machine's CPU time that was not idle", true},
	{"machine.cpu.unattributed", One, Neither, "share of the machine's CPU time that was not idle and is in no node's cpu.total: the wires and their queues, the recording, softirqs that neither received nor sent for a node, and tasks outside the nodes", true},
	{"machine.load1", One, Lower, "the kernel's one-minute load average at the end of the window", false},
	{"machine.runqueue.mean", One, Lower, "mean number of runnable tasks", false},
	{"machine.runqueue.max", One, Lower, "most runnable tasks at once", false},
	{"machine.recorder.late", Seconds, Lower, "how late the recorder took its first or its last reading, whichever was later; over 1 % of the window makes the run invalid", false},
	{"machine.recorder.cpu", One, Neither, "share of the machine's CPU time that the recording itself took, its BPF programs apart", true},
}

var node = []Metric{
	{"cpu.user", One, Lower, "share of one CPU spent in user space by the node's tasks", true},
	{"cpu.system", One, Lower, "share of one CPU spent in the kernel by the node's tasks, without softirqs", true},
	{"cpu.softirq", One, Lower, "share of one CPU spent in softirqs on packets that the node received, or that its timers and tasklets sent: retransmissions, pacing, what TCP held back; timers that send nothing are in machine.cpu.unattributed", true},
	{"cpu.total", One, Lower, "the sum of these three", true},
	{"runqueue.mean", One, Lower, "mean number of the node's runnable tasks", false},
	{"runqueue.max", One, Lower, "most of the node's tasks runnable at once", false},
	{"load1", One, Lower, "load average of the node's tasks, damped over one minute as the kernel does it", false},
	{"pressure.cpu", One, Lower, "share of the window in which some task waited for a CPU", true},
	{"pressure.memory", One, Lower, "share of the window in which some task waited for memory", true},
	{"pressure.io", One, Lower, "share of the window in which some task waited for I/O", true},
	{"memory.peak", Bytes, Lower, "most memory charged to the node's control group", false},
	{"sockets.established.max", One, Neither, "most TCP sockets in state ESTABLISHED", false},
	{"sockets.time_wait.max", One, Neither, "most TCP sockets in state TIME_WAIT", false},
	{"sockets.close_wait.max", One, Neither, "most TCP sockets in state CLOSE_WAIT", false},
	{"sockets.syn_recv.max", One, Neither, "most TCP sockets in state SYN_RECV", false},
	{"accept_queue.max", One, Lower, "most connections that waited for accept(2) on one listening socket", false},
}

// link is by direction: link.client-web.from.web.queue.drops.
var link = queue("the link's queue")

// queue is the metrics of one, such as queue.drops.
func queue(which string) []Metric {
	return []Metric{
		{"queue.drops", One, Lower, "packets for which " + which + " had no room", false},
		{"queue.mean", One, Lower, "mean number of packets in " + which + ", that which is being sent included", false},
		{"queue.max", One, Lower, "most packets in " + which + " at once", false},
		{"queue.bytes.mean", Bytes, Lower, "mean size of what is in " + which + ", in bytes of Ethernet frames", false},
		{"queue.bytes.max", Bytes, Lower, "most bytes in " + which + " at once", false},
	}
}

var fault = append([]Metric{
	{"matched", One, Neither, "packets of the fault's class, while it was on", false},
	{"chosen", One, Neither, "packets on which the fault acted", false},
	{"delivered", One, Neither, "what came of it: extra copies, packets gone, or packets held back", false},
	{"unexplained_loss", One, Lower, "packets that were lost although no fault asked for it", false},
	{"lost_in_queue", One, Lower, "packets behind the fault that the queue of its link had no room for", false},
	{"time1", Seconds, Neither, "time of the first chosen packet, from the start of the measured window", false},
	{"gap1", Seconds, Neither, "time from the first chosen packet to the second", false},
	{"gap2", Seconds, Neither, "time from the second chosen packet to the third", false},
	{"gap3", Seconds, Neither, "time from the third chosen packet to the fourth", false},
	{"gap4", Seconds, Neither, "time from the fourth chosen packet to the fifth", false},
	{"gap5", Seconds, Neither, "time from the fifth chosen packet to the sixth", false},
	{"gap6", Seconds, Neither, "time from the sixth chosen packet to the seventh", false},
	{"gap7", Seconds, Neither, "time from the seventh chosen packet to the eighth", false},
	{"gap8", Seconds, Neither, "time from the eighth chosen packet to the ninth", false},
}, queue("the queue of a fault that does rate or slot")...)
