package cross

import "slices"

// class tells whether a packet is of the fault's class; known is false for classes that one packet does not tell.
func (f *Fault) class(p *Packet) (is, known bool) {
	s := &f.Select
	switch s.Packets {
	case "", "any":
		is = v4(p) || v6(p)
	case "tcp", "icmp", "udp":
		is = p.Transport == s.Packets || s.Packets == "icmp" && p.Transport == "icmpv6"
	case "data":
		is = p.Data()
	case "pure-ack":
		is = p.PureACK()
	case "syn":
		is = p.TCP() && p.Flags&(flagSYN|flagACK) == flagSYN
	case "syn-ack":
		is = p.Has(flagSYN | flagACK)
	case "fin":
		is = p.Has(flagFIN)
	case "rst":
		is = p.Has(flagRST)
	default:
		return false, false
	}
	is = is && (s.Family != "ipv4" || v4(p)) && (s.Family != "ipv6" || v6(p)) && (s.Longer == 0 || p.Length > s.Longer) &&
		(!s.Last || p.Data() && p.Has(flagPSH)) && (s.From == 0 || p.From == s.From) && (s.To == 0 || p.Port == s.To) &&
		f.traits(p)
	return is, s.Flow == "" && s.Port == 0 && s.DSCP == nil && s.After == nil
}

// traits tells whether a packet has the ECN field and the payload that the fault asks for. A mark asks for ECT.
func (f *Fault) traits(p *Packet) bool {
	s := &f.Select
	fields := map[string][]int{
		"": {0, 1, 2, 3}, "not-ect": {0}, "ect1": {1}, "ect0": {2}, "ect": {1, 2}, "ce": {congested},
	}
	asked := s.ECN
	if asked == "" && f.Does("mark") {
		asked = "ect"
	}
	if !slices.Contains(fields[asked], p.ECN) {
		return false
	}
	return s.Payload == nil || (p.TCP() || p.Transport == "udp") && p.Payload >= s.Payload.Min &&
		(s.Payload.Max == 0 || p.Payload <= s.Payload.Max)
}

// congested is the ECN field CE.
const congested = 3
