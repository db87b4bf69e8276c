package cross

import (
	"math"
	"slices"
)

// Request is one HTTP request as the client's packets show it.
type Request struct {
	Port    int   // of the client
	First   int64 // its first packet: the SYN, or the request itself on a kept connection
	Syn     int64 // never, on a kept connection
	SynAck  int64 // the first SYN-ACK, received
	Sent    int64 // the request's first byte
	Last    int64 // the answer's last byte, received
	After   int64 // the first packet with which the client shows that it has read the answer: a FIN or a RST
	Reset   int64 // a RST, or a FIN before the answer
	Cut     int64 // a FIN in the middle of the answer
	Refused bool  // the RST answered the SYN
	Status  int

	start uint32 // of the answer
	whole uint32 // behind the answer
	begun bool
}

// requests finds them in the packets of the connections to a port that the client opened, in the order in which
// they were planned: that of the source ports, which follow one another (docs/architecture/traffic.md), unless
// connections are kept.
func (v *View) requests(port int, kept bool) []Request {
	var list []Request
	for _, t := range v.Talks {
		if t.Opener && t.peer() == port {
			list = append(list, t.requests()...)
		}
	}
	slices.SortFunc(list, func(a, b Request) int {
		if !kept {
			return a.Port - b.Port
		}
		return int(a.First - b.First)
	})
	return list
}

// port and peer are the two ports of a connection: this end's, and the other's.
func (t *Talk) port() int {
	if m := t.Packets[0]; !m.Out {
		return m.Port
	}
	return t.Packets[0].From
}

func (t *Talk) peer() int {
	if m := t.Packets[0]; !m.Out {
		return m.From
	}
	return t.Packets[0].Port
}

func (t *Talk) requests() []Request {
	r := Request{Port: t.port(), First: t.Syn, Syn: t.Syn, SynAck: t.SynAck, Sent: never, Last: never, After: never,
		Reset: never, Cut: never}
	var list []Request
	var in stream
	for _, m := range t.Packets {
		switch {
		case m.BadSum:
		case m.Has(flagRST) && !m.Out && r.Last == never:
			first(&r.Reset, m.Time)
			r.Refused = t.SynAck == never
		case m.Has(flagRST):
			if r.Last != never {
				first(&r.After, m.Time)
			}
		case m.Out:
			if m.New && m.Payload > 0 {
				if r.Last != never {
					list = append(list, r)
					r = Request{Port: r.Port, First: m.Time, Syn: never, SynAck: never, Sent: never, Last: never, After: never,
						Reset: never, Cut: never}
				}
				first(&r.Sent, m.Time)
			}
			if m.Has(flagFIN) && r.Last != never {
				first(&r.After, m.Time)
			}
		default:
			p := m.Packet
			in.take(&p)
			if m.Status != 0 && !r.begun {
				r.begun, r.Status, r.start, r.whole = true, m.Status, m.Seq, m.Seq+uint32(m.Head+m.Body)
			}
			switch {
			case r.begun && !after(r.whole, in.next):
				first(&r.Last, m.Time)
			case in.finished() && r.Last == never && r.begun:
				first(&r.Cut, m.Time)
			case in.finished() && r.Last == never:
				first(&r.Reset, m.Time)
			}
		}
	}
	return append(list, r)
}

// Loads are the requests of the scenario's only load, with what is known of their plan.
type Loads struct {
	Requests []Request
	Phase    int64 // the latest that the first can have been planned for
	Gap      float64
	Timeout  int64
	Planned  int
	Kept     bool // connections are
}

// dispatch is the most time from a request's planned time to its first packet, in the best of all cases: less than
// the CPU that a guest spends on a whole request, 0.6 ms (docs/architecture/traffic.md).
const dispatch = 600e3

