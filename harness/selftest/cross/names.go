package cross

import (
	"maps"
	"slices"
)

// Types and codes of DNS (RFC 1035, 3.2.2 and 4.1.1; RFC 3596).
const (
	typeA, typeAAAA                    = 1, 28
	noError, serverFailure, noSuchName = 0, 2, 3
	notImplemented, refused            = 4, 5
)

// question is a query as it left the client, with the first answer to it that came.
type question struct {
	Packet
	answer *Packet
}

// failing tells whether the answer is none: its server cannot say.
func (q *question) failing() bool {
	return q.answer != nil && slices.Contains([]int{serverFailure, notImplemented, refused}, q.answer.Name.Code)
}

// lookup is what a client asked for one name on behalf of one connection: the questions have IDs of their own, and are
// sent again with them.
type lookup struct{ questions []*question }

// lookups finds them at the client of the only load with a name.
func (r *Run) lookups() (list []*lookup, wait int64, wanted int, ok bool) {
	for _, l := range r.Scenario.Canonical.Load {
		if l.HTTP.Host == "" || r.Hidden(l.From) {
			continue
		}
		wanted = typeA
		if l.HTTP.IPv6 {
			wanted = typeAAAA
		}
		v := r.Views[l.From]
		return v.lookups(), r.Scenario.Canonical.Nodes[l.From].Resolver.Timeout, wanted, true
	}
	return nil, 0, 0, false
}

func (v *View) lookups() (list []*lookup) {
	byID, byPort := map[string]*lookup{}, map[int]*lookup{}
	for i := range v.Out {
		p := v.Out[i]
		if p.Transport != "udp" || p.Name.ID == "" || p.Name.Answer {
			continue
		}
		l := byID[p.Name.ID]
		if l == nil {
			l = byPort[p.From]
		}
		if l == nil {
			l = &lookup{}
			list = append(list, l)
		}
		byID[p.Name.ID], byPort[p.From] = l, l
		l.questions = append(l.questions, &question{Packet: p})
	}
	for i := range v.In {
		p := &v.In[i]
		if p.Transport == "udp" && p.Name.ID != "" && p.Name.Answer && !p.BadSum && byID[p.Name.ID] != nil {
			byID[p.Name.ID].take(p)
		}
	}
	return list
}

// take gives an answer to the latest question that it can belong to, unless that has one.
func (l *lookup) take(p *Packet) {
	for _, q := range slices.Backward(l.questions) {
		if q.Name.ID == p.Name.ID && q.From == p.Port && q.Time < p.Time {
			if q.answer == nil {
				q.answer = p
			}
			return
		}
	}
}

// rounds are the questions between the waits that ran out.
func (l *lookup) rounds(wait int64) (list [][]*question) {
	for i, q := range l.questions {
		if i == 0 || q.Time-l.questions[i-1].Time > wait*9/10 {
			list = append(list, nil)
		}
		list[len(list)-1] = append(list[len(list)-1], q)
	}
	return list
}

// partly tells whether of the last two questions of a round only one was answered.
func partly(round []*question) bool {
	n := 0
	for _, q := range round[max(len(round)-2, 0):] {
		n += one(q.answer != nil && !q.failing())
	}
	return n == 1
}

// found tells whether an address of the wanted family came.
func (l *lookup) found(wanted int) bool {
	return slices.ContainsFunc(l.questions, func(q *question) bool {
		return q.answer != nil && q.answer.Name.Type == wanted && q.answer.Name.Code == noError && q.answer.Name.Addresses > 0
	})
}

// time is from the first question to the last answer.
func (l *lookup) time() int64 {
	last := int64(0)
	for _, q := range l.questions {
		if q.answer != nil {
			last = max(last, q.answer.Time)
		}
	}
	return last - l.questions[0].Time
}

// again are the questions that had been sent before.
func (l *lookup) again() (n int) {
	known := map[string]bool{}
	for _, q := range l.questions {
		n += one(known[q.Name.ID])
		known[q.Name.ID] = true
	}
	return n
}

