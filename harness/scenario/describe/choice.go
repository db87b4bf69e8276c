package describe

import (
	"fmt"
	"strings"

	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// classes of packets, one and many.
var classes = map[scenario.Packets][2]string{
	"":                   {"packet", "packets"},
	scenario.AnyPacket:   {"packet", "packets"},
	scenario.TCPPacket:   {"TCP segment", "TCP segments"},
	scenario.UDPPacket:   {"UDP datagram", "UDP datagrams"},
	scenario.ICMPPacket:  {"ICMP message", "ICMP messages"},
	scenario.Fragment:    {"fragment", "fragments"},
	scenario.DataSegment: {"data segment", "data segments"},
	scenario.PureACK:     {"pure ACK", "pure ACKs"},
	scenario.DupACK:      {"duplicate ACK", "duplicate ACKs"},
	scenario.SYN:         {"SYN", "SYNs"},
	scenario.SYNACK:      {"SYN-ACK", "SYN-ACKs"},
	scenario.FIN:         {"FIN", "FINs"},
	scenario.RST:         {"RST", "RSTs"},
}

// chosen says which packets a fault acts on, such as "10 % of data segments of flow pages from web",
// and tail what comes after a comma, such as "3 at a time".
func chosen(f *scenario.Fault) (what, tail string) {
	s := &f.Select
	per := ""
	if byOrdinal(s) {
		per = " of each flow"
		if s.Per == scenario.PerLink {
			per = ""
		}
	}
	what = counted(s) + of(s) + per + from(f)
	if c := s.Chance; c != nil && *c < 1 {
		what = Share(*c) + " of " + what
	}
	if s.Burst > 1 {
		tail = fmt.Sprintf(", %d at a time", s.Burst)
	}
	// Without an ordinal, per says what the chance is drawn over, and what a burst runs along.
	if s.Per == scenario.PerLink && f.From == "" && byOrdinal(s) {
		tail += ", each direction counted for itself"
	}
	if s.Per == scenario.PerLink && !byOrdinal(s) &&
		(s.Burst > 1 || s.Chance != nil && *s.Chance < 1) {
		tail += ", all flows counted together"
	}
	return what, tail
}

// byOrdinal reports whether packets are chosen by their number.
func byOrdinal(s *scenario.Select) bool {
	return s.Nth > 0 || len(s.Ordinals) > 0 || s.Every > 0 || s.First > 0
}

// counted names the class with the ordinals that are chosen of it. What all of them hold of is said, since all must.
func counted(s *scenario.Select) string {
	name := classes[s.Packets]
	if s.Family != "" {
		family := map[scenario.Family]string{scenario.IPv4: "IPv4 ", scenario.IPv6: "IPv6 "}[s.Family]
		name = [2]string{family + name[0], family + name[1]}
	}
	switch {
	case s.Nth > 0: // every and first hold of it too, or the scenario is refused
		return "the " + quantity.Ordinal(int64(s.Nth)) + " " + name[0]
	case len(s.Ordinals) == 1:
		return "the " + quantity.Ordinal(int64(s.Ordinals[0])) + " " + name[0]
	case len(s.Ordinals) > 0:
		return numbers(s.Ordinals) + " of the " + name[1]
	case s.Every > 0 && s.First > 0:
		return fmt.Sprintf("every %s of the first %s", quantity.Ordinal(int64(s.Every)),
			quantity.Count(int64(s.First))+" "+name[1])
	case s.Every > 0:
		return "every " + quantity.Ordinal(int64(s.Every)) + " " + name[0]
	case s.First == 1:
		return "the first " + name[0]
	case s.First > 0:
		return "the first " + quantity.Count(int64(s.First)) + " " + name[1]
	}
	return name[1]
}

// fewOrdinals are listed; of more, their number is told.
const fewOrdinals = 5

// numbers lists ordinals: numbers 3, 17 and 240; or 6 listed numbers.
func numbers(list []int) string {
	if len(list) > fewOrdinals {
		return quantity.Count(int64(len(list))) + " listed numbers"
	}
	words := make([]string, len(list))
	for i, n := range list {
		words[i] = quantity.Count(int64(n))
	}
	return "numbers " + quantity.List(words)
}

// of says what else must hold of a packet.
func of(s *scenario.Select) string {
	var b strings.Builder
	if s.Last {
		b.WriteString(" at the end of a write")
	}
	if s.Longer > 0 {
		b.WriteString(" longer than " + Size(s.Longer))
	}
	b.WriteString(traits(s))
	if s.Port > 0 {
		fmt.Fprintf(&b, " of port %d", s.Port)
	}
	if s.FromPort > 0 {
		fmt.Fprintf(&b, " from port %d", s.FromPort)
	}
	if s.ToPort > 0 {
		fmt.Fprintf(&b, " to port %d", s.ToPort)
	}
	if s.Flow != "" {
		b.WriteString(" of flow " + s.Flow)
	}
	return b.String()
}

// codepoints of ECN as RFC 3168 writes them.
var codepoints = map[scenario.ECN]string{
	scenario.NotECT: "Not-ECT", scenario.ECT0: "ECT(0)", scenario.ECT1: "ECT(1)", scenario.ECT: "ECT", scenario.CE: "CE",
}

// traits says what must hold of the payload, of the IP header and of the connection.
func traits(s *scenario.Select) string {
	var b strings.Builder
	switch p := s.Payload; {
	case p == nil:
	case p.Max == 0:
		b.WriteString(" with a payload of at least " + Size(p.Min))
	case p.Min == 0:
		b.WriteString(" with a payload of at most " + Size(p.Max))
	default:
		fmt.Fprintf(&b, " with a payload of %s to %s", Size(p.Min), Size(p.Max))
	}
	if s.ECN != "" {
		b.WriteString(" with " + codepoints[s.ECN])
	}
	if s.DSCP != nil {
		fmt.Fprintf(&b, " with DSCP %d", *s.DSCP)
	}
	if a := s.After; a != nil {
		var parts []string
		if a.Age > 0 {
			parts = append(parts, Duration(a.Age))
		}
		if a.Bytes > 0 {
			parts = append(parts, Size(a.Bytes))
		}
		b.WriteString(" after " + strings.Join(parts, " and ") + " of their connection")
	}
	return b.String()
}

// from says whose packets they are.
func from(f *scenario.Fault) string {
	if f.From == "" {
		return " in both directions"
	}
	return " from " + f.From
}
