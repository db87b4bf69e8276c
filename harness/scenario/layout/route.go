package layout

import (
	"net/netip"
	"sort"

	"github.com/ruleout/ruleout/harness/scenario"
)

// Route is a static route of a node.
type Route struct {
	// To is a link's network, or one address where a link hangs between two hosts.
	To netip.Prefix
	// Via is the neighbour's address on the link that the packet leaves by.
	Via netip.Addr
	// Index of the device that it leaves by.
	Index int
}

// versions of IP.
var versions = [...]int{4, 6}

// unreached marks a node to which there is no path.
var unreached = EndRef{-1, -1}

// paths is the breadth-first tree over routers that is rooted in a node: for each node the
// end by which the root's packets leave (first), the end by which they arrive (last), and
// how many links they cross (hops; -1 where there is no path).
//
// A host is where a path ends, unless it is the root: hosts do not forward.
type paths struct {
	first, last []EndRef
	hops        []int
}

func (l *Layout) paths(root, version int) paths {
	p := paths{make([]EndRef, len(l.Nodes)), make([]EndRef, len(l.Nodes)), make([]int, len(l.Nodes))}
	for n := range l.Nodes {
		p.first[n], p.last[n], p.hops[n] = unreached, unreached, -1
	}
	p.hops[root] = 0
	for queue := []int{root}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if at != root && l.Nodes[at].Role != scenario.Router {
			continue
		}
		for _, out := range l.Nodes[at].Ends {
			in := out.other()
			to := l.end(in).Node
			if p.hops[to] >= 0 || !l.end(in).addr(version).IsValid() {
				continue
			}
			p.hops[to], p.last[to], p.first[to] = p.hops[at]+1, in, p.first[at]
			if at == root {
				p.first[to] = out
			}
			queue = append(queue, to)
		}
	}
	return p
}

// Reachable reports whether IPv4 packets get from one node to another, through routers only.
func (l *Layout) Reachable(from, to string) bool {
	f, ok := l.byName[from]
	t, ok2 := l.byName[to]
	return ok && ok2 && l.paths(f, 4).hops[t] >= 0
}

// Leaves returns the end of a link by which IPv4 packets of one node to another leave it; ok is false without a path.
func (l *Layout) Leaves(from, to string) (end EndRef, ok bool) {
	f, okf := l.byName[from]
	t, okt := l.byName[to]
	if !okf || !okt || f == t {
		return unreached, false
	}
	end = l.paths(f, 4).first[t]
	return end, end != unreached
}

// Toward returns the addresses by which a node best reaches another: those of the end at
// which the shortest path arrives. They are those of the link between the two if there is
// one, even when it is not the first of the node's links. ok is false without a path; addr6
// is invalid when there is none for IPv6, because a link's MTU is too small for it.
func (l *Layout) Toward(from, to string) (addr4, addr6 netip.Addr, ok bool) {
	f, okf := l.byName[from]
	t, okt := l.byName[to]
	if !okf || !okt {
		return netip.Addr{}, netip.Addr{}, false
	}
	var found [len(versions)]netip.Addr
	for i, version := range versions {
		last := l.paths(f, version).last[t]
		if f == t && len(l.Nodes[t].Ends) > 0 {
			last = l.Nodes[t].Ends[0]
		}
		if last != unreached {
			found[i] = l.end(last).addr(version).Addr()
		}
	}
	return found[0], found[1], found[0].IsValid()
}

// routes of one node to every link that it is not on, by shortest paths.
//
// A link's network is reached by way of the nearer of its routers. A link between two
// hosts has none; there, each end's address is a destination of its own, since either host
// answers for its own address, on whichever of its links the packet comes in, and for no other.
func (l *Layout) routes(node, version int) []Route {
	p := l.paths(node, version)
	var routes []Route
	add := func(to int, prefix netip.Prefix) {
		via := l.end(p.first[to].other()).addr(version).Addr()
		routes = append(routes, Route{prefix, via, l.end(p.first[to]).Index})
	}
	for i := range l.Links {
		ends := &l.Links[i].Ends
		if ends[0].Node == node || ends[1].Node == node || !ends[0].addr(version).IsValid() {
			continue
		}
		nearest := -1
		for side := range ends {
			n := ends[side].Node
			if l.Nodes[n].Role == scenario.Router && p.hops[n] >= 0 && (nearest < 0 || p.hops[n] < p.hops[nearest]) {
				nearest = n
			}
		}
		if nearest >= 0 {
			add(nearest, ends[0].addr(version).Masked())
			continue
		}
		for side := range ends {
			if e := &ends[side]; p.hops[e.Node] >= 0 {
				addr := e.addr(version).Addr()
				add(e.Node, netip.PrefixFrom(addr, addr.BitLen()))
			}
		}
	}
	sort.SliceStable(routes, func(a, b int) bool { return routes[a].To.Addr().Less(routes[b].To.Addr()) })
	return routes
}
