package cross

import "math"

// talkCounter counts something of each connection of a node.
type talkCounter struct {
	name, how, why string
	// each gives the times at which it happened, as the packets have it; sure tells of each whether it did for
	// certain.
	each func(t *Talk, count func(at int64, sure bool))
	and  []string
	out  bool // about what the node sends
}

// active tells whether this end closed first, or at the same time.
func active(t *Talk) bool { return t.FinOut < t.FinIn && t.FinOut < t.Reset() }

// challenged tells whether a segment is a SYN in an open connection, which is answered with an ACK (RFC 5961, 4).
func (t *Talk) challenged(m *Moment) bool {
	return !m.Out && !m.BadSum && m.Has(flagSYN) && t.Open < m.Time && m.Time < min(t.FinIn, t.FinAcked)
}

var talkCounters = []talkCounter{
	{
		name: "Tcp.ActiveOpens", how: "connections whose SYN the node sent", why: whySending, out: true,
		each: func(t *Talk, count func(int64, bool)) {
			if t.Opener {
				count(t.Syn, true)
			}
		},
	},
	{
		name: "Tcp.PassiveOpens", how: "connections whose handshake's last ACK reached the node", why: whyReading,
		each: func(t *Talk, count func(int64, bool)) {
			if !t.Opener && t.SynAck != never {
				count(t.Open, true)
			}
		},
	},
	{
		name: "Tcp.EstabResets", how: "connections with a RST, in or out, after the handshake and before the node's FIN",
		why: whyReading + "; a server's FIN may wait behind data that is still to be sent, " +
			"so a RST after its first data counts or does not; nor need one without an ACK, for a FIN may be lost before a " +
			"capture sees it",
		each: func(t *Talk, count func(int64, bool)) {
			if t.Open < t.Reset() && t.Reset() < t.FinOut {
				count(t.Reset(), (t.Opener || t.Reset() < t.FirstOut) && !t.closed())
			}
		},
	},
	{
		name: "TcpExt.TW", why: whyReading,
		how: "connections of which the node sent the first FIN, " +
			"and it was acknowledged (Linux counts them as they enter the state, and 5.10 as they leave it, a minute later)",
		each: func(t *Talk, count func(int64, bool)) {
			if active(t) {
				count(t.FinAcked, true)
			}
		},
	},
	{
		name: "Tcp.InErrs", why: whyReading,
		how: "`tcp.checksum.status` bad, or `tcp.flags.syn` after the handshake (`tcp_validate_incoming`)",
		each: func(t *Talk, count func(int64, bool)) {
			for _, m := range t.Packets {
				if !m.Out && m.BadSum || t.challenged(&m) {
					count(m.Time, true)
				}
			}
		},
	},
	{
		name: "TcpExt.TCPSYNChallenge", why: whyReading, how: "of these, those with `tcp.flags.syn`",
		each: func(t *Talk, count func(int64, bool)) {
			for _, m := range t.Packets {
				if t.challenged(&m) {
					count(m.Time, true)
				}
			}
		},
	},
	{
		name: "TcpExt.TCPOFOQueue", how: "segments that reached the node before one that belongs in front of them",
		why: whyReading + "; segments that wait for a busy socket may be joined first (`TCPBacklogCoalesce`): so many fewer",
		each: func(t *Talk, count func(int64, bool)) {
			for _, m := range t.Packets {
				if m.Early && !m.Out {
					count(m.Time, true)
				}
			}
		},
	},
	{
		name: "TcpExt.TCPDSACKRecv", and: []string{"TcpExt.TCPDSACKOfoRecv"},
		how: "segments to the node with `tcp.options.sack.dsack_le`, up to the acknowledgement of its FIN: " +
			"then only a remainder of the socket is left, which does not look",
		why: whyReading + "; a segment whose timestamp is older than one before it may be refused (RFC 7323, " +
			"5) and not be looked at",
		each: func(t *Talk, count func(int64, bool)) {
			var latest uint32
			for _, m := range t.Packets {
				if m.Out || m.BadSum {
					continue
				}
				old := latest != 0 && after(latest, m.Stamp)
				if !old {
					latest = m.Stamp
				}
				if m.DSACK && m.Time <= t.FinAcked {
					count(m.Time, !old)
				}
			}
		},
	},
	{
		name: "TcpExt.TCPKeepAlive", and: []string{"TcpExt.TCPWinProbe"}, out: true, why: whySending,
		how: "segments without data, SYN, FIN and RST whose `tcp.seq` is one below what the peer has " +
			"acknowledged of the node's",
		each: func(t *Talk, count func(int64, bool)) {
			var acked, sent uint32
			for _, m := range t.Packets {
				switch {
				case m.Out && m.PureACK() && acked != 0 && m.Seq == acked-1 && t.Open < m.Time:
					count(m.Time, true)
				case m.Out && (sent == 0 || after(m.end(), sent)):
					sent = m.end()
				case !m.Out && m.Has(flagACK) && !after(m.Ack, sent) && (acked == 0 || after(m.Ack, acked)):
					acked = m.Ack
				}
			}
		},
	},
	windowCounter("TcpExt.TCPToZeroWindowAdv", "changes of `tcp.window_size_value` to 0 in segments of the node", true),
	windowCounter("TcpExt.TCPFromZeroWindowAdv", "changes of `tcp.window_size_value` from 0 in segments of the node",
		false),
}

// windowCounter counts how often the window that a node offers closes, or opens again.
func windowCounter(name, how string, closing bool) talkCounter {
	return talkCounter{name: name, how: how, why: whyReading, each: func(t *Talk, count func(int64, bool)) {
		closed := false
		for _, m := range t.Packets {
			if !m.Out || m.Flags&flagRST != 0 {
				continue
			}
			if now := m.Window == 0; now != closed {
				if closed = now; now == closing {
					count(m.Time, true)
				}
			}
		}
	}}
}

func talkChecks() []Check {
	var list []Check
	for _, c := range talkCounters {
		names := prefixed("NODE.", append([]string{c.name}, c.and...))
		list = append(list, Check{Metrics: names, How: c.how, Why: c.why, Figures: func(r *Run) []Figure {
			var figures []Figure
			for node, v := range r.Views {
				if v.Router {
					continue
				}
				f := Figure{Name: node + "." + c.name}
				for _, t := range v.Talks {
					c.each(t, func(at int64, sure bool) {
						if c.name == "TcpExt.TW" && r.Before(6, 1) {
							at += 60e9
						}
						within := func(slack int64) float64 { return float64(one(at >= -slack && at <= r.End()+slack)) }
						f.By += within(0)
						f.High += within(reading)
						if sure {
							f.Low += within(-reading)
						}
					})
				}
				if c.name == "TcpExt.TCPOFOQueue" {
					joined, _ := r.Value(node + ".TcpExt.TCPBacklogCoalesce")
					f.Low -= joined
				}
				if r.Hidden(node) {
					f.Low = 0 // a FIN that the capture lacks may have come before
				}
				if c.out && r.Hidden(node) {
					f.High = math.Inf(1)
				}
				f.Sum = prefixed(node+".", c.and)
				figures = append(figures, f)
			}
			return figures
		}})
	}
	return list
}
