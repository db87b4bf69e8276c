package fault

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"testing"
	"unsafe"

	"github.com/cilium/ebpf/asm"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// bare takes everything out of a lab that is not needed to carry packets: no counters, no gate, no selector.
func (l *lab) bare(t testing.TB) {
	t.Helper()
	replace := func(handle *netlink.Handle, index int, side uint32, build func(*assembler)) {
		var a assembler
		a.add(asm.Mov.Reg(ctx, asm.R1))
		build(&a)
		p, err := a.load("bare")
		require.NoError(t, err)
		t.Cleanup(func() { p.Close() })
		require.NoError(t, handle.FilterReplace(&netlink.BpfFilter{
			FilterAttrs: netlink.FilterAttrs{LinkIndex: index, Parent: side, Handle: 1, Protocol: unix.ETH_P_ALL, Priority: 1},
			Fd:          p.FD(), Name: "ruleout", DirectAction: true,
		}))
	}
	forward := func(next int) func(*assembler) {
		return func(a *assembler) {
			a.add(asm.Mov.Imm(asm.R1, int32(next)), asm.Mov.Imm(asm.R2, 0), asm.FnRedirect.Call(), asm.Return())
		}
	}
	for i := range l.plan.paths {
		p := &l.plan.paths[i]
		link, wire := l.links[p.link], l.wires[p.link]
		from, to := link.Ends[p.from], link.Ends[p.to]
		index := func(name string) int {
			d, err := wire.handle.LinkByName(name)
			require.NoError(t, err)
			return d.Attrs().Index
		}
		replace(to.Node.Netlink(), to.Index, ingress, func(a *assembler) { a.verdict(verdictOK) })
		next := to.WireIndex
		for j := len(p.stages) - 1; j >= 0; j-- {
			name := fmt.Sprintf("%c%d", 'a'+p.from, j)
			replace(wire.handle, index(name+"o"), ingress, forward(next))
			next = index(name + "i")
			require.NoError(t, wire.handle.FilterDel(&netlink.BpfFilter{
				FilterAttrs: netlink.FilterAttrs{LinkIndex: next, Parent: egress, Handle: 1, Protocol: unix.ETH_P_ALL, Priority: 1},
			}))
		}
		replace(wire.handle, from.WireIndex, ingress, forward(next))
	}
}

// perPacket is how long the machine takes for a packet, at both ends and on the link, in ns: a question and its answer,
// of 1000 bytes each, over TCP, again and again, without rest. In the deterministic machine that is a count of
// instructions, 2 ns each; and the same one every time, for one thread does both ends' work.
func (l *lab) perPacket(t testing.TB) float64 {
	t.Helper()
	a, b := l.sockets(t)
	message, in := make([]byte, 1000), make([]byte, 1000)
	// Raw system calls, of which the runtime knows nothing either: it would move goroutines meanwhile.
	carry := func(from, to int) {
		_, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(from), uintptr(unsafe.Pointer(&message[0])), uintptr(len(message)))
		var n uintptr
		for left := len(message); left > 0 && errno == 0; left -= int(n) {
			n, _, errno = unix.RawSyscall(unix.SYS_READ, uintptr(to), uintptr(unsafe.Pointer(&in[0])), uintptr(left))
		}
		if errno != 0 {
			require.NoError(t, errno)
		}
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	runtime.GC()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	const exchanges = 3000
	for range 200 { // the first go through cold code
		carry(a, b)
		carry(b, a)
	}
	before, start := l.entered(t), clock(t)
	for range exchanges {
		carry(a, b)
		carry(b, a)
	}
	took, n := clock(t)-start, l.entered(t)-before
	require.Less(t, n, int64(2*exchanges*11/10), "one packet each way, and hardly an ACK of its own")
	return float64(took) / float64(n)
}

// sockets are the two ends of a TCP connection from a to b that the runtime of Go knows nothing of.
func (l *lab) sockets(t testing.TB) (a, b int) {
	t.Helper()
	in := func(node string) (fd int, address *unix.SockaddrInet4) {
		n := l.network.Node(node)
		require.NoError(t, n.Do(func() (err error) {
			fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			return err
		}))
		t.Cleanup(func() { unix.Close(fd) })
		return fd, &unix.SockaddrInet4{Addr: n.Addr4().As4(), Port: 80}
	}
	listener, address := in("b")
	require.NoError(t, unix.Bind(listener, address))
	require.NoError(t, unix.Listen(listener, 1))
	a, _ = in("a")
	require.NoError(t, unix.Connect(a, address))
	b, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
	require.NoError(t, err)
	t.Cleanup(func() { unix.Close(b) })
	for _, fd := range []int{a, b} {
		require.NoError(t, unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 10}))
		require.NoError(t, unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1))
	}
	return a, b
}

// entered is how many packets have been taken in by the nodes.
func (l *lab) entered(t testing.TB) (n int64) {
	for _, name := range []string{"a", "b"} {
		list, err := l.network.Node(name).Netlink().LinkList()
		require.NoError(t, err)
		for _, d := range list {
			if d.Attrs().Name == "eth0" {
				n += int64(d.Attrs().Statistics.RxPackets)
			}
		}
	}
	return n
}

// BenchmarkSelectorAndReceipt compares a fault with the same link with netem alone: the same devices and queues, with
// programs that only carry packets on. It is meant to cost less than 5 % of the instructions that a packet takes.
func BenchmarkSelectorAndReceipt(b *testing.B) {
	const link = ", rate: 100gbit" // a netem that keeps nobody waiting
	for _, choose := range []string{"", "chance: 10%", "packets: pure-ack, chance: 10%", "packets: data, every: 10", "packets: dup-ack, chance: 10%, per: link"} {
		b.Run(choose, func(b *testing.B) {
			do := "name: eye, do: watch, select: {" + choose + "}"
			var without, with float64
			for b.Loop() {
				l := buildLab(b, link, do)
				l.bare(b)
				without = l.perPacket(b)
				l = buildLab(b, link, do)
				require.NoError(b, l.Arm(clock(b), labSeed))
				with = l.perPacket(b)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(without, "netem-ns/packet")
			b.ReportMetric(with, "ns/packet")
			more := 100 * (with - without) / without
			b.ReportMetric(more, "%more")
			if more >= 5 {
				b.Errorf("selector and receipt cost %.1f %% of a packet's instructions, meant to be less than 5 %%", more)
			}
		})
	}
	b.Run("no stage", func(b *testing.B) {
		var bare, with float64
		for b.Loop() {
			l := buildLab(b, link)
			l.bare(b)
			bare = l.perPacket(b)
			l = buildLab(b, link)
			with = l.perPacket(b)
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(bare, "bare-ns/packet")
		b.ReportMetric(with, "ns/packet")
	})
}
