package metric

// The names are fixed: scripts and stored records rely on them.

var http = []Metric{
	{"http.planned", One, Neither, "requests that the plan has in the measured window"},
	{"http.sent", One, Neither, "planned requests of which at least one byte was sent"},
	{"http.completed", One, Higher, "planned requests that were answered well, in time"},
	{"http.errors", One, Lower, "planned requests that were not completed, of every kind"},
	{"http.errors.timeout", One, Lower, "no full answer within the timeout, counted from the planned time"},
	{"http.errors.refused", One, Lower, "connection refused"},
	{"http.errors.reset", One, Lower, "connection reset or closed before the answer was whole"},
	{"http.errors.status", One, Lower, "answered with a status other than 200"},
	{"http.errors.malformed", One, Lower, "answered with something that is not HTTP/1.1"},
	{"http.errors.other", One, Lower, "every other error"},
	{"http.throughput", PerSecond, Higher, "completed requests a second of the measured window"},
	{"http.latency.mean", Seconds, Lower, "mean time from a request's planned time to the last byte of its answer"},
	{"http.latency.p50", Seconds, Lower, "median of the latency"},
	{"http.latency.p90", Seconds, Lower, "90th percentile of the latency"},
	{"http.latency.p99", Seconds, Lower, "99th percentile of the latency"},
	{"http.latency.p999", Seconds, Lower, "99.9th percentile of the latency"},
	{"http.latency.max", Seconds, Lower, "longest latency"},
	{"http.connect.p50", Seconds, Lower, "median time from connect(2) to the connection's being established"},
	{"http.connect.p99", Seconds, Lower, "99th percentile of the same"},
}

var machine = []Metric{
	{"machine.cpu.user", One, Lower, "share of the machine's CPU time in user space"},
	{"machine.cpu.system", One, Lower, "share of the machine's CPU time in the kernel on behalf of tasks"},
	{"machine.cpu.softirq", One, Lower, "share of the machine's CPU time in softirqs"},
	{"machine.cpu.idle", One, Neither, "share of the machine's CPU time that was idle"},
	{"machine.cpu.total", One, Lower, "share of the machine's CPU time that was not idle"},
	{"machine.load1", One, Lower, "the kernel's one-minute load average at the end of the window"},
	{"machine.runqueue.mean", One, Lower, "mean number of runnable tasks"},
	{"machine.runqueue.max", One, Lower, "most runnable tasks at once"},
}

var node = []Metric{
	{"cpu.user", One, Lower, "share of one CPU spent in user space by the node's tasks"},
	{"cpu.system", One, Lower, "share of one CPU spent in the kernel by the node's tasks, without softirqs"},
	{"cpu.softirq", One, Lower, "share of one CPU spent in softirqs on packets of the node"},
	{"cpu.total", One, Lower, "the sum of these three"},
	{"runqueue.mean", One, Lower, "mean number of the node's runnable tasks"},
	{"runqueue.max", One, Lower, "most of the node's tasks runnable at once"},
	{"load1", One, Lower, "load average of the node's tasks, damped over one minute as the kernel does it"},
	{"pressure.cpu", One, Lower, "share of the window in which some task waited for a CPU"},
	{"pressure.memory", One, Lower, "share of the window in which some task waited for memory"},
	{"pressure.io", One, Lower, "share of the window in which some task waited for I/O"},
	{"memory.peak", Bytes, Lower, "most memory charged to the node's control group"},
	{"sockets.established.max", One, Neither, "most TCP sockets in state ESTABLISHED"},
	{"sockets.time_wait.max", One, Neither, "most TCP sockets in state TIME_WAIT"},
	{"sockets.close_wait.max", One, Neither, "most TCP sockets in state CLOSE_WAIT"},
	{"sockets.syn_recv.max", One, Neither, "most TCP sockets in state SYN_RECV"},
	{"accept_queue.max", One, Lower, "most connections that waited for accept(2) on one listening socket"},
}

var fault = []Metric{
	{"matched", One, Neither, "packets of the fault's class, while it was on"},
	{"chosen", One, Neither, "packets on which the fault acted"},
	{"delivered", One, Neither, "what came of it: extra copies, packets gone, or packets held back"},
	{"unexplained_loss", One, Lower, "packets that were lost although no fault asked for it"},
}
