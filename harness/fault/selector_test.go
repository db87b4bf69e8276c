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
	require.NoError(t, rlimit.RemoveMemlock())
	st, err := newState(1, 3)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close()) })
	st.windows[0] = window{0, never}
	require.NoError(t, st.tell())
	s := selector{class: class, decide: d, window: windowAt(0), matched: 0, chosen: 8, overflow: 16}
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

func frame(t testing.TB, list ...gopacket.SerializableLayer) []byte {
	t.Helper()
	b := gopacket.NewSerializeBuffer()
	require.NoError(t, gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true}, list...))
	return b.Bytes()
}

func ether(kind layers.EthernetType) *layers.Ethernet {
	return &layers.Ethernet{SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, EthernetType: kind}
}

func ipv4(proto layers.IPProtocol, options ...layers.IPv4Option) *layers.IPv4 {
	return &layers.IPv4{Version: 4, TTL: 64, Protocol: proto, SrcIP: net.IP{10, 0, 0, 1}, DstIP: net.IP{10, 0, 0, 2}, Options: options}
}

func ipv6(next layers.IPProtocol) *layers.IPv6 {
	return &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: next, SrcIP: net.ParseIP("fd00::1"), DstIP: net.ParseIP("fd00::2")}
}

func tcp(flags string, options ...layers.TCPOption) *layers.TCP {
	t := &layers.TCP{SrcPort: 40000, DstPort: 80, Seq: 1, Ack: 2, Window: 100, Options: options}
	for _, f := range flags {
		*map[rune]*bool{'F': &t.FIN, 'S': &t.SYN, 'R': &t.RST, 'P': &t.PSH, 'A': &t.ACK, 'U': &t.URG, 'E': &t.ECE, 'C': &t.CWR, 'N': &t.NS}[f] = true
	}
	return t
}

func option(kind layers.TCPOptionKind, size int) layers.TCPOption {
	return layers.TCPOption{OptionType: kind, OptionLength: uint8(size + 2), OptionData: make([]byte, size)}
}

var nop = layers.TCPOption{OptionType: layers.TCPOptionKindNop}

func timestamps() []layers.TCPOption {
	return []layers.TCPOption{nop, nop, option(layers.TCPOptionKindTimestamps, 8)}
}

func sack(blocks int) []layers.TCPOption {
	return []layers.TCPOption{nop, nop, option(layers.TCPOptionKindSACK, 8*blocks)}
}

type packet struct {
	name        string
	frame       []byte
	ip, pureACK bool
}

