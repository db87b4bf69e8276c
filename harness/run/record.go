package run

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/load"
	"github.com/ruleout/ruleout/harness/run/probe"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/expect"
	"github.com/ruleout/ruleout/harness/scenario/metric"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// record puts together what a run left.
func (r *Prepared) record(seed uint64) (*result.Record, error) {
	s := r.scenario
	window := time.Duration(s.Duration)
	traffic := merge(r.traffic)
	rec := &result.Record{
		Scenario: result.Scenario{Name: s.Name, Hash: r.hash, Canonical: r.canonical},
		Seed:     seed,
		Faults:   r.receipts,
		Links:    r.links,
		Load:     summary(traffic),
		Metrics:  r.seen.Metrics,
		Counters: r.seen.Counters,
		Timeline: result.Timeline{Interval: time.Duration(*s.Timeline).Seconds(), Series: r.seen.Timeline},
		Programs: r.outcomes, Middleboxes: r.acted,
		Time: result.Time{Measured: window.Seconds(), Virtual: (monotonic() - r.born).Seconds()},
	}
	if of := loadsOf(s, "http"); len(of) > 0 {
		for n, i := range of {
			if err := addNamed(rec, s, i, r.traffic[n].Metrics(window)); err != nil {
				return nil, err
			}
		}
		if err := addMetrics(rec, traffic.Metrics(window)); err != nil {
			return nil, err
		}
		addSeries(&rec.Timeline, &traffic.Series)
	}
	if err := r.addDatagrams(rec); err != nil {
		return nil, err
	}
	if err := r.addBulk(rec); err != nil {
		return nil, err
	}
	if err := addMetrics(rec, faultMetrics(r.receipts)); err != nil {
		return nil, err
	}
	if err := addMetrics(rec, programMetrics(r.outcomes)); err != nil {
		return nil, err
	}
	if err := addMetrics(rec, middleboxMetrics(r.acted)); err != nil {
		return nil, err
	}
	if err := addMetrics(rec, r.said.metrics); err != nil {
		return nil, err
	}
	for name, values := range r.said.series {
		rec.Timeline.Series[name] = values
	}
	behind(&r.invalid, s, r.traffic)
	outOfStep(&r.invalid, r.seen, window)
	heldBack(&r.invalid, r.seen.Counters)
	rec.InvalidBecause = append(result.Reasons{}, r.invalid...)
	rec.Valid = len(r.invalid) == 0
	rec.Expect = append(evaluate(s, rec), r.exits()...)
	return rec, nil
}

// merge sums what the generators measured.
func merge(results []load.Result) *load.Result {
	sum := new(load.Result)
	for i := range results {
		sum.Merge(&results[i])
	}
	return sum
}

func summary(l *load.Result) result.Load {
	by := make(map[string]int64)
	for class, n := range l.ByClass {
		if n != 0 {
			by[string(class)] = n
		}
	}
	return result.Load{
		Planned: l.Planned, Sent: l.Sent, Completed: l.Completed, Errors: l.Errors, ByError: by,
		LateP99: l.Late.Quantile(0.99), LateMax: l.Late.Max(),
	}
}

// loadsOf are the indices of the loads of a kind, in the order of their generators.
func loadsOf(s *scenario.Scenario, kind string) (list []int) {
	for i := range s.Load {
		if pace, ok := s.Load[i].Pace(); ok && pace.Kind == kind {
			list = append(list, i)
		}
	}
	return list
}

// behind says which generators fell behind their own plans: what they measured
// is then the generator and not the network.
func behind(to *result.Reasons, s *scenario.Scenario, results []load.Result) {
	for n, i := range loadsOf(s, "http") {
		r := &results[n]
		late(to, s, i, r.Late.Quantile(0.99))
		if s.Load[i].HTTP.Abort != nil && r.Aborted == 0 {
			to.Add(result.NothingAborted, place(s, i),
				"aborted no request of the measured window, as its abort says: all were through")
		}
		if r.Abandoned > 0 {
			to.Add(result.RequestsAbandoned, place(s, i), "gave up %s whose fate was open",
				quantity.Plural(r.Abandoned, "request"))
		}
	}
}

// late says whether a load was further behind its plan than it may be, by the 99th percentile in ns.
func late(to *result.Reasons, s *scenario.Scenario, i int, p99 int64) {
	pace, _ := s.Load[i].Pace()
	what := "request"
	if pace.Kind == "udp" {
		what = "datagram"
	}
	if late := time.Duration(p99); late > time.Duration(pace.Late) {
		to.Add(result.GeneratorLate, place(s, i), "fell behind its own plan: 1 %s in 100 was over %s late, the bound is %s",
			what, late.Round(time.Microsecond), pace.Late)
	}
}

// place names a load in reasons.
func place(s *scenario.Scenario, i int) string {
	return fmt.Sprintf("load[%d] from %s", i, s.Load[i].From)
}

