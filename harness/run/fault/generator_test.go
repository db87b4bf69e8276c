package fault

import (
	"encoding/binary"
	"math/rand/v2"
	"net"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/ruleout/ruleout/harness/scenario"
)

// generator makes frames of every shape that may be on a wire.
type generator struct {
	testing.TB
	*rand.Rand
}

// one returns true once in n times.
func (g generator) one(n int) bool { return g.IntN(n) == 0 }

// of makes a frame that is likely of the class, of either IP version.
func (g generator) of(class scenario.Packets) []byte {
	if class == scenario.AnyPacket {
		class = classes[1+g.IntN(len(classes)-1)]
	}
	var list []gopacket.SerializableLayer
	proto := layers.IPProtocolTCP
	switch kind := class; {
	case kind == scenario.UDPPacket, kind == scenario.Fragment && g.one(2):
		proto = layers.IPProtocolUDP
		list = g.udp()
	case kind == scenario.ICMPPacket:
		proto = layers.IPProtocolICMPv4 // or ICMPv6
	default:
		list = g.tcp(class)
	}
	fragment := class == scenario.Fragment || g.one(30)
	if g.one(2) {
		if proto == layers.IPProtocolICMPv4 {
			list = g.icmp(4)
		}
		return g.padded(frame(g,
			append([]gopacket.SerializableLayer{ether(layers.EthernetTypeIPv4), g.ipv4(proto, fragment)}, list...)...))
	}
	if proto == layers.IPProtocolICMPv4 {
		proto, list = layers.IPProtocolICMPv6, g.icmp(6)
	}
	return g.padded(frame(g,
		append(append([]gopacket.SerializableLayer{ether(layers.EthernetTypeIPv6)}, g.ipv6(proto, fragment)...), list...)...))
}

// padded adds what Ethernet adds to frames that are too short for it.
func (g generator) padded(b []byte) []byte {
	if len(b) < 60 && g.one(2) {
		return append(b, make([]byte, 60-len(b))...)
	}
	return b
}

func (g generator) payload() gopacket.SerializableLayer {
	size := 1 + g.IntN(64)
	if g.one(8) {
		size = 1 + g.IntN(1400)
	}
	return gopacket.Payload(make([]byte, size))
}

// port is one of a few.
func (g generator) port() uint16 { return []uint16{0, 80, 443, 3306, 40000, 65535}[g.IntN(6)] }

func (g generator) udp() []gopacket.SerializableLayer {
	list := []gopacket.SerializableLayer{&layers.UDP{SrcPort: layers.UDPPort(g.port()), DstPort: layers.UDPPort(g.port())}}
	switch {
	case g.one(3): // QUIC or a tunnel may look like TCP
		list = append(list, gopacket.Payload(frame(g, tcp("A"))))
	case g.one(2):
		list = append(list, g.payload())
	}
	return list
}

// icmp is an echo or an error that quotes a segment.
func (g generator) icmp(version int) []gopacket.SerializableLayer {
	quoted := gopacket.Payload(frame(g, ipv4(layers.IPProtocolTCP), tcp("A")))
	if version == 6 {
		return []gopacket.SerializableLayer{
			gopacket.Payload(append([]byte{byte(1 + 127*g.IntN(2)), 0, 0, 0, 0, 0, 0, 0}, quoted...))}
	}
	return []gopacket.SerializableLayer{
		&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode([]uint8{0, 3, 8, 11}[g.IntN(4)], 0)}, quoted}
}

func (g generator) tcp(class scenario.Packets) []gopacket.SerializableLayer {
	t := &layers.TCP{
		SrcPort: layers.TCPPort(g.port()), DstPort: layers.TCPPort(g.port()), Seq: g.Uint32(), Ack: g.Uint32(),
		Window: uint16(g.Uint32()),
		PSH:    g.one(2), URG: g.one(8), ECE: g.one(2), CWR: g.one(2), NS: g.one(4),
		ACK: g.IntN(8) > 0, SYN: g.one(16), FIN: g.one(16), RST: g.one(16),
	}
	full := g.one(4)
	switch class {
	case scenario.DataSegment:
		full = true
	case scenario.PureACK, scenario.DupACK:
		t.ACK, t.SYN, t.FIN, t.RST, full = true, false, false, false, false
	case scenario.SYN:
		t.SYN, t.ACK = true, false
	case scenario.SYNACK:
		t.SYN, t.ACK = true, true
	case scenario.FIN:
		t.FIN = true
	case scenario.RST:
		t.RST = true
	}
	if class == scenario.DupACK { // few values, so that many repeat
		t.SrcPort, t.DstPort = layers.TCPPort(g.IntN(4)), 80
		t.Seq, t.Ack, t.Window = 1, uint32(g.IntN(10)/9), uint16(g.IntN(10)/9)
	}
	t.Options = g.options()
	list := []gopacket.SerializableLayer{t}
	if full {
		list = append(list, g.payload())
	}
	return list
}

