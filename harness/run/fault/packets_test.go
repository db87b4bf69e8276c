package fault

import (
	"fmt"
	"net"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/require"
)

func frame(t testing.TB, list ...gopacket.SerializableLayer) []byte {
	t.Helper()
	b := gopacket.NewSerializeBuffer()
	require.NoError(t, gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true}, list...))
	return b.Bytes()
}

func ether(kind layers.EthernetType) *layers.Ethernet {
	return &layers.Ethernet{SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2},
		EthernetType: kind}
}

func ipv4(proto layers.IPProtocol, options ...layers.IPv4Option) *layers.IPv4 {
	return &layers.IPv4{Version: 4, TTL: 64, Protocol: proto, SrcIP: net.IP{10, 0, 0, 1}, DstIP: net.IP{10, 0, 0, 2},
		Options: options}
}

func ipv6(next layers.IPProtocol) *layers.IPv6 {
	return &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: next, SrcIP: net.ParseIP("fd00::1"),
		DstIP: net.ParseIP("fd00::2")}
}

func tcp(flags string, options ...layers.TCPOption) *layers.TCP {
	t := &layers.TCP{SrcPort: 40000, DstPort: 80, Seq: 1, Ack: 2, Window: 100, Options: options}
	for _, f := range flags {
		*map[rune]*bool{'F': &t.FIN, 'S': &t.SYN, 'R': &t.RST, 'P': &t.PSH, 'A': &t.ACK, 'U': &t.URG, 'E': &t.ECE,
			'C': &t.CWR, 'N': &t.NS}[f] = true
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
	broken      bool // no header of the transport is whole
}

// packets are named frames with what they are, by the eye.
func packets(t testing.TB) (list []packet) {
	v4, v6 := layers.EthernetTypeIPv4, layers.EthernetTypeIPv6
	const T, U = layers.IPProtocolTCP, layers.IPProtocolUDP
	add := func(name string, ip, pureACK bool, layers ...gopacket.SerializableLayer) {
		list = append(list, packet{name, frame(t, layers...), ip, pureACK, false})
	}
	cut := func(name string, ip, pureACK bool, to int, layers ...gopacket.SerializableLayer) {
		list = append(list, packet{name, frame(t, layers...)[:to], ip, pureACK, true})
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
	add("pure ACK, timestamps and 3 SACK blocks", true, true, ether(v4), ipv4(T),
		tcp("A", append(timestamps(), sack(3)...)...))
	for n := range 11 {
		o := layers.IPv4Option{OptionType: 130, OptionLength: uint8(4 * n), OptionData: make([]byte, max(4*n-2, 0))}
		if n > 0 {
			add(fmt.Sprintf("pure ACK, %d bytes of IP options", 4*n), true, true, ether(v4), ipv4(T, o), tcp("A"))
			add(fmt.Sprintf("data, %d bytes of IP options", 4*n), true, false, ether(v4), ipv4(T, o), tcp("A"), data)
		}
	}
	padded := append(frame(t, ether(v4), ipv4(T), tcp("A")), make([]byte, 6)...)
	list = append(list, packet{"pure ACK, padded to the least Ethernet frame", padded, true, true, false})

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
	const H, D, R, F = layers.IPProtocolIPv6HopByHop, layers.IPProtocolIPv6Destination, layers.IPProtocolIPv6Routing,
		layers.IPProtocolIPv6Fragment
	for words := range 4 {
		add(fmt.Sprintf("IPv6 pure ACK behind hop-by-hop of %d bytes", 8*words+8), true, true, ether(v6), ipv6(H),
			hop(T, words), segment("A"))
		add(fmt.Sprintf("IPv6 SYN behind hop-by-hop of %d bytes", 8*words+8), true, false, ether(v6), ipv6(H), hop(T, words),
			segment("S"))
		add(fmt.Sprintf("IPv6 pure ACK behind destination options of %d bytes", 8*words+8), true, true, ether(v6), ipv6(D),
			hop(T, words), segment("A"))
		add(fmt.Sprintf("IPv6 data behind destination options of %d bytes", 8*words+8), true, false, ether(v6), ipv6(D),
			hop(T, words), segment("A"), data)
	}
	add("IPv6 pure ACK behind hop-by-hop, routing and destination options", true, true, ether(v6), ipv6(H), hop(R, 0),
		raw(byte(D), 2, 4, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16), hop(T, 0), segment("A"))
	add("IPv6 pure ACK behind an atomic fragment header", true, true, ether(v6), ipv6(F), fragment(T, 0, 0), segment("A"))
	add("IPv6 first fragment", true, false, ether(v6), ipv6(F), fragment(T, 0, 1), segment("A"))
	add("IPv6 later fragment", true, false, ether(v6), ipv6(F), fragment(T, 3, 0), segment("A"))
	add("IPv6 UDP behind hop-by-hop", true, false, ether(v6), ipv6(H), hop(U, 0), raw(1, 2, 0, 80, 0, 8, 0, 0))
	add("IPv6 nothing behind the header", true, false, ether(v6), ipv6(layers.IPProtocolNoNextHeader))

	add("UDP", true, false, ether(v4), ipv4(U), &layers.UDP{SrcPort: 1, DstPort: 2}, data)
	add("UDP that holds a TCP header", true, false, ether(v4), ipv4(U), segment("A"))
	add("IPv6 UDP", true, false, ether(v6), ipv6(U), &layers.UDP{SrcPort: 1, DstPort: 2}, data)
	add("ICMP echo", true, false, ether(v4), ipv4(layers.IPProtocolICMPv4),
		&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0)}, data)
	add("ICMP error that quotes a pure ACK", true, false, ether(v4), ipv4(layers.IPProtocolICMPv4),
		&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(3, 1)}, gopacket.Payload(frame(t, ipv4(T), tcp("A"))))
	add("ICMPv6", true, false, ether(v6), ipv6(layers.IPProtocolICMPv6), raw(128, 0, 0, 0, 0, 0, 0, 0))
	add("ARP", false, false, ether(layers.EthernetTypeARP), gopacket.Payload(make([]byte, 28)))
	add("LLDP", false, false, ether(layers.EthernetTypeLinkLayerDiscovery), gopacket.Payload(make([]byte, 30)))
	cut("pure ACK under a VLAN tag that is still in the frame", false, false, 58, ether(layers.EthernetTypeDot1Q),
		&layers.Dot1Q{VLANIdentifier: 5, Type: v4}, ipv4(T), tcp("A"))

	for _, to := range []int{34, 40, 53} {
		cut(fmt.Sprintf("pure ACK cut to %d bytes", to), true, false, to, ether(v4), ipv4(T), tcp("A"))
	}
	cut("pure ACK cut in its options", true, false, 60, ether(v4), ipv4(T), tcp("A", timestamps()...))
	cut("IPv6 pure ACK cut in the TCP header", true, false, 70, ether(v6), ipv6(T), tcp("A"))
	cut("IPv6 cut in an extension header", true, false, 55, ether(v6), ipv6(H), hop(T, 0), segment("A"))
	short := frame(t, ether(v4), ipv4(T), tcp("A"))
	short[14+20+12] = 4 << 4
	list = append(list, packet{"TCP header that claims 16 bytes", short, true, false, true})
	long := frame(t, ether(v4), ipv4(T), tcp("A"))
	long[14+20+12] = 6 << 4
	list = append(list, packet{"TCP header that claims more than there is", long, true, false, true})
	return list
}
