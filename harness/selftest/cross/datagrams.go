package cross

import (
	"encoding/binary"
	"math"
)

// datagram is one of a udp load as it passed a node.
type datagram struct {
	at     int64
	number uint64
	answer bool
}

// readDatagram reads the number of a datagram (docs/architecture/traffic.md); false if it is not of a udp load.
func readDatagram(p *Packet) (d datagram, ok bool) {
	const header, magic, answer = 32, 0x72756c65, 2
	if p.Transport != "udp" || p.BadSum || p.BadHeader || len(p.Text) < header ||
		binary.BigEndian.Uint32(p.Text) != magic {
		return d, false
	}
	return datagram{p.Time, binary.BigEndian.Uint64(p.Text[8:]), binary.BigEndian.Uint16(p.Text[6:])&answer != 0}, true
}

// datagrams are those of one direction among some packets, in the order of time.
func datagrams(packets []Packet, answers bool) (list []datagram) {
	for i := range packets {
		if d, ok := readDatagram(&packets[i]); ok && d.answer == answers {
			list = append(list, d)
		}
	}
	return list
}

// firsts are when each number passed for the first time.
func firsts(list []datagram) map[uint64]int64 {
	m := map[uint64]int64{}
	for _, d := range list {
		if _, ok := m[d.number]; !ok {
			m[d.number] = d.at
		}
	}
	return m
}

// journey is one direction of a udp load: what one end sent, and what reached the other.
type journey struct {
	sent, came []datagram
	timeout    int64
	size       int
}

// udp finds both directions of the scenario's only udp load.
func (r *Run) udp() (there, back journey, planned int, ok bool) {
	s := &r.Scenario.Canonical
	for _, l := range s.Load {
		if l.UDP == nil || r.Hidden(l.From) {
			continue
		}
		client, server := r.Views[l.From], r.Views[l.To]
		there = journey{datagrams(client.Out, false), datagrams(server.In, false), l.UDP.Timeout, l.UDP.Size}
		back = journey{datagrams(server.Out, true), datagrams(client.In, true), l.UDP.Timeout, 0}
		return there, back, int(math.Round(l.UDP.Rate * float64(l.UDP.For) / 1e9)), true
	}
	return there, back, 0, false
}

// delays are the times of what came for the first time, by the packets. A program hands a datagram over before it is
// captured, and takes it after: late and early are those that came too late for certain, and in time for certain.
func (j *journey) delays() (timely []bounds, late, unsure int) {
	sent := firsts(j.sent)
	for number, at := range firsts(j.came) {
		by := at - sent[number]
		switch {
		case by > j.timeout:
			late++
		case by+dispatch+hop > j.timeout:
			unsure++
		default:
			timely = append(timely, bounds{float64(by), float64(by), float64(by) + dispatch + hop})
		}
	}
	return timely, late, unsure
}

// overtaken are those that came for the first time after one with a higher number.
func (j *journey) overtaken() (n int) {
	highest, known := uint64(0), map[uint64]bool{}
	for _, d := range j.came {
		if !known[d.number] {
			known[d.number] = true
			n += one(d.number < highest)
			highest = max(highest, d.number)
		}
	}
	return n
}

const (
	whyDatagram = "exact, but for datagrams that come within 4.6 ms of the timeout"
	whyDelay    = "a program hands a datagram over at most 0.6 ms before it passes (traffic.md), and takes it a round " +
		"of softirqs after it came (4 ms); 3 significant digits"
)

