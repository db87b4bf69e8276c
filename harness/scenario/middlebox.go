package scenario

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ruleout/ruleout/harness/scenario/unit"
)

// Conntrack is the kernel's table of the connections that pass a node or end there, which NAT and the states of a
// firewall rest on: nf_conntrack. Keys that are not written leave the kernel's own values. A node that tracks puts
// fragments together before it forwards them. No helpers are loaded, so no connection is related to another, but for
// ICMP errors.
type Conntrack struct {
	// Max is the most entries (nf_conntrack_max). What comes when the table is full takes the place of an entry that has
	// seen no answer, if there is one within 8 buckets of its own; if not, it is dropped. The kernel's own value depends
	// on the machine's memory. The kernel has one limit, that it holds each node's table against: all that write this
	// write the same, and nodes that do not write it have it too. In a virtual machine only.
	Max int `yaml:"max,omitempty" json:"max,omitempty" max:"1000000"`
	// Buckets of the hash table (nf_conntrack_buckets), a multiple of 512. The kernel has one table for all nodes, so all
	// that write this write the same. In a virtual machine only.
	Buckets int `yaml:"buckets,omitempty" json:"buckets,omitempty" min:"512" max:"1048576"`
	// Timeouts are how long entries live after their last packet.
	Timeouts *ConntrackTimeouts `yaml:"timeouts,omitempty" json:"timeouts,omitempty"`
	// BeLiberal takes segments that are out of a connection's window for its own (nf_conntrack_tcp_be_liberal); only an
	// RST out of the window is INVALID then.
	BeLiberal bool `yaml:"be-liberal,omitempty" json:"be-liberal,omitempty"`
	// Loose makes an entry of a segment in the middle of a connection that is not in the table
	// (nf_conntrack_tcp_loose). With false, such a segment is INVALID.
	Loose *bool `yaml:"loose,omitempty" json:"loose,omitempty" default:"true"`
	// Forget removes all entries at moments of the run, as conntrack -F does, and as a reboot of the middlebox or a
	// failover without synchronisation.
	Forget []Forget `yaml:"forget,omitempty" json:"forget,omitempty" most:"1000"`
}

// Forget is a moment at which a node loses its table of connections.
type Forget struct {
	// At is when, from the start of the measured window.
	At Duration `yaml:"at" json:"at" min:"0s"`
	// MayBeIdle says that the table may be empty then. Without it, a run is invalid in which nothing was removed.
	MayBeIdle bool `yaml:"may-be-idle,omitempty" json:"may-be-idle,omitempty"`
}

// ConntrackTimeouts are how long an entry lives after the last packet of its connection, in whole seconds, by what the
// table believes of it. An entry whose time is over is gone for all packets; it is still counted until a packet or the
// kernel's cleaner comes by. Those of TCP are nf_conntrack_tcp_timeout_*; the defaults are the kernel's.
type ConntrackTimeouts struct {
	// SynSent is that of a SYN without an answer. The kernel's is 120 s.
	SynSent Duration `yaml:"syn-sent,omitempty" json:"syn-sent,omitempty" min:"1s" max:"1000h"`
	// SynRecv is that of a handshake without its last ACK. The kernel's is 60 s.
	SynRecv Duration `yaml:"syn-recv,omitempty" json:"syn-recv,omitempty" min:"1s" max:"1000h"`
	// Established is that of an open connection. The kernel's is 5 days.
	Established Duration `yaml:"established,omitempty" json:"established,omitempty" min:"1s" max:"1000h"`
	// FinWait is that of a connection that one end has closed. The kernel's is 120 s.
	FinWait Duration `yaml:"fin-wait,omitempty" json:"fin-wait,omitempty" min:"1s" max:"1000h"`
	// CloseWait is that of one whose FIN was acknowledged. The kernel's is 60 s.
	CloseWait Duration `yaml:"close-wait,omitempty" json:"close-wait,omitempty" min:"1s" max:"1000h"`
	// LastAck is that of one that both ends have closed. The kernel's is 30 s.
	LastAck Duration `yaml:"last-ack,omitempty" json:"last-ack,omitempty" min:"1s" max:"1000h"`
	// TimeWait is that of one whose second FIN was acknowledged. The kernel's is 120 s.
	TimeWait Duration `yaml:"time-wait,omitempty" json:"time-wait,omitempty" min:"1s" max:"1000h"`
	// Close is that of a connection that was reset. The kernel's is 10 s.
	Close Duration `yaml:"close,omitempty" json:"close,omitempty" min:"1s" max:"1000h"`
	// MaxRetrans is that of one that has sent a segment three times without an answer. The kernel's is 300 s.
	MaxRetrans Duration `yaml:"max-retrans,omitempty" json:"max-retrans,omitempty" min:"1s" max:"1000h"`
	// Unacknowledged is that of one whose data was not acknowledged. The kernel's is 300 s.
	Unacknowledged Duration `yaml:"unacknowledged,omitempty" json:"unacknowledged,omitempty" min:"1s" max:"1000h"`
	// UDP is that of a datagram without an answer (nf_conntrack_udp_timeout). The kernel's is 30 s.
	UDP Duration `yaml:"udp,omitempty" json:"udp,omitempty" min:"1s" max:"1000h"`
	// UDPStream is that of datagrams in both directions (nf_conntrack_udp_timeout_stream). The kernel's is 120 s.
	UDPStream Duration `yaml:"udp-stream,omitempty" json:"udp-stream,omitempty" min:"1s" max:"1000h"`
	// ICMP is that of an echo request, of both families. The kernel's is 30 s.
	ICMP Duration `yaml:"icmp,omitempty" json:"icmp,omitempty" min:"1s" max:"1000h"`
	// Generic is that of all other protocols. The kernel's is 600 s.
	Generic Duration `yaml:"generic,omitempty" json:"generic,omitempty" min:"1s" max:"1000h"`
}

