package metric

//go:generate go test -count=1 -run=^TestGenerated -update .

// The names are fixed: scripts and stored records rely on them.

var http = []Metric{
	{"http.planned", One, Neither, "requests that the plan has in the measured window", false},
	{"http.sent", One, Neither,
		"planned requests for which a connection was asked for, or that were written on an open one", false},
	{"http.unsent", One, Lower,
		"planned requests that found no free connection within their timeout: they are timeouts, too", false},
	{"http.retried", One, Lower,
		"times that planned requests were sent again, because their connection ended or a timeout of the attempt came " +
			"before a byte of the answer (load's retry and retries); no errors, if the last time went well", false},
	{"http.aborted", One, Neither, "planned requests that the client gave up on purpose (load's abort), where a load " +
		"does; " +
		"neither completed nor errors", false},
	{"http.completed", One, Higher,
		"planned requests that were answered in full with a status 2xx within their timeout, be it after the window", false},
	{"http.errors", One, Lower, "planned requests that were not completed, of every kind, be it after the window", false},
	{"http.errors.timeout", One, Lower, "of these: no full answer within the timeout, counted from the planned time, " +
		"or an attempt that ran into a timeout of its own and was not made again", false},
	{"http.errors.refused", One, Lower, "of these: connection refused", false},
	{"http.errors.reset", One, Lower,
		"of these: connection closed before the first byte of the answer, or reset at any time", false},
	{"http.errors.status", One, Lower, "of these: answered with a status other than 2xx", false},
	{"http.errors.malformed", One, Lower, "of these: the answer is not HTTP/1.1, or ends before it is whole", false},
	{"http.errors.resolve", One, Lower, "of these: no address of the server's name was found (host)", false},
	{"http.errors.other", One, Lower, "of these: every other error", false},
	{"http.throughput", PerSecond, Higher,
		"requests completed within the measured window, whenever they were planned, a second of it", false},
	{"http.connects", One, Neither, "connections asked for within the measured window, by any request", false},
	{"http.received", Bytes, Neither, "bytes of answers, heads included, received within the measured window", false},
	{"http.idle.closed", One, Neither,
		"kept connections that the server closed or reset within the measured window while no request was on them", false},
	{"http.idle.expired", One, Neither,
		"kept connections that the client closed within the measured window after the load's idle", false},
	{"http.latency.mean", Seconds, Lower, "mean time from planned time to the last byte of the answer, " +
		"of the completed requests (planned in the window, be they answered after it); of users, a request is planned " +
		"when they have thought", false},
	{"http.latency.p50", Seconds, Lower, "median of the latency", false},
	{"http.latency.p90", Seconds, Lower, "90th percentile of the latency", false},
	{"http.latency.p99", Seconds, Lower, "99th percentile of the latency", false},
	{"http.latency.p999", Seconds, Lower, "99.9th percentile of the latency", false},
	{"http.latency.max", Seconds, Lower, "longest latency", false},
	{"http.connect.p50", Seconds, Lower, "median time from connect(2) to the connection's being established, " +
		"of those that were opened for planned requests", false},
	{"http.connect.p99", Seconds, Lower, "99th percentile of the same", false},
}

var machine = []Metric{
	{"machine.cpu.user", One, Lower, "share of the machine's CPU time in user space", true},
	{"machine.cpu.system", One, Lower, "share of the machine's CPU time in the kernel on behalf of tasks", true},
	{"machine.cpu.softirq", One, Lower, "share of the machine's CPU time in softirqs", true},
	{"machine.cpu.idle", One, Neither, "share of the machine's CPU time that was idle", true},
	{"machine.cpu.total", One, Lower, "share of the machine's CPU time that was not idle", true},
	{"machine.cpu.unattributed", One, Neither,
		"share of the machine's CPU time that was not idle and is in no node's cpu.total: the wires and their queues, " +
			"the recording, softirqs that neither received nor sent for a node, and tasks outside the nodes", true},
	{"machine.load1", One, Lower, "the kernel's one-minute load average at the end of the window", false},
	{"machine.runqueue.mean", One, Lower, "mean number of runnable tasks", false},
	{"machine.runqueue.max", One, Lower, "most runnable tasks at once", false},
	{"machine.recorder.late", Seconds, Lower, "how late the recorder took its first or its last reading, " +
		"whichever was later; over 1 % of the window makes the run invalid", false},
	{"machine.recorder.cpu", One, Neither,
		"share of the machine's CPU time that the recording itself took, its BPF programs apart", true},
}