// options are those of TCP: none, timestamps, SACK blocks, both, or as many bytes as there is room for, of any kind.
func (g generator) options() (list []layers.TCPOption) {
	switch g.IntN(6) {
	case 1:
		list = timestamps()
	case 2:
		list = sack(1 + g.IntN(4))
	case 3:
		list = append(timestamps(), sack(1+g.IntN(3))...)
	case 4:
		for range 4 * g.IntN(11) {
			list = append(list, nop)
		}
	case 5:
		if n := g.IntN(11); n > 0 {
			list = []layers.TCPOption{option(layers.TCPOptionKind(30+g.IntN(200)), 4*n-2)}
		}
	}
	for _, o := range list {
		for i := range o.OptionData {
			o.OptionData[i] = byte(g.Uint32())
		}
	}
	return list
}

// node is a byte of an address. Half of all packets are from or to those of testScenario.
func (g generator) node() byte { return byte(g.IntN(4)) }

// codepoints of DSCP, a few.
var codepoints = [...]uint8{0, 10, 46, 63}

// trafficClass is a DSCP and any of the values of ECN.
func (g generator) trafficClass() uint8 {
	return codepoints[g.IntN(len(codepoints))]<<2 | uint8(g.IntN(4))
}

func (g generator) ipv4(proto layers.IPProtocol, fragment bool) *layers.IPv4 {
	n := ipv4(proto)
	n.TOS, n.Id, n.TTL = g.trafficClass(), uint16(g.Uint32()), uint8(1+g.IntN(255)) // ECN and all
	n.SrcIP, n.DstIP = net.IP{10, 0, g.node() / 2, g.node()}, net.IP{10, 0, g.node() / 2, g.node()}
	if k := g.IntN(22); k > 0 && k < 11 {
		n.Options = []layers.IPv4Option{{OptionType: 130, OptionLength: uint8(4 * k), OptionData: make([]byte, 4*k-2)}}
	}
	if g.one(2) {
		n.Flags = layers.IPv4DontFragment
	}
	if fragment {
		n.Flags, n.FragOffset = layers.IPv4Flag(g.IntN(2))*layers.IPv4MoreFragments, uint16(g.IntN(3))
	}
	return n
}

func (g generator) ipv6(proto layers.IPProtocol, fragment bool) []gopacket.SerializableLayer {
	n := ipv6(proto)
	n.TrafficClass, n.FlowLabel = g.trafficClass(), g.Uint32()&0xfffff
	n.SrcIP[7], n.SrcIP[15], n.DstIP[7], n.DstIP[15] = g.node()/2, g.node(), g.node()/2, g.node()
	var headers []layers.IPProtocol // RFC 8200's order
	if g.one(8) {
		headers = append(headers, layers.IPProtocolIPv6HopByHop)
	}
	if g.one(8) {
		headers = append(headers, layers.IPProtocolIPv6Destination)
	}
	if g.one(8) {
		headers = append(headers, layers.IPProtocolIPv6Routing)
	}
	if fragment || g.one(8) {
		headers = append(headers, layers.IPProtocolIPv6Fragment)
	}
	if g.one(8) && !fragment {
		headers = append(headers, layers.IPProtocolIPv6Destination)
	}
	list := []gopacket.SerializableLayer{n}
	next := &n.NextHeader
	var previous gopacket.Payload
	for _, h := range headers {
		if previous == nil {
			*next = h
		} else {
			previous[0] = byte(h)
		}
		previous = g.extension(h, fragment)
		list = append(list, previous)
	}
	if previous != nil {
		previous[0] = byte(proto)
	}
	return list
}

// extension is a header of IPv6 whose first byte, the next header's kind, is still to be written.
func (g generator) extension(kind layers.IPProtocol, fragment bool) gopacket.Payload {
	b := make([]byte, 8)
	switch kind {
	case layers.IPProtocolIPv6Routing:
		b = append(b, make([]byte, 16)...)
		b[1], b[3] = 2, 1
	case layers.IPProtocolIPv6Fragment:
		if fragment {
			binary.BigEndian.PutUint16(b[2:], uint16(g.IntN(3))<<3|uint16(g.IntN(2)))
		}
		binary.BigEndian.PutUint32(b[4:], g.Uint32())
	default:
		words := g.IntN(4)
		b = append(b, make([]byte, 8*words)...)
		b[1], b[2], b[3] = byte(words), 1, byte(len(b)-4) // PadN
	}
	return b
}
