package report

import (
	"fmt"
	"sort"
	"strings"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// mostCounters is how many rows of counters are shown unless all are asked for.
const mostCounters = 16

// everyday counters move in every run that moves data. They are shown last, if
// there is room: what a reader looks for is retransmissions, duplicates, overflows.
var everyday = map[string]bool{
	"Tcp.ActiveOpens": true, "Tcp.PassiveOpens": true, "Tcp.InSegs": true, "Tcp.OutSegs": true, "Tcp.CurrEstab": true,
	"TcpExt.DelayedACKs": true, "TcpExt.TCPHPHits": true, "TcpExt.TCPHPAcks": true, "TcpExt.TCPPureAcks": true,
	"TcpExt.TCPOrigDataSent": true, "TcpExt.TCPDelivered": true, "TcpExt.TCPAutoCorking": true, "TcpExt.TW": true,
	"TcpExt.TCPRcvCoalesce": true, "TcpExt.TCPHystartTrainDetect": true, "TcpExt.TCPHystartTrainCwnd": true,
	"TcpExt.TCPHystartDelayDetect": true, "TcpExt.TCPHystartDelayCwnd": true, "TcpExt.TCPAckCompressed": true,
	"TcpExt.TCPFromZeroWindowAdv": true, "TcpExt.TCPToZeroWindowAdv": true, "TcpExt.TCPWantZeroWindowAdv": true,
}

// IsEveryday tells counters that move in every run that moves data from those that a reader looks for.
func IsEveryday(counter string) bool { return everyday[counter] }

// settings of TCP that the kernel lists among its counters (RFC 4022). They never move.
var settings = map[string]bool{"Tcp.RtoAlgorithm": true, "Tcp.RtoMin": true, "Tcp.RtoMax": true, "Tcp.MaxConn": true}

// IsSetting tells a setting that the kernel lists among its counters from a counter.
func IsSetting(counter string) bool { return settings[counter] }

// counters shows the kernel's counters that moved, a row each and a column for each
// node on which one of them did. Without AllCounters only those of TCP and of
// listening sockets, the telling ones first, and at most [mostCounters].
func counters(r *result.Record, o Options) Section {
	moved := make(map[string]bool)
	for _, c := range r.Counters {
		for name, n := range c {
			if n != 0 && !settings[name] {
				moved[name] = true
			}
		}
	}
	names := make([]string, 0, len(moved))
	for name := range moved {
		if o.AllCounters || strings.HasPrefix(name, "Tcp.") || strings.HasPrefix(name, "TcpExt.") {
			names = append(names, name)
		}
	}
	sort.Slice(names, func(i, j int) bool {
		a, b := names[i], names[j]
		if !o.AllCounters && everyday[a] != everyday[b] {
			return everyday[b]
		}
		return a < b
	})
	if !o.AllCounters && len(names) > mostCounters {
		names = names[:mostCounters]
	}

	sec := Section{ID: "counters", Title: "TCP counters that moved", Left: 1, Header: []string{"counter"}}
	if o.AllCounters {
		sec.Title = "Counters that moved"
	}
	var columns []string
	for _, node := range Nodes(r) {
		for _, name := range names {
			if r.Counters[node][name] != 0 {
				columns = append(columns, node)
				break
			}
		}
	}
	sec.Header = append(sec.Header, columns...)
	for _, name := range names {
		row := []string{name}
		for _, node := range columns {
			if n, ok := r.Counters[node][name]; ok {
				row = append(row, quantity.Count(n))
			} else {
				row = append(row, none)
			}
		}
		sec.Rows = append(sec.Rows, row)
	}
	if rest := len(moved) - len(names); rest > 0 {
		sec.Note = fmt.Sprintf("%d more moved: --all-counters shows them", rest)
	}
	return sec
}