// load finds the requests. Arrivals are constant: all planned times follow from one, and no request leaves before
// its time, so the one that left earliest against its place in the plan bounds them all.
func (r *Run) load() (l Loads, ok bool) {
	s := &r.Scenario.Canonical
	if len(s.Load) != 1 || r.Hidden(s.Load[0].From) || s.Load[0].HTTP.Arrivals != "constant" || s.Load[0].HTTP.At == nil {
		return l, false
	}
	h := s.Load[0].HTTP
	if h.Rate == 0 || h.Bursts != nil || h.Batch > 1 || h.Retries > 0 || h.Abort != nil {
		return l, false
	}
	l.Gap, l.Timeout, l.Kept = 1e9/h.Rate, h.Timeout, h.KeepAlive
	l.Planned = int(math.Round(h.Rate * float64(h.For) / 1e9))
	l.Requests = r.Views[s.Load[0].From].requests(h.Port, h.KeepAlive)
	l.Phase = never
	for k := range l.Requests {
		first(&l.Phase, l.Requests[k].First-int64(float64(k)*l.Gap))
	}
	return l, true
}

// plan is the latest time for which request k can have been planned.
func (l *Loads) plan(k int) int64 { return l.Phase + int64(float64(k)*l.Gap) }

// completed tells whether request k was answered well and in time; close, whether that hangs on microseconds.
func (l *Loads) completed(k int) bool {
	q := &l.Requests[k]
	return q.Last != never && q.Status == 200 && q.Last-l.plan(k) < l.Timeout && q.Last < q.Reset
}

// class is what became of request k.
func (l *Loads) class(k int) string {
	q := &l.Requests[k]
	switch {
	case l.completed(k):
		return "completed"
	case q.Refused:
		return "refused"
	case q.Reset-l.plan(k) < l.Timeout:
		return "reset"
	case q.Cut-l.plan(k) < l.Timeout:
		return "malformed"
	case q.Last != never && q.Status != 200 && q.Last-l.plan(k) < l.Timeout:
		return "status"
	default:
		return "timeout"
	}
}

// bounds is a time of one request: by the packets, and between which bounds the client can have taken it.
type bounds struct{ by, low, high float64 }

// latencies of the completed requests.
func (l *Loads) latencies() []bounds {
	var list []bounds
	for k := range l.Requests {
		if !l.completed(k) {
			continue
		}
		q := &l.Requests[k]
		by := float64(q.Last - l.plan(k))
		seen := min(q.After, q.Last+hop)
		list = append(list, bounds{by, by, float64(seen-l.plan(k)) + dispatch})
	}
	return list
}

// connects are the times from connect(2) to the connection's being established.
func (l *Loads) connects() []bounds {
	var list []bounds
	for k := range l.Requests {
		if q := &l.Requests[k]; q.Syn != never && q.SynAck != never && q.Sent != never {
			by := float64(q.SynAck - q.Syn)
			list = append(list, bounds{by, by, float64(q.Sent-q.Syn) + dispatch})
		}
	}
	return list
}

// quantile is the nearest rank of one of the three, in s.
func quantile(list []bounds, q float64, of func(s bounds) float64) float64 {
	values := make([]float64, len(list))
	for i, s := range list {
		values[i] = of(s)
	}
	slices.Sort(values)
	return values[max(int(math.Ceil(q*float64(len(values)))), 1)-1] / 1e9
}

func low(s bounds) float64  { return s.low }
func high(s bounds) float64 { return s.high }
func by(s bounds) float64   { return s.by }

// digits of a histogram: a quantile is rounded up to 3 significant digits (harness/run/load).
const digits = 1e-3

func quantileFigure(name string, list []bounds, q float64) []Figure {
	if len(list) == 0 {
		return nil
	}
	return []Figure{{Name: name, By: quantile(list, q, by), Low: quantile(list, q, low),
		High: quantile(list, q, high) * (1 + digits)}}
}

