package topology_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/run/topology"
	"github.com/ruleout/ruleout/harness/scenario"
)

// TestEveryNodeReachesEveryOther talks TCP and UDP, IPv4 and IPv6, between all pairs that have a path.
func TestEveryNodeReachesEveryOther(t *testing.T) {
	n := build(t, sixByFive())
	forward(t, n)
	pairs := 0
	for _, to := range n.Nodes() {
		l := listen(t, to)
		go echoTCP(l)
		u := listenUDP(t, to)
		go echoUDP(u)
		tcp, udp := l.Addr().(*net.TCPAddr).Port, u.LocalAddr().(*net.UDPAddr).Port
		for _, from := range n.Nodes() {
			a4, a6, ok := n.Layout().Toward(from.Name, to.Name)
			if !ok {
				_, err := dial(from, "tcp", hostPort(to.Addr4(), tcp))
				require.ErrorIs(t, err, unix.ENETUNREACH, "%s to %s", from.Name, to.Name)
				continue
			}
			pairs++
			for _, a := range []netip.Addr{a4, a6} {
				require.NoError(t, ask(from, "tcp", hostPort(a, tcp)), "%s to %s", from.Name, to.Name)
				require.NoError(t, ask(from, "udp", hostPort(a, udp)), "%s to %s", from.Name, to.Name)
			}
		}
	}
	require.Equal(t, 6*6-2*4, pairs, "only between db and the four beyond web there is no path")
}

func listenUDP(t *testing.T, n *topology.Node) *net.UDPConn {
	t.Helper()
	var c *net.UDPConn
	require.NoError(t, n.Do(func() (err error) { c, err = net.ListenUDP("udp", nil); return err }))
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func echoTCP(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		// Wrapped, so that io.Copy does not splice: package net keeps the pipes for that.
		_, _ = io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{c})
		_ = c.Close()
	}
}

func echoUDP(c *net.UDPConn) {
	buf := make([]byte, 2048)
	for {
		n, from, err := c.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		_, _ = c.WriteToUDPAddrPort(buf[:n], from)
	}
}

// ask sends a word and wants it back; nothing on the way may lose it.
func ask(from *topology.Node, network, addr string) error {
	c, err := dial(from, network, addr)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	if _, err := c.Write([]byte("word")); err != nil {
		return err
	}
	back := make([]byte, 4)
	if _, err = io.ReadFull(c, back); err == nil && string(back) != "word" {
		err = fmt.Errorf("got %q back", back)
	}
	return err
}

func TestNetworkIsAsPlanned(t *testing.T) {
	s := sixByFive()
	s.Links[2].MTU = 9000
	s.Links[4].MTU = 600
	n := build(t, s)
	var names []string
	inodes := map[uint64]bool{}
	for _, node := range n.Nodes() {
		names = append(names, node.Name)
		inodes[node.Inode()] = true
	}
	require.True(t, slices.IsSorted(names), names)
	require.Len(t, inodes, 6)
	require.Nil(t, n.Node("nobody"))
	require.Same(t, n.Links()[3], n.Link("db", "web"))
	require.Nil(t, n.Link("db", "client"))
	require.Nil(t, n.Links()[0].End("db"))

	for i, l := range n.Links() {
		require.Equal(t, i, l.Index)
		require.Same(t, l.Wire, n.Links()[i].Wire)
		require.False(t, l.Wire.Addr4().IsValid())
		for _, e := range l.Ends {
			require.Same(t, e, l.End(e.Node.Name))
			device, err := e.Node.Netlink().LinkByName(e.Device)
			require.NoError(t, err)
			require.Equal(t, e.Index, device.Attrs().Index)
			require.Equal(t, e.MTU, device.Attrs().MTU)
			require.Equal(t, e.MAC, device.Attrs().HardwareAddr)
			require.Equal(t, "veth", device.Type())
			middle, err := l.Wire.Netlink().LinkByName(e.WireDevice)
			require.NoError(t, err)
			require.Equal(t, e.WireIndex, middle.Attrs().Index)
			require.Equal(t, e.MTU, middle.Attrs().MTU)
			require.Equal(t, e.Index, middle.Attrs().ParentIndex, "the other side of the same pair")
			addrs, err := e.Node.Netlink().AddrList(device, netlink.FAMILY_ALL)
			require.NoError(t, err)
			var got []string
			for _, a := range addrs {
				got = append(got, a.IPNet.String())
			}
			want := []string{e.Addr4.String()}
			if e.MTU >= 1280 {
				want = append(want, e.Addr6.String())
			}
			require.ElementsMatch(t, want, got, "no other address, no link-local one")
			addrs, err = l.Wire.Netlink().AddrList(middle, netlink.FAMILY_ALL)
			require.NoError(t, err)
			require.Empty(t, addrs)
		}
	}
}

