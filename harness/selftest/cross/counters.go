package cross

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// reading is how far the readings of a node's counters may be from the ends of the window, in ns. Composing the
// files takes a guest almost 1 ms a node, so the first reading is within some milliseconds before the window and
// the last right after it (docs/architecture/probe.md): 5 ms for the four nodes here at most.
const reading = 5e6

const whyReading = "exact, but for packets within 5 ms of an end of the window, " +
	"since reading the files takes 1 ms a node (probe.md)"

const whySending = whyReading +
	"; more are allowed to a node whose link goes down, since what it sends then reaches no capture point"

// counter counts packets of one direction of a node.
type counter struct {
	name string // as in NODE.Tcp.InSegs
	how  string
	out  bool
	each func(v *View, p *Packet) int
	// and are other counters that belong to the sum.
	and []string
}

func one(is bool) int {
	if is {
		return 1
	}
	return 0
}

func v4(p *Packet) bool { return p.EtherType == 0x0800 }
func v6(p *Packet) bool { return p.EtherType == 0x86dd }

// whole tells whether the IP layer takes the packet for good.
func whole(p *Packet) bool { return p.Version == 6 || p.Version == 4 && !p.BadHeader }

func local(v *View, p *Packet) bool { return whole(p) && p.Dst == v.Node }

// many tells whether a packet goes to a group.
func many(p *Packet) bool {
	if v6(p) {
		return strings.HasPrefix(p.Dst, "ff")
	}
	first, _, _ := strings.Cut(p.Dst, ".")
	n, err := strconv.Atoi(first)
	return err == nil && n >= 224 && n < 240
}

func own(v *View, p *Packet) bool { return p.Src == v.Node }

