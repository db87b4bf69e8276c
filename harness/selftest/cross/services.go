package cross

// exchange is something that happened on a connection of a service: at one of its segments that has something new.
type exchange struct {
	metric, how string
	// server says that the node accepts the connections, and client that it opens them.
	server bool
	port   func(r *Run, node string) int // of the service; 0 if the node has nothing to do with it
	is     func(m *Moment) bool          // nil counts connections
}

func phpPort(r *Run, node string) int { return r.Scenario.Canonical.Nodes[node].Service.PHP.Port }
func sqlPort(r *Run, node string) int { return r.Scenario.Canonical.Nodes[node].Service.SQL.Port }

// databasePort is the port of the database that a node's pool asks.
func databasePort(r *Run, node string) int {
	if db := r.Scenario.Canonical.Nodes[node].Service.PHP.Database; db != "" && db != node {
		return sqlPort(r, db)
	}
	return 0
}

// A query is one segment, and so is its answer: rows are of 1 kB here.
var exchanges = []exchange{
	{"NODE.php.accepted", "handshakes that were finished at the pool's port", true, phpPort, nil},
	{"NODE.php.requests", "`http.request` that reached it", true, phpPort,
		func(m *Moment) bool { return !m.Out && m.Request }},
	{"NODE.php.served", "`http.response.code` 200 that it sent", true, phpPort,
		func(m *Moment) bool { return m.Out && m.Status == 200 }},
	{"NODE.php.failed", "`http.response.code` 500 that it sent", true, phpPort,
		func(m *Moment) bool { return m.Out && m.Status == 500 }},
	{"NODE.php.refused", "other `http.response.code` that it sent", true, phpPort,
		func(m *Moment) bool { return m.Out && m.Status != 0 && m.Status != 200 && m.Status != 500 }},
	{"NODE.sql.connects", "SYNs of new connections to the database", false, databasePort, nil},
	{"NODE.sql.queries", "segments with data from the database, each an answer", false, databasePort,
		func(m *Moment) bool { return !m.Out && m.Payload > 0 }},
	{"NODE.sql.accepted", "handshakes that were finished at the database's port", true, sqlPort, nil},
	{"NODE.sql.answered", "segments with data from the database, each an answer", true, sqlPort,
		func(m *Moment) bool { return m.Out && m.Payload > 0 }},
}

func serviceChecks() []Check {
	var list []Check
	for _, e := range exchanges {
		list = append(list, Check{Metrics: []string{e.metric}, How: e.how, Why: whySoon, Figures: func(r *Run) []Figure {
			var figures []Figure
			for node, v := range r.Views {
				port := e.port(r, node)
				if port == 0 {
					continue
				}
				var times []int64
				for _, t := range v.Talks {
					if e.server == t.Opener || e.server && t.port() != port || !e.server && t.peer() != port {
						continue
					}
					if e.is == nil && e.server {
						times = append(times, t.Open)
					} else if e.is == nil {
						times = append(times, t.Syn)
					}
					for i := range t.Packets {
						if m := &t.Packets[i]; e.is != nil && m.New && e.is(m) {
							times = append(times, m.Time)
						}
					}
				}
				figures = append(figures, soon(node+e.metric[len("NODE"):], r, times))
			}
			return figures
		}})
	}
	return append(list, clientChecks()...)
}

// soon is the figure of how many of some moments are within the window, if each acts within a round of softirqs.
func soon(name string, r *Run, times []int64) Figure {
	f := Figure{Name: name}
	for _, at := range times {
		within := func(slack int64) float64 { return float64(one(at >= -slack && at <= r.End()+slack)) }
		f.By, f.Low, f.High = f.By+within(0), f.Low+within(-hop), f.High+within(hop)
	}
	return f
}

const whySoon = "exact, but for what happens within 4 ms of an end of the window: " +
	"a packet is at most a round of softirqs away from its effect"

// clientChecks count what the client's connections went through.
func clientChecks() []Check {
	client := func(metric, how, why string, of func(r *Run, l *Loads, t *Talk, f *Figure)) Check {
		return Check{Metrics: []string{metric}, How: how, Why: why, Figures: func(r *Run) []Figure {
			l, ok := r.load()
			if !ok {
				return nil
			}
			f := Figure{Name: metric}
			for _, t := range r.Views[r.Scenario.Canonical.Load[0].From].Talks {
				if t.Opener && t.peer() == r.Scenario.Canonical.Load[0].HTTP.Port {
					of(r, &l, t, &f)
				}
			}
			return []Figure{f}
		}}
	}
	add := func(f *Figure, n float64) { f.By, f.Low, f.High = f.By+n, f.Low+n, f.High+n }
	return []Check{
		client("http.connects", "SYNs of new connections within the window", "exact",
			func(r *Run, _ *Loads, t *Talk, f *Figure) {
				add(f, float64(one(t.Syn >= 0 && t.Syn <= r.End())))
			}),
		client("http.received", "bytes of answers in their order, within the window",
			"what came of an answer that was never whole may have been read or not", func(r *Run, _ *Loads, t *Talk, f *Figure) {
				whole, all := 0., 0.
				for _, q := range t.requests() {
					if q.Last <= r.End() {
						whole += float64(q.whole - q.start)
					}
				}
				for at, n := range t.arrivals() {
					all += float64(n * one(at >= 0 && at <= r.End()))
				}
				f.By, f.Low, f.High = f.By+whole, f.Low+whole, f.High+max(all, whole)
			}),
		client("http.idle.closed", "kept connections with a FIN or RST from the server, in the window, "+
			"behind the last answer and before the client's FIN", "exact",
			func(r *Run, l *Loads, t *Talk, f *Figure) {
				list := t.requests()
				at := min(t.FinIn, t.ResetIn)
				add(f, float64(one(l.Kept && list[len(list)-1].Last < at && at >= 0 && at <= r.End() && at < t.FinOut)))
			}),
	}
}
