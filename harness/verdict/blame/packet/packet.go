package packet

import (
	"fmt"
	"strings"
)

// Packet is a packet at the point at which the runs are compared.
type Packet struct {
	Frame int     `json:"frame"` // its number in the file, from 1: frame.number of tshark
	At    float64 `json:"at"`    // s after the start of the measured window
	// Answers says that the server of the conversation sent it.
	Answers bool     `json:"answers"`
	Kind    string   `json:"kind"`            // TCP, UDP, ICMP 3/4 (type and code)
	Flags   []string `json:"flags,omitempty"` // of TCP: SYN, ACK
	Seq     uint32   `json:"seq"`             // relative, of TCP
	Ack     uint32   `json:"ack"`             // relative, of TCP with the flag ACK
	Length  int      `json:"length"`          // of what TCP, UDP or ICMP carries, bytes
	Window  int      `json:"window"`          // as in the header of TCP, not scaled
	// SACK blocks, relative.
	SACK    [][2]uint32 `json:"sack,omitempty"`
	Options string      `json:"options,omitempty"` // other options that matter
	TTL     int         `json:"ttl"`
	// Fault says what faults did to the packet, as the capture's comment does.
	Fault string `json:"fault,omitempty"`

	shape shape
}

// Field is what is not equal in two packets.
type Field struct {
	Name string `json:"name"`
	A    string `json:"a"`
	B    string `json:"b"`
}

var flagNames = []string{"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "NS"}

// shown is a packet as it is told.
func (s *seen) shown() *Packet {
	p := &Packet{Frame: s.frame, At: s.at.Seconds(), Answers: s.answers, Kind: s.kind, Seq: s.seq, Ack: s.ack,
		Length: s.length, Window: s.window, Options: s.options(), TTL: int(s.ttl), Fault: s.comment, shape: s.shape}
	for i, name := range flagNames {
		if s.flags&(1<<i) != 0 {
			p.Flags = append(p.Flags, name)
		}
	}
	for i := range s.sacks {
		p.SACK = append(p.SACK, s.sack[i])
	}
	return p
}

// options are those of TCP but SACK's blocks.
func (s *shape) options() string {
	var list []string
	if s.mss > 0 {
		list = append(list, fmt.Sprintf("MSS %d", s.mss))
	}
	if s.scale >= 0 {
		list = append(list, fmt.Sprintf("scale %d", s.scale))
	}
	if s.permits {
		list = append(list, "SACK permitted")
	}
	if others := strings.TrimSpace(strings.ReplaceAll(s.others, " Timestamps", "")); others != "" {
		list = append(list, others)
	}
	return strings.Join(list, ", ")
}

// stamps tells whether there are timestamps. They are in all packets of a connection or in none, so they are told only
// where packets differ in them.
func (s *shape) stamps() bool { return strings.Contains(s.others, "Timestamps") }

// String has the packet in a line, without its time.
func (p *Packet) String() string {
	arrow := "→"
	if p.Answers {
		arrow = "←"
	}
	words := []string{arrow}
	if p.Kind != "TCP" {
		words = append(words, p.Kind, fmt.Sprintf("len %d", p.Length))
	} else {
		words = append(words, p.Flags...)
		words = append(words, fmt.Sprintf("seq %d", p.Seq))
		if p.shape.flags&ack != 0 {
			words = append(words, fmt.Sprintf("ack %d", p.Ack))
		}
		if p.Length > 0 {
			words = append(words, fmt.Sprintf("len %d", p.Length))
		}
		words = append(words, fmt.Sprintf("win %d", p.Window))
		if len(p.SACK) > 0 {
			words = append(words, "SACK "+blocks(p.SACK))
		}
		if p.Options != "" {
			words = append(words, p.Options)
		}
	}
	for _, w := range []string{p.shape.piece, congestion(p.shape.tos)} {
		if w != "" {
			words = append(words, w)
		}
	}
	if p.Fault != "" {
		words = append(words, "["+p.Fault+"]")
	}
	return strings.Join(words, " ")
}

func blocks(list [][2]uint32) string {
	var words []string
	for _, b := range list {
		words = append(words, fmt.Sprintf("%d–%d", b[0], b[1]))
	}
	return strings.Join(words, " ")
}

// congestion is the codepoint of ECN, RFC 3168; empty for none.
func congestion(tos uint8) string { return []string{"", "ECT(1)", "ECT(0)", "CE"}[tos&3] }

// Differs lists what is not equal in two packets, of what the package's documentation names.
func (p *Packet) Differs(q *Packet) (out []Field) {
	a, b := &p.shape, &q.shape
	add := func(name, x, y string) {
		if x != y {
			out = append(out, Field{name, x, y})
		}
	}
	number := func(name string, x, y int64) { add(name, fmt.Sprint(x), fmt.Sprint(y)) }
	add("kind", p.Kind, q.Kind)
	add("flags", strings.Join(p.Flags, " "), strings.Join(q.Flags, " "))
	number("seq", int64(a.seq), int64(b.seq))
	number("ack", int64(a.ack), int64(b.ack))
	number("length", int64(a.length), int64(b.length))
	add("SACK", blocks(p.SACK), blocks(q.SACK))
	add("options", p.Options, q.Options)
	add("timestamps", yes(a.stamps()), yes(b.stamps()))
	number("time to live", int64(a.ttl), int64(b.ttl))
	number("DSCP", int64(a.tos>>2), int64(b.tos>>2))
	add("ECN", congestion(a.tos), congestion(b.tos))
	add("do not fragment", yes(a.whole), yes(b.whole))
	add("fragment", a.piece, b.piece)
	return out
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
