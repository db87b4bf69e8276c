package fault

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/run/netem"
)

// alone takes everything out of a lab that is not needed to carry packets: nothing is counted, there is no gate and no
// selector. At the wire's entrance stands a program that does what a wire is for, carry packets on to its other end. A
// lab without faults becomes the link with its netem alone; the netem of a fault becomes a second one, on a pair of
// devices that all packets take.
func (l *lab) alone(t testing.TB) *lab {
	t.Helper()
	for i := range l.plan.paths {
		p := &l.plan.paths[i]
		link, wire := l.links[p.link], l.wires[p.link]
		carry := func(from, to int) {
			var a assembler
			a.redirect(to)
			program, err := a.load("carry")
			require.NoError(t, err)
			t.Cleanup(func() { program.Close() })
			require.NoError(t, wire.handle.FilterReplace(&netlink.BpfFilter{
				FilterAttrs: netlink.FilterAttrs{LinkIndex: from, Parent: ingress, Handle: 1,
					Protocol: unix.ETH_P_ALL, Priority: 1},
				Fd: program.FD(), Name: "ruleout", DirectAction: true,
			}))
		}
		index := func(name string) int {
			d, err := wire.handle.LinkByName(name)
			require.NoError(t, err)
			return d.Attrs().Index
		}
		next := link.Ends[p.to].WireIndex
		for j := len(p.stages) - 1; j >= 0; j-- {
			name := fmt.Sprintf("%c%d", 'a'+p.from, j)
			carry(index(name+"o"), next)
			next = index(name + "i")
		}
		carry(link.Ends[p.from].WireIndex, next)
	}
	return l
}

// work is what a benchmark has go over a link: message by message of 1000 bytes, without rest.
type work struct {
	// done carries out one, with what carries a message from one socket to another.
	done func(l *lab, a, b int, carry func(from, to int))
}

var (
	// exchange is a question and its answer over TCP.
	exchange = work{func(_ *lab, a, b int, carry func(from, to int)) { carry(a, b); carry(b, a) }}
	// transfer is a message over TCP, and the ACK that comes back when it is read. It does no harm to an ACK to be lost.
	transfer = work{func(_ *lab, a, b int, carry func(from, to int)) { carry(a, b) }}
)

