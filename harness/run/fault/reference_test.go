package fault

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/ruleout/ruleout/harness/scenario"
)

// truth is what gopacket makes of a frame: a second opinion, by other people's code.
type truth struct {
	ip       bool // by its Ethernet type
	version  int  // 4 or 6, or 0 if the header is not whole
	length   int  // with the IP header
	fragment bool
	tcp      *layers.TCP
	udp      *layers.UDP
	icmp     bool
	class    uint8 // DSCP and ECN
	flow     flow
}

// births are the initial sequence numbers of connections that a selector has seen begin, by the direction's flow.
type births map[flow]uint32

// note remembers a segment that begins a connection.
func (b births) note(t *truth) {
	if t.tcp != nil && t.tcp.SYN {
		b[t.flow] = t.tcp.Seq
	}
}

// before is how many bytes came before the segment in its direction, or -1 if that is unknown.
func (b births) before(t *truth) int {
	first, known := b[t.flow]
	if t.tcp == nil || !known {
		return -1
	}
	return int(int32(t.tcp.Seq - first - 1))
}

func decode(b []byte) (t truth) {
	p := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.NoCopy)
	if len(b) >= etherHeader {
		kind := layers.EthernetType(binary.BigEndian.Uint16(b[12:]))
		t.ip = kind == layers.EthernetTypeIPv4 || kind == layers.EthernetTypeIPv6
	}
	switch n := p.NetworkLayer().(type) {
	case *layers.IPv4:
		copy(t.flow[0:], n.SrcIP)
		copy(t.flow[16:], n.DstIP)
		t.flow[36], t.flow[37] = byte(n.Protocol), 4
		t.version, t.length, t.class = 4, int(n.Length), n.TOS
		t.fragment = n.Flags&layers.IPv4MoreFragments != 0 || n.FragOffset != 0
	case *layers.IPv6:
		copy(t.flow[0:], n.SrcIP)
		copy(t.flow[16:], n.DstIP)
		t.flow[36], t.flow[37] = byte(n.NextHeader), 6
		t.version, t.length, t.class = 6, int(n.Length)+40, n.TrafficClass
		if x, ok := p.Layer(layers.LayerTypeIPv6Fragment).(*layers.IPv6Fragment); ok {
			t.flow[36] = byte(x.NextHeader)
			if t.fragment = x.MoreFragments || x.FragmentOffset != 0; !t.fragment { // atomic, RFC 6946: gopacket stops there
				p = gopacket.NewPacket(x.Payload, x.NextHeader.LayerType(), gopacket.NoCopy)
			}
		}
	}
	if t.fragment || p.ErrorLayer() != nil {
		return t
	}
	last := func(p layers.IPProtocol) { t.flow[36] = byte(p) }
	if n, ok := p.Layer(layers.LayerTypeTCP).(*layers.TCP); ok {
		t.tcp = n
		t.ports(layers.IPProtocolTCP, uint16(n.SrcPort), uint16(n.DstPort))
	} else if n, ok := p.Layer(layers.LayerTypeUDP).(*layers.UDP); ok {
		t.udp = n
		t.ports(layers.IPProtocolUDP, uint16(n.SrcPort), uint16(n.DstPort))
	} else if p.Layer(layers.LayerTypeICMPv4) != nil {
		t.icmp = t.version == 4
		last(layers.IPProtocolICMPv4)
	} else if p.Layer(layers.LayerTypeICMPv6) != nil {
		t.icmp = t.version == 6
		last(layers.IPProtocolICMPv6)
	}
	return t
}

func (t *truth) ports(proto layers.IPProtocol, from, to uint16) {
	t.flow[36] = byte(proto)
	binary.BigEndian.PutUint16(t.flow[32:], from)
	binary.BigEndian.PutUint16(t.flow[34:], to)
}