// NAT is a rule of a router that gives connections another address: of the node that opens them (masquerade, snat), or
// of the node that they go to (dnat). The first rule that matches the first packet of a connection decides for all of
// it, in both directions.
type NAT struct {
	// Name of the rule, one on its node: a letter, then up to 31 letters, digits and dashes.
	Name string `yaml:"name" json:"name"`
	// Masquerade is a neighbour: connections that leave by the link to it get the address that this node has on that link.
	// They are forgotten when the link goes down.
	Masquerade string `yaml:"masquerade,omitempty" json:"masquerade,omitempty"`
	// SNAT is the same, but connections are kept when the link goes down.
	SNAT string `yaml:"snat,omitempty" json:"snat,omitempty"`
	// DNAT is the node that gets the connections which come over a link and go to an address of this node.
	DNAT string `yaml:"dnat,omitempty" json:"dnat,omitempty"`
	// From is the node whose connections are meant. Without it, those of all.
	From string `yaml:"from,omitempty" json:"from,omitempty"`
	// Packets is the protocol: any, tcp or udp.
	Packets Packets `yaml:"packets,omitempty" json:"packets" default:"any" enum:"any,tcp,udp"`
	// Port that the connections go to; dnat needs one. Without it, all.
	Port int `yaml:"port,omitempty" json:"port,omitempty" min:"1" max:"65535"`
	// ToPort goes with dnat: the port that they get in its place. Without it, the port stays.
	ToPort int `yaml:"to-port,omitempty" json:"to-port,omitempty" min:"1" max:"65535"`
	// Ports goes with snat: the source ports that connections get, such as 40000-40009. Without it, a connection keeps its
	// port if no other from that address to the same destination has it, and else gets another of the same range (below
	// 512, below 1024, from 1024 on). Where no port is left, packets of new connections are dropped, which
	// NODE.conntrack.insert_failed or NODE.conntrack.drops counts.
	Ports Ports `yaml:"ports,omitempty" json:"ports,omitempty"`
	// Random goes with masquerade and snat: source ports are drawn at random and not kept (random-fully).
	Random bool `yaml:"random,omitempty" json:"random,omitempty"`
	// MayBeIdle says that no connection need match. Without it, a run is invalid in which none did.
	MayBeIdle bool `yaml:"may-be-idle,omitempty" json:"may-be-idle,omitempty"`
}

// Ports is a port or a range of ports. In a file: 80, 40000-40009.
type Ports string

// Wants says what ports are, for messages.
func (Ports) Wants() string { return "a port or a range of ports, such as 40000-40009" }

// Range returns the first and the last port; ok is false if the text is no range of ports.
func (p Ports) Range() (first, last int, ok bool) {
	from, to, ranged := strings.Cut(string(p), "-")
	if !ranged {
		to = from
	}
	first, okFirst := unit.Whole(from)
	last, okLast := unit.Whole(to)
	return first, last, okFirst && okLast && 1 <= first && first <= last && last <= 65535
}

