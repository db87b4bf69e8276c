package metric

import (
	"slices"
	"strings"
)

// udp is of datagrams, of all udp loads together.
var udp = slices.Concat([]Metric{
	{"udp.planned", One, Neither, "datagrams that the plan has in the measured window; all below are of these", false},
	{"udp.sent", One, Neither, "datagrams that the sender's kernel took", false},
	{"udp.unsent", One, Lower, "datagrams that it did not take, for want of room", false},
	{"udp.refused", One, Lower, "ICMP messages port unreachable that the sender received within the measured window",
		false},
	{"udp.goodput", BitRate, Higher, "what the received datagrams carried, headers apart, over the measured window",
		false},
}, way("udp.", "datagrams", "sent"), []Metric{
	{"udp.answered", One, Neither, "datagrams that the service answered; one that came twice counts once", false},
}, way("udp.back.", "answers", "answered"), spans("udp.rtt.", "time from sending a datagram to taking its answer"))

// way is what becomes of datagrams that go one way.
func way(prefix, what, sent string) []Metric {
	return slices.Concat([]Metric{
		{prefix + "received", One, Higher, what + " that came within the load's timeout; one that came twice counts once",
			false},
		{prefix + "lost", One, Lower, what + " that did not come within the timeout: " + sent + " less received", false},
		{prefix + "loss", One, Lower, "share of these of the " + what + " that were " + sent, true},
		{prefix + "late", One, Lower, "of the lost " + what + ": those that came after the timeout", false},
		{prefix + "duplicates", One, Lower, "further copies of " + what + " that came (RFC 5560)", false},
		{prefix + "reordered", One, Lower, what + " that came after one with a higher number (RFC 4737, 3.3)", false},
	}, spans(prefix+"delay.", "time from sending one of the "+what+" to taking it, one way, by the machine's one clock"))
}

// spans are the metrics of a distribution of times.
func spans(prefix, of string) []Metric {
	return []Metric{
		{prefix + "mean", Seconds, Lower, of + ": mean", false},
		{prefix + "p50", Seconds, Lower, "the same: median", false},
		{prefix + "p90", Seconds, Lower, "the same: 90th percentile", false},
		{prefix + "p99", Seconds, Lower, "the same: 99th percentile", false},
		{prefix + "max", Seconds, Lower, "the same: longest", false},
	}
}

// datagrams is of a node's udp service.
var datagrams = []Metric{
	{"udp.received", One, Neither, "datagrams of udp loads that the service on this node took, copies included", false},
	{"udp.answered", One, Neither, "answers that it sent, those to copies included", false},
	{"udp.foreign", One, Lower, "datagrams to its port that are of no udp load", false},
}

// UDP returns the metrics of datagrams, such as udp.loss.
func UDP() []Metric { return slices.Clone(udp) }

// Datagrams returns the metrics of a node's udp service without the node's name, such as udp.received.
func Datagrams() []Metric { return slices.Clone(datagrams) }

// ofLoads are the metrics of loads, by what they begin with.
var ofLoads = []struct {
	kind string
	list []Metric
}{{"http", http}, {"udp", udp}, {"dns", dns}, {"bulk", bulk}}

// Kinds are what the metrics of loads begin with: http, udp and so on.
func Kinds() (list []string) {
	for _, of := range ofLoads {
		list = append(list, of.kind)
	}
	return list
}

// Prefixes are what names of metrics begin with that is no node.
func Prefixes() []string { return append(Kinds(), "load", "machine", "fault", "link") }

// ofLoad finds the metric of a load by its name alone, which has no load.NAME. in front.
func ofLoad(of, name string) (Metric, bool) {
	kind, _, _ := strings.Cut(of, ".")
	for _, l := range ofLoads {
		if l.kind == kind {
			return find(l.list, of, name)
		}
	}
	return Metric{}, false
}

// OfLoads tells whether a name is that of a metric of loads: a node may be called like them.
func OfLoads(name string) bool {
	if rest, ok := strings.CutPrefix(name, "load."); ok {
		_, name, _ = strings.Cut(rest, ".")
	}
	_, ok := ofLoad(name, name)
	return ok
}

// NodeOf is the node that a metric or a counter is of; false if it is of none.
func NodeOf(name string) (node string, ok bool) {
	first, rest, _ := strings.Cut(name, ".")
	switch first {
	case "http", "machine", "fault": // no node has that name
		return "", false
	case "link":
		_, of := ofLink(rest, name)
		return first, !of
	}
	return first, !OfLoads(name)
}