// journeyChecks are those of one direction, whose metrics begin with a prefix.
func journeyChecks(prefix, what string, of func(r *Run) (j journey, ok bool)) []Check {
	count := func(name, how string, f func(j *journey) (low, high int)) Check {
		return Check{Metrics: []string{prefix + name}, How: how, Why: whyDatagram, Figures: func(r *Run) []Figure {
			j, ok := of(r)
			if !ok {
				return nil
			}
			low, high := f(&j)
			return []Figure{{Name: prefix + name, By: float64(high), Low: float64(low), High: float64(high)}}
		}}
	}
	received := func(j *journey) (low, high int) {
		timely, _, unsure := j.delays()
		return len(timely), len(timely) + unsure
	}
	lost := func(j *journey) (low, high int) {
		n := len(firsts(j.sent))
		low, high = received(j)
		return n - high, n - low
	}
	list := []Check{
		count("received", "numbers of "+what+" that reached the other end within the timeout", received),
		count("lost", what+" that left, less these", lost),
		count("late", "numbers that came after the timeout", func(j *journey) (low, high int) {
			_, late, unsure := j.delays()
			return late, late + unsure
		}),
		count("duplicates", "packets with a number that had come before", func(j *journey) (low, high int) {
			n := len(j.came) - len(firsts(j.came))
			return n, n
		}),
		count("reordered", "first packets of a number that came after a higher one", func(j *journey) (low, high int) {
			n := j.overtaken()
			return n, n
		}),
		{
			Metrics: []string{prefix + "loss"}, How: "lost, divided by what left", Why: whyDatagram,
			Figures: func(r *Run) []Figure {
				j, ok := of(r)
				if !ok || len(j.sent) == 0 {
					return nil
				}
				low, high := lost(&j)
				n := float64(len(firsts(j.sent)))
				return []Figure{{Name: prefix + "loss", By: float64(high) / n, Low: float64(low) / n, High: float64(high) / n}}
			},
		},
	}
	return append(list, delayChecks(prefix+"delay.", "time from one end to the other, by number", func(r *Run) []bounds {
		j, ok := of(r)
		if !ok {
			return nil
		}
		timely, _, unsure := j.delays()
		if unsure > 0 {
			return nil
		}
		return timely
	})...)
}

// delayChecks are those of the mean and the quantiles of some times.
func delayChecks(prefix, how string, of func(r *Run) []bounds) []Check {
	list := []Check{{
		Metrics: []string{prefix + "mean"}, How: how + ", mean", Why: whyDelay,
		Figures: func(r *Run) []Figure {
			times := of(r)
			if len(times) == 0 {
				return nil
			}
			return []Figure{mean(prefix+"mean", times)}
		},
	}}
	for i, name := range []string{"p50", "p90", "p99", "max"} {
		q := []float64{0.5, 0.9, 0.99, 1}[i]
		list = append(list, Check{Metrics: []string{prefix + name}, How: how + ", " + name, Why: whyDelay,
			Figures: func(r *Run) []Figure { return quantileFigure(prefix+name, of(r), q) }})
	}
	return list
}

// mean is the figure of the mean of some times.
func mean(name string, list []bounds) Figure {
	f := Figure{Name: name}
	for _, s := range list {
		n := float64(len(list)) * 1e9
		f.By, f.Low, f.High = f.By+s.by/n, f.Low+s.low/n, f.High+s.high/n
	}
	return f
}

// trips are the times from a datagram to the first answer to it, at the client, of answers that came in time.
func (r *Run) trips() (list []bounds) {
	there, back, _, ok := r.udp()
	if !ok {
		return nil
	}
	left, answered := firsts(there.sent), firsts(back.sent)
	for number, at := range firsts(back.came) {
		if at-answered[number]+dispatch+hop > back.timeout {
			continue
		}
		by := float64(at - left[number])
		list = append(list, bounds{by, by, by + dispatch + hop})
	}
	return list
}