// is reports whether the packet is of a class. Of dup-ack it knows only that it is a pure ACK.
func (t *truth) is(class scenario.Packets) bool {
	switch class {
	case scenario.AnyPacket:
		return t.ip
	case scenario.UDPPacket:
		return t.udp != nil
	case scenario.ICMPPacket:
		return t.icmp
	case scenario.Fragment:
		return t.fragment
	}
	n := t.tcp
	if n == nil {
		return false
	}
	empty := len(n.Payload) == 0
	switch class {
	case scenario.TCPPacket:
		return true
	case scenario.DataSegment:
		return !empty
	case scenario.PureACK, scenario.DupACK:
		return n.ACK && !n.SYN && !n.FIN && !n.RST && empty
	case scenario.SYN:
		return n.SYN && !n.ACK
	case scenario.SYNACK:
		return n.SYN && n.ACK
	case scenario.FIN:
		return n.FIN
	case scenario.RST:
		return n.RST
	}
	panic(class)
}

// kind is the one by which a receipt counts the packet.
func (t *truth) kind() int {
	switch {
	case t.tcp == nil && t.flow[36] == protoTCP && !t.fragment:
		return kindTCP // cut short
	case t.tcp == nil:
		return kindOther
	case t.tcp.SYN:
		return kindSYN
	case t.is(scenario.DataSegment):
		return kindData
	case t.is(scenario.PureACK):
		return kindPureACK
	}
	return kindTCP
}

// matches reports whether the packet is what a scenario selects, apart from ordinals.
func (t *truth) matches(s scenario.Select, flows map[string]*connections, b births) bool {
	class := s.Packets
	if class == "" {
		class = scenario.AnyPacket
	}
	from, to := int(binary.BigEndian.Uint16(t.flow[32:])), int(binary.BigEndian.Uint16(t.flow[34:]))
	ported := t.tcp != nil || t.udp != nil
	family := map[scenario.Family]int{scenario.IPv4: 4, scenario.IPv6: 6}[s.Family]
	switch {
	case !t.is(class),
		family != 0 && family != t.version,
		s.Port > 0 && (!ported || from != s.Port && to != s.Port),
		s.FromPort > 0 && (!ported || from != s.FromPort),
		s.ToPort > 0 && (!ported || to != s.ToPort),
		s.Longer > 0 && t.length <= int(s.Longer),
		s.ECN != "" && (t.version == 0 || !slices.Contains(ecnOf[t.class%4], s.ECN)),
		s.DSCP != nil && (t.version == 0 || int(t.class/4) != *s.DSCP),
		s.Payload != nil && !t.carries(*s.Payload),
		s.After != nil && (t.tcp == nil || b.before(t) < int(s.After.Bytes)),
		s.Last && (!t.is(scenario.DataSegment) || !t.tcp.PSH):
		return false
	}
	return s.Flow == "" || t.within(flows[s.Flow])
}

// ecnOf has what the values of the ECN field are called.
var ecnOf = [4][]scenario.ECN{{scenario.NotECT}, {scenario.ECT1, scenario.ECT}, {scenario.ECT0, scenario.ECT},
	{scenario.CE}}

// carries reports whether the payload is as long as asked for.
func (t *truth) carries(p scenario.Payload) bool {
	var n int
	switch {
	case t.tcp != nil:
		n = len(t.tcp.Payload)
	case t.udp != nil:
		n = len(t.udp.Payload)
	default:
		return false
	}
	return n >= int(p.Min) && (p.Max == 0 || n <= int(p.Max))
}

// within reports whether the packet belongs to the connections.
func (t *truth) within(c *connections) bool {
	if t.version == 0 || t.flow[36] != protoTCP && t.flow[36] != protoUDP {
		return false
	}
	has := func(list []netip.Addr, raw []byte) bool {
		for _, a := range list {
			if a.Is4() == (t.version == 4) && string(a.AsSlice()) == string(raw[:a.BitLen()/8]) {
				return true
			}
		}
		return false
	}
	from, to := t.flow[:16], t.flow[16:32]
	port := func(field int) bool {
		return c.port == 0 || !t.fragment && int(binary.BigEndian.Uint16(t.flow[field:])) == c.port
	}
	return has(c.from, from) && has(c.to, to) && port(34) || has(c.to, from) && has(c.from, to) && port(32)
}
