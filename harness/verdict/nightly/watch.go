package nightly

import (
	"math"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/scenario/metric"
	"github.com/ruleout/ruleout/harness/verdict"
	"github.com/ruleout/ruleout/harness/verdict/compare"
)

// What is watched: what a user of a service feels, what a node pays for it, whether faults act, and the few counters
// that tell a TCP that works from one that does not. Each is a series on every scenario and kernel; the more there are,
// the higher is the bar for all of them.
var (
	ofLoad    = []string{"http.errors", "http.throughput", "http.latency.p50", "http.latency.p99", "machine.cpu.total"}
	ofNode    = []string{"cpu.total", "cpu.softirq", "accept_queue.max"}
	ofTCP     = []string{"Tcp.OutSegs", "Tcp.RetransSegs", "TcpExt.TCPTimeouts", "TcpExt.ListenDrops"}
	ofFault   = []string{"matched", "delivered"}
	hostsHave = "accept_queue.max" // beside which counters are looked up, since records leave out those that are 0
)

// margin is the smallest relative change that matters.
const margin = 0.05

// watched lists what is watched of a run, in the order of the names.
func watched(e *archive.Entry) []string {
	var list []string
	for _, v := range e.Values {
		name := v.Name
		first, rest, _ := strings.Cut(name, ".")
		switch first {
		case "http", "machine":
			if slices.Contains(ofLoad, name) {
				list = append(list, name)
			}
		case "fault":
			if _, of, _ := strings.Cut(rest, "."); slices.Contains(ofFault, of) {
				list = append(list, name)
			}
		default:
			if slices.Contains(ofNode, rest) {
				list = append(list, name)
			}
			if rest == hostsHave {
				for _, c := range ofTCP {
					list = append(list, first+"."+c)
				}
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// hypothesis is that a metric has changed, either way: a program that has become better than its baseline is another
// one too. Times are compared by their ratio; what may be zero by the difference, with a margin that follows from the
// baseline alone.
func hypothesis(name string, pool []float64) verdict.Hypothesis {
	h := verdict.Hypothesis{Name: name, Kind: verdict.Effect, Metric: name, Direction: verdict.Either,
		Scale: verdict.Ratio, Margin: margin}
	m, _ := metric.Lookup(name)
	positive := !slices.ContainsFunc(pool, func(v float64) bool { return v <= 0 })
	if m.Unit == metric.Seconds && positive {
		return h
	}
	if m.Unit != metric.One {
		h.Unit = m.Unit
	}
	h.Scale, h.Margin = verdict.Difference, compare.Least(m)
	if most := margin * math.Abs(mean(pool)); most > h.Margin { // not where there is no mean
		h.Margin = most
	}
	return h
}
