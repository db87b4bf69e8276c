package expect_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/expect"
)

func TestMetricsOfMiddleboxes(t *testing.T) {
	s := &scenario.Scenario{Nodes: map[string]*scenario.Node{
		"edge": {NAT: []scenario.NAT{{Name: "in"}}, Conntrack: &scenario.Conntrack{}},
		"gate": {Firewall: []scenario.FirewallRule{{Name: "new"}}},
		"lost": {Conntrack: &scenario.Conntrack{Forget: []scenario.Forget{{}}}}, "web": {},
	}}
	for _, good := range []string{"edge.nat.in.connections == 1", "gate.firewall.new.packets > 0",
		"gate.firewall.new.bytes > 1kB", "edge.conntrack.drops == 0", "lost.conntrack.forgotten > 3"} {
		_, err := expect.Compile(good, s)
		require.NoError(t, err, good)
	}
	for _, c := range []struct{ text, msg, hint string }{
		{"edge.conntrack.forgotten == 0", "edge forgets nothing, and so has no conntrack.forgotten",
			"that is nodes.edge.conntrack.forget"},
		{"web.conntrack.drops == 0", "web tracks no connections, and so has no conntrack.drops",
			"add the key conntrack: {} to nodes.web"},
		{"gate.conntrack.invalid == 0", "gate tracks no connections, and so has no conntrack.invalid",
			"add the key conntrack: {} to nodes.gate"},
		{"edge.nat.inn.connections > 0", `edge has no rule "inn" of nat`, `did you mean "in"? its rules: in`},
		{"edge.firewall.new.packets > 0", "edge has no rule of firewall", "rules are nodes.edge.firewall"},
		{"edge.nat.in.packets > 0", `unknown metric "edge.nat.in.packets"`, "a rule of nat has connections"},
	} {
		_, err := expect.Compile(c.text, s)
		var m *problem.Mistake
		require.ErrorAs(t, err, &m, c.text)
		require.Equal(t, c.msg, m.Msg)
		require.Equal(t, c.hint, m.Hint)
	}
}