func loadChecks() []Check {
	count := func(metric, how string, of func(l *Loads) int) Check {
		return Check{Metrics: []string{metric}, How: how, Why: "exact", Figures: func(r *Run) []Figure {
			l, ok := r.load()
			if !ok {
				return nil
			}
			return []Figure{exactly(metric, of(&l))}
		}}
	}
	classes := func(class string) func(l *Loads) int {
		return func(l *Loads) (n int) {
			for k := range l.Requests {
				n += one(l.class(k) == class)
			}
			return n
		}
	}
	const (
		whyLatency = "a request leaves at most 0.6 ms after its planned time, " +
			"in the best case of the run (a whole request costs the guest less CPU: traffic.md); " +
			"the answer is read before the client's FIN, or a round of softirqs after it came (4 ms); 3 significant digits"
		whyConnect = "from connect(2) to SYN at most 0.6 ms (traffic.md); " +
			"established before the request is sent; 3 significant digits"
	)
	list := []Check{
		count("http.planned", "rate × time, of constant arrivals in the scenario", func(l *Loads) int { return l.Planned }),
		count("http.sent", "SYNs, and requests on kept connections (`http.request`), up to what was planned",
			func(l *Loads) int { return min(len(l.Requests), l.Planned) }),
		count("http.retried", "these, beyond what was planned",
			func(l *Loads) int { return max(len(l.Requests)-l.Planned, 0) }),
		count("http.unsent", "these, short of what was planned",
			func(l *Loads) int { return max(l.Planned-len(l.Requests), 0) }),
		count("http.completed", "answers (`http.response.code` 200) whose last byte came within the timeout",
			classes("completed")),
		count("http.errors", "requests without", func(l *Loads) int { return l.Planned - classes("completed")(l) }),
		count("http.errors.timeout", "of these, those without a RST or FIN before the timeout", classes("timeout")),
		count("http.errors.refused", "those whose SYN a RST answered", classes("refused")),
		count("http.errors.reset", "those that a RST ended, or a FIN before the answer", classes("reset")),
		count("http.errors.malformed", "those whose answer a FIN cut short", classes("malformed")),
		count("http.errors.status", "those with another `http.response.code`", classes("status")),
		{
			Metrics: []string{"http.throughput"}, How: "completed answers in the window, divided by its length", Why: "exact",
			Figures: func(r *Run) []Figure {
				l, ok := r.load()
				if !ok {
					return nil
				}
				n := 0
				for k := range l.Requests {
					n += one(l.completed(k) && l.Requests[k].Last <= r.End())
				}
				x := float64(n) / (float64(r.End()) / 1e9)
				return []Figure{{Name: "http.throughput", By: x, Low: x, High: x}}
			},
		},
		{
			Metrics: []string{"http.latency.mean"}, How: "last byte of the answer less planned time, mean", Why: whyLatency,
			Figures: func(r *Run) []Figure {
				l, _ := r.load()
				list := l.latencies()
				if len(list) == 0 {
					return nil
				}
				return []Figure{mean("http.latency.mean", list)}
			},
		},
	}
	for i, name := range []string{"p50", "p90", "p99", "p999", "max"} {
		q := []float64{0.5, 0.9, 0.99, 0.999, 1}[i]
		list = append(list, Check{Metrics: []string{"http.latency." + name},
			How: "last byte of the answer less planned time, " + name, Why: whyLatency,
			Figures: func(r *Run) []Figure {
				l, _ := r.load()
				return quantileFigure("http.latency."+name, l.latencies(), q)
			}})
	}
	for i, name := range []string{"p50", "p99"} {
		q := []float64{0.5, 0.99}[i]
		list = append(list, Check{Metrics: []string{"http.connect." + name},
			How: "SYN-ACK received less SYN sent, " + name, Why: whyConnect,
			Figures: func(r *Run) []Figure {
				l, _ := r.load()
				return quantileFigure("http.connect."+name, l.connects(), q)
			}})
	}
	return list
}