// outOfStep says whether the recorder's window is too far from the one in which the load and the
// faults acted: over a hundredth of it. So much of a counter may then be of something else.
func outOfStep(to *result.Reasons, seen *probe.Result, window time.Duration) {
	if bound := window / 100; seen.Late > bound {
		to.Add(result.RecorderLate, "",
			"the recorder was %s late at an end of the measured window, the bound is 1 %% of that, %s",
			seen.Late.Round(time.Microsecond), bound)
	}
}

// heldBack names the nodes whose TCP did not send a segment again because its first copy was still on this machine. In
// a real network that copy has left, so the retransmission would have gone out. Packets on a link are detached from
// their socket to rule this out; the counter is the kernel's own word that it was ruled out. Source:
// skb_still_in_host_queue in net/ipv4/tcp_output.c.
func heldBack(to *result.Reasons, counters map[string]map[string]int64) {
	for _, node := range slices.Sorted(maps.Keys(counters)) {
		if n := counters[node]["TcpExt.TCPSpuriousRtxHostQueues"]; n > 0 {
			to.Add(result.HeldSocket, "node "+node,
				"held back %s: the segment was still on this machine (TcpExt.TCPSpuriousRtxHostQueues)",
				quantity.Plural(n, "retransmission"))
		}
	}
}

// gaps is how many times between chosen packets are metrics.
const gaps = 8

func faultMetrics(receipts []result.Receipt) map[string]float64 {
	m := make(map[string]float64)
	for _, f := range receipts {
		prefix := "fault." + f.Name + "."
		m[prefix+"matched"] = float64(f.Matched)
		m[prefix+"chosen"] = float64(f.Chosen)
		m[prefix+"delivered"] = float64(f.Delivered)
		m[prefix+"unexplained_loss"] = float64(f.UnexplainedLoss)
		m[prefix+"lost_in_queue"] = float64(f.LostInQueue)
		for i, t := range f.Times {
			switch {
			case i == 0:
				m[prefix+"time1"] = t
			case i <= gaps:
				// Of whole nanoseconds: a difference of floats would have digits that mean nothing.
				m[prefix+fmt.Sprint("gap", i)] = math.Round((t-f.Times[i-1])*1e9) / 1e9
			}
		}
	}
	return m
}

// middleboxMetrics are those of rules, and what was forgotten.
func middleboxMetrics(list []result.Middlebox) map[string]float64 {
	m := make(map[string]float64)
	for _, b := range list {
		for _, r := range b.Rules {
			prefix := b.Node + "." + r.Kind + "." + r.Name + "."
			if r.Kind == result.NATRule {
				m[prefix+"connections"] = float64(r.Packets)
				continue
			}
			m[prefix+"packets"], m[prefix+"bytes"] = float64(r.Packets), float64(r.Bytes)
		}
		for _, f := range b.Forgot {
			m[b.Node+".conntrack.forgotten"] += float64(f.Entries)
		}
	}
	return m
}

// addMetrics adds values under names of the catalogue, which knows their units.
func addMetrics(rec *result.Record, values map[string]float64) error {
	if rec.Metrics == nil {
		rec.Metrics = make(map[string]result.Metric)
	}
	for name, v := range values {
		m, ok := metric.Lookup(name)
		if !ok {
			return fmt.Errorf("metric %s is not in the catalogue", name)
		}
		rec.Metrics[name] = result.Metric{Value: v, Unit: m.Unit, Better: m.Better}
	}
	return nil
}

// addSeries adds the load's series to the timeline, in base units.
func addSeries(t *result.Timeline, s *load.Series) {
	if s.Interval == 0 {
		return
	}
	if t.Series == nil {
		t.Series = make(map[string][]float64)
	}
	add := func(name string, values []int64, scale float64) {
		out := make([]float64, len(values))
		for i, v := range values {
			out[i] = math.Round(float64(v)/scale*1e6) / 1e6
		}
		t.Series[name] = out
	}
	add("http.completed", s.Completed, 1)
	add("http.errors", s.Errors, 1)
	add("http.retried", s.Retried, 1)
	add("http.in_flight", s.InFlight, 1)
	add("http.latency.p99", s.LatencyP99, 1e9)
	add("http.latency.max", s.LatencyMax, 1e9)
}

// evaluate holds the scenario's expectations against the record.
func evaluate(s *scenario.Scenario, rec *result.Record) []result.Expectation {
	out := []result.Expectation{}
	for _, text := range s.Expect {
		e := result.Expectation{Expr: string(text)}
		compiled, err := expect.Compile(string(text), s)
		if err == nil {
			e.OK, e.Value, err = compiled.Eval(rec.Value)
		}
		if err != nil {
			e.OK, e.Error = false, err.Error()
		}
		out = append(out, e)
	}
	return out
}
