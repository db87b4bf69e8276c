package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/describe"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// datagramColumns are those of the table of datagrams, with the metric of each below udp. or udp.back.; those with
// nothing but zeros are left out, but for the first three.
var datagramColumns = []struct{ title, metric string }{
	{"sent", ""}, {"received", "received"}, {"lost", "lost"}, {"loss", "loss"}, {"late", "late"},
	{"twice", "duplicates"}, {"reordered", "reordered"}, {"delay p50", "delay.p50"}, {"p99", "delay.p99"},
	{"max", "delay.max"},
}

// datagrams is the table of what became of datagrams: a row a direction, of all loads and of each that has a name.
func datagrams(r *result.Record, s *scenario.Scenario) Section {
	sec := Section{ID: "datagrams", Title: "Datagrams, one way", Left: 1, Header: []string{"load"}}
	if _, ok := r.Metrics["udp.sent"]; !ok {
		return sec
	}
	type row struct{ name, prefix, sent string }
	var rows []row
	for _, prefix := range append(NamedLoads(r, "udp.sent"), "") {
		name := LoadName(prefix)
		rows = append(rows, row{name, prefix + "udp.", prefix + "udp.sent"})
		if _, ok := r.Metrics[prefix+"udp.answered"]; ok {
			rows = append(rows, row{name + ", answers", prefix + "udp.back.", prefix + "udp.answered"})
		}
	}
	for _, row := range rows {
		sec.Rows = append(sec.Rows, []string{row.name})
	}
	for i, c := range datagramColumns {
		moved := i < 3
		column := make([]string, len(rows))
		for j, row := range rows {
			name := row.prefix + c.metric
			if c.metric == "" {
				name = row.sent
			}
			column[j] = value(r, name)
			moved = moved || r.Metrics[name].Value != 0
		}
		if !moved {
			continue
		}
		sec.Header = append(sec.Header, c.title)
		for j := range rows {
			sec.Rows[j] = append(sec.Rows[j], column[j])
		}
	}
	for _, quiet := range []struct{ metric, text string }{
		{"udp.unsent", "the sender's kernel had no room for %s"},
		{"udp.refused", "the sender received ICMP port unreachable %s"},
	} {
		if n := int64(r.Metrics[quiet.metric].Value); n > 0 {
			noun := "datagram"
			if quiet.metric == "udp.refused" {
				noun = "time"
			}
			sec.Note = join(sec.Note, fmt.Sprintf(quiet.text, quantity.Plural(n, noun)))
		}
	}
	if s != nil {
		for i := range s.Load {
			if text := describe.Fragments(s, &s.Load[i]); text != "" {
				sec.Note = join(sec.Note, fmt.Sprintf("%s → %s: %s", s.Load[i].From, s.Load[i].To, text))
			}
		}
	}
	return sec
}

// LoadName is the name of the load whose metrics have a prefix, as [NamedLoads] has it; all without one.
func LoadName(prefix string) string {
	if prefix == "" {
		return "all"
	}
	return strings.TrimSuffix(strings.TrimPrefix(prefix, "load."), ".")
}

// NamedLoads finds the loads of a record that have a name and a metric, sorted, as what their metrics begin with:
// load.voice. and so on.
func NamedLoads(r *result.Record, metric string) (list []string) {
	for name := range r.Metrics {
		if prefix, ok := strings.CutSuffix(name, "."+metric); ok && strings.HasPrefix(prefix, "load.") {
			list = append(list, prefix+".")
		}
	}
	slices.Sort(list)
	return list
}
