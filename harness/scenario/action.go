package scenario

// Action is what happens to a chosen packet. Exactly one of watch, drop, delay, delays, reorder, duplicate, corrupt,
// mark, rate, slot, loss, mtu, reject, down, pause and inject is set; the other keys go with one of them.
type Action struct {
	// Watch does nothing: the fault only counts, and notes when.
	Watch bool `yaml:"watch,omitempty" json:"watch,omitempty"`
	// Drop loses the packet. Of all packets in both directions, it is a partition.
	Drop bool `yaml:"drop,omitempty" json:"drop,omitempty"`
	// Delay holds the packet back, in addition to the link's own delay.
	Delay Duration `yaml:"delay,omitempty" json:"delay,omitempty" min:"1us" max:"1m"`
	// Jitter varies the delay: by up to so much either way if it is uniform, by this standard deviation
	// otherwise. At most the delay. Packets then overtake one another, unless in-order is set.
	Jitter Duration `yaml:"jitter,omitempty" json:"jitter,omitempty" min:"1us" max:"2s"`
	// Distribution of the jitter; the tables are those of iproute2. Without it, uniform.
	Distribution Distribution `yaml:"distribution,omitempty" json:"distribution,omitempty" enum:"uniform,normal,pareto,paretonormal"`
	// Delays is a distribution of your own: each packet gets one of these delays, all equally likely. One that is written
	// twice is twice as likely.
	Delays []Duration `yaml:"delays,omitempty" json:"delays,omitempty" most:"4096"`
	// InOrder keeps packets with jitter or delays in order: one waits for those before it.
	InOrder bool `yaml:"in-order,omitempty" json:"in-order,omitempty"`
	// Reorder holds the packet back for so long that later ones may overtake it.
	Reorder Duration `yaml:"reorder,omitempty" json:"reorder,omitempty" min:"1us" max:"1m"`
	// Duplicate is the number of extra copies right after the packet.
	Duplicate int `yaml:"duplicate,omitempty" json:"duplicate,omitempty" min:"1" max:"16"`
	// Corrupt flips one bit of the packet, somewhere after its Ethernet header.
	Corrupt bool `yaml:"corrupt,omitempty" json:"corrupt,omitempty"`
	// Mark sets the ECN field of the packet to CE, as a congested queue does (RFC 3168). Only ECT packets match: others
	// must not be marked.
	Mark Mark `yaml:"mark,omitempty" json:"mark,omitempty" enum:"ce"`
	// Rate squeezes the chosen packets through a bottleneck.
	Rate Rate `yaml:"rate,omitempty" json:"rate,omitempty" min:"1kbit" max:"100gbit"`
	// Overhead goes with rate: bytes added to the length of each packet, which is that of its Ethernet frame;
	// may be negative.
	Overhead int `yaml:"overhead,omitempty" json:"overhead,omitempty" min:"-14" max:"1000"`
	// Cell goes with rate: packets are sent in whole cells, as on ATM.
	Cell *Cell `yaml:"cell,omitempty" json:"cell,omitempty"`
	// Queue goes with rate and slot: the most packets that are in their queue at once, in each direction, the one that is
	// being sent included. Without it, that of the link; if that has none either, 1000, as netem has it, and a run for
	// which that is not enough is invalid. In a ramp each rate has a queue of its own.
	Queue int `yaml:"queue,omitempty" json:"queue,omitempty" min:"1" max:"1000000"`
	// Slot lets the chosen packets pass in slots only, as media do that are shared by turns.
	Slot *Slot `yaml:"slot,omitempty" json:"slot,omitempty"`
	// Loss loses packets by one of netem's own models, which draw from a stream of netem's.
	Loss *Loss `yaml:"loss,omitempty" json:"loss,omitempty"`
	// MTU drops IPv6 packets, and IPv4 packets with DF, that are longer than this with their IP header, in bytes; their
	// sender is told by ICMP (RFC 1191, RFC 8201), as by a router before a narrower link.
	MTU int `yaml:"mtu,omitempty" json:"mtu,omitempty" min:"68" max:"9000"`
	// Silent goes with mtu: no ICMP message is sent. The path is a black hole for large packets (RFC 2923).
	Silent bool `yaml:"silent,omitempty" json:"silent,omitempty"`
	// Reject loses the packet and answers its sender: by a RST that seems to come from the packet's receiver, or by an
	// ICMP message from the far end of the link. There is no answer to errors of ICMP, to RSTs where the answer would be
	// one, and to later fragments.
	Reject Reject `yaml:"reject,omitempty" json:"reject,omitempty" enum:"rst,port-unreachable,host-unreachable,net-unreachable,admin-prohibited"`
	// Down takes the carrier of the link away, which both nodes notice. With every, the link flaps.
	Down bool `yaml:"down,omitempty" json:"down,omitempty"`
	// Pause stops all processes of a node's service, by the kernel's freezer, for as long as the fault lasts. Its kernel
	// goes on: it acknowledges what comes and opens connections, until buffers and queues are full.
	Pause bool `yaml:"pause,omitempty" json:"pause,omitempty"`
	// Inject forges segments into a connection, once, when the fault begins.
	Inject *Inject `yaml:"inject,omitempty" json:"inject,omitempty"`
}

