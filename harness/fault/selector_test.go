package fault

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/scenario"
)

// These tests run the selector in the kernel, packet by packet, through
// BPF_PROG_TEST_RUN; they need BPF but no netem.

// bench is one selector, armed for ever, with its counters.
type bench struct {
	*ebpf.Program
	state *state
	selector
}

func newBench(t *testing.T, class scenario.Packets, d decision) *bench {
	t.Helper()
	b := newBenchOf(t, selector{class: class, draws: d.draws, bands: 1})
	b.arm(t, newOrders(0, d.key))
	return b
}

func newBenchOf(t *testing.T, s selector) *bench {
	t.Helper()
	require.NoError(t, rlimit.RemoveMemlock())
	st, err := newState(1, tallyWords)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close()) })
	words := 0
	s.orders, s.tally = ordersAt(0), newTally(func() slot { words++; return slot(8 * (words - 1)) })
	require.Equal(t, tallyWords, words)
	p, flows, err := s.program(st)
	require.NoError(t, err)
	t.Cleanup(func() {
		p.Close()
		if flows != nil {
			flows.Close()
		}
	})
	return &bench{p, st, s}
}

func (b *bench) arm(t *testing.T, o orders) {
	t.Helper()
	b.state.orders[0] = o
	require.NoError(t, b.state.tell())
}

// run returns whether the frame was matched and whether it was given to netem.
func (b *bench) run(t *testing.T, frame []byte) (matched, chosen bool) {
	t.Helper()
	before, err := b.state.read()
	require.NoError(t, err)
	context := make([]byte, 192) // struct __sk_buff
	out, err := b.Program.Run(&ebpf.RunOptions{Data: frame, Context: context[:192], ContextOut: context})
	require.NoError(t, err)
	require.Zero(t, out, "verdict")
	after, err := b.state.read()
	require.NoError(t, err)
	chosen = binary.LittleEndian.Uint32(context[skbPriority:]) == actingBand
	require.Equal(t, chosen, after.at(b.chosen) > before.at(b.chosen))
	return after.at(b.matched) > before.at(b.matched), chosen
}

// always is a decision for every packet; half is one for every second, about.
var always, half = newDecision(1, "test", 1), newDecision(1, "test", .5)

func TestSelectorKnowsItsClass(t *testing.T) {
	for _, d := range []decision{always, half} {
		anyPacket, pureACK := newBench(t, scenario.AnyPacket, d), newBench(t, scenario.PureACK, d)
		for _, p := range packets(t) {
			t.Run(fmt.Sprintf("%s, always %t", p.name, d.all()), func(t *testing.T) {
				matched, _ := anyPacket.run(t, p.frame)
				require.Equal(t, p.ip, matched, "any")
				matched, _ = pureACK.run(t, p.frame)
				require.Equal(t, p.pureACK, matched, "pure-ack")
			})
		}
	}
}

// reference is what gopacket makes of a frame, and the flow it belongs to.
func reference(b []byte) (ip, pureACK bool, f flow) {
	p := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.Default)
	if len(b) >= 14 {
		kind := binary.BigEndian.Uint16(b[12:])
		ip = kind == uint16(layers.EthernetTypeIPv4) || kind == uint16(layers.EthernetTypeIPv6)
	}
	fragment := false
	switch n := p.NetworkLayer().(type) {
	case *layers.IPv4:
		copy(f[0:], n.SrcIP)
		copy(f[16:], n.DstIP)
		f[36], f[37] = byte(n.Protocol), 4
		fragment = n.Flags&layers.IPv4MoreFragments != 0 || n.FragOffset != 0
	case *layers.IPv6:
		copy(f[0:], n.SrcIP)
		copy(f[16:], n.DstIP)
		f[36], f[37] = byte(n.NextHeader), 6
		if x := p.Layer(layers.LayerTypeIPv6Fragment); x != nil {
			h := x.(*layers.IPv6Fragment)
			f[36] = byte(h.NextHeader)
			fragment = h.MoreFragments || h.FragmentOffset != 0
		}
	}
	if fragment {
		return ip, false, f
	}
	switch n := p.TransportLayer().(type) {
	case *layers.TCP:
		f[36] = protoTCP
		binary.BigEndian.PutUint16(f[32:], uint16(n.SrcPort))
		binary.BigEndian.PutUint16(f[34:], uint16(n.DstPort))
		pureACK = n.ACK && !n.SYN && !n.FIN && !n.RST && len(n.Payload) == 0 && p.ErrorLayer() == nil
	case *layers.UDP:
		f[36] = protoUDP
		binary.BigEndian.PutUint16(f[32:], uint16(n.SrcPort))
		binary.BigEndian.PutUint16(f[34:], uint16(n.DstPort))
	}
	return ip, pureACK, f
}