// perPacket is how long the machine takes for a packet that a node sends, at both ends and on the link, in ns. In the
// deterministic machine that is a count of instructions, 2 ns each, and the same one every time, for one thread
// does both ends' work.
func (l *lab) perPacket(t testing.TB, w work) float64 {
	t.Helper()
	a, b := l.sockets(t)
	message, in := make([]byte, 1000), make([]byte, 1000)
	// Raw system calls, of which the runtime knows nothing either: it would move goroutines meanwhile.
	carry := func(from, to int) {
		_, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(from), uintptr(unsafe.Pointer(&message[0])),
			uintptr(len(message)))
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
	const messages = 3000
	for range 200 { // the first go through cold code
		w.done(l, a, b, carry)
	}
	before, start := l.sent(t), clock(t)
	for range messages {
		w.done(l, a, b, carry)
	}
	took, n := clock(t)-start, l.sent(t)-before
	require.GreaterOrEqual(t, n, int64(2*messages*99/100), "two packets each, at least")
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

// sent is how many packets the nodes have sent.
func (l *lab) sent(t testing.TB) (n int64) {
	for _, name := range []string{"a", "b"} {
		list, err := l.network.Node(name).Netlink().LinkList()
		require.NoError(t, err)
		for _, d := range list {
			if d.Attrs().Name == "eth0" {
				n += int64(d.Attrs().Statistics.TxPackets)
			}
		}
	}
	return n
}

// costLink has a netem that delays no packet.
const costLink = ", rate: 100gbit"

// acting changes the netems of a link in both directions, or in that from b to a.
func (l *lab) acting(t testing.TB, change func(*netem.Qdisc), back bool) *lab {
	t.Helper()
	for i := range l.plan.paths {
		p := &l.plan.paths[i]
		if back && p.from == 0 {
			continue
		}
		q := *p.last
		change(&q)
		require.NoError(t, l.wires[p.link].conn.Change(l.links[p.link].Ends[p.to].WireIndex, rootHandle, netem.Root, q))
	}
	return l
}

// BenchmarkSelectorAndReceipt compares a fault with the same link with its netem alone, which does the same if there is
// something to do. Where a fault acts on all packets by a netem of its own, the link has two.
func BenchmarkSelectorAndReceipt(b *testing.B) {
	tenth := netem.ShareOf(.1)
	nothing := func(*netem.Qdisc) {}
	lose := func(q *netem.Qdisc) { q.Loss = tenth }
	double := func(q *netem.Qdisc) { q.Duplicate = tenth }
	late := func(q *netem.Qdisc) { q.Latency, q.Reorder, q.Gap = 5*time.Microsecond, netem.All-tenth, 1 }
	const meant = 5. // percent
	cold := true
	for _, c := range []struct {
		name   string
		work   work
		alone  func(*netem.Qdisc) // nil for two netems
		back   bool               // it does that only with what b sends
		bound  float64
		faults []string
	}{
		{"watch/all", exchange, nothing, false, meant, []string{"do: watch"}},
		{"watch/chance", exchange, nothing, false, meant, []string{"do: watch, select: {chance: 10%}"}},
		{"watch/pure-ack", exchange, nothing, false, meant, []string{"do: watch, select: {packets: pure-ack, chance: 10%}"}},
		{"watch/data", exchange, nothing, false, meant, []string{"do: watch, select: {packets: data, every: 10}"}},
		{"watch/dup-ack", exchange, nothing, false, meant, []string{"do: watch, select: {packets: dup-ack, chance: 10%, per: link}"}},
		{"drop/chance", transfer, lose, true, meant, []string{"do: drop, from: b, select: {chance: 10%}", "do: watch, from: a, select: {chance: 10%}"}},
		{"drop/pure-ack", transfer, lose, true, meant, []string{"do: drop, select: {packets: pure-ack, chance: 10%}"}},
		{"duplicate/all", exchange, func(q *netem.Qdisc) { q.Duplicate = netem.All }, false, 2 * meant, []string{"do: {duplicate: 1}"}},
		{"duplicate/chance", exchange, double, false, meant, []string{"do: {duplicate: 1}, select: {chance: 10%}"}},
		{"duplicate/pure-ack", transfer, double, true, meant, []string{"do: {duplicate: 1}, select: {packets: pure-ack, chance: 10%}"}},
		{"duplicate/data", exchange, double, false, meant, []string{"do: {duplicate: 1}, select: {packets: data, every: 10}"}},
		{"delay/all", exchange, nil, false, meant, []string{"do: {delay: 5us}"}},
		{"delay/chance", exchange, late, false, meant, []string{"do: {delay: 5us}, select: {chance: 10%}"}},
		{"delay/pure-ack", transfer, late, true, meant, []string{"do: {delay: 5us}, select: {packets: pure-ack, chance: 10%}"}},
		{"delay/data", exchange, late, false, meant, []string{"do: {delay: 5us}, select: {packets: data, every: 10}"}},
		{"in-order/all", exchange, nil, false, meant, []string{"do: {delay: 5us, jitter: 1us, in-order: true}"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			faults := slices.Clone(c.faults)
			for i := range faults {
				faults[i] = fmt.Sprintf("name: f%d, %s", i, faults[i])
			}
			baseline := func() *lab {
				if c.alone == nil {
					return buildLab(b, costLink, faults...).alone(b)
				}
				return buildLab(b, costLink).alone(b).acting(b, c.alone, c.back)
			}
			measure := func() (without, with float64) {
				without = baseline().perPacket(b, c.work)
				l := buildLab(b, costLink, faults...)
				require.NoError(b, l.Arm(clock(b), labSeed))
				return without, l.perPacket(b, c.work)
			}
			var without, with float64
			for b.Loop() {
				if cold {
					measure() // the first of all finds the machine so
					cold = false
				}
				without, with = measure()
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(without/2, "netem-instructions/packet")
			b.ReportMetric(with/2, "instructions/packet")
			more := 100 * (with - without) / without
			b.ReportMetric(more, "%more")
			if more >= c.bound {
				b.Errorf("selector and receipt cost %.1f %% of a packet's instructions, meant to be less than %v %%", more, c.bound)
			}
		})
	}
}