var packetCounters = []counter{
	{"Ip.InReceives", "IPv4 frames that reached the node", false,
		func(_ *View, p *Packet) int { return one(v4(p)) }, nil},
	{"Ip.InDelivers", "of these, those to its own address", false,
		func(v *View, p *Packet) int { return one(v4(p) && local(v, p)) }, nil},
	{"Ip.ForwDatagrams", "of these, those to others", false,
		func(v *View, p *Packet) int { return one(v4(p) && whole(p) && p.Dst != v.Node) }, nil},
	{"Ip.InHdrErrors", "`ip.checksum.status` bad", false,
		func(_ *View, p *Packet) int { return one(v4(p) && p.BadHeader) }, nil},
	{"IpExt.InCsumErrors", "`ip.checksum.status` bad", false,
		func(_ *View, p *Packet) int { return one(v4(p) && p.BadHeader) }, nil},
	{"IpExt.InOctets", "sum of `ip.len`", false, func(_ *View, p *Packet) int { return one(v4(p)) * p.Length }, nil},
	{"IpExt.InNoECTPkts", "`ip.dsfield.ecn` 0, before the checksum is looked at (ip_rcv_core)", false,
		func(_ *View, p *Packet) int { return one(p.Version == 4 && p.ECN == 0) }, nil},
	{"IpExt.InECT1Pkts", "`ip.dsfield.ecn` 1", false,
		func(_ *View, p *Packet) int { return one(p.Version == 4 && p.ECN == 1) }, nil},
	{"IpExt.InECT0Pkts", "`ip.dsfield.ecn` 2", false,
		func(_ *View, p *Packet) int { return one(p.Version == 4 && p.ECN == 2) }, nil},
	{"IpExt.InCEPkts", "`ip.dsfield.ecn` 3", false,
		func(_ *View, p *Packet) int { return one(p.Version == 4 && p.ECN == 3) }, nil},
	{"Icmp.InMsgs", "ICMP messages to the node", false,
		func(v *View, p *Packet) int { return one(p.Transport == "icmp" && local(v, p)) }, nil},
	{"Icmp.OutMsgs", "ICMP messages of the node", true,
		func(v *View, p *Packet) int { return one(p.Transport == "icmp" && own(v, p)) }, nil},
	{"Ip.ReasmReqds", "fragments to the node", false,
		func(v *View, p *Packet) int { return one(v4(p) && p.Fragment && local(v, p)) }, nil},
	{"IpExt.InMcastPkts", "IPv4 to 224.0.0.0/4", false,
		func(_ *View, p *Packet) int { return one(v4(p) && many(p)) }, nil},
	{"IpExt.OutMcastPkts", "IPv4 to 224.0.0.0/4", true,
		func(_ *View, p *Packet) int { return one(v4(p) && many(p)) }, nil},
	{"IpExt.InMcastOctets", "IPv4 to 224.0.0.0/4, `ip.len`", false,
		func(_ *View, p *Packet) int { return one(v4(p) && many(p)) * p.Length }, nil},
	{"IpExt.OutMcastOctets", "IPv4 to 224.0.0.0/4, `ip.len`", true,
		func(_ *View, p *Packet) int { return one(v4(p) && many(p)) * p.Length }, nil},
	{"Ip6.InMcastPkts", "IPv6 to ff00::/8", false, func(_ *View, p *Packet) int { return one(v6(p) && many(p)) }, nil},
	{"Ip6.OutMcastPkts", "IPv6 to ff00::/8", true, func(_ *View, p *Packet) int { return one(v6(p) && many(p)) }, nil},
	{"Ip6.InMcastOctets", "IPv6 to ff00::/8, `ipv6.plen` + 40", false,
		func(_ *View, p *Packet) int { return one(v6(p) && many(p)) * p.Length }, nil},
	{"Ip6.OutMcastOctets", "IPv6 to ff00::/8, `ipv6.plen` + 40", true,
		func(_ *View, p *Packet) int { return one(v6(p) && many(p)) * p.Length }, nil},
	{"Ip6.InReceives", "IPv6 frames that reached the node", false,
		func(_ *View, p *Packet) int { return one(v6(p)) }, nil},
	{"Ip6.InDelivers", "of these, those to its own address", false,
		func(v *View, p *Packet) int { return one(v6(p) && local(v, p)) }, nil},
	{"Ip6.OutForwDatagrams", "of these, those to others", false,
		func(v *View, p *Packet) int { return one(v6(p) && v.Router && p.Dst != v.Node) }, nil},
	{"Ip6.InOctets", "sum of `ipv6.plen` + 40", false,
		func(_ *View, p *Packet) int { return one(v6(p)) * p.Length }, nil},
	{"Ip6.InNoECTPkts", "`ipv6.tclass.ecn` 0", false,
		func(_ *View, p *Packet) int { return one(v6(p) && p.ECN == 0) }, nil},
	{"Ip6.InECT1Pkts", "`ipv6.tclass.ecn` 1", false,
		func(_ *View, p *Packet) int { return one(v6(p) && p.ECN == 1) }, nil},
	{"Ip6.InECT0Pkts", "`ipv6.tclass.ecn` 2", false,
		func(_ *View, p *Packet) int { return one(v6(p) && p.ECN == 2) }, nil},
	{"Ip6.InCEPkts", "`ipv6.tclass.ecn` 3", false,
		func(_ *View, p *Packet) int { return one(v6(p) && p.ECN == 3) }, nil},
	{"Udp.InDatagrams", "UDP over IPv4 to the node, the sum of those that a program took and of those that none could",
		false, func(v *View, p *Packet) int { return one(p.Transport == "udp" && v4(p) && local(v, p)) },
		[]string{"Udp.NoPorts", "Udp.InErrors"}},
	{"Udp.OutDatagrams", "UDP over IPv4 of the node", true,
		func(v *View, p *Packet) int { return one(p.Transport == "udp" && v4(p) && own(v, p)) }, nil},
	{"Udp6.InDatagrams", "UDP over IPv6 to the node, the sum of those that a program took and of those that none could",
		false, func(v *View, p *Packet) int { return one(p.Transport == "udp" && v6(p) && local(v, p)) },
		[]string{"Udp6.NoPorts", "Udp6.InErrors"}},
	{"Udp6.OutDatagrams", "UDP over IPv6 of the node", true,
		func(v *View, p *Packet) int { return one(p.Transport == "udp" && v6(p) && own(v, p)) }, nil},
	{"Tcp.InSegs", "TCP segments to the node", false,
		func(v *View, p *Packet) int { return one(p.TCP() && local(v, p)) }, nil},
	{"Tcp.InCsumErrors", "`tcp.checksum.status` bad", false,
		func(v *View, p *Packet) int { return one(p.TCP() && local(v, p) && p.BadSum) }, nil},
	{"Tcp.OutSegs",
		"TCP segments of the node less what `tcp.analysis.retransmission` (or out of order, as seen where it is sent) " +
			"shows, SYN-ACKs apart, which Linux counts each time (tcp_make_synack)", true, func(v *View, p *Packet) int {
			return one(p.TCP() && own(v, p) && (!p.Again || p.Has(flagSYN|flagACK)))
		}, nil},
	{"Tcp.RetransSegs", "`tcp.analysis.retransmission` or out of order, as seen where it is sent", true,
		func(v *View, p *Packet) int {
			return one(p.TCP() && own(v, p) && p.Again)
		}, nil},
	{"Tcp.OutRsts", "segments of the node with `tcp.flags.reset`", true,
		func(v *View, p *Packet) int { return one(own(v, p) && p.Has(flagRST)) }, nil},
	{"TcpExt.TCPSynRetrans", "retransmissions with `tcp.flags.syn`", true,
		func(v *View, p *Packet) int { return one(own(v, p) && p.Again && p.Has(flagSYN)) }, nil},
	{"TcpExt.TCPOrigDataSent", "segments with data or a FIN that are no retransmission", true,
		func(v *View, p *Packet) int {
			return one(own(v, p) && p.TCP() && !p.Again && !p.KeepAlive && p.Flags&(flagSYN|flagRST) == 0 &&
				(p.Payload > 0 || p.Has(flagFIN)))
		}, nil},
	{"TcpExt.TCPDSACKOldSent", "segments of the node with `tcp.options.sack.dsack_le`", true,
		func(v *View, p *Packet) int { return one(own(v, p) && p.DSACK) },
		[]string{"TcpExt.TCPDSACKOfoSent"}},
}

