package metric

import "slices"

// bulk is of bulk loads.
var bulk = []Metric{
	{"bulk.flows", One, Neither, "connections that were begun", false},
	{"bulk.failed", One, Lower, "of these: those that were refused or reset, or got no answer", false},
	{"bulk.completed", One, Higher, "of these: those of which all bytes came (bytes), be it after the window", false},
	{"bulk.received", Bytes, Neither, "bytes that the sink read within the measured window", false},
	{"bulk.goodput", BitRate, Higher,
		"what the sink read before the load's end, headers apart, over the part of the measured window from the load's " +
			"beginning to its end; of several loads, over that in which one runs at least", false},
	{"bulk.goodput.flow.min", BitRate, Higher, "the same of the connection that got the least, over the same time", false},
	{"bulk.goodput.flow.max", BitRate, Neither, "the same of the connection that got the most, over the same time", false},
	{"bulk.fairness", One, Higher,
		"Jain's index of the bytes of the connections: 1 if all got as much, 1/n if one of n got everything", false},
	{"bulk.time.mean", Seconds, Lower, "time from connect(2) to the last byte at the sink, of the completed: mean", false},
	{"bulk.time.max", Seconds, Lower, "the same: longest", false},
}

// Bulk returns the metrics of bulk loads, such as bulk.goodput.
func Bulk() []Metric { return slices.Clone(bulk) }
