package topology_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/run/topology"
	"github.com/ruleout/ruleout/harness/scenario"
)

// build makes a network that is gone when the test ends, and checks that nothing else is left.
func build(t *testing.T, s *scenario.Scenario) *topology.Network {
	t.Helper()
	requireRights(t)
	verifyNoLeak(t)
	n, err := topology.Build(context.Background(), s)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	return n
}

// requireRights skips a test where the process may not make namespaces.
func requireRights(t testing.TB) {
	t.Helper()
	n, err := topology.Build(context.Background(), &scenario.Scenario{Nodes: map[string]*scenario.Node{"a": {}}})
	if problem.KindOf(err) == problem.Machine {
		t.Skipf("%v (%s)", err, problem.HintOf(err))
	}
	require.NoError(t, err)
	require.NoError(t, n.Close())
}

// verifyNoLeak compares, at the end of the test, what a network could leave in the process
// and on the machine with what was there at the start.
func verifyNoLeak(t *testing.T) {
	t.Helper()
	before := footprint(t)
	t.Cleanup(func() {
		require.NoError(t, goleak.Find())
		require.Equal(t, before, footprint(t))
	})
}

// mark is what a test looks for in the process and on the machine.
type mark struct {
	Descriptors []string
	Links       []string
	// Namespaces in which the process's threads are: one.
	Namespaces []string
}

func footprint(t *testing.T) mark {
	t.Helper()
	var m mark
	fds, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	for _, fd := range fds {
		// The runtime opens its poller, and the memory limits it reads, when it likes.
		to, err := os.Readlink("/proc/self/fd/" + fd.Name())
		if err == nil && !strings.Contains(to, "[event") && !strings.HasPrefix(to, "/sys/fs/cgroup") {
			m.Descriptors = append(m.Descriptors, to)
		}
	}
	links, err := netlink.LinkList()
	require.NoError(t, err)
	for _, l := range links {
		m.Links = append(m.Links, l.Attrs().Name)
	}
	m.Namespaces, err = threadNamespaces()
	require.NoError(t, err)
	return m
}

// threadNamespaces lists the network namespaces in which threads of this process are.
func threadNamespaces() ([]string, error) {
	tasks, err := filepath.Glob("/proc/self/task/*/ns/net")
	if err != nil {
		return nil, err
	}
	var seen []string
	for _, task := range tasks {
		ns, err := os.Readlink(task)
		if errors.Is(err, os.ErrNotExist) {
			continue // the thread has ended
		}
		if err != nil {
			return nil, err
		}
		if !slices.Contains(seen, ns) {
			seen = append(seen, ns)
		}
	}
	return seen, nil
}

// forward joins the two devices of every wire, which is otherwise the business of package fault.
func forward(t testing.TB, n *topology.Network) {
	t.Helper()
	for _, l := range n.Links() {
		for side, e := range l.Ends {
			redirect(t, l.Wire.Netlink(), e.WireIndex, l.Ends[1-side].WireIndex)
		}
	}
}

func redirect(t testing.TB, h *netlink.Handle, from, to int) {
	t.Helper()
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.SchedCLS,
		Instructions: asm.Instructions{
			asm.Mov.Imm(asm.R1, int32(to)),
			asm.Mov.Imm(asm.R2, 0),
			asm.FnRedirect.Call(),
			asm.Return(),
		},
		License: "GPL",
	})
	require.NoError(t, err)
	defer program.Close()
	attrs := netlink.QdiscAttrs{LinkIndex: from, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT}
	require.NoError(t, h.QdiscAdd(&netlink.GenericQdisc{QdiscAttrs: attrs, QdiscType: "clsact"}))
	require.NoError(t, h.FilterAdd(&netlink.BpfFilter{
		FilterAttrs: netlink.FilterAttrs{
			LinkIndex: from, Parent: netlink.HANDLE_MIN_INGRESS, Handle: 1, Protocol: unix.ETH_P_ALL, Priority: 1,
		},
		Fd: program.FD(), Name: "redirect", DirectAction: true,
	}))
}

// listen opens a TCP listener on a node.
func listen(t testing.TB, n *topology.Node) *net.TCPListener {
	t.Helper()
	var l net.Listener
	require.NoError(t, n.Do(func() (err error) {
		l, err = net.Listen("tcp", ":0")
		return err
	}))
	t.Cleanup(func() { _ = l.Close() })
	return l.(*net.TCPListener)
}

// dial connects from a node.
func dial(n *topology.Node, network, addr string) (c net.Conn, err error) {
	err = n.Do(func() error {
		// Without a goroutine: those of the resolver and of Happy Eyeballs would be elsewhere.
		var d net.Dialer
		d.FallbackDelay = -1
		c, err = d.Dial(network, addr)
		return err
	})
	return c, err
}

func hostPort(host fmt.Stringer, port int) string {
	return net.JoinHostPort(host.String(), fmt.Sprint(port))
}