// TestStar has a router with more links than requests go into one system call.
func TestStar(t *testing.T) {
	s := &scenario.Scenario{Nodes: map[string]*scenario.Node{"hub": {Role: scenario.Router}}}
	const arms = 70
	for i := range arms {
		name := fmt.Sprintf("arm%d", i)
		s.Nodes[name] = &scenario.Node{}
		s.Links = append(s.Links, link("hub", name))
	}
	n := build(t, s)
	forward(t, n)
	l := listen(t, n.Node("arm0"))
	go echoTCP(l)
	port := l.Addr().(*net.TCPAddr).Port
	for _, from := range []string{"hub", "arm1", fmt.Sprintf("arm%d", arms-1)} {
		require.NoError(t, ask(n.Node(from), "tcp", hostPort(n.Node("arm0").Addr4(), port)))
		require.NoError(t, ask(n.Node(from), "tcp", hostPort(n.Node("arm0").Addr6(), port)))
	}
}

func TestBuildWithoutLinks(t *testing.T) {
	s := sixByFive()
	s.Links = nil
	n := build(t, s)
	require.False(t, n.Node("web").Addr4().IsValid())
	l := listen(t, n.Node("web"))
	c, err := dial(n.Node("web"), "tcp", hostPort(netip.MustParseAddr("127.0.0.1"), l.Addr().(*net.TCPAddr).Port))
	require.NoError(t, err, "lo is up")
	require.NoError(t, c.Close())
}

// countdown is a context that is cancelled, or panics, at the nth time that it is asked.
type countdown struct {
	context.Context
	left  *atomic.Int64
	panic bool
}

func (c countdown) Err() error {
	if c.left.Add(-1) >= 0 {
		return nil
	}
	if c.panic {
		panic("in the middle")
	}
	return context.Canceled
}

// TestCancelAnywhere cancels, and panics, at every point at which Build looks at its context.
func TestCancelAnywhere(t *testing.T) {
	requireRights(t)
	verifyNoLeak(t)
	for _, panics := range []bool{false, true} {
		points := 0
		for {
			left := new(atomic.Int64)
			left.Store(int64(points))
			n, err := buildOrPanic(countdown{context.Background(), left, panics})
			if err == nil {
				require.NoError(t, n.Close())
				break
			}
			require.Nil(t, n)
			if !panics {
				require.ErrorIs(t, err, context.Canceled)
			}
			points++
		}
		require.Greater(t, points, 35, "a look at the context for each namespace, node and link")
	}
}

func buildOrPanic(ctx context.Context) (n *topology.Network, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return topology.Build(ctx, sixByFive())
}

// TestKernelDismantles shows that nothing of ours keeps the namespaces.
func TestKernelDismantles(t *testing.T) {
	watch := build(t, watcher())
	n, err := topology.Build(context.Background(), sixByFive())
	require.NoError(t, err)
	forward(t, n)
	gone := canaries(t, watch.Node("watcher"), n)
	require.NoError(t, n.Close())
	gone()
}
