package report

import (
	"fmt"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/describe"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// connections is the table of the tables of connections.
func connections(r *result.Record) Section {
	sec := Section{ID: "connections", Title: "Tables of connections", Left: 1, Header: []string{"node", "entries, mean",
		"max", "room for", "drops", "early drops", "invalid", "insert failed", "clashes"}}
	for i := range r.Middleboxes {
		m := &r.Middleboxes[i]
		if m.Max == 0 {
			continue
		}
		row := []string{m.Node, value(r, m.Node+".conntrack.entries.mean"), value(r, m.Node+".conntrack.entries.max"),
			quantity.Count(m.Max)}
		for _, of := range []string{"drops", "early_drops", "invalid", "insert_failed", "clashes"} {
			row = append(row, value(r, m.Node+".conntrack."+of))
		}
		sec.Rows = append(sec.Rows, row)
		for _, f := range m.Forgot {
			sec.Note = join(sec.Note, fmt.Sprintf("%s: forgot %s at %s", m.Node, quantity.Plural(f.Entries, "entry"),
				quantity.Seconds(f.At)))
		}
	}
	return sec
}

// rules is the table of what the rules of middleboxes matched.
func rules(r *result.Record, s *scenario.Scenario) Section {
	sec := Section{ID: "rules", Title: "Rules of middleboxes", Left: 3, Header: []string{"node", "rule", "does", "matched",
		"bytes"}}
	for i := range r.Middleboxes {
		m := &r.Middleboxes[i]
		for _, rule := range m.Rules {
			matched, bytes := quantity.Plural(rule.Packets, "packet"), quantity.Bytes(float64(rule.Bytes))
			if rule.Kind == result.NATRule {
				matched, bytes = quantity.Plural(rule.Packets, "connection"), none
			}
			sec.Rows = append(sec.Rows, []string{m.Node, rule.Name, ruleDoes(s, m.Node, rule), matched, bytes})
			if more := rule.All - rule.Packets; more > 0 {
				sec.Note = join(sec.Note, fmt.Sprintf("%s: %s matched %s more before or after the measured window", m.Node,
					rule.Name, quantity.Count(more)))
			}
		}
	}
	return sec
}

// ruleDoes puts a rule of the scenario into words.
func ruleDoes(s *scenario.Scenario, node string, rule result.Rule) string {
	if s == nil || s.Nodes[node] == nil {
		return none
	}
	n := s.Nodes[node]
	for i := range n.NAT {
		if rule.Kind == result.NATRule && n.NAT[i].Name == rule.Name {
			return describe.NAT(&n.NAT[i])
		}
	}
	for i := range n.Firewall {
		if rule.Kind == result.FirewallRule && n.Firewall[i].Name == rule.Name {
			return describe.Rule(&n.Firewall[i], n.Role)
		}
	}
	return none
}