// FirewallRule is one of a node's nf_tables rules. Packets meet the rules of their hook in order, and the first one
// decides that matches and does something other than count; what none decides on is accepted. All keys have to hold.
//
// Forwarded packets are seen after dnat and before masquerade and snat, so addresses are those of the node that opened
// a connection and of the one that serves it.
type FirewallRule struct {
	// Name of the rule, one on its node: a letter, then up to 31 letters, digits and dashes.
	Name string `yaml:"name" json:"name"`
	// Hook is which packets see it: forward for those that the node passes on, input for those to the node itself, output
	// for those from it. Without it, forward on a router and input on a host.
	Hook Hook `yaml:"hook,omitempty" json:"hook,omitempty" enum:"forward,input,output"`
	// From is the node whose address they come from, any of its addresses.
	From string `yaml:"from,omitempty" json:"from,omitempty"`
	// To is the node whose address they go to.
	To string `yaml:"to,omitempty" json:"to,omitempty"`
	// In is the neighbour by the link to which they came.
	In string `yaml:"in,omitempty" json:"in,omitempty"`
	// Out is the neighbour by the link to which they leave.
	Out string `yaml:"out,omitempty" json:"out,omitempty"`
	// Packets is their class.
	Packets Packets `yaml:"packets,omitempty" json:"packets" default:"any" enum:"any,tcp,udp,icmp,syn,syn-ack,fin,rst"`
	// FromPorts are source ports of TCP and UDP, such as 80 or 40000-40009.
	FromPorts Ports `yaml:"from-ports,omitempty" json:"from-ports,omitempty"`
	// ToPorts are destination ports of TCP and UDP.
	ToPorts Ports `yaml:"to-ports,omitempty" json:"to-ports,omitempty"`
	// State is what the table of connections says of the packet. established is both directions of a connection that has
	// seen an answer, invalid what belongs to none and can begin none.
	State ConnState `yaml:"state,omitempty" json:"state,omitempty" enum:"new,established,related,invalid,untracked"`
	// UpTo matches as long as packets come at no more than this rate, by a bucket of tokens of burst.
	UpTo Frequency `yaml:"up-to,omitempty" json:"up-to,omitempty" min:"1/h" max:"1000000/s"`
	// Over matches only those that come faster.
	Over Frequency `yaml:"over,omitempty" json:"over,omitempty" min:"1/h" max:"1000000/s"`
	// Burst goes with up-to and over: how many packets may come at once. Without it, 5.
	Burst int `yaml:"burst,omitempty" json:"burst,omitempty" min:"1" max:"1000000"`
	// Do is what happens: accept, drop, count (and go on to the next rule), rst (drop, and send an RST to the sender),
	// unreachable or prohibited (drop, and send the sender ICMP: port unreachable, or administratively prohibited).
	Do Verdict `yaml:"do" json:"do" enum:"accept,drop,count,rst,unreachable,prohibited"`
	// MayBeIdle says that no packet need match. Without it, a run is invalid in which none did within the measured window.
	MayBeIdle bool `yaml:"may-be-idle,omitempty" json:"may-be-idle,omitempty"`
}

// Hook is a place in a node at which packets meet the firewall.
type Hook string

// Hooks.
const (
	HookForward Hook = "forward"
	HookInput   Hook = "input"
	HookOutput  Hook = "output"
)

// ConnState is what the table of connections says of a packet.
type ConnState string

// States of packets.
const (
	StateNew         ConnState = "new"
	StateEstablished ConnState = "established"
	StateRelated     ConnState = "related"
	StateInvalid     ConnState = "invalid"
	StateUntracked   ConnState = "untracked"
)

// Verdict is what a rule of a firewall does with a packet.
type Verdict string

// Verdicts.
const (
	Accept      Verdict = "accept"
	Drop        Verdict = "drop"
	CountOnly   Verdict = "count"
	SendRST     Verdict = "rst"
	Unreachable Verdict = "unreachable"
	Prohibited  Verdict = "prohibited"
)

// defaultBurst is that of nft's limit.
const defaultBurst = 5

// Names of a rule in a --set path.
func (NAT) Names(word func(key string, i int) string) []string { return []string{word("name", -1)} }

// Names of a rule in a --set path.
func (FirewallRule) Names(word func(key string, i int) string) []string {
	return []string{word("name", -1)}
}

// Out is the neighbour by the link to which a masquerade or snat acts; "" of a dnat.
func (n *NAT) Out() string { return n.Masquerade + n.SNAT }

// Target is the port that the node of a dnat gets the connections on.
func (n *NAT) Target() int {
	if n.ToPort > 0 {
		return n.ToPort
	}
	return n.Port
}

// At is the hook of a rule on a node with this role.
func (r *FirewallRule) At(role Role) Hook {
	switch {
	case r.Hook != "":
		return r.Hook
	case role == Router:
		return HookForward
	}
	return HookInput
}

// Tokens are how many packets the bucket of up-to and over holds.
func (r *FirewallRule) Tokens() int {
	if r.Burst > 0 {
		return r.Burst
	}
	return defaultBurst
}

