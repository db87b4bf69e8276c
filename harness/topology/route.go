package topology

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

func (l *Layout) paths(root int) paths {
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
			if p.hops[to] >= 0 {
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

// Reachable reports whether packets get from one node to another, through routers only.
func (l *Layout) Reachable(from, to string) bool {
	f, ok := l.byName[from]
	t, ok2 := l.byName[to]
	return ok && ok2 && l.paths(f).hops[t] >= 0
}

// Toward returns the addresses by which a node best reaches another: those of the end at
// which the shortest path arrives. They are those of the link between the two if there is
// one, even when it is not the first of the node's links. ok is false without a path.
func (l *Layout) Toward(from, to string) (addr4, addr6 netip.Addr, ok bool) {
	f, okf := l.byName[from]
	t, okt := l.byName[to]
	if !okf || !okt {
		return netip.Addr{}, netip.Addr{}, false
	}
	var last EndRef
	if f == t {
		if len(l.Nodes[t].Ends) == 0 {
			return netip.Addr{}, netip.Addr{}, false
		}
		last = l.Nodes[t].Ends[0]
	} else if last = l.paths(f).last[t]; last == unreached {
		return netip.Addr{}, netip.Addr{}, false
	}
	e := l.end(last)
	return e.Addr4.Addr(), e.Addr6.Addr(), true
}

// routes of one node to every link that it is not on.
//
// A link's network is reached by way of the nearer of its routers. A link between two
// hosts has none; there, each end's address is a destination of its own, since either host
// answers for its own address, on whichever of its links the packet comes in, and for no other.
func (l *Layout) routes(node int) []Route {
	p := l.paths(node)
	var routes []Route
	add := func(to int, prefix4, prefix6 netip.Prefix) {
		out := l.end(p.first[to])
		via := l.end(p.first[to].other())
		routes = append(routes,
			Route{prefix4, via.Addr4.Addr(), out.Index},
			Route{prefix6, via.Addr6.Addr(), out.Index})
	}
	for i := range l.Links {
		ends := &l.Links[i].Ends
		if ends[0].Node == node || ends[1].Node == node {
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
			add(nearest, ends[0].Addr4.Masked(), ends[0].Addr6.Masked())
			continue
		}
		for side := range ends {
			if e := &ends[side]; p.hops[e.Node] >= 0 {
				add(e.Node, netip.PrefixFrom(e.Addr4.Addr(), 32), netip.PrefixFrom(e.Addr6.Addr(), 128))
			}
		}
	}
	sort.SliceStable(routes, func(a, b int) bool { return routes[a].To.Addr().Less(routes[b].To.Addr()) })
	return routes
}