// icmpTypes are the types of ICMP that have counters of their own (net/ipv4/proc.c, icmpmibmap).
var icmpTypes = []struct {
	name string
	kind int
}{
	{"DestUnreachs", 3}, {"TimeExcds", 11}, {"ParmProbs", 12}, {"SrcQuenchs", 4}, {"Redirects", 5},
	{"Echos", 8}, {"EchoReps", 0},
	{"Timestamps", 13}, {"TimestampReps", 14}, {"AddrMasks", 17}, {"AddrMaskReps", 18},
}

func icmpCounters() []counter {
	var list []counter
	for _, t := range icmpTypes {
		how := fmt.Sprintf("`icmp.type` %d", t.kind)
		list = append(list,
			counter{"Icmp.In" + t.name, how, false, func(v *View, p *Packet) int {
				return one(p.Transport == "icmp" && local(v, p) && p.ICMP == t.kind)
			}, nil},
			counter{"Icmp.Out" + t.name, how, true, func(v *View, p *Packet) int {
				return one(p.Transport == "icmp" && own(v, p) && p.ICMP == t.kind)
			}, nil})
	}
	return list
}

func prefixed(prefix string, names []string) []string {
	var list []string
	for _, name := range names {
		list = append(list, prefix+name)
	}
	return list
}

// counterChecks has a check for each counter above.
func counterChecks() []Check {
	var list []Check
	for _, c := range slices.Concat(packetCounters, icmpCounters()) {
		names := prefixed("NODE.", append([]string{c.name}, c.and...))
		why := whyReading
		if c.out {
			why = whySending
		}
		list = append(list, Check{Metrics: names, How: c.how, Why: why, Figures: func(r *Run) []Figure {
			var figures []Figure
			for node, v := range r.Views {
				packets := v.In
				if c.out {
					packets = v.Out
				}
				count := func(slack int64) (n float64) {
					for _, p := range r.within(packets, slack) {
						n += float64(c.each(v, &p))
					}
					return n
				}
				f := Figure{Name: node + "." + c.name, By: count(0), Low: count(-reading), High: count(reading)}
				if c.out && r.Hidden(node) {
					f.High = math.Inf(1)
				}
				f.Sum = prefixed(node+".", c.and)
				figures = append(figures, f)
			}
			return figures
		}})
	}
	return append(list, octetsCheck(), typeCheck("NODE.IcmpMsg.*", "icmp", "IcmpMsg"),
		typeCheck("NODE.Icmp6.*", "icmpv6", "Icmp6"))
}

// octetsCheck holds the bytes that a node sent over IPv4. IP counts them before a long write is cut into segments,
// each with a header of its own: so many headers more are in the capture, and the record's own Ip.OutRequests says
// how many.
func octetsCheck() Check {
	return Check{
		Metrics: []string{"NODE.IpExt.OutOctets"}, Why: whySending,
		How: "sum of `ip.len`, less a header of 52 bytes for each packet above Ip.OutRequests, " +
			"which counts before a long write is cut into segments; " +
			"what a router forwards is counted twice before Linux 6.4 (`ip_forward_finish` and `ip_output`)",
		Figures: func(r *Run) []Figure {
			const header = 20 + 32 // IP, and TCP with timestamps
			var figures []Figure
			for node, v := range r.Views {
				count := func(slack int64) float64 {
					octets, packets := 0., 0.
					for _, p := range r.within(v.Out, slack) {
						octets += float64(one(v4(&p)) * p.Length)
						packets += float64(one(v4(&p) && own(v, &p)))
					}
					whole, _ := r.Value(node + ".Ip.OutRequests")
					if v.Router && r.Before(6, 4) {
						octets *= 2
					}
					return octets - max(packets-whole, 0)*header
				}
				f := Figure{Name: node + ".IpExt.OutOctets", By: count(0), Low: count(-reading), High: count(reading)}
				if r.Hidden(node) {
					f.High = math.Inf(1)
				}
				figures = append(figures, f)
			}
			return figures
		},
	}
}

// typeCheck counts messages of ICMP by type: InType3, OutType8 and so on.
func typeCheck(metric, transport, group string) Check {
	return Check{Metrics: []string{metric}, How: "messages by `" + transport +
		".type`, where the counter has a type in its name", Why: whyReading,
		Figures: func(r *Run) []Figure {
			var figures []Figure
			for node, v := range r.Views {
				for name := range r.Counters[node] {
					var way string
					var kind int
					if n, _ := fmt.Sscanf(name, group+".InType%d", &kind); n == 1 {
						way = "in"
					} else if n, _ := fmt.Sscanf(name, group+".OutType%d", &kind); n == 1 {
						way = "out"
					} else {
						continue
					}
					count := func(slack int64) (n float64) {
						packets := v.In
						if way == "out" {
							packets = v.Out
						}
						for _, p := range r.within(packets, slack) {
							n += float64(one(p.Transport == transport && p.ICMP == kind && (own(v, &p) == (way == "out"))))
						}
						return n
					}
					figures = append(figures, Figure{Name: node + "." + name, By: count(0), Low: count(-reading),
						High: count(reading)})
				}
			}
			return figures
		}}
}
