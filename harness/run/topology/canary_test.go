package topology_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/run/topology"
	"github.com/ruleout/ruleout/harness/scenario"
)

// watcher is a network of one node, from which others are watched.
func watcher() *scenario.Scenario {
	return &scenario.Scenario{Nodes: map[string]*scenario.Node{"watcher": {}}}
}

// canaries returns a function that returns when the kernel has dismantled all namespaces of a network.
//
// It does that in its own time, once the last reference is dropped, and says so by removing
// the devices in them. Each namespace gets one whose other side is in a namespace that stays,
// and goes with it.
func canaries(t testing.TB, watcher *topology.Node, n *topology.Network) (gone func()) {
	t.Helper()
	spaces := append([]*topology.Node{}, n.Nodes()...)
	for _, l := range n.Links() {
		spaces = append(spaces, l.Wire)
	}
	for i, node := range spaces {
		require.NoError(t, node.Netlink().LinkAdd(&netlink.Veth{
			LinkAttrs:     netlink.LinkAttrs{Name: "canary"},
			PeerName:      fmt.Sprintf("canary%d", i),
			PeerNamespace: netlink.NsFd(watcher.FD()),
		}))
	}
	updates, done := make(chan netlink.LinkUpdate), make(chan struct{})
	at := netns.NsHandle(watcher.FD())
	require.NoError(t, netlink.LinkSubscribeWithOptions(updates, done,
		netlink.LinkSubscribeOptions{Namespace: &at, ListExisting: true}))
	alive := map[string]bool{}
	next := func() {
		select {
		case u, ok := <-updates:
			require.True(t, ok)
			if name := u.Attrs().Name; u.Header.Type == unix.RTM_NEWLINK && name != "lo" {
				alive[name] = true
			} else {
				delete(alive, name)
			}
		case <-time.After(30 * time.Second):
			require.Fail(t, "namespaces live on", "%v", alive)
		}
	}
	for len(alive) < len(spaces) {
		next()
	}
	return func() {
		for len(alive) > 0 {
			next()
		}
		close(done)
		for range updates {
		}
	}
}
