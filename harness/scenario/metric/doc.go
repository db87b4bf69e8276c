// Package metric is the catalogue of the numbers that a run can yield: their
// names, units, what they mean and which direction is good.
//
// A name is dotted. Its first part says whom it is about: http (the load), machine (the whole computer), fault
// (followed by a fault's name), link (followed by one and a direction) or the name of a node. That is why no node may
// be called http, machine or fault. A node may be called link: none of its metrics has from for its second part.
//
//	http.latency.p99        web.cpu.softirq        fault.dup-acks.delivered
//	machine.load1           web.TcpExt.ListenOverflows
//	link.client-web.from.web.queue.drops
//
// The last form is one of the kernel's own counters, as a difference over the
// measured window. Which counters exist depends on the kernel; [Counters] lists
// those of 5.10 to 6.18, for completing and correcting names. A counter that is not
// in the list is not an error here: a newer kernel may have it.
package metric