var node = []Metric{
	{"cpu.user", One, Lower, "share of one CPU spent in user space by the node's tasks", true},
	{"cpu.system", One, Lower, "share of one CPU spent in the kernel by the node's tasks, without softirqs", true},
	{"cpu.softirq", One, Lower, "share of one CPU spent in softirqs on packets that the node received, " +
		"or that its timers and tasklets sent: retransmissions, pacing, what TCP held back; " +
		"timers that send nothing are in machine.cpu.unattributed", true},
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

var pool = []Metric{
	{"php.accepted", One, Neither, "connections that the pool's workers took", false},
	{"php.requests", One, Neither, "requests that were read whole", false},
	{"php.served", One, Higher, "answers with status 200 that were handed to the kernel in full", false},
	{"php.failed", One, Lower, "answers with status 500, because a query had failed", false},
	{"php.refused", One, Lower, "requests that were refused: malformed, too long or not supported", false},
	{"php.timeouts", One, Lower,
		"clients that took too long to ask or to take their answer (timeouts.read, timeouts.write)", false},
	{"php.broken", One, Lower, "connections that were reset or closed in the middle of a request or an answer", false},
	{"php.idle.closed", One, Neither,
		"kept connections that the pool closed because no request came in time (timeouts.idle)", false},
	{"php.accept_errors", One, Lower, "failures of accept(2)", false},
}

var queries = []Metric{
	{"sql.connects", One, Neither, "connections that the pool asked its database for", false},
	{"sql.reconnects", One, Lower, "of these: in the place of one that had ended, " +
		"for a query that was sent a second time (reconnect); no error, if the second time went well", false},
	{"sql.queries", One, Neither, "queries that the database answered to the pool", false},
	{"sql.errors", One, Lower, "queries of the pool that failed, connecting included", false},
}

var database = []Metric{
	{"sql.accepted", One, Neither, "connections that the database on this node took", false},
	{"sql.answered", One, Neither, "queries that the database on this node answered", false},
	{"sql.broken", One, Lower, "connections of the database on this node that were reset, " +
		"or closed or too slow in the middle of a query or an answer", false},
	{"sql.idle.closed", One, Neither,
		"connections that the database on this node closed because no query came in time (timeouts.idle)", false},
}

// conntrack is of a node with a table of connections.
var conntrack = []Metric{
	{"conntrack.entries.mean", One, Neither, "mean number of entries in the node's table of connections, of the " +
		"timeline's samples; those whose time is over count until the kernel meets them. None without a timeline", false},
	{"conntrack.entries.max", One, Neither, "most entries in the table, of the same samples; between two of them " +
		"there may have been more", false},
	{"conntrack.drops", One, Lower, "packets for which no entry could be made, and that were dropped: the table was " +
		"full, or another entry had the addresses and ports", false},
	{"conntrack.early_drops", One, Lower,
		"entries without an answer that gave way to new ones because the table was full", false},
	{"conntrack.invalid", One, Lower, "packets that belong to no connection and can begin none, such as segments out of " +
		"the window: those in state invalid", false},
	{"conntrack.insert_failed", One, Lower, "entries that were dropped with their packet because another one had their " +
		"addresses and ports, such as where a nat rule had no port left", false},
	{"conntrack.clashes", One, Lower, "entries that were merged with another one of the same packets", false},
}

// forgotten is of a node whose table is emptied.
var forgotten = []Metric{
	{"conntrack.forgotten", One, Neither, "entries that were removed, as the scenario has the node forget them", false},
}

// translation is of a rule of nat, without NODE.nat.NAME. in front.
var translation = []Metric{
	{"connections", One, Neither, "connections that the rule matched", false},
}

// filtering is of a rule of a firewall, without NODE.firewall.NAME. in front.
var filtering = []Metric{
	{"packets", One, Neither, "packets that the rule matched", false},
	{"bytes", Bytes, Neither, "bytes of these, with the IP header", false},
}

// program is of a program of a node's image, without NODE.exec.NAME. in front.
var program = []Metric{
	{"exit", One, Neither, "its last exit status, or 128 and the number of the signal that ended it; absent while it runs",
		false},
	{"seconds", Seconds, Neither, "time from its last start to its end; absent while it runs", false},
	{"restarts", One, Lower, "how often it was started again, once it was ready", false},
}

// link is by direction: link.client-web.from.web.queue.drops.
var link = append(queue("the link's queue"),
	Metric{Marks, One, Neither, "packets that the link's discipline marked with ECN's CE", false})

// Marks is the metric that only a link has whose discipline marks packets.
const Marks = "queue.marks"

// queue is the metrics of one, such as queue.drops.
func queue(which string) []Metric {
	return []Metric{
		{"queue.drops", One, Lower, "packets for which " + which + " had no room, or that its discipline dropped", false},
		{"queue.mean", One, Lower, "mean number of packets in " + which + ", that which is being sent included", false},
		{"queue.max", One, Lower, "most packets in " + which + " at once", false},
		{"queue.bytes.mean", Bytes, Lower, "mean size of what is in " + which + ", in bytes of Ethernet frames", false},
		{"queue.bytes.max", Bytes, Lower, "most bytes in " + which + " at once", false},
	}
}

var fault = append([]Metric{
	{"matched", One, Neither, "packets of the fault's class, while it was on", false},
	{"chosen", One, Neither, "packets on which the fault acted", false},
	{"delivered", One, Neither, "its effect: extra copies, packets gone, or packets held back", false},
	{"unexplained_loss", One, Lower, "packets that were lost although no fault asked for it", false},
	{"lost_in_queue", One, Lower, "packets after the fault that the queue of its link dropped", false},
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
