package layout_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/layout"
)

func link(a, b string) scenario.Link { return scenario.Link{Between: [2]string{a, b}} }

// sixByFive has 6 nodes and 5 links: two routers in a row, and a link between two hosts at the end.
//
//	client ── edge ── core ── web ── db
//	                   └───── mon
func sixByFive() *scenario.Scenario {
	return &scenario.Scenario{
		Nodes: map[string]*scenario.Node{
			"client": {}, "db": {}, "mon": {}, "web": {},
			"core": {Role: scenario.Router}, "edge": {Role: scenario.Router},
		},
		Links: []scenario.Link{
			link("client", "edge"), link("edge", "core"), link("core", "web"), link("web", "db"), link("core", "mon"),
		},
	}
}

func TestPlanNumbersByLinkOrder(t *testing.T) {
	l, err := layout.Plan(sixByFive())
	require.NoError(t, err)
	core := l.Links[2].Ends[0]
	require.Equal(t, "core", l.Nodes[core.Node].Name)
	require.Equal(t, "eth1", core.Device)
	require.Equal(t, netip.MustParsePrefix("10.0.2.1/24"), core.Addr4)
	require.Equal(t, netip.MustParsePrefix("fd00:0:0:2::1/64"), core.Addr6)
	require.Equal(t, "02:00:00:00:02:01", core.MAC.String())
	require.Equal(t, "wire0", core.WireDevice)

	s := sixByFive()
	for i := len(s.Links); i < 300; i++ {
		s.Links = append(s.Links, link("edge", "core"))
	}
	l, err = layout.Plan(s)
	require.NoError(t, err)
	last := l.Links[299].Ends[1]
	require.Equal(t, netip.MustParsePrefix("10.1.43.2/24"), last.Addr4)
	require.Equal(t, netip.MustParsePrefix("fd00:0:0:12b::2/64"), last.Addr6)
}

func TestPlanRoutes(t *testing.T) {
	l, err := layout.Plan(sixByFive())
	require.NoError(t, err)
	routes := map[string][]string{}
	for _, n := range l.Nodes {
		for _, r := range n.Routes {
			routes[n.Name] = append(routes[n.Name], fmt.Sprintf("%s via %s", r.To, r.Via))
		}
	}
	require.Equal(t, []string{
		"10.0.1.0/24 via 10.0.0.2", "10.0.2.0/24 via 10.0.0.2", "10.0.3.1/32 via 10.0.0.2", "10.0.4.0/24 via 10.0.0.2",
		"fd00:0:0:1::/64 via fd00::2", "fd00:0:0:2::/64 via fd00::2", "fd00:0:0:3::1/128 via fd00::2",
		"fd00:0:0:4::/64 via fd00::2",
	}, routes["client"], "db hangs on a host, so only the host's own address beyond it can be reached")
	require.Equal(t, []string{"10.0.2.2/32 via 10.0.3.1", "fd00:0:0:2::2/128 via fd00:0:0:3::1"}, routes["db"],
		"its only neighbour does not forward, but has a second address")
	require.True(t, l.Reachable("client", "mon"))
	require.False(t, l.Reachable("client", "db"))
	require.False(t, l.Reachable("client", "nobody"))
}

func TestTowardPrefersTheLinkBetween(t *testing.T) {
	s := sixByFive()
	s.Links = append(s.Links, link("client", "mon"))
	l, err := layout.Plan(s)
	require.NoError(t, err)
	for _, c := range []struct{ from, to, want string }{
		{"web", "mon", "10.0.4.2"},
		{"client", "mon", "10.0.5.2"},
		{"mon", "mon", "10.0.4.2"},
		{"db", "web", "10.0.3.1"},
	} {
		a4, a6, ok := l.Toward(c.from, c.to)
		require.True(t, ok)
		require.Equal(t, c.want, a4.String(), "%s to %s", c.from, c.to)
		require.True(t, a6.Is6())
	}
	_, _, ok := l.Toward("client", "db")
	require.False(t, ok)
}

func TestSmallMTUIsWithoutIPv6(t *testing.T) {
	s := sixByFive()
	s.Links[1].MTU = 1279
	l, err := layout.Plan(s)
	require.NoError(t, err)
	require.False(t, l.Links[1].Ends[0].Addr6.IsValid())
	a4, a6, ok := l.Toward("client", "mon")
	require.True(t, ok)
	require.True(t, a4.IsValid())
	require.False(t, a6.IsValid(), "the only way is over a link without IPv6")
	_, a6, _ = l.Toward("web", "mon")
	require.True(t, a6.IsValid())
}

