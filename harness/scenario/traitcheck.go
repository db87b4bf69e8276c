package scenario

import "fmt"

// leastHeaders is the least length of the headers of a segment or datagram, with that of IPv4, in bytes.
var leastHeaders = map[bool]int{true: 40, false: 28}

// traits checks what a selector asks of the payload, of the IP header and of the connection.
func (v *validation) traits(path string, f *Fault, link *Link) {
	s := &f.Select
	switch {
	case f.Do.Mark != "" && (s.ECN == NotECT || s.ECN == CE):
		v.fail(path+".ecn", fmt.Sprintf("mark acts on ECT packets, not on those with %s: the selector would never match",
			s.ECN), "ecn: ect, ect0 or ect1, or none")
	case f.Do.Reject == RejectRST && !s.Packets.TCP():
		v.fail(join(path[:len(path)-len(".select")], "do.reject"),
			fmt.Sprintf("packets of the class %s have no RST for an answer", s.Packets),
			"select packets: tcp, or a class of TCP; or reject with port-unreachable")
	case f.Do.Reject == RejectRST && s.Packets == RST:
		v.fail(path+".packets", "no RST answers a RST", "")
	}
	if p := s.Payload; p != nil {
		v.payload(path+".payload", s, link)
	}
	if a := s.After; a != nil {
		switch {
		case a.Age == 0 && a.Bytes == 0:
			v.fail(path+".after", "after nothing", "age, the time since the connection began, or bytes, how many came before")
		case !s.Packets.TCP():
			v.fail(path+".after", fmt.Sprintf("packets of the class %s have no connection that begins", s.Packets),
				"add packets: tcp, data, pure-ack, dup-ack, fin or rst")
		case s.Packets == SYN || s.Packets == SYNACK:
			v.fail(path+".after", fmt.Sprintf("a connection begins with its %s: the selector would never match", s.Packets), "")
		}
	}
}

// payload checks a range of lengths.
func (v *validation) payload(path string, s *Select, link *Link) {
	p, tcp := s.Payload, s.Packets.TCP()
	room := link.MTU - leastHeaders[tcp]
	switch {
	case p.Min == 0 && p.Max == 0:
		v.fail(path, "a payload of no length", "add min, max or both")
	case !tcp && s.Packets != UDPPacket:
		v.fail(path, fmt.Sprintf("packets of the class %s have no payload of TCP or UDP", s.Packets),
			"add packets: tcp, data or udp")
	case p.Max > 0 && p.Min > p.Max:
		v.fail(path+".min", fmt.Sprintf("a payload of at least %v and at most %v: the selector would never match", p.Min,
			p.Max), "")
	case int(p.Min) > room:
		v.fail(path+".min", fmt.Sprintf("no packet of this link carries more than %d bytes, by its MTU of %d: "+
			"the selector would never match", room, link.MTU), "")
	case p.Min > 0 && (s.Packets == PureACK || s.Packets == DupACK):
		v.fail(path+".min", fmt.Sprintf("packets of the class %s carry no data: the selector would never match", s.Packets),
			"")
	}
}