func nameChecks() []Check {
	sum := func(metric, how string, of func(l *lookup, wait int64, wanted int) int) Check {
		return Check{Metrics: []string{metric}, How: how, Why: "exact", Figures: func(r *Run) []Figure {
			list, wait, wanted, ok := r.lookups()
			if !ok {
				return nil
			}
			n := 0
			for _, l := range list {
				n += of(l, wait, wanted)
			}
			return []Figure{exactly(metric, n)}
		}}
	}
	failed := func(l *lookup, _ int64, wanted int) int { return one(!l.found(wanted)) }
	list := []Check{
		sum("dns.lookups", "queries with `dns.id` and source port that no query before had",
			func(*lookup, int64, int) int { return 1 }),
		sum("dns.queries", "queries that left", func(l *lookup, _ int64, _ int) int { return len(l.questions) }),
		sum("dns.retries", "of these: with a `dns.id` that had left before", func(l *lookup, _ int64, _ int) int {
			return l.again()
		}),
		sum("dns.errors", "queries answered with `dns.flags.rcode` 2, 4 or 5", func(l *lookup, _ int64, _ int) (n int) {
			for _, q := range l.questions {
				n += one(q.failing())
			}
			return n
		}),
		sum("dns.timeouts", "gaps between queries of a lookup that are as long as the resolver waits",
			func(l *lookup, wait int64, _ int) int { return len(l.rounds(wait)) - 1 }),
		sum("dns.fallbacks", "of these: after one answer of two", func(l *lookup, wait int64, _ int) (n int) {
			rounds := l.rounds(wait)
			for _, round := range rounds[:len(rounds)-1] {
				n += one(partly(round))
			}
			return n
		}),
		sum("dns.failed", "lookups without an answer of `dns.count.answers` 1 and the family", failed),
		sum("http.errors.resolve", "the same", failed),
		{
			Metrics: []string{"dns.unreachable"}, How: "ICMP port unreachable that reached the client about a query",
			Why: "of two about one socket that come together only the first is heard", Figures: func(r *Run) []Figure {
				var list []Figure
				for _, l := range r.Scenario.Canonical.Load {
					if l.HTTP.Host == "" {
						continue
					}
					times := unreachable(r.Views[l.From].In, dnsPort)
					f := soon("dns.unreachable", r, times)
					f.Low = 0
					last := -never
					for _, at := range times {
						f.Low += float64(one(at-last > hop))
						last = at
					}
					list = append(list, f)
				}
				return list
			},
		},
	}
	list = append(list, delayChecks("dns.latency.", "first query to last answer", func(r *Run) (times []bounds) {
		lookups, _, wanted, _ := r.lookups()
		for _, l := range lookups {
			if l.found(wanted) {
				by := float64(l.time())
				times = append(times, bounds{by, by, by + dispatch + hop})
			}
		}
		return times
	})...)
	return append(list, nameServerChecks()...)
}

// dnsPort is that of the name servers in all scenarios.
const dnsPort = 53

// nameServerChecks are those of the service.
func nameServerChecks() []Check {
	server := func(metric, how string, of func(v *View) []int64) Check {
		return Check{Metrics: []string{"NODE." + metric}, How: how, Why: whySoon, Figures: func(r *Run) []Figure {
			var list []Figure
			for _, node := range slices.Sorted(maps.Keys(r.Views)) {
				if r.Scenario.Canonical.Nodes[node].Service.DNS.Port != 0 {
					list = append(list, soon(node+"."+metric, r, of(r.Views[node])))
				}
			}
			return list
		}}
	}
	asked := func(v *View, query bool) (times []int64) {
		for i := range v.In {
			p := &v.In[i]
			if p.Transport == "udp" && p.Port == dnsPort && !p.BadSum && (p.Name.ID != "" && !p.Name.Answer) == query {
				times = append(times, p.Time)
			}
		}
		return times
	}
	said := func(v *View, codes ...int) (times []int64) {
		for i := range v.Out {
			p := &v.Out[i]
			if p.Transport == "udp" && p.Name.Answer && slices.Contains(codes, p.Name.Code) {
				times = append(times, p.Time)
			}
		}
		return times
	}
	code := func(metric, how string, c int) Check {
		return server(metric, how, func(v *View) []int64 { return said(v, c) })
	}
	return []Check{
		server("dns.queries", "queries that reached the node", func(v *View) []int64 { return asked(v, true) }),
		server("dns.malformed", "other datagrams to its port", func(v *View) []int64 { return asked(v, false) }),
		code("dns.answered", "answers that it sent with `dns.flags.rcode` 0", noError),
		code("dns.servfail", "those with 2", serverFailure),
		code("dns.nxdomain", "those with 3", noSuchName),
		server("dns.dropped", "queries that reached the node, less all answers", func(v *View) []int64 {
			return asked(v, true)[len(said(v, noError, serverFailure, noSuchName)):]
		}),
	}
}
