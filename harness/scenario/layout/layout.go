package layout

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"sort"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario"
)

// MaxLinks is the most links a network may have: what two bytes of an address can number.
const MaxLinks = 1 << 16

// Layout is a network on paper: everything about it that follows from the scenario alone.
type Layout struct {
	// Nodes in order of their names.
	Nodes []Node
	// Links in the scenario's order.
	Links []Link

	byName map[string]int
}

// Node is a node on paper.
type Node struct {
	Name string
	Role scenario.Role
	// Ends are the node's ends of links, in the order of the links.
	Ends []EndRef
	// Routes beyond the node's own links, IPv4 before IPv6, in order of destination.
	Routes []Route
}

// EndRef names an end of a link: Layout.Links[Link].Ends[Side].
type EndRef struct{ Link, Side int }

// Link is a link on paper.
type Link struct {
	Spec scenario.Link
	Ends [2]End
}

// End is one end of a link on paper.
type End struct {
	// Node is an index into Layout.Nodes.
	Node int
	// Device is the node's device: eth0, eth1, … in the order of the links.
	Device string
	// Index of the device in the node's namespace.
	Index int
	// Addr4 and Addr6 are the device's addresses with the link's prefix. Addr6 is invalid
	// where the MTU is below 1280 bytes, the least that IPv6 works with (RFC 8200, section 5).
	Addr4, Addr6 netip.Prefix
	// MTU in bytes.
	MTU int
	// MAC of the node's device.
	MAC net.HardwareAddr
	// WireDevice is the device at the other side of the veth pair: wire0 or wire1.
	WireDevice string
	// WireIndex is its index in the wire's namespace.
	WireIndex int
	// WireMAC is its hardware address, which no packet is ever sent to.
	WireMAC net.HardwareAddr
}

// Indices of devices. The loopback device is 1 in every namespace.
//
// The two sides of a veth pair must not have the same one: the kernel would take the pair
// for a device that hangs on nothing else, and put off the news that it has a carrier by up
// to a second (linkwatch_urgent_event in net/core/link_watch.c). So nodes count from above the wire's two.
const (
	firstWireIndex = 2
	firstNodeIndex = 4
)

// Plan works out names, addresses and routes from a scenario, without touching the machine.
//
// Link i, counted from 0, has the networks 10.(i/256).(i%256).0/24 and fd00:0:0:i::/64, in
// which the node named first is number 1 and the other is number 2. Routes are shortest
// paths through routers; of two paths of one length the one over the earlier link is taken.
// A node that cannot be reached has no route; that is for the caller to judge, see [Layout.Reachable].
//
// Errors are of the kind [problem.Usage].
func Plan(s *scenario.Scenario) (*Layout, error) {
	if len(s.Links) > MaxLinks {
		return nil, problem.Wrap(problem.Usage, fmt.Errorf("%d links, %d at most", len(s.Links), MaxLinks), "")
	}
	l := &Layout{byName: make(map[string]int, len(s.Nodes))}
	names := make([]string, 0, len(s.Nodes))
	for name := range s.Nodes {
		names = append(names, name)
	}
	sort.Strings(names)
	for i, name := range names {
		role := scenario.Host
		if n := s.Nodes[name]; n != nil && n.Role != "" {
			role = n.Role
		}
		l.Nodes = append(l.Nodes, Node{Name: name, Role: role})
		l.byName[name] = i
	}
	for i, spec := range s.Links {
		link := Link{Spec: spec}
		if spec.Between[0] == spec.Between[1] {
			return nil, problem.Wrap(problem.Usage, fmt.Errorf("link %d: joins %s to itself", i, spec.Between[0]), "")
		}
		for side, name := range spec.Between {
			n, ok := l.byName[name]
			if !ok {
				return nil, problem.Wrap(problem.Usage, fmt.Errorf("link %d: there is no node %q", i, name), "")
			}
			link.Ends[side] = newEnd(i, side, n, len(l.Nodes[n].Ends), spec.MTU)
			l.Nodes[n].Ends = append(l.Nodes[n].Ends, EndRef{i, side})
		}
		l.Links = append(l.Links, link)
	}
	for n := range l.Nodes {
		for _, version := range versions {
			l.Nodes[n].Routes = append(l.Nodes[n].Routes, l.routes(n, version)...)
		}
	}
	return l, nil
}

// Smallest MTU for IPv6, and the MTU of a link that names none: Ethernet's.
const (
	minMTU6    = 1280
	defaultMTU = 1500
)

// newEnd is the end of a link that is the nth device of its node.
func newEnd(link, side, node, nth, mtu int) End {
	hi, lo, host := byte(link>>8), byte(link), byte(side+1)
	e := End{
		Node:   node,
		Device: fmt.Sprintf("eth%d", nth),
		Index:  firstNodeIndex + nth,
		Addr4:  netip.PrefixFrom(netip.AddrFrom4([4]byte{10, hi, lo, host}), 24),
		MTU:    cmp.Or(mtu, defaultMTU),
		// Locally administered, so that no real card has it.
		MAC:        net.HardwareAddr{0x02, 0, 0, hi, lo, host},
		WireDevice: fmt.Sprintf("wire%d", side),
		WireIndex:  firstWireIndex + side,
		WireMAC:    net.HardwareAddr{0x02, 1, 0, hi, lo, host},
	}
	if e.MTU >= minMTU6 {
		e.Addr6 = netip.PrefixFrom(netip.AddrFrom16([16]byte{0: 0xfd, 6: hi, 7: lo, 15: host}), 64)
	}
	return e
}

// addr is the end's address of an IP version, 4 or 6, with the link's prefix.
func (e *End) addr(version int) netip.Prefix {
	if version == 4 {
		return e.Addr4
	}
	return e.Addr6
}

func (l *Layout) end(r EndRef) *End { return &l.Links[r.Link].Ends[r.Side] }

// other is the end at the other side of the link.
func (r EndRef) other() EndRef { return EndRef{r.Link, 1 - r.Side} }
