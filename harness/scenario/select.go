package scenario

// Packets is a class of packets. All classes but any and fragment are of unfragmented packets whose
// headers are whole; the classes of TCP are told by RFC 9293's flags and by lengths from the headers.
type Packets string

// Classes of packets.
const (
	// AnyPacket matches every IPv4 and IPv6 packet, fragments included.
	AnyPacket Packets = "any"
	// TCPPacket matches TCP segments.
	TCPPacket Packets = "tcp"
	// UDPPacket matches UDP datagrams.
	UDPPacket Packets = "udp"
	// ICMPPacket matches ICMP over IPv4 and ICMPv6, neighbour discovery included.
	ICMPPacket Packets = "icmp"
	// Fragment matches fragments of IPv4 and IPv6 packets: with an offset, or with more to follow.
	Fragment Packets = "fragment"
	// DataSegment matches TCP segments with a payload.
	DataSegment Packets = "data"
	// PureACK matches TCP segments with ACK and without SYN, FIN or RST and with no payload.
	PureACK Packets = "pure-ack"
	// DupACK matches pure ACKs that repeat the last pure ACK of their flow: the same acknowledgement number,
	// sequence number and window. It may have come before the fault began, or be of another length because of its options.
	// (RFC 5681 also asks that data is outstanding, which a wire cannot know.)
	DupACK Packets = "dup-ack"
	// SYN matches TCP segments with SYN and without ACK.
	SYN Packets = "syn"
	// SYNACK matches TCP segments with SYN and ACK.
	SYNACK Packets = "syn-ack"
	// FIN matches TCP segments with FIN.
	FIN Packets = "fin"
	// RST matches TCP segments with RST.
	RST Packets = "rst"
)

// TCP reports whether all packets of the class are TCP segments.
func (p Packets) TCP() bool {
	switch p {
	case TCPPacket, DataSegment, PureACK, DupACK, SYN, SYNACK, FIN, RST:
		return true
	}
	return false
}

// Family of internet addresses.
type Family string

// Families of addresses.
const (
	IPv4 Family = "ipv4"
	IPv6 Family = "ipv6"
)

// Scope says what an ordinal counts over.
type Scope string

// Scopes of ordinals.
const (
	// PerFlow counts each flow for itself: a flow is addresses, ports and protocol, one way.
	PerFlow Scope = "flow"
	// PerLink counts all packets of one direction of the link together.
	PerLink Scope = "link"
)

// ECN is a value of the ECN field of an IP header, or two of them (RFC 3168, section 5).
type ECN string

// Codepoints of ECN.
const (
	// NotECT is sent by a transport that does not understand ECN: 00.
	NotECT ECN = "not-ect"
	// ECT1 is 01, and ECT0 10: the transport understands ECN.
	ECT1 ECN = "ect1"
	ECT0 ECN = "ect0"
	// ECT is either of the two.
	ECT ECN = "ect"
	// CE is 11: a queue was congested.
	CE ECN = "ce"
)

// Payload is a range of lengths of what a TCP segment or a UDP datagram carries. At least one of min and max is set.
type Payload struct {
	// Min is the least length.
	Min Size `yaml:"min,omitempty" json:"min,omitempty" min:"1B" max:"64kB"`
	// Max is the greatest length. Without min, segments without a payload are among them.
	Max Size `yaml:"max,omitempty" json:"max,omitempty" min:"1B" max:"64kB"`
}

// After chooses segments by the age of their TCP connection, by the number of data bytes sent before them, or by both:
// then both conditions must hold. The link counts each direction separately, from its SYN or SYN-ACK. A direction whose
// SYN or SYN-ACK the link did not see never matches. A new connection of the same ports starts at 0.
type After struct {
	// Age is the time since the link saw the direction's first SYN or SYN-ACK.
	Age Duration `yaml:"age,omitempty" json:"age,omitempty" min:"1us"`
	// Bytes is how many bytes of data come before the segment in its direction, by its sequence number. A retransmission
	// counts like the segment that it repeats.
	Bytes Size `yaml:"bytes,omitempty" json:"bytes,omitempty" min:"1B" max:"2GB"`
}