// Distribution of a jitter.
type Distribution string

// Distributions of jitter, by the names of tc-netem(8).
const (
	Uniform      Distribution = "uniform"
	Normal       Distribution = "normal"
	Pareto       Distribution = "pareto"
	ParetoNormal Distribution = "paretonormal"
)

// Mark is what the ECN field becomes.
type Mark string

// MarkCE says that a queue was congested.
const MarkCE Mark = "ce"

// Reject is how a packet that is lost is answered: a segment with RST, or "destination unreachable" of ICMP (RFC 792,
// RFC 1812, RFC 4443).
type Reject string

// Kinds of answers.
const (
	// RejectRST is for TCP: by RFC 9293, section 3.10.7.1, as a host answers a segment for a port that is closed.
	RejectRST Reject = "rst"
	// PortUnreachable is code 3, and 4 in ICMPv6.
	PortUnreachable Reject = "port-unreachable"
	// HostUnreachable is code 1, and 3 (address unreachable) in ICMPv6.
	HostUnreachable Reject = "host-unreachable"
	// NetUnreachable is code 0, and 0 (no route) in ICMPv6.
	NetUnreachable Reject = "net-unreachable"
	// AdminProhibited is code 13, and 1 in ICMPv6: a firewall forbids it.
	AdminProhibited Reject = "admin-prohibited"
)

// Refuses reports whether the action answers the senders of packets that it loses: then its messages go the other way.
func (a *Action) Refuses() bool { return a.Reject != "" || a.MTU > 0 && !a.Silent }

// Cell is a unit of transmission into which packets are cut.
type Cell struct {
	// Size of a cell's payload in bytes.
	Size int `yaml:"size" json:"size" min:"1" max:"10000"`
	// Overhead of each cell in bytes.
	Overhead int `yaml:"overhead,omitempty" json:"overhead,omitempty" min:"0" max:"1000"`
}

// Slot is how slots follow one another.
type Slot struct {
	// Min is the least time from one slot to the next.
	Min Duration `yaml:"min" json:"min" min:"1us" max:"10s"`
	// Max is the longest time between slots, each drawn uniformly. Without it, all are min apart.
	Max Duration `yaml:"max,omitempty" json:"max,omitempty" min:"1us" max:"10s"`
	// Packets that one slot carries at the most. Without it, no bound.
	Packets int `yaml:"packets,omitempty" json:"packets,omitempty" min:"1" max:"1000000"`
	// Bytes that one slot carries at the most, the packet that reaches them included. Without it, no bound.
	Bytes Size `yaml:"bytes,omitempty" json:"bytes,omitempty" min:"64B" max:"1GB"`
}

// Loss is one of netem's loss models. Exactly one of random, gemodel and state is set.
type Loss struct {
	// Random loses each packet with this probability, independently of the others.
	Random *Share `yaml:"random,omitempty" json:"random,omitempty" above:"0%" max:"100%"`
	// GEModel is Gilbert and Elliott's: a good state and a bad one.
	GEModel *GEModel `yaml:"gemodel,omitempty" json:"gemodel,omitempty"`
	// State is the four-state Markov chain of tc-netem(8).
	State *StateModel `yaml:"state,omitempty" json:"state,omitempty"`
}

// GEModel is the Gilbert-Elliott loss model. Bursts in the bad state last 1/r packets in the mean.
type GEModel struct {
	// P is the probability of going from the good state to the bad one, at each packet.
	P Share `yaml:"p" json:"p" above:"0%" max:"100%"`
	// R is the probability of going back.
	R Share `yaml:"r" json:"r" above:"0%" max:"100%"`
	// Bad is the probability of loss in the bad state: 1-h of tc-netem(8).
	Bad *Share `yaml:"bad,omitempty" json:"bad" default:"100%" above:"0%" max:"100%"`
	// Good is the probability of loss in the good state: 1-k of tc-netem(8).
	Good Share `yaml:"good,omitempty" json:"good,omitempty" min:"0%" max:"100%"`
}

