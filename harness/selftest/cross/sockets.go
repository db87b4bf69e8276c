package cross

import "slices"

// hop is the most time, in ns, between a packet at a node's device and the change of state that goes with it. On
// one CPU a softirq works on what has come before anything else runs, and gives up the CPU after 2 ms, which is a
// tick of 4 ms at most at 250 Hz (kernel/softirq.c, MAX_SOFTIRQ_TIME).
const hop = 4e6

const whyHop = "connections that come or go within 4 ms of one another may overlap or not: " +
	"a packet is at most a round of softirqs away from its effect (MAX_SOFTIRQ_TIME, a tick)"

// stay is a time in a state: from its earliest and latest beginning to its earliest and latest end.
type stay struct{ from, sure, leave, to int64 }

// crowd is the most stays at once within the window.
func (r *Run) crowd(stays []stay) (by, low, high float64) {
	most := func(from, to func(s stay) int64) float64 {
		type step struct {
			at int64
			by int
		}
		var steps []step
		for _, s := range stays {
			a, b := max(from(s), 0), min(to(s), r.End()+1)
			if a < b {
				steps = append(steps, step{a, 1}, step{b, -1})
			}
		}
		slices.SortFunc(steps, func(x, y step) int {
			if x.at != y.at {
				return int(x.at - y.at)
			}
			return x.by - y.by
		})
		n, top := 0, 0
		for _, s := range steps {
			n += s.by
			top = max(top, n)
		}
		return float64(top)
	}
	by = most(func(s stay) int64 { return s.from }, func(s stay) int64 { return s.to })
	low = most(func(s stay) int64 { return s.sure + hop }, func(s stay) int64 { return s.leave - hop })
	high = most(func(s stay) int64 { return s.from - hop }, func(s stay) int64 { return min(s.to, never-hop) + hop })
	return by, low, high
}

// established is how long an end was in the state. A server may have closed as soon as it has begun to answer: its
// FIN waits after what is still to be sent.
func established(t *Talk) (stay, bool) {
	end := min(t.FinOut, t.FinIn, t.Reset())
	if t.Open == never || t.Open >= end {
		return stay{}, false
	}
	leave := end
	if !t.Opener {
		leave = min(end, t.FirstOut)
	}
	return stay{t.Open, t.Open, leave, end}, true
}

// closeWait is from the peer's FIN to this end's.
func closeWait(t *Talk) (stay, bool) {
	end := min(t.FinOut, t.Reset())
	if t.FinIn >= end {
		return stay{}, false
	}
	leave := end
	if !t.Opener {
		leave = t.FinIn // it may have closed long before, and its FIN waits
	}
	return stay{t.FinIn, t.FinIn, leave, end}, true
}

// timeWait is from the acknowledgement of the first FIN, for a minute, or to a RST (RFC 1337).
func timeWait(t *Talk) (stay, bool) {
	if !active(t) || t.FinAcked == never {
		return stay{}, false
	}
	end := min(t.FinAcked+60e9, t.Reset())
	return stay{t.FinAcked, t.FinAcked, end, end}, end > t.FinAcked
}

// synRecv is from the SYN to the handshake's last ACK.
func synRecv(t *Talk) (stay, bool) {
	end := min(t.Open, t.Reset())
	if t.Opener || t.SynAck == never || t.Syn >= end {
		return stay{}, false
	}
	return stay{t.Syn, t.SynAck, end, end}, true
}

func socketChecks() []Check {
	state := func(name, how, why string, sampled bool, in func(t *Talk) (stay, bool)) Check {
		return Check{Metrics: []string{"NODE.sockets." + name + ".max"}, How: how, Why: why, Figures: func(r *Run) []Figure {
			var figures []Figure
			for node, v := range r.Views {
				var stays []stay
				for _, t := range v.Talks {
					if s, ok := in(t); ok {
						stays = append(stays, s)
					}
				}
				f := Figure{Name: node + ".sockets." + name + ".max"}
				f.By, f.Low, f.High = r.crowd(stays)
				if sampled {
					f.Low = 0
					for _, s := range stays {
						f.Low += float64(one(s.sure+hop < r.End() && s.leave-hop > r.End()))
					}
				}
				if r.Hidden(node) || name == "syn_recv" && !r.Before(6, 13) {
					f.Low = 0
				}
				figures = append(figures, f)
			}
			return figures
		}}
	}
	return []Check{
		state("established", "connections between handshake and first FIN or RST, most at once",
			whyHop+"; a server's end may have closed when it began to answer", false, established),
		state("close_wait", "connections between the peer's FIN and the node's own, most at once",
			whyHop+"; a server's FIN may have waited behind data", false, closeWait),
		state("time_wait",
			"connections of which the node sent the first FIN, from its ACK to a RST or for a minute, most at once",
			whyHop+"; sampled at intervals and at the window's end (probe.md): not fewer than there are then", true, timeWait),
		state("syn_recv", "connections between SYN and the handshake's last ACK, most at once",
			whyHop+"; on kernels after 6.12 short-lived ones are not seen (probe.md)", false, synRecv),
		{
			Metrics: []string{"NODE.Tcp.CurrEstab"},
			How:     "connections after the handshake without FIN or RST, at the window's end", Why: whyReading,
			Figures: func(r *Run) []Figure {
				var figures []Figure
				for node, v := range r.Views {
					n := 0
					for _, t := range v.Talks {
						s, ok := established(t)
						n += one(ok && s.from <= r.End() && s.to > r.End())
					}
					figures = append(figures, exactly(node+".Tcp.CurrEstab", n))
				}
				return figures
			},
		},
	}
}