// Limit is the rate of up-to or over as whole packets in a span of time: a second, a minute or an hour. It is false if
// the rate is none of these.
func (r *FirewallRule) Limit() (packets uint64, per time.Duration, ok bool) {
	rate := float64(max(r.UpTo, r.Over))
	for _, per := range []time.Duration{time.Second, time.Minute, time.Hour} {
		n := rate * per.Seconds()
		if whole := float64(uint64(n + 0.5)); whole >= 1 && n > whole-1e-6 && n < whole+1e-6 {
			return uint64(whole), per, true
		}
	}
	return 0, 0, false
}

// Timeout is one of [ConntrackTimeouts].
type Timeout struct {
	Key string
	// For is 0 if the kernel's own holds.
	For     Duration
	sysctls []string // without what all of them begin with
}

// All lists the timeouts in the order of their keys in the reference; none of nil.
func (t *ConntrackTimeouts) All() []Timeout {
	if t == nil {
		return nil
	}
	return []Timeout{
		{"syn-sent", t.SynSent, []string{"tcp_timeout_syn_sent"}},
		{"syn-recv", t.SynRecv, []string{"tcp_timeout_syn_recv"}},
		{"established", t.Established, []string{"tcp_timeout_established"}},
		{"fin-wait", t.FinWait, []string{"tcp_timeout_fin_wait"}},
		{"close-wait", t.CloseWait, []string{"tcp_timeout_close_wait"}},
		{"last-ack", t.LastAck, []string{"tcp_timeout_last_ack"}},
		{"time-wait", t.TimeWait, []string{"tcp_timeout_time_wait"}},
		{"close", t.Close, []string{"tcp_timeout_close"}},
		{"max-retrans", t.MaxRetrans, []string{"tcp_timeout_max_retrans"}},
		{"unacknowledged", t.Unacknowledged, []string{"tcp_timeout_unacknowledged"}},
		{"udp", t.UDP, []string{"udp_timeout"}},
		{"udp-stream", t.UDPStream, []string{"udp_timeout_stream"}},
		{"icmp", t.ICMP, []string{"icmp_timeout", "icmpv6_timeout"}},
		{"generic", t.Generic, []string{"generic_timeout"}},
	}
}

// Settings are the sysctls of the node's namespace that the keys stand for, in order of their names.
func (c *Conntrack) Settings() (list [][2]string) {
	const prefix = "net.netfilter.nf_conntrack_"
	for _, t := range c.Timeouts.All() {
		for _, name := range t.sysctls {
			if t.For > 0 {
				list = append(list, [2]string{prefix + name, strconv.FormatInt(int64(t.For/Duration(time.Second)), 10)})
			}
		}
	}
	flag := func(name string, on bool) {
		list = append(list, [2]string{prefix + name, map[bool]string{true: "1", false: "0"}[on]})
	}
	flag("tcp_be_liberal", c.BeLiberal)
	flag("tcp_loose", c.Loose == nil || *c.Loose)
	slices.SortFunc(list, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	return list
}

// Tracks reports whether the node has a table of connections.
func (n *Node) Tracks() bool {
	return n.Conntrack != nil || len(n.NAT) > 0 ||
		slices.ContainsFunc(n.Firewall, func(r FirewallRule) bool { return r.State != "" })
}

// IsMiddlebox reports whether the node does more to packets than to forward them.
func (n *Node) IsMiddlebox() bool { return n.Tracks() || len(n.Firewall) > 0 }

// Modules are the kernel's modules that middleboxes of the scenario need, where these are no part of the kernel: the
// same for all kinds, so that there are fewer machines to make. None of them does anything in a namespace without
// rules.
func (s *Scenario) Modules() []string {
	for _, n := range s.Nodes {
		if n != nil && n.IsMiddlebox() {
			return []string{"nf_tables", "nft_counter", "nf_conntrack", "nf_conntrack_netlink", "nft_ct", "nft_chain_nat",
				"nft_nat", "nft_masq", "nft_limit", "nft_reject_inet"}
		}
	}
	return nil
}

// carries reports whether the rule is about packets of a protocol, which is TCPPacket or UDPPacket.
func (n *NAT) carries(protocol Packets) bool { return n.Packets == AnyPacket || n.Packets == protocol }

// forwardedPorts are the TCP ports of a node that its dnat rules serve, with the place of each: all, or those behind
// which there may be HTTP.
func (s *Scenario) forwardedPorts(node string, all bool) (ports []int, places []string) {
	n := s.Nodes[node]
	if n == nil {
		return nil, nil
	}
	for i := range n.NAT {
		rule := &n.NAT[i]
		if rule.DNAT == "" || rule.Port == 0 || !rule.carries(TCPPacket) {
			continue
		}
		if served, _ := s.servedPorts(rule.DNAT, all); slices.Contains(served, rule.Target()) {
			ports = append(ports, rule.Port)
			places = append(places, fmt.Sprintf("%s.nat[%d].port", join("nodes", node), i))
		}
	}
	return ports, places
}
