package topology_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/run/topology"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/layout"
)

// BenchmarkBuild6x5 builds and closes a network of 6 nodes and 5 links, ours and one made by
// an `ip netns` script, in turns, and reports medians in milliseconds.
//
// What the kernel does in its own time after a network is gone is waited for in between; of ours,
// dismantled-ms is the time from the beginning of Close to the end of that, with another veth in
// each namespace to see it by.
func BenchmarkBuild6x5(b *testing.B) {
	requireRights(b)
	if _, err := exec.LookPath("ip"); err != nil {
		b.Skip("the script needs iproute2")
	}
	up, down := scripts(b)
	watch, err := topology.Build(context.Background(), watcher())
	require.NoError(b, err)
	defer func() { require.NoError(b, watch.Close()) }()
	var build, shut, vanish, scriptUp, scriptDown []time.Duration
	for b.Loop() {
		s := sixByFive()
		start := time.Now()
		n, err := topology.Build(context.Background(), s)
		build = append(build, time.Since(start))
		require.NoError(b, err)
		gone := canaries(b, watch.Node("watcher"), n)
		start = time.Now()
		err = n.Close()
		shut = append(shut, time.Since(start))
		require.NoError(b, err)
		gone()
		vanish = append(vanish, time.Since(start))

		scriptUp = append(scriptUp, script(b, up))
		scriptDown = append(scriptDown, script(b, down))
	}
	b.ReportMetric(0, "ns/op")
	for name, times := range map[string][]time.Duration{"build-ms": build, "close-ms": shut, "dismantled-ms": vanish,
		"script-build-ms": scriptUp, "script-close-ms": scriptDown} {
		slices.Sort(times)
		b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, name)
	}
}

// scripts writes shell scripts that make and remove the network that Build makes, minus the offloads.
func scripts(b *testing.B) (up, down string) {
	b.Helper()
	l, err := layout.Plan(sixByFive())
	require.NoError(b, err)
	var make, remove strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&make, format+"\n", args...) }
	ns := func(name string) string { return fmt.Sprintf("ruleout-bench-%d-%s", os.Getpid(), name) }
	p("set -e")
	for _, n := range l.Nodes {
		p("ip netns add %s", ns(n.Name))
		p("ip -n %s link set lo up", ns(n.Name))
		fmt.Fprintf(&remove, "ip netns del %s\n", ns(n.Name))
	}
	for i, link := range l.Links {
		wire := ns(fmt.Sprintf("wire%d", i))
		p("ip netns add %s", wire)
		fmt.Fprintf(&remove, "ip netns del %s\n", wire)
		for side, e := range link.Ends {
			node, far := ns(l.Nodes[e.Node].Name), link.Ends[1-side]
			p("ip -n %s link add %s address %s type veth peer name %s netns %s", node, e.Device, e.MAC, e.WireDevice, wire)
			p("ip -n %s link set %s addrgenmode none arp off up", node, e.Device)
			p("ip -n %s link set %s up", wire, e.WireDevice)
			p("ip -n %s addr add %s dev %s", node, e.Addr4, e.Device)
			p("ip -n %s addr add %s dev %s nodad", node, e.Addr6, e.Device)
			p("ip -n %s neigh add %s lladdr %s dev %s", node, far.Addr4.Addr(), far.MAC, e.Device)
			p("ip -n %s neigh add %s lladdr %s dev %s", node, far.Addr6.Addr(), far.MAC, e.Device)
		}
	}
	for _, n := range l.Nodes {
		for _, r := range n.Routes {
			p("ip -n %s route add %s via %s", ns(n.Name), r.To, r.Via)
		}
	}
	dir := b.TempDir()
	up, down = filepath.Join(dir, "up"), filepath.Join(dir, "down")
	require.NoError(b, os.WriteFile(up, []byte(make.String()), 0o600))
	require.NoError(b, os.WriteFile(down, []byte(remove.String()), 0o600))
	return up, down
}

func script(b *testing.B, path string) time.Duration {
	b.Helper()
	start := time.Now()
	out, err := exec.Command("sh", path).CombinedOutput()
	took := time.Since(start)
	require.NoError(b, err, string(out))
	return took
}

// BenchmarkDo compares a thread that goes back to its namespace with one that is left to die in the other.
func BenchmarkDo(b *testing.B) {
	requireRights(b)
	n, err := topology.Build(context.Background(), sixByFive())
	require.NoError(b, err)
	defer func() { require.NoError(b, n.Close()) }()
	web := n.Node("web")
	b.Run("back", func(b *testing.B) {
		for b.Loop() {
			require.NoError(b, web.Do(func() error { return nil }))
		}
	})
	b.Run("die", func(b *testing.B) {
		for b.Loop() {
			done := make(chan error)
			go func() {
				runtime.LockOSThread()
				done <- unix.Setns(web.FD(), unix.CLONE_NEWNET)
			}()
			require.NoError(b, <-done)
		}
	})
}

// BenchmarkTransfer sends 1 MiB from client to mon, over three links, as the network is
// built and with the checksum offload that it switches off: what telling the truth on the wire costs.
func BenchmarkTransfer(b *testing.B) {
	requireRights(b)
	for _, c := range []struct{ what, features string }{{"checksums", ""}, {"offloaded", "on"}} {
		b.Run(c.what, func(b *testing.B) {
			n, err := topology.Build(context.Background(), sixByFive())
			require.NoError(b, err)
			defer func() { require.NoError(b, n.Close()) }()
			forward(b, n)
			if c.features != "" {
				require.NoError(b, topology.OffloadChecksums(n))
			}
			l := listen(b, n.Node("mon"))
			to, _, _ := n.Layout().Toward("client", "mon")
			out, err := dial(n.Node("client"), "tcp", hostPort(to, l.Addr().(*net.TCPAddr).Port))
			require.NoError(b, err)
			defer out.Close()
			in, err := l.Accept()
			require.NoError(b, err)
			defer in.Close()
			data, sink := make([]byte, 1<<20), make([]byte, 1<<20)
			b.SetBytes(1 << 20)
			for b.Loop() {
				sent := make(chan error)
				go func() { _, err := out.Write(data); sent <- err }()
				_, err := io.ReadFull(in, sink)
				require.NoError(b, err)
				require.NoError(b, <-sent)
			}
		})
	}
}

// sixByFive has 6 nodes and 5 links: two routers in a row, and a link between two hosts at the end.
func sixByFive() *scenario.Scenario {
	s := &scenario.Scenario{Nodes: map[string]*scenario.Node{
		"client": {}, "db": {}, "mon": {}, "web": {}, "core": {Role: scenario.Router}, "edge": {Role: scenario.Router},
	}}
	s.Links = []scenario.Link{link("client", "edge"), link("edge", "core"), link("core", "web"), link("web", "db"),
		link("core", "mon")}
	return s
}

func link(a, b string) scenario.Link { return scenario.Link{Between: [2]string{a, b}} }
