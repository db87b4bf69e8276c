package forge

import (
	"encoding/binary"
	"net/netip"
)

// Flags of a TCP segment, RFC 9293.
const (
	FIN byte = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
)

// Segment is a TCP segment in an Ethernet frame. Addresses are both of one family.
type Segment struct {
	// Ethernet is the header of frames that go this way: destination, source, type.
	Ethernet [14]byte
	From, To netip.AddrPort
	Seq, Ack uint32
	Flags    byte
	// Window as it stands in the header, not scaled.
	Window uint16
	// Timestamps are those of the option, or nil for a connection without.
	Timestamps *Timestamps
	// Payload is how many bytes it carries, all of them 0.
	Payload int
}

// Timestamps is the option of RFC 7323.
type Timestamps struct{ Value, Echo uint32 }

// Lengths of headers without options, in bytes.
const (
	etherLength = 14
	ipv4Length  = 20
	ipv6Length  = 40
	tcpLength   = 20
)

const (
	protoTCP = 6
	// hops is the time to live of what Linux sends.
	hops = 64
	// dontFragment is DF in the IPv4 header's field of flags and offset.
	dontFragment = 0x4000
)

// Frame returns the segment as it lies on the wire.
func (s *Segment) Frame() []byte {
	header := ipv4Length
	if s.From.Addr().Is6() {
		header = ipv6Length
	}
	options := 0
	if s.Timestamps != nil {
		options = 12
	}
	b := make([]byte, etherLength+header+tcpLength+options+s.Payload)
	copy(b, s.Ethernet[:])
	segment := b[etherLength+header:]
	s.writeIP(b[etherLength:], len(segment))
	s.writeTCP(segment, options)
	return b
}

// writeIP writes an IPv4 header, RFC 791, or an IPv6 header, RFC 8200, for so many bytes of payload.
func (s *Segment) writeIP(b []byte, payload int) {
	from, to := s.From.Addr().AsSlice(), s.To.Addr().AsSlice()
	if s.From.Addr().Is6() {
		b[0] = 6 << 4
		binary.BigEndian.PutUint16(b[4:], uint16(payload))
		b[6], b[7] = protoTCP, hops
		copy(b[8:], from)
		copy(b[24:], to)
		return
	}
	b[0] = 4<<4 | ipv4Length/4
	binary.BigEndian.PutUint16(b[2:], uint16(ipv4Length+payload))
	binary.BigEndian.PutUint16(b[6:], dontFragment)
	b[8], b[9] = hops, protoTCP
	copy(b[12:], from)
	copy(b[16:], to)
	binary.BigEndian.PutUint16(b[10:], checksum(sum(b[:ipv4Length])))
}

// writeTCP writes header, options and payload, RFC 9293.
func (s *Segment) writeTCP(b []byte, options int) {
	binary.BigEndian.PutUint16(b, s.From.Port())
	binary.BigEndian.PutUint16(b[2:], s.To.Port())
	binary.BigEndian.PutUint32(b[4:], s.Seq)
	binary.BigEndian.PutUint32(b[8:], s.Ack)
	b[12], b[13] = byte(tcpLength+options)/4<<4, s.Flags
	binary.BigEndian.PutUint16(b[14:], s.Window)
	if t := s.Timestamps; t != nil {
		const nop, timestamps, length = 1, 8, 10
		o := b[tcpLength:]
		o[0], o[1], o[2], o[3] = nop, nop, timestamps, length // as Linux aligns them
		binary.BigEndian.PutUint32(o[4:], t.Value)
		binary.BigEndian.PutUint32(o[8:], t.Echo)
	}
	// The pseudo header's words, in any order: addresses, protocol, length.
	pseudo := sum(s.From.Addr().AsSlice()) + sum(s.To.Addr().AsSlice()) + protoTCP + uint64(len(b))
	binary.BigEndian.PutUint16(b[16:], checksum(pseudo+sum(b)))
}

// sum adds up 16-bit words; an odd byte at the end counts as the first of a word, RFC 1071.
func sum(b []byte) (s uint64) {
	for ; len(b) > 1; b = b[2:] {
		s += uint64(b[0])<<8 | uint64(b[1])
	}
	if len(b) == 1 {
		s += uint64(b[0]) << 8
	}
	return s
}

// checksum is the ones' complement of a sum of words.
func checksum(s uint64) uint16 {
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return ^uint16(s)
}

// FindTimestamps returns the timestamps of a TCP header with its options, or nil when it has none.
func FindTimestamps(header []byte) *Timestamps {
	if len(header) < tcpLength || len(header) < int(header[12]>>4)*4 {
		return nil
	}
	const end, nop, timestamps, length = 0, 1, 8, 10
	for o := header[tcpLength:max(tcpLength, int(header[12]>>4)*4)]; len(o) > 0; {
		switch {
		case o[0] == end:
			return nil
		case o[0] == nop:
			o = o[1:]
			continue
		case len(o) < 2 || o[1] < 2 || int(o[1]) > len(o):
			return nil
		case o[0] == timestamps && o[1] == length:
			return &Timestamps{Value: binary.BigEndian.Uint32(o[2:]), Echo: binary.BigEndian.Uint32(o[6:])}
		}
		o = o[o[1]:]
	}
	return nil
}