func datagramChecks() []Check {
	total := func(metric, how, why string, of func(r *Run, there, back *journey, planned int) (low, high float64)) Check {
		return Check{Metrics: []string{metric}, How: how, Why: why, Figures: func(r *Run) []Figure {
			there, back, planned, ok := r.udp()
			if !ok {
				return nil
			}
			low, high := of(r, &there, &back, planned)
			return []Figure{{Name: metric, By: low, Low: low, High: high}}
		}}
	}
	same := func(n int) (low, high float64) { return float64(n), float64(n) }
	list := []Check{
		total("udp.planned", "rate × time, of constant arrivals in the scenario", "exact",
			func(_ *Run, _, _ *journey, planned int) (float64, float64) { return same(planned) }),
		total("udp.sent", "numbers that left", "exact",
			func(_ *Run, there, _ *journey, _ int) (float64, float64) { return same(len(firsts(there.sent))) }),
		total("udp.unsent", "these, short of what was planned", "exact",
			func(_ *Run, there, _ *journey, planned int) (float64, float64) {
				return same(planned - len(firsts(there.sent)))
			}),
		total("udp.answered", "numbers of answers that left", "exact",
			func(_ *Run, _, back *journey, _ int) (float64, float64) { return same(len(firsts(back.sent))) }),
		total("udp.goodput", "received × size, divided by the window", whyDatagram,
			func(r *Run, there, _ *journey, _ int) (float64, float64) {
				timely, _, unsure := there.delays()
				rate := func(n int) float64 { return 8 * float64(n*there.size) / (float64(r.End()) / 1e9) }
				return rate(len(timely)), rate(len(timely) + unsure)
			}),
		{
			Metrics: []string{"udp.refused"}, How: "ICMP port unreachable that reached the client, about a datagram of the load",
			Why: whySoon, Figures: func(r *Run) []Figure {
				var list []Figure
				for _, l := range r.Scenario.Canonical.Load {
					if l.UDP != nil {
						list = append(list, soon("udp.refused", r, unreachable(r.Views[l.From].In, l.UDP.Port)))
					}
				}
				return list
			},
		},
	}
	list = append(list, journeyChecks("udp.", "datagrams", func(r *Run) (journey, bool) {
		there, _, _, ok := r.udp()
		return there, ok
	})...)
	list = append(list, journeyChecks("udp.back.", "answers", func(r *Run) (journey, bool) {
		_, back, _, ok := r.udp()
		return back, ok && len(back.sent) > 0
	})...)
	list = append(list, delayChecks("udp.rtt.", "time from a datagram to its answer at the client", (*Run).trips)...)
	return append(list, takerChecks()...)
}

// unreachable are the times of ICMP messages port unreachable about datagrams to a port.
func unreachable(packets []Packet, port int) (times []int64) {
	for i := range packets {
		p := &packets[i]
		if (p.Transport == "icmp" && p.ICMP == 3 && p.Code == 3 || p.Transport == "icmpv6" && p.ICMP == 1 && p.Code == 4) &&
			p.About == port {
			times = append(times, p.Time)
		}
	}
	return times
}

// takerChecks are those of the service.
func takerChecks() []Check {
	taker := func(metric, how string, of func(v *View, port int) []int64) Check {
		return Check{Metrics: []string{"NODE." + metric}, How: how, Why: whySoon, Figures: func(r *Run) []Figure {
			var list []Figure
			for node, v := range r.Views {
				if port := r.Scenario.Canonical.Nodes[node].Service.UDP.Port; port != 0 {
					list = append(list, soon(node+"."+metric, r, of(v, port)))
				}
			}
			return list
		}}
	}
	moments := func(list []datagram) (times []int64) {
		for _, d := range list {
			times = append(times, d.at)
		}
		return times
	}
	return []Check{
		taker("udp.received", "datagrams of loads that reached the node, with a good checksum",
			func(v *View, _ int) []int64 { return moments(datagrams(v.In, false)) }),
		taker("udp.answered", "answers that it sent", func(v *View, _ int) []int64 {
			return moments(datagrams(v.Out, true))
		}),
		taker("udp.foreign", "other datagrams to its port", func(v *View, port int) (times []int64) {
			for i := range v.In {
				p := &v.In[i]
				_, ours := readDatagram(p)
				if p.Transport == "udp" && p.Port == port && !p.BadSum && !p.BadHeader && !ours {
					times = append(times, p.Time)
				}
			}
			return times
		}),
	}
}
