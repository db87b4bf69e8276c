package scenario

import (
	"fmt"
	"slices"
	"strings"
)

// nats checks the rules by which a node changes addresses.
func (v *validation) nats(path, name string, n *Node) {
	seen := map[string]bool{}
	for i := range n.NAT {
		r, at := &n.NAT[i], fmt.Sprintf("%s[%d]", path, i)
		v.ruleName(at, r.Name, seen)
		if !v.forwards(at, name, "the rule") {
			continue
		}
		var kinds []string
		for _, k := range []struct{ key, node string }{
			{"masquerade", r.Masquerade}, {"snat", r.SNAT}, {"dnat", r.DNAT},
		} {
			if k.node != "" {
				kinds = append(kinds, k.key)
			}
		}
		switch len(kinds) {
		case 1:
		case 0:
			if v.sound(at) {
				v.fail(at, "a rule without a kind", "one of: masquerade, snat, dnat, with the name of a node")
			}
			continue
		default:
			v.fail(at+"."+kinds[1], "a rule has one kind, not "+strings.Join(kinds, " and "), "make it two rules")
			continue
		}
		if r.From != "" && !v.known(at+".from", r.From) {
			continue
		}
		v.portRange(at+".ports", r.Ports)
		if r.DNAT != "" {
			v.dnat(at, name, r)
		} else {
			v.snat(at, kinds[0], name, r)
		}
		v.covered(path, i, n)
	}
}

// covered finds a rule before rule i that decides on all that it would.
func (v *validation) covered(path string, i int, n *Node) {
	r := &n.NAT[i]
	if !v.sound(fmt.Sprintf("%s[%d]", path, i)) {
		return
	}
	for j := range n.NAT[:i] {
		e := &n.NAT[j]
		if (e.DNAT != "") == (r.DNAT != "") && e.Out() == r.Out() && (e.From == "" || e.From == r.From) &&
			(e.Packets == AnyPacket || e.Packets == r.Packets) && (e.Port == 0 || e.Port == r.Port) {
			v.fail(fmt.Sprintf("%s[%d]", path, i),
				fmt.Sprintf("no connection would get to this rule: %s before it matches all that this one does", e.Name), "")
			return
		}
	}
}

func (v *validation) snat(at, kind, name string, r *NAT) {
	if !v.neighbour(at+"."+kind, name, r.Out()) {
		return
	}
	switch {
	case r.ToPort > 0:
		v.fail(at+".to-port", "to-port belongs to dnat", "ports has the source ports of snat")
	case r.Masquerade != "" && r.Ports != "" && v.sound(at+".ports"):
		v.fail(at+".ports", "masquerade has no pool of ports", "write snat: "+r.Masquerade)
	case r.From == r.Out():
		v.fail(at+".from", fmt.Sprintf("connections from %s do not leave by the link to it", r.From), "")
	case r.From != "" && r.From != name:
		v.reachable(at+".from", r.From, name)
	}
}

func (v *validation) dnat(at, name string, r *NAT) {
	switch {
	case !v.known(at+".dnat", r.DNAT):
		return
	case r.DNAT == name:
		v.fail(at+".dnat", "a dnat to the node itself", "name the node that serves")
		return
	case r.DNAT == r.From:
		v.fail(at+".dnat", fmt.Sprintf("connections of %s would go back to it", r.From), "")
		return
	case r.Port == 0:
		v.fail(at, "dnat without a port", "add the key port: the one that connections go to")
		return
	case r.Ports != "" || r.Random:
		v.fail(at+map[bool]string{true: ".ports", false: ".random"}[r.Ports != ""], "a dnat chooses no source port",
			"that belongs to snat; to-port has the port of the node that serves")
		return
	case !v.reachable(at+".dnat", name, r.DNAT):
		return
	}
	if slices.Contains(v.openPorts(name, r), r.Port) {
		v.fail(at+".port",
			fmt.Sprintf("%s has a service of its own on port %d, which no connection would get to", name, r.Port), "")
		return
	}
	if !slices.Contains(v.openPorts(r.DNAT, r), r.Target()) && v.sound(join("nodes", r.DNAT)) {
		key := ".port"
		if r.ToPort > 0 {
			key = ".to-port"
		}
		v.fail(at+key, fmt.Sprintf("nothing serves port %d of %s", r.Target(), r.DNAT), v.portHint())
		return
	}
	v.comesBack(at, name, r)
}

// openPorts are the ports of a node that something serves by a protocol that a rule is about.
func (v *validation) openPorts(node string, r *NAT) (ports []int) {
	if r.carries(TCPPacket) {
		ports, _ = v.servedPorts(node, true)
	}
	if n := v.Nodes[node]; n != nil && r.carries(UDPPacket) {
		for _, t := range n.Service.takers() {
			ports = append(ports, t.port)
		}
	}
	return ports
}

// comesBack checks that the answers to the connections of a dnat return by the node that has changed their addresses:
// else they come to their clients from an address that these have not asked.
func (v *validation) comesBack(at, name string, r *NAT) {
	for i := range v.Load {
		l := &v.Load[i]
		if l.To != name || l.HTTP == nil || l.HTTP.Port != r.Port && l.HTTP.Port != 0 || r.From != "" && r.From != l.From ||
			v.Nodes[l.From] == nil {
			continue
		}
		there := v.path(name, r.DNAT, false)
		back := v.path(r.DNAT, l.From, false)
		if len(there) < 2 || len(back) < 2 || slices.Contains(back, name) {
			continue
		}
		if slices.ContainsFunc(v.Nodes[name].NAT, func(other NAT) bool {
			return other.Out() == there[1] && (other.From == "" || other.From == l.From) &&
				(other.Port == 0 || other.Port == r.Target()) && other.carries(TCPPacket)
		}) {
			continue
		}
		v.fail(at+".dnat",
			fmt.Sprintf("no way back: answers of %s to %s go by %s, past %s", r.DNAT, l.From, strings.Join(back, ", "), name),
			fmt.Sprintf("add a rule with masquerade: %s, or leave out the other link", there[1]))
		return
	}
}

// translated returns the node on a way that gives the connections of a flow another source address, and the number of
// links before that; "" if none does.
func (v *validation) translated(way []string, f *Flow) (node string, links int) {
	for i := 1; i < len(way)-1; i++ {
		for _, r := range v.Nodes[way[i]].NAT {
			if r.Out() == way[i+1] && (r.From == "" || r.From == f.From) && (r.Port == 0 || r.Port == f.Port) &&
				(f.Port == 0 || slices.Contains(v.openPorts(f.To, &r), f.Port)) {
				return way[i], i
			}
		}
	}
	return "", len(way) - 1
}