func TestPlanRefuses(t *testing.T) {
	for _, c := range []struct {
		what string
		link scenario.Link
		want string
	}{
		{"a node that is not there", link("client", "webb"), `link 5: there is no node "webb"`},
		{"a link to oneself", link("web", "web"), "link 5: joins web to itself"},
	} {
		t.Run(c.what, func(t *testing.T) {
			s := sixByFive()
			s.Links = append(s.Links, c.link)
			_, err := layout.Plan(s)
			require.EqualError(t, err, c.want)
			require.Equal(t, problem.Usage, problem.KindOf(err))
		})
	}
}

// TestRoutesLead walks packets through random networks by the nodes' routes alone, as the
// kernels of the nodes would.
func TestRoutesLead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &scenario.Scenario{Nodes: map[string]*scenario.Node{}}
		n := rapid.IntRange(2, 9).Draw(t, "nodes")
		name := func(i int) string { return fmt.Sprintf("n%d", i) }
		for i := range n {
			role := rapid.SampledFrom([]scenario.Role{scenario.Host, scenario.Router}).Draw(t, "role")
			s.Nodes[name(i)] = &scenario.Node{Role: role}
		}
		for range rapid.IntRange(1, 14).Draw(t, "links") {
			a := rapid.IntRange(0, n-1).Draw(t, "a")
			b := (a + rapid.IntRange(1, n-1).Draw(t, "b")) % n
			l := link(name(a), name(b))
			l.MTU = rapid.SampledFrom([]int{576, 1280, 1500}).Draw(t, "mtu")
			s.Links = append(s.Links, l)
		}
		l, err := layout.Plan(s)
		if err != nil {
			t.Fatal(err)
		}
		for from := range l.Nodes {
			for to := range l.Nodes {
				a4, a6, ok := l.Toward(l.Nodes[from].Name, l.Nodes[to].Name)
				if from == to {
					continue
				}
				if ok != l.Reachable(l.Nodes[from].Name, l.Nodes[to].Name) {
					t.Fatalf("Toward and Reachable disagree on %d to %d", from, to)
				}
				if ok {
					walk(t, l, from, to, a4)
				}
				if a6.IsValid() {
					walk(t, l, from, to, a6)
				}
			}
		}
	})
}

func walk(t *rapid.T, l *layout.Layout, from, to int, dst netip.Addr) {
	at := from
	for hop := 0; ; hop++ {
		if owns(l, at, dst) {
			if at != to {
				t.Fatalf("%s is at %d, not at %d", dst, at, to)
			}
			return
		}
		if hop > 0 && l.Nodes[at].Role != scenario.Router {
			t.Fatalf("from %d to %s: host %d would have to forward", from, dst, at)
		}
		if hop > len(l.Nodes) {
			t.Fatalf("from %d to %s: going round in circles", from, dst)
		}
		at = next(t, l, at, dst)
	}
}

func owns(l *layout.Layout, node int, a netip.Addr) bool {
	for _, r := range l.Nodes[node].Ends {
		if e := l.Links[r.Link].Ends[r.Side]; e.Addr4.Addr() == a || e.Addr6.Addr() == a {
			return true
		}
	}
	return false
}

// next is the node to which a packet goes from another: the longest prefix wins.
func next(t *rapid.T, l *layout.Layout, at int, dst netip.Addr) int {
	neighbour := func(via netip.Addr) int {
		for _, r := range l.Nodes[at].Ends {
			far := l.Links[r.Link].Ends[1-r.Side]
			if far.Addr4.Addr() == via || far.Addr6.Addr() == via {
				return far.Node
			}
		}
		t.Fatalf("at %d: %s is no neighbour's", at, via)
		return -1
	}
	bits, via := -1, netip.Addr{}
	for _, r := range l.Nodes[at].Ends {
		e := l.Links[r.Link].Ends[r.Side]
		for _, p := range []netip.Prefix{e.Addr4, e.Addr6} {
			if p.IsValid() && p.Contains(dst) {
				bits, via = p.Bits(), dst
			}
		}
	}
	for _, r := range l.Nodes[at].Routes {
		if r.To.Contains(dst) && r.To.Bits() > bits {
			bits, via = r.To.Bits(), r.Via
		}
	}
	if bits < 0 {
		t.Fatalf("at %d: no route to %s", at, dst)
	}
	return neighbour(via)
}
