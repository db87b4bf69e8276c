package describe

import (
	"fmt"
	"strings"

	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// middlebox says what a node does to packets besides forwarding them.
func middlebox(n *scenario.Node) (parts []string) {
	if c := n.Conntrack; c != nil {
		parts = append(parts, conntrack(c))
	}
	for i := range n.NAT {
		parts = append(parts, NAT(&n.NAT[i]))
	}
	for i := range n.Firewall {
		parts = append(parts, "rule "+n.Firewall[i].Name+": "+Rule(&n.Firewall[i], n.Role))
	}
	return parts
}

func conntrack(c *scenario.Conntrack) string {
	out := "tracks connections"
	var with []string
	if c.Max > 0 {
		with = append(with, quantity.Count(int64(c.Max))+" at most")
	}
	if c.Buckets > 0 {
		with = append(with, quantity.Plural(int64(c.Buckets), "bucket"))
	}
	for _, t := range c.Timeouts.All() {
		if t.For > 0 {
			with = append(with, t.Key+" for "+Duration(t.For))
		}
	}
	if c.BeLiberal {
		with = append(with, "liberal")
	}
	if c.Loose != nil && !*c.Loose {
		with = append(with, "not loose")
	}
	if len(with) > 0 {
		out += " (" + strings.Join(with, ", ") + ")"
	}
	var times []string
	for _, f := range c.Forget {
		times = append(times, Duration(f.At))
	}
	if len(times) > 0 {
		out += ", and forgets them at " + quantity.List(times)
	}
	return out
}

// NAT says what a rule of nat does: SNAT towards core of tcp connections from client to port 80, source ports
// 40000-40009, at random.
func NAT(r *scenario.NAT) string {
	out := "masquerade towards " + r.Masquerade
	switch {
	case r.SNAT != "":
		out = "SNAT towards " + r.SNAT
	case r.DNAT != "":
		out = "DNAT to " + r.DNAT
		if r.ToPort > 0 {
			out += fmt.Sprintf(" port %d", r.ToPort)
		}
	}
	of := "connections"
	if r.Packets != scenario.AnyPacket {
		of = string(r.Packets) + " connections"
	}
	if r.From != "" {
		of += " from " + r.From
	}
	if r.Port > 0 {
		of += fmt.Sprintf(" to port %d", r.Port)
	}
	if of != "connections" {
		out += " of " + of
	}
	switch {
	case r.Ports != "" && r.Random:
		out += ", source ports " + string(r.Ports) + ", at random"
	case r.Ports != "":
		out += ", source ports " + string(r.Ports)
	case r.Random:
		out += ", source ports at random"
	}
	return out
}

// Rule says what a rule of a firewall does, on a node with this role.
func Rule(r *scenario.FirewallRule, role scenario.Role) string {
	does := map[scenario.Verdict]string{scenario.Accept: "accept", scenario.Drop: "drop", scenario.CountOnly: "count",
		scenario.SendRST: "answer with an RST", scenario.Unreachable: "answer with ICMP port unreachable",
		scenario.Prohibited: "answer with ICMP administratively prohibited"}[r.Do]
	what := "packets"
	if r.Packets != scenario.AnyPacket {
		what = string(r.Packets)
	}
	words := []string{does, what}
	add := func(lead, text string) {
		if text != "" {
			words = append(words, lead+" "+text)
		}
	}
	add("in state", string(r.State))
	add("from", r.From)
	add("from port", string(r.FromPorts))
	add("to", r.To)
	add("to port", string(r.ToPorts))
	add("that came by", r.In)
	add("that leave by", r.Out)
	switch {
	case r.UpTo > 0:
		add("up to", fmt.Sprintf("%s (burst %d)", r.UpTo, r.Tokens()))
	case r.Over > 0:
		add("over", fmt.Sprintf("%s (burst %d)", r.Over, r.Tokens()))
	}
	if hook := r.At(role); hook != scenario.HookForward {
		add("at", string(hook))
	}
	return strings.Join(words, " ")
}