// random returns a frame of arbitrary shape from r.
func random(t *testing.T, r *rand.Rand) []byte {
	v4, v6 := layers.EthernetTypeIPv4, layers.EthernetTypeIPv6
	var transport []gopacket.SerializableLayer
	kind := layers.IPProtocolTCP
	if r.IntN(4) == 0 {
		kind = layers.IPProtocolUDP
		transport = append(transport, &layers.UDP{SrcPort: layers.UDPPort(r.IntN(4)), DstPort: layers.UDPPort(r.IntN(4))})
	} else {
		h := &layers.TCP{
			SrcPort: layers.TCPPort(r.IntN(4)), DstPort: layers.TCPPort(r.IntN(4)), Seq: r.Uint32(), Window: uint16(r.Uint32()),
			ACK: r.IntN(4) > 0, SYN: r.IntN(8) == 0, FIN: r.IntN(8) == 0, RST: r.IntN(8) == 0, PSH: r.IntN(2) == 0, ECE: r.IntN(2) == 0, CWR: r.IntN(2) == 0,
		}
		for range 4 * r.IntN(11) {
			h.Options = append(h.Options, nop)
		}
		transport = append(transport, h)
	}
	if r.IntN(2) == 0 {
		transport = append(transport, gopacket.Payload(make([]byte, 1+r.IntN(1400))))
	}
	if r.IntN(2) == 0 {
		n := ipv4(kind)
		n.SrcIP, n.DstIP = net.IP{10, 0, 0, byte(r.IntN(3))}, net.IP{10, 0, 1, byte(r.IntN(3))}
		if k := r.IntN(11); k > 0 {
			n.Options = []layers.IPv4Option{{OptionType: 130, OptionLength: uint8(4 * k), OptionData: make([]byte, 4*k-2)}}
		}
		if r.IntN(8) == 0 {
			n.Flags = layers.IPv4MoreFragments
		}
		return frame(t, append([]gopacket.SerializableLayer{ether(v4), n}, transport...)...)
	}
	n := ipv6(kind)
	n.SrcIP[15], n.DstIP[15] = byte(r.IntN(3)), byte(r.IntN(3))
	return frame(t, append([]gopacket.SerializableLayer{ether(v6), n}, transport...)...)
}

