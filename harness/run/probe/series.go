package probe

// Series describes one series of the timeline. A value belongs to the interval that
// begins with its index times the interval's length after the start of the window.
type Series struct {
	// Name without the node; "machine." goes before that of a series about the machine.
	Name string
	// Unit is 1 for shares and counts, or B.
	Unit string
	// About is one line without a full stop.
	About string
	// Share tells a share of a whole from a count; both have the unit 1.
	Share bool
}

// NodeSeries returns the series of a node.
func NodeSeries() []Series {
	var all []Series
	for _, s := range nodeSeries {
		all = append(all, s.Series)
	}
	return all
}

// MachineSeries returns the series of the machine.
func MachineSeries() []Series {
	var all []Series
	for _, s := range machineSeries {
		all = append(all, s.Series)
	}
	return all
}

var nodeSeries = []struct {
	Series
	has   func(*node) bool // nil: every node
	value func(r *recorder, a, b *reading, ns float64) float64
}{
	{
		Series{"cpu.total", "1", "share of one CPU in the interval, softirqs included", true}, nil,
		func(r *recorder, a, b *reading, ns float64) float64 { return r.cpu(a, b).total() / ns },
	},
	{
		Series{"cpu.softirq", "1", "share of one CPU in softirqs on packets of the node in the interval", true}, nil,
		func(_ *recorder, a, b *reading, ns float64) float64 { return float64(b.softirq-a.softirq) / ns },
	},
	{
		Series{"runqueue", "1", "mean number of runnable tasks in the interval", false}, nil,
		func(_ *recorder, a, b *reading, ns float64) float64 { return float64(b.queue-a.queue) / ns },
	},
	{
		Series{"pressure.cpu", "1", "share of the interval in which some task waited for a CPU", true},
		func(n *node) bool { return n.pressures[0] != nil },
		func(_ *recorder, a, b *reading, ns float64) float64 { return float64(b.pressure-a.pressure) * 1e3 / ns },
	},
	{
		Series{"memory", "B", "memory charged to the control group at the end of the interval", false},
		func(n *node) bool { return n.memory != nil },
		func(_ *recorder, _, b *reading, _ float64) float64 { return float64(b.memory) },
	},
	{
		Series{"sockets.established", "1", "TCP sockets in ESTABLISHED at the end of the interval", false}, nil,
		func(_ *recorder, _, b *reading, _ float64) float64 { return float64(b.sockets[0]) },
	},
	{
		Series{"sockets.time_wait", "1", "TCP sockets in TIME_WAIT at the end of the interval", false}, nil,
		func(_ *recorder, _, b *reading, _ float64) float64 { return float64(b.sockets[2]) },
	},
	{
		Series{"accept_queue", "1", "longest queue of connections that waited for accept(2) at the end of the interval",
			false}, nil,
		func(_ *recorder, _, b *reading, _ float64) float64 { return float64(b.accept) },
	},
	{
		Series{"packets", "1", "packets that arrived at the node in the interval", false},
		func(n *node) bool { return n.arrivals },
		func(_ *recorder, a, b *reading, _ float64) float64 { return float64(b.arrived - a.arrived) },
	},
	{
		Series{"conntrack.entries", "1", "entries in the table of connections at the end of the interval", false},
		func(n *node) bool { return n.conntrack != nil },
		func(_ *recorder, _, b *reading, _ float64) float64 { return float64(b.entries) },
	},
	{
		Series{"tcp.retrans", "1", "segments retransmitted in the interval, SYN-ACKs apart", false}, nil,
		func(_ *recorder, a, b *reading, _ float64) float64 { return float64(b.retrans - a.retrans) },
	},
}

var machineSeries = []struct {
	Series
	value func(r *recorder, a, b *sample) float64
}{
	{
		Series{"cpu.total", "1", "share of the machine's CPU time that was not idle in the interval", true},
		func(r *recorder, a, b *sample) float64 { return r.busy(a, b) },
	},
	{
		Series{"cpu.softirq", "1", "share of the machine's CPU time in softirqs in the interval", true},
		func(r *recorder, a, b *sample) float64 {
			return float64(b.softirqs-a.softirqs) / (float64(b.at-a.at) * float64(r.machine.cpus))
		},
	},
	{
		Series{"runqueue", "1", "mean number of runnable tasks in the interval", false},
		func(_ *recorder, a, b *sample) float64 { return float64(b.queue-a.queue) / float64(b.at-a.at) },
	},
}
