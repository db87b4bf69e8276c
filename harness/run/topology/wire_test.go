package topology

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/layout"
)

// wired is a network of client, edge and web whose wires are listened to from the moment
// they exist, before there are any devices.
func wired(t *testing.T) (*builder, []int) {
	t.Helper()
	s := &scenario.Scenario{
		Nodes: map[string]*scenario.Node{"client": {}, "edge": {Role: scenario.Router}, "web": {}},
		Links: []scenario.Link{{Between: [2]string{"client", "edge"}}, {Between: [2]string{"edge", "web"}}},
	}
	layout, err := layout.Plan(s)
	require.NoError(t, err)
	b := &builder{layout: layout, scenario: s, home: -1}
	t.Cleanup(func() {
		b.closeSockets()
		require.NoError(t, b.undo.Close())
	})
	var taps []int
	for i, step := range b.steps() {
		err := step(context.Background())
		if problem.KindOf(err) == problem.Machine {
			t.Skipf("%v (%s)", err, problem.HintOf(err))
		}
		require.NoError(t, err)
		if i > 0 {
			continue
		}
		for _, l := range b.links {
			require.NoError(t, l.Wire.Do(func() error {
				const all = unix.ETH_P_ALL<<8 | unix.ETH_P_ALL>>8 // in network byte order
				fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, all)
				taps = append(taps, fd)
				return err
			}))
			fd := taps[len(taps)-1]
			t.Cleanup(func() { _ = unix.Close(fd) })
			require.NoError(t, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20))
		}
	}
	for _, l := range b.links {
		for side, e := range l.Ends {
			redirect(t, l.Wire.Netlink(), e.WireIndex, l.Ends[1-side].WireIndex)
		}
	}
	return b, taps
}

// redirect sends what comes in on a device out of another.
func redirect(t *testing.T, h *netlink.Handle, from, to int) {
	t.Helper()
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.SchedCLS,
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R1, int32(to)), asm.Mov.Imm(asm.R2, 0),
			asm.FnRedirect.Call(), asm.Return()},
		License: "GPL",
	})
	require.NoError(t, err)
	defer program.Close()
	require.NoError(t, h.QdiscAdd(&netlink.GenericQdisc{QdiscType: "clsact", QdiscAttrs: netlink.QdiscAttrs{
		LinkIndex: from, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT,
	}}))
	require.NoError(t, h.FilterAdd(&netlink.BpfFilter{Fd: program.FD(), Name: "redirect", DirectAction: true,
		FilterAttrs: netlink.FilterAttrs{
			LinkIndex: from, Parent: netlink.HANDLE_MIN_INGRESS, Handle: 1, Protocol: unix.ETH_P_ALL, Priority: 1,
		}}))
}

// frames reads what a tap has heard, and what it hears within the time given.
func frames(t *testing.T, tap int, within time.Duration) [][]byte {
	t.Helper()
	var all [][]byte
	buf := make([]byte, 1<<17)
	for limit := time.Now().Add(within); ; {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(tap), Events: unix.POLLIN}},
			max(0, int(time.Until(limit).Milliseconds())))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		require.NoError(t, err)
		if n == 0 {
			return all
		}
		size, _, err := unix.Recvfrom(tap, buf, unix.MSG_TRUNC)
		require.NoError(t, err)
		require.LessOrEqual(t, size, len(buf))
		all = append(all, bytes.Clone(buf[:size]))
	}
}

// exchange sends bytes over one TCP connection from client to web.
func exchange(t *testing.T, b *builder, host string, data []byte) {
	t.Helper()
	client, web := b.nodes[0], b.nodes[2]
	var l net.Listener
	require.NoError(t, web.Do(func() (err error) { l, err = net.Listen("tcp", ":0"); return err }))
	defer l.Close()
	got := make(chan []byte)
	go func() {
		var all []byte
		if c, err := l.Accept(); err == nil {
			all, _ = io.ReadAll(c)
			_ = c.Close()
		}
		got <- all
	}()
	var c net.Conn
	require.NoError(t, client.Do(func() (err error) {
		_, port, _ := net.SplitHostPort(l.Addr().String())
		c, err = (&net.Dialer{FallbackDelay: -1}).Dial("tcp", net.JoinHostPort(host, port))
		return err
	}))
	_, err := c.Write(data)
	require.NoError(t, err)
	require.NoError(t, c.Close())
	require.True(t, bytes.Equal(data, <-got))
}

// TestIdleNetworkIsSilent listens from before the devices exist until a second after they
// have been up: no neighbour discovery, no router solicitation, no multicast report.
func TestIdleNetworkIsSilent(t *testing.T) {
	b, taps := wired(t)
	idle := time.Now().Add(time.Second)
	for i, tap := range taps {
		require.Empty(t, frames(t, tap, time.Until(idle)), "wire %d", i)
	}
	exchange(t, b, "10.0.1.2", []byte("a word"))
	for i, tap := range taps {
		require.NotEmpty(t, frames(t, tap, 0), "nothing was heard on wire %d of what was said", i)
	}
}

// TestWireCarriesWhatARealOneWould looks at every packet of a bulk transfer, which the sender's
// kernel would like to send in pieces of 64 kB without a checksum.
func TestWireCarriesWhatARealOneWould(t *testing.T) {
	for _, c := range []struct{ what, host string }{{"IPv4", "10.0.1.2"}, {"IPv6", "fd00:0:0:1::2"}} {
		t.Run(c.what, func(t *testing.T) {
			b, taps := wired(t)
			exchange(t, b, c.host, bytes.Repeat([]byte("0123456789abcdef"), 1<<16))
			for _, tap := range taps {
				// Each wire hears a packet twice: as it comes in, and as it goes out.
				all := frames(t, tap, 0)
				require.Greater(t, len(all), 2*(1<<20)/1500)
				for _, f := range all {
					require.LessOrEqual(t, len(f), 1500+14)
					require.Zero(t, tcpSum(t, f), "checksum not filled in: % x", f[:min(len(f), 80)])
				}
			}
		})
	}
}

// tcpSum is 0 for a TCP segment with a right checksum (RFC 9293, section 3.1).
func tcpSum(t *testing.T, frame []byte) uint16 {
	t.Helper()
	var sum uint64
	add := func(b []byte) {
		for ; len(b) > 1; b = b[2:] {
			sum += uint64(binary.BigEndian.Uint16(b))
		}
		if len(b) == 1 {
			sum += uint64(b[0]) << 8
		}
	}
	ip := frame[14:]
	var segment []byte
	switch ip[0] >> 4 {
	case 4:
		require.EqualValues(t, unix.IPPROTO_TCP, ip[9])
		add(ip[12:20])
		segment = ip[int(ip[0]&15)*4 : binary.BigEndian.Uint16(ip[2:])]
	case 6:
		require.EqualValues(t, unix.IPPROTO_TCP, ip[6])
		add(ip[8:40])
		segment = ip[40 : 40+int(binary.BigEndian.Uint16(ip[4:]))]
	default:
		require.Fail(t, "not IP")
	}
	add(segment)
	sum += uint64(len(segment)) + unix.IPPROTO_TCP
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