// Thousands of packets of some hundreds of flows: the kernel's decision is the Go
// twin's, packet by packet, and the class is what gopacket says.
func TestKernelDecidesAsItsTwinInGo(t *testing.T) {
	const packets = 6000
	for _, c := range []struct {
		class  scenario.Packets
		chance float64
		seed   uint64
	}{{scenario.AnyPacket, .1, 7}, {scenario.AnyPacket, .5, 1 << 63}, {scenario.PureACK, .25, 7}, {scenario.AnyPacket, 1e-9, 7}, {scenario.AnyPacket, 1, 7}} {
		t.Run(fmt.Sprintf("%s %v", c.class, c.chance), func(t *testing.T) {
			d := newDecision(c.seed, "some-fault", c.chance)
			b := newBench(t, c.class, d)
			r := rand.New(rand.NewPCG(c.seed, 1))
			ordinals := map[flow]uint64{}
			var matches, choices int
			for i := range packets {
				f := random(t, r)
				ip, pureACK, flow := reference(f)
				want := ip && (c.class == scenario.AnyPacket || pureACK)
				matched, chosen := b.run(t, f)
				require.Equal(t, want, matched, "packet %d: %x", i, f)
				if !matched {
					require.False(t, chosen)
					continue
				}
				require.Equal(t, d.chosen(flow, ordinals[flow]), chosen, "packet %d, ordinal %d of its flow: %x", i, ordinals[flow], f)
				ordinals[flow]++
				matches++
				if chosen {
					choices++
				}
			}
			require.Greater(t, len(ordinals), 50, "the test should have many flows")
			lo, hi := binomialInterval(int64(matches), c.chance)
			require.GreaterOrEqual(t, int64(choices), lo)
			require.LessOrEqual(t, int64(choices), hi)
		})
	}
}

func TestOneFaultsDecisionsDoNotDependOnAnother(t *testing.T) {
	a, b, c := newDecision(7, "a", .5), newDecision(7, "b", .5), newDecision(8, "a", .5)
	same := func(x, y decision) (n int) {
		for i := range uint64(10000) {
			if x.chosen(flow{1}, i) == y.chosen(flow{1}, i) {
				n++
			}
		}
		return n
	}
	for name, n := range map[string]int{"two faults": same(a, b), "two seeds": same(a, c)} {
		lo, hi := binomialInterval(10000, .5)
		require.GreaterOrEqual(t, int64(n), lo, name)
		require.LessOrEqual(t, int64(n), hi, name)
	}
}

// The hash is part of what a record means: change it and old runs no longer replay.
func TestHashIsTheDocumentedOne(t *testing.T) {
	f := flow{10, 0, 0, 1, 16: 10, 0, 0, 2, 32: 0x9c, 0x40, 0, 80, 6, 4}
	d := newDecision(7, "dup-acks", .1)
	var chosen []uint64
	for n := range uint64(60) {
		if d.chosen(f, n) {
			chosen = append(chosen, n)
		}
	}
	require.Equal(t, []uint64{3, 18, 26, 31, 34, 48, 50, 51, 54, 58, 59}, chosen) // worked out apart, in Python
}

func TestNothingIsChosenOutsideTheWindow(t *testing.T) {
	b := newBench(t, scenario.AnyPacket, half)
	f := frame(t, ether(layers.EthernetTypeIPv4), ipv4(layers.IPProtocolTCP), tcp("A"))
	for name, start := range map[string]uint64{"not armed": never, "yet to come": never - 1} {
		b.arm(t, newOrders(start, 1))
		matched, chosen := b.run(t, f)
		require.False(t, matched, name)
		require.False(t, chosen, name)
	}
}

// A flow that found no room still gets decisions, and is counted.
func TestFlowsBeyondTheTableAreCounted(t *testing.T) {
	b := newBench(t, scenario.AnyPacket, half)
	f := frame(t, ether(layers.EthernetTypeIPv4), ipv4(layers.IPProtocolTCP), tcp("A"))
	for i := range maxFlows + 100 {
		binary.BigEndian.PutUint32(f[26:], uint32(i))
		_, err := b.Program.Run(&ebpf.RunOptions{Data: f})
		require.NoError(t, err)
	}
	c, err := b.state.read()
	require.NoError(t, err)
	require.EqualValues(t, maxFlows+100, c.at(b.matched))
	require.EqualValues(t, 100, c.at(b.overflow))
	lo, hi := binomialInterval(maxFlows+100, .5)
	require.GreaterOrEqual(t, c.at(b.chosen), lo)
	require.LessOrEqual(t, c.at(b.chosen), hi)
}
