package packet

import (
	"fmt"
	"net/netip"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// TCP flags by their bits, RFC 9293 and 3168; the ninth was NS.
const (
	fin = 1 << iota
	syn
	rst
	psh
	ack
	urg
	ece
	cwr
	ns
)

// shape is what is equal in the same packets, see the package's documentation.
type shape struct {
	kind     string // TCP, UDP, ICMP 3/4
	flags    uint16
	seq, ack uint32 // relative; ack is 0 without the flag
	length   int
	sacks    int
	sack     [4][2]uint32 // relative
	mss      uint16
	scale    int8 // -1 for none
	permits  bool // SACK
	others   string
	ttl, tos uint8
	whole    bool // do not fragment
	piece    string
}

// heard is a frame with what it is in, before it is known what its numbers are relative to.
type heard struct {
	shape
	window   int
	src, dst netip.AddrPort
}

// decode reads the headers of a frame. Of what is cut off, lengths are still known from the header of IP.
func decode(b []byte) heard {
	h := heard{shape: shape{kind: "no IP", length: len(b), scale: -1}}
	p := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.DecodeOptions{NoCopy: true, Lazy: true})
	var src, dst []byte
	switch n := p.NetworkLayer().(type) {
	case *layers.IPv4:
		src, dst = n.SrcIP, n.DstIP
		h.ttl, h.tos, h.whole = n.TTL, n.TOS, n.Flags&layers.IPv4DontFragment != 0
		h.length = int(n.Length) - 4*int(n.IHL)
		h.kind = n.Protocol.String()
		if n.Flags&layers.IPv4MoreFragments != 0 || n.FragOffset != 0 {
			h.piece = piece(int(n.FragOffset), n.Flags&layers.IPv4MoreFragments != 0)
		}
	case *layers.IPv6:
		src, dst = n.SrcIP, n.DstIP
		h.ttl, h.tos = n.HopLimit, n.TrafficClass
		h.length = int(n.Length) - extensions(p)
		h.kind = n.NextHeader.String()
		if f, ok := p.Layer(layers.LayerTypeIPv6Fragment).(*layers.IPv6Fragment); ok {
			h.piece = piece(int(f.FragmentOffset), f.MoreFragments)
		}
	default:
		if e, ok := p.LinkLayer().(*layers.Ethernet); ok {
			h.kind = e.EthernetType.String()
		}
		return h
	}
	from, _ := netip.AddrFromSlice(src)
	to, _ := netip.AddrFromSlice(dst)
	h.src, h.dst = netip.AddrPortFrom(from, 0), netip.AddrPortFrom(to, 0)
	if h.piece == "" {
		h.transport(p)
	}
	return h
}

// transport reads what IP carries.
func (h *heard) transport(p gopacket.Packet) {
	ports := func(src, dst uint16) {
		h.src, h.dst = netip.AddrPortFrom(h.src.Addr(), src), netip.AddrPortFrom(h.dst.Addr(), dst)
	}
	if t, ok := p.Layer(layers.LayerTypeTCP).(*layers.TCP); ok {
		ports(uint16(t.SrcPort), uint16(t.DstPort))
		h.tcp(t)
		return
	}
	if u, ok := p.Layer(layers.LayerTypeUDP).(*layers.UDP); ok {
		ports(uint16(u.SrcPort), uint16(u.DstPort))
		h.kind, h.length = "UDP", h.length-8
		return
	}
	if c, ok := p.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4); ok {
		h.kind = fmt.Sprintf("ICMP %d/%d", c.TypeCode.Type(), c.TypeCode.Code())
	}
	if c, ok := p.Layer(layers.LayerTypeICMPv6).(*layers.ICMPv6); ok {
		h.kind = fmt.Sprintf("ICMPv6 %d/%d", c.TypeCode.Type(), c.TypeCode.Code())
	}
}

func (h *heard) tcp(t *layers.TCP) {
	h.kind, h.length, h.window = "TCP", h.length-4*int(t.DataOffset), int(t.Window)
	for i, set := range []bool{t.FIN, t.SYN, t.RST, t.PSH, t.ACK, t.URG, t.ECE, t.CWR, t.NS} {
		if set {
			h.flags |= 1 << i
		}
	}
	h.seq = t.Seq
	if t.ACK {
		h.shape.ack = t.Ack
	}
	for _, o := range t.Options {
		switch o.OptionType {
		case layers.TCPOptionKindNop, layers.TCPOptionKindEndList:
		case layers.TCPOptionKindMSS:
			if len(o.OptionData) == 2 {
				h.mss = be16(o.OptionData)
			}
		case layers.TCPOptionKindWindowScale:
			if len(o.OptionData) == 1 {
				h.scale = int8(o.OptionData[0])
			}
		case layers.TCPOptionKindSACKPermitted:
			h.permits = true
		case layers.TCPOptionKindSACK:
			for d := o.OptionData; len(d) >= 8 && h.sacks < len(h.sack); d = d[8:] {
				h.sack[h.sacks] = [2]uint32{be32(d), be32(d[4:])}
				h.sacks++
			}
		default:
			h.others += fmt.Sprintf(" %s", o.OptionType)
		}
	}
}

// extensions is the length of all headers of IPv6 after the first one.
func extensions(p gopacket.Packet) (n int) {
	for _, l := range p.Layers() {
		switch l.LayerType() {
		case layers.LayerTypeIPv6HopByHop, layers.LayerTypeIPv6Destination, layers.LayerTypeIPv6Fragment,
			layers.LayerTypeIPv6Routing:
			n += len(l.LayerContents())
		}
	}
	return n
}

func piece(offset int, more bool) string {
	if more {
		return fmt.Sprintf("fragment at %d, more follow", 8*offset)
	}
	return fmt.Sprintf("fragment at %d, the last", 8*offset)
}

func be16(b []byte) uint16 { return uint16(b[0])<<8 | uint16(b[1]) }

func be32(b []byte) uint32 { return uint32(be16(b))<<16 | uint32(be16(b[2:])) }
