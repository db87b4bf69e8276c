package metric

import "slices"

// dns is of the lookups that http loads with a host make.
var dns = slices.Concat([]Metric{
	{"dns.lookups", One, Neither,
		"lookups of a name, one for each new connection, for requests planned in the measured window; " +
			"all below are of these", false},
	{"dns.failed", One, Lower, "lookups that ended without an address", false},
	{"dns.queries", One, Neither, "queries that were sent", false},
	{"dns.retries", One, Lower, "of these: queries that had been sent before in the same lookup", false},
	{"dns.timeouts", One, Lower, "waits for a server that ran out", false},
	{"dns.errors", One, Lower, "answers SERVFAIL, NOTIMP or REFUSED", false},
	{"dns.unreachable", One, Lower, "ICMP messages port unreachable from a name server's node", false},
	{"dns.fallbacks", One, Lower,
		"times that a lookup asked again one question at a time, because only one of two answers had come", false},
}, spans("dns.latency.", "time that a lookup took which found an address"))

// nameServer is of a node's dns service.
var nameServer = []Metric{
	{"dns.queries", One, Neither, "queries that the dns service on this node took", false},
	{"dns.answered", One, Neither, "answers that it gave, those without an address (NODATA) included", false},
	{"dns.servfail", One, Lower, "answers SERVFAIL", false},
	{"dns.nxdomain", One, Lower, "answers that there is no such name", false},
	{"dns.dropped", One, Lower, "queries that it did not answer, as the scenario says (drop)", false},
	{"dns.malformed", One, Lower, "datagrams to its port that are no query", false},
}

// DNS returns the metrics of lookups, such as dns.latency.p99.
func DNS() []Metric { return slices.Clone(dns) }

// NameServer returns the metrics of a node's dns service without the node's name, such as dns.queries.
func NameServer() []Metric { return slices.Clone(nameServer) }
