package discipline

import (
	"github.com/ruleout/ruleout/harness/run/netem"
)

// place is where a kind's own counters have a number: its offset, and whether it has 64 bits.
type place struct {
	name string
	at   int
	wide bool
}

// own are the counters of each kind that a reader may want to know, in structs tc_codel_xstats, tc_fq_codel_xstats,
// tc_fq_qd_stats, tc_pie_xstats, tc_fq_pie_xstats and tc_red_xstats of include/uapi/linux/pkt_sched.h. Marks is the sum
// of those whose names say so.
var own = map[string][]place{
	"codel": {{"drop_overlimit", 20, false}, {"ecn_mark", 24, false}, {"ce_mark", 32, false}},
	"fq_codel": {{"drop_overlimit", 8, false}, {"ecn_mark", 12, false}, {"new_flow_count", 16, false},
		{"ce_mark", 28, false}, {"drop_overmemory", 36, false}},
	"fq":  {{"flows_plimit", 32, true}, {"ce_mark", 80, true}},
	"pie": {{"dropped", 24, false}, {"overlimit", 28, false}, {"maxq", 32, false}, {"ecn_mark", 36, false}},
	"fq_pie": {{"dropped", 4, false}, {"overlimit", 8, false}, {"overmemory", 12, false}, {"ecn_mark", 16, false},
		{"new_flow_count", 20, false}},
	"red": {{"early", 0, false}, {"pdrop", 4, false}, {"marked", 12, false}},
}

// marks are the names of counters of packets that were marked.
var marks = map[string]bool{"ecn_mark": true, "ce_mark": true, "marked": true}

// Counters returns what a qdisc counts that only its kind has, by the kernel's names; nil for a kind that has nothing.
func Counters(q *netem.Stats) map[string]int64 {
	if q.Kind == "cake" {
		return cakeCounters(q.Own)
	}
	var list map[string]int64
	for _, p := range own[q.Kind] {
		v, ok := p.read(q.Own)
		if !ok { // an older kernel's structure ends before
			continue
		}
		if list == nil {
			list = make(map[string]int64)
		}
		list[p.name] = v
	}
	return list
}

func (p place) read(b []byte) (int64, bool) {
	switch {
	case p.wide && len(b) >= p.at+8:
		return int64(order.Uint64(b[p.at:])), true
	case !p.wide && len(b) >= p.at+4:
		return int64(order.Uint32(b[p.at:])), true
	}
	return 0, false
}

// Marked is how many packets a qdisc has marked with CE.
func Marked(q *netem.Stats) (sum int64) {
	for name, n := range Counters(q) {
		if marks[name] {
			sum += n
		}
	}
	return sum
}

// Attributes of cake's counters: those of the tins, and in each a packet count of drops, of ACKs that were dropped, and
// of marks.
const (
	cakeTins   = 10
	tinDropped = 4
	tinACKs    = 6
	tinMarked  = 8
)

// tinCounters are those that are told of a tin.
var tinCounters = map[uint16]string{tinDropped: "dropped", tinACKs: "ack_drop", tinMarked: "ecn_mark"}

// cakeCounters adds up those of all tins.
func cakeCounters(b []byte) map[string]int64 {
	all, err := netem.Attributes(b)
	if err != nil {
		return nil
	}
	sum := map[string]int64{"dropped": 0, "ack_drop": 0, "ecn_mark": 0}
	for _, a := range all {
		if a.Kind != cakeTins {
			continue
		}
		tins, _ := netem.Attributes(a.Value)
		for _, tin := range tins {
			counts, _ := netem.Attributes(tin.Value)
			for _, c := range counts {
				if name, ok := tinCounters[c.Kind]; ok && len(c.Value) >= 4 {
					sum[name] += int64(order.Uint32(c.Value))
				}
			}
		}
	}
	return sum
}
