package expect

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/metric"
)

// rulesOf are the names of a node's rules of a kind.
func rulesOf(n *scenario.Node, kind string) (list []string) {
	if kind == "nat" {
		for i := range n.NAT {
			list = append(list, n.NAT[i].Name)
		}
		return list
	}
	for i := range n.Firewall {
		list = append(list, n.Firewall[i].Name)
	}
	return list
}

// findRule looks the metric of a rule up; of is NAME.packets, without the node and the kind.
func (n *names) findRule(name, node, kind, of string) (m metric.Metric, msg, hint string) {
	rule, suffix, _ := strings.Cut(of, ".")
	var have []string
	if box := n.boxes[node]; box != nil {
		have = rulesOf(box, kind)
	}
	switch {
	case n.boxes != nil && len(have) == 0:
		return m, fmt.Sprintf("%s has no rule of %s", node, kind), fmt.Sprintf("rules are nodes.%s.%s", node, kind)
	case n.boxes != nil && !slices.Contains(have, rule):
		return m, fmt.Sprintf("%s has no rule %q of %s", node, rule, kind), near(rule, have, "its rules: ")
	}
	if m, ok := metric.Lookup(name); ok {
		return m, "", ""
	}
	var list []string
	for _, m := range metric.Rule(kind) {
		list = append(list, m.Name)
	}
	return m, fmt.Sprintf("unknown metric %q", name), near(suffix, list, "a rule of "+kind+" has ")
}

// lacksTable says why a node does not have a metric of a table of connections.
func (n *names) lacksTable(node, of string) (msg, hint string) {
	box := n.boxes[node]
	if box == nil {
		return "", ""
	}
	has := func(list []metric.Metric) bool {
		return slices.ContainsFunc(list, func(m metric.Metric) bool { return m.Name == of })
	}
	switch {
	case !box.Tracks() && (has(metric.Conntrack()) || has(metric.Forgotten())):
		return fmt.Sprintf("%s tracks no connections, and so has no %s", node, of),
			fmt.Sprintf("add the key conntrack: {} to nodes.%s", node)
	case n.untimed && strings.HasPrefix(of, "conntrack.entries."):
		return "entries are counted at the intervals of the timeline, which is off", "leave the key timeline out"
	case has(metric.Forgotten()) && (box.Conntrack == nil || len(box.Conntrack.Forget) == 0):
		return fmt.Sprintf("%s forgets nothing, and so has no %s", node, of), fmt.Sprintf("that is nodes.%s.conntrack.forget",
			node)
	}
	return "", ""
}
