package fault

import (
	"maps"
	"runtime"
	"slices"
	"testing"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/scenario"
)

// repeat runs the program n times on a frame and returns how long one run takes, in ns. In the deterministic machine an
// instruction takes 2 ns.
func (r *runner) repeat(t testing.TB, frame []byte, n int) float64 {
	a := testRun{program: r.attr.program, repeat: uint32(n)}
	a.sizeIn, a.in = uint32(len(frame)), uint64(uintptr(unsafe.Pointer(&frame[0])))
	begin := clock(t)
	_, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_TEST_RUN, uintptr(unsafe.Pointer(&a)), unsafe.Sizeof(a))
	took := clock(t) - begin
	runtime.KeepAlive(frame)
	require.Zero(t, errno)
	return float64(took) / float64(n)
}

// newTracker is a tracker of a port, with a table and counters of its own.
func newTracker(t testing.TB, port int) *ebpf.Program {
	require.NoError(t, rlimit.RemoveMemlock())
	st, err := newState(1, 3)
	require.NoError(t, err)
	t.Cleanup(func() { st.Close() })
	table, err := newTable()
	require.NoError(t, err)
	t.Cleanup(func() { table.Close() })
	p, err := tracker{table: table, port: port, opened: 0, closed: 8, overflow: 16}.program(st, theEnd(t))
	require.NoError(t, err)
	t.Cleanup(func() { p.Close() })
	return p
}

// BenchmarkPrograms counts the instructions that the tracker and selectors take for a packet, those of helpers
// included. The kernel runs a program on it 20,000 times. The cost of a program that lets all packets go on is
// subtracted.
func BenchmarkPrograms(b *testing.B) {
	v4, v6, segment := ether(layers.EthernetTypeIPv4), ether(layers.EthernetTypeIPv6), layers.IPProtocolTCP
	data, other := gopacket.Payload(make([]byte, 1000)), tcp("PA", timestamps()...)
	other.DstPort = 443
	frames := map[string][]byte{
		"SYN":          frame(b, v4, ipv4(segment), tcp("S", timestamps()...)),
		"pure-ACK":     frame(b, v4, ipv4(segment), tcp("A", timestamps()...)),
		"data":         frame(b, v4, ipv4(segment), tcp("PA", timestamps()...), data),
		"IPv6-data":    frame(b, v6, ipv6(segment), tcp("PA", timestamps()...), data),
		"another-port": frame(b, v4, ipv4(segment), other, data),
	}
	tenth := scenario.Share(.1)
	selecting := func(s scenario.Select) *runner {
		c, err := newSelector(testScenario(scenario.Fault{Select: s}), 0, 0)
		require.NoError(b, err)
		made := newBenchOf(b, c)
		made.arm(b, newOrders(0, 1))
		return newRunner(made.Program)
	}
	nothing, err := pass(theEnd(b))
	require.NoError(b, err)
	defer nothing.Close()
	programs := map[string]*runner{
		"tracker":         newRunner(newTracker(b, 80)),
		"all":             selecting(scenario.Select{}),
		"pure-ack/chance": selecting(scenario.Select{Packets: scenario.PureACK, Chance: &tenth}),
	}
	for _, name := range slices.Sorted(maps.Keys(programs)) {
		for _, packet := range slices.Sorted(maps.Keys(frames)) {
			r, f := programs[name], frames[packet]
			b.Run(name+"/"+packet, func(b *testing.B) {
				r.repeat(b, frame(b, v6, ipv6(segment), tcp("S")), 1)
				r.repeat(b, frames["SYN"], 1)
				var took float64
				for b.Loop() {
					took = r.repeat(b, f, 20_000) - newRunner(nothing).repeat(b, f, 20_000)
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(took/2, "instructions/packet")
			})
		}
	}
}