// packets are named frames with what they are, by the eye.
func packets(t testing.TB) (list []packet) {
	v4, v6 := layers.EthernetTypeIPv4, layers.EthernetTypeIPv6
	const T, U = layers.IPProtocolTCP, layers.IPProtocolUDP
	add := func(name string, ip, pureACK bool, layers ...gopacket.SerializableLayer) {
		list = append(list, packet{name, frame(t, layers...), ip, pureACK})
	}
	cut := func(name string, ip, pureACK bool, to int, layers ...gopacket.SerializableLayer) {
		list = append(list, packet{name, frame(t, layers...)[:to], ip, pureACK})
	}
	data := gopacket.Payload("some bytes")
	for _, flags := range []string{"A", "PA", "UA", "EA", "CA", "ECA", "NA"} {
		add("pure ACK, flags "+flags, true, true, ether(v4), ipv4(T), tcp(flags))
		add("IPv6 pure ACK, flags "+flags, true, true, ether(v6), ipv6(T), tcp(flags))
		add("data, flags "+flags, true, false, ether(v4), ipv4(T), tcp(flags), data)
		add("IPv6 data, flags "+flags, true, false, ether(v6), ipv6(T), tcp(flags), data)
	}
	for _, flags := range []string{"", "S", "SA", "FA", "RA", "R", "P", "SEC", "FPA", "SFA", "E"} {
		add("no pure ACK, flags "+flags, true, false, ether(v4), ipv4(T), tcp(flags))
		add("IPv6 no pure ACK, flags "+flags, true, false, ether(v6), ipv6(T), tcp(flags))
	}
	for n := range 11 { // 4 bytes each: every length that a TCP header can have
		var o []layers.TCPOption
		for range 4 * n {
			o = append(o, nop)
		}
		add(fmt.Sprintf("pure ACK, %d bytes of options", 4*n), true, true, ether(v4), ipv4(T), tcp("A", o...))
		add(fmt.Sprintf("data, %d bytes of options", 4*n), true, false, ether(v4), ipv4(T), tcp("A", o...), data[:1])
	}
	add("pure ACK, timestamps", true, true, ether(v4), ipv4(T), tcp("A", timestamps()...))
	for n := 1; n <= 4; n++ {
		add(fmt.Sprintf("pure ACK, %d SACK blocks", n), true, true, ether(v4), ipv4(T), tcp("A", sack(n)...))
	}
	add("pure ACK, timestamps and 3 SACK blocks", true, true, ether(v4), ipv4(T), tcp("A", append(timestamps(), sack(3)...)...))
	for n := range 11 {
		o := layers.IPv4Option{OptionType: 130, OptionLength: uint8(4 * n), OptionData: make([]byte, max(4*n-2, 0))}
		if n > 0 {
			add(fmt.Sprintf("pure ACK, %d bytes of IP options", 4*n), true, true, ether(v4), ipv4(T, o), tcp("A"))
			add(fmt.Sprintf("data, %d bytes of IP options", 4*n), true, false, ether(v4), ipv4(T, o), tcp("A"), data)
		}
	}
	padded := append(frame(t, ether(v4), ipv4(T), tcp("A")), make([]byte, 6)...)
	list = append(list, packet{"pure ACK, padded to the least Ethernet frame", padded, true, true})

	first, last := ipv4(T), ipv4(T)
	first.Flags, last.FragOffset = layers.IPv4MoreFragments, 10
	add("first fragment that looks like a pure ACK", true, false, ether(v4), first, tcp("A"))
	add("last fragment that looks like a pure ACK", true, false, ether(v4), last, tcp("A"))
	whole := ipv4(T)
	whole.Flags = layers.IPv4DontFragment
	add("pure ACK, don't fragment", true, true, ether(v4), whole, tcp("A"))

	raw := func(b ...byte) gopacket.Payload { return b }
	hop := func(next layers.IPProtocol, words int) gopacket.Payload {
		b := make([]byte, 8*(words+1))
		b[0], b[1], b[2], b[3] = byte(next), byte(words), 1, byte(8*(words+1)-4) // PadN
		return b
	}
	fragment := func(next layers.IPProtocol, offset uint16, more byte) gopacket.Payload {
		f := offset<<3 | uint16(more)
		return raw(byte(next), 0, byte(f>>8), byte(f), 0, 0, 0, 9)
	}
	segment := func(flags string) gopacket.Payload { return frame(t, tcp(flags)) }
	const H, D, R, F = layers.IPProtocolIPv6HopByHop, layers.IPProtocolIPv6Destination, layers.IPProtocolIPv6Routing, layers.IPProtocolIPv6Fragment
	for words := range 4 {
		add(fmt.Sprintf("IPv6 pure ACK behind hop-by-hop of %d bytes", 8*words+8), true, true, ether(v6), ipv6(H), hop(T, words), segment("A"))
		add(fmt.Sprintf("IPv6 SYN behind hop-by-hop of %d bytes", 8*words+8), true, false, ether(v6), ipv6(H), hop(T, words), segment("S"))
		add(fmt.Sprintf("IPv6 pure ACK behind destination options of %d bytes", 8*words+8), true, true, ether(v6), ipv6(D), hop(T, words), segment("A"))
		add(fmt.Sprintf("IPv6 data behind destination options of %d bytes", 8*words+8), true, false, ether(v6), ipv6(D), hop(T, words), segment("A"), data)
	}
	add("IPv6 pure ACK behind hop-by-hop, routing and destination options", true, true, ether(v6), ipv6(H), hop(R, 0), raw(byte(D), 2, 4, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16), hop(T, 0), segment("A"))
	add("IPv6 pure ACK behind an atomic fragment header", true, true, ether(v6), ipv6(F), fragment(T, 0, 0), segment("A"))
	add("IPv6 first fragment", true, false, ether(v6), ipv6(F), fragment(T, 0, 1), segment("A"))
	add("IPv6 later fragment", true, false, ether(v6), ipv6(F), fragment(T, 3, 0), segment("A"))
	add("IPv6 UDP behind hop-by-hop", true, false, ether(v6), ipv6(H), hop(U, 0), raw(1, 2, 0, 80, 0, 8, 0, 0))
	add("IPv6 nothing behind the header", true, false, ether(v6), ipv6(layers.IPProtocolNoNextHeader))

	add("UDP", true, false, ether(v4), ipv4(U), &layers.UDP{SrcPort: 1, DstPort: 2}, data)
	add("UDP that holds a TCP header", true, false, ether(v4), ipv4(U), segment("A"))
	add("IPv6 UDP", true, false, ether(v6), ipv6(U), &layers.UDP{SrcPort: 1, DstPort: 2}, data)
	add("ICMP echo", true, false, ether(v4), ipv4(layers.IPProtocolICMPv4), &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0)}, data)
	add("ICMP error that quotes a pure ACK", true, false, ether(v4), ipv4(layers.IPProtocolICMPv4), &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(3, 1)}, gopacket.Payload(frame(t, ipv4(T), tcp("A"))))
	add("ICMPv6", true, false, ether(v6), ipv6(layers.IPProtocolICMPv6), raw(128, 0, 0, 0, 0, 0, 0, 0))
	add("ARP", false, false, ether(layers.EthernetTypeARP), gopacket.Payload(make([]byte, 28)))
	add("LLDP", false, false, ether(layers.EthernetTypeLinkLayerDiscovery), gopacket.Payload(make([]byte, 30)))
	add("pure ACK under a VLAN tag that is still in the frame", false, false, ether(layers.EthernetTypeDot1Q), &layers.Dot1Q{VLANIdentifier: 5, Type: v4}, ipv4(T), tcp("A"))

	for _, to := range []int{34, 40, 53} {
		cut(fmt.Sprintf("pure ACK cut to %d bytes", to), true, false, to, ether(v4), ipv4(T), tcp("A"))
	}
	cut("pure ACK cut in its options", true, false, 60, ether(v4), ipv4(T), tcp("A", timestamps()...))
	cut("IPv6 pure ACK cut in the TCP header", true, false, 70, ether(v6), ipv6(T), tcp("A"))
	cut("IPv6 cut in an extension header", true, false, 55, ether(v6), ipv6(H), hop(T, 0), segment("A"))
	short := frame(t, ether(v4), ipv4(T), tcp("A"))
	short[14+20+12] = 4 << 4
	list = append(list, packet{"TCP header that claims 16 bytes", short, true, false})
	long := frame(t, ether(v4), ipv4(T), tcp("A"))
	long[14+20+12] = 6 << 4
	list = append(list, packet{"TCP header that claims more than there is", long, true, false})
	return list
}

func TestSelectorKnowsItsClass(t *testing.T) {
	for _, d := range []decision{always, half} {
		anyPacket, pureACK := newBench(t, scenario.AnyPacket, d), newBench(t, scenario.PureACK, d)
		for _, p := range packets(t) {
			t.Run(fmt.Sprintf("%s, always %t", p.name, d.always), func(t *testing.T) {
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
	for name, w := range map[string]window{"not armed": {never, 0}, "over": {0, 1}, "yet to come": {never - 1, never}, "empty": {0, 0}} {
		b.state.windows[0] = w
		require.NoError(t, b.state.tell())
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