// StateModel is a four-state Markov loss model, by its transition probabilities: 1 good reception, 2 good reception
// within a burst, 3 loss within a burst, 4 a single loss.
type StateModel struct {
	// P13 is the probability that a burst of losses begins.
	P13 Share `yaml:"p13" json:"p13" above:"0%" max:"100%"`
	// P31 is the probability that a burst ends. Without it, 100% less p13, which are independent losses.
	P31 *Share `yaml:"p31,omitempty" json:"p31,omitempty" above:"0%" max:"100%"`
	// P32 is the probability that a packet is received within a burst.
	P32 Share `yaml:"p32,omitempty" json:"p32,omitempty" min:"0%" max:"100%"`
	// P23 is the probability that losses go on after that. Without it, 100%.
	P23 *Share `yaml:"p23,omitempty" json:"p23,omitempty" above:"0%" max:"100%"`
	// P14 is the probability of a single loss.
	P14 Share `yaml:"p14,omitempty" json:"p14,omitempty" min:"0%" max:"100%"`
}

// Inject is forged segments. They enter the link in the order of the list when the fault begins, at every repetition
// again, and are computed from what the link has seen of the connection until then.
type Inject struct {
	// Flow names the flow into whose connections they go.
	Flow string `yaml:"flow" json:"flow"`
	// Connections is how many of the flow's open connections get them: those seen first.
	Connections int `yaml:"connections,omitempty" json:"connections" default:"1" min:"1" max:"1000"`
	// Segments that each of these connections gets.
	Segments []Segment `yaml:"segments" json:"segments" most:"64"`
}

// Segment is one forged TCP segment.
type Segment struct {
	// To is the end of the flow that receives it; it seems to come from the other.
	To string `yaml:"to" json:"to"`
	// Flags of the segment, joined by +, of fin, syn, rst, psh, ack, urg, ece and cwr.
	Flags string `yaml:"flags,omitempty" json:"flags" default:"ack"`
	// Seq is the sequence number, relative to the one that the receiver expects next.
	Seq int `yaml:"seq,omitempty" json:"seq,omitempty" min:"-2147483647" max:"2147483647"`
	// Ack is the acknowledgement number, relative to the one after the last that the receiver has sent.
	Ack int `yaml:"ack,omitempty" json:"ack,omitempty" min:"-2147483647" max:"2147483647"`
	// Payload is the number of bytes that it carries, all of them zeros.
	Payload Size `yaml:"payload,omitempty" json:"payload,omitempty" min:"1B" max:"1400B"`
	// Window that it offers, as it stands in the header, not scaled. Without it, that of the segment before it
	// from the same end.
	Window *int `yaml:"window,omitempty" json:"window,omitempty" min:"0" max:"65535"`
	// Age makes its timestamp older than that of the segment before it from the same end. The connection has to
	// have timestamps.
	Age Duration `yaml:"age,omitempty" json:"age,omitempty" min:"1ms" max:"24h"`
	// Count is how often it is sent, one right after the other.
	Count int `yaml:"count,omitempty" json:"count" default:"1" min:"1" max:"1000"`
}

// kinds are the keys of an action of which exactly one is set.
var kinds = []string{"watch", "drop", "delay", "delays", "reorder", "duplicate", "corrupt", "mark", "rate", "slot",
	"loss", "mtu", "reject", "down", "pause", "inject"}

// shorthands are the kinds that may stand for the whole action.
var shorthands = []string{"drop", "watch", "corrupt", "down", "pause"}

// Kind returns which of the kinds the action is, by its key: watch, drop, delay, delays, reorder, duplicate, corrupt,
// mark, rate, slot, loss, mtu, reject, down, pause or inject. It is empty when there is none, or more than one.
func (a *Action) Kind() string {
	if set := a.set(); len(set) == 1 {
		return set[0]
	}
	return ""
}

// set lists the kinds that are set.
func (a *Action) set() (list []string) {
	for i, set := range []bool{
		a.Watch, a.Drop, a.Delay > 0, a.Delays != nil, a.Reorder > 0, a.Duplicate > 0, a.Corrupt,
		a.Mark != "", a.Rate > 0, a.Slot != nil, a.Loss != nil, a.MTU > 0, a.Reject != "", a.Down, a.Pause, a.Inject != nil,
	} {
		if set {
			list = append(list, kinds[i])
		}
	}
	return list
}