// Select chooses packets, in two steps. A packet matches when it comes while the fault acts and packets, port,
// from-port, to-port, family, flow, longer, payload, ecn, dscp, after and last all hold of it. Matching packets are
// counted 1, 2, 3 …, through all repetitions of the fault; one is chosen when chance, nth, ordinals, every and first
// all hold of its ordinal, or when they hold of one of the burst-1 ordinals before it.
type Select struct {
	// Packets is the class. pure-ack is TCP segments that carry an ACK and nothing else, dup-ack those among them that
	// repeat the one before on their flow, data those with a payload.
	Packets Packets `yaml:"packets,omitempty" json:"packets" default:"any" enum:"any,tcp,udp,icmp,fragment,data,pure-ack,dup-ack,syn,syn-ack,fin,rst"`
	// Port is the TCP or UDP port of either end. Fragments have no ports.
	Port int `yaml:"port,omitempty" json:"port,omitempty" min:"1" max:"65535"`
	// FromPort is the source port of TCP or UDP.
	FromPort int `yaml:"from-port,omitempty" json:"from-port,omitempty" min:"1" max:"65535"`
	// ToPort is the destination port of TCP or UDP.
	ToPort int `yaml:"to-port,omitempty" json:"to-port,omitempty" min:"1" max:"65535"`
	// Family is ipv4 or ipv6. Without it, both.
	Family Family `yaml:"family,omitempty" json:"family,omitempty" enum:"ipv4,ipv6"`
	// Flow is the name of a flow of the scenario, both of whose directions match: TCP and UDP. Fragments have no ports, so
	// they match only if the flow has none.
	Flow string `yaml:"flow,omitempty" json:"flow,omitempty"`
	// Longer matches packets whose length with the IP header, in bytes, is above this.
	Longer Size `yaml:"longer,omitempty" json:"longer,omitempty" min:"1B" max:"64kB"`
	// Payload matches TCP segments and UDP datagrams by the length of what they carry, which their headers say.
	Payload *Payload `yaml:"payload,omitempty" json:"payload,omitempty"`
	// ECN matches by the ECN field of the IP header: not-ect, ect0, ect1, ce, or ect, which is ect0 and ect1.
	ECN ECN `yaml:"ecn,omitempty" json:"ecn,omitempty" enum:"not-ect,ect0,ect1,ect,ce"`
	// DSCP matches by the differentiated services codepoint of the IP header (RFC 2474), such as 46 for expedited
	// forwarding.
	DSCP *int `yaml:"dscp,omitempty" json:"dscp,omitempty" min:"0" max:"63"`
	// After matches TCP segments by the age of their connection, or by their place in it.
	After *After `yaml:"after,omitempty" json:"after,omitempty"`
	// Last matches data with the flag PSH. Linux sets it on the last segment of what an application wrote at once, and
	// within a long write too: each time that half the largest window was written since the last PSH, and where the
	// writer waits for room. To choose one segment of a response use nth.
	Last bool `yaml:"last,omitempty" json:"last,omitempty"`
	// Chance with which a matching packet is chosen: a function of the seed, the fault's name, the flow and the ordinal.
	Chance *Share `yaml:"chance,omitempty" json:"chance" default:"100%" above:"0%" max:"100%"`
	// Nth chooses only the one with this ordinal.
	Nth int `yaml:"nth,omitempty" json:"nth,omitempty" min:"1" max:"1000000000"`
	// Ordinals chooses only those with one of these ordinals, in rising order. It stands for nth, every and first. With
	// per: link it names single packets of the link.
	Ordinals []int `yaml:"ordinals,omitempty" json:"ordinals,omitempty" most:"64"`
	// Every chooses one in so many: those whose ordinal is a multiple of it.
	Every int `yaml:"every,omitempty" json:"every,omitempty" min:"2" max:"1000000000"`
	// First chooses only the first so many.
	First int `yaml:"first,omitempty" json:"first,omitempty" min:"1" max:"1000000000"`
	// Burst is how many matching packets in a row are chosen when one is.
	Burst int `yaml:"burst,omitempty" json:"burst,omitempty" min:"2" max:"16"`
	// Per says what ordinals count over: each flow for itself, which is the default, or the link's direction as a whole. A
	// flow is addresses, ports and protocol, one way: a port that is used again goes on with its count.
	Per Scope `yaml:"per,omitempty" json:"per,omitempty" enum:"flow,link"`
}
