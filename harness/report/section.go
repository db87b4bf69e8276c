package report

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/describe"
	"github.com/ruleout/ruleout/harness/scenario/expect"
	"github.com/ruleout/ruleout/harness/scenario/metric"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// none stands where a record has no number.
const none = metric.None

// Section is one table of a report.
type Section struct {
	// ID names the table to programs, by a word that no other kind of table has.
	ID     string
	Title  string
	Header []string
	Left   int // columns that are text and so stand to the left; the rest are numbers
	Rows   [][]string
	Note   string // lines below the table, or empty
	Quotes []Quote

	most []int // widths above which the cells of a column are broken into lines, see fit; 0 for none
}

// Quote is what others wrote, below a table. It is shown as it is, and means nothing to the report.
type Quote struct {
	Title string
	Lines []string
}

// Sections makes a record's tables, in reading order. Empty ones are left out.
func Sections(r *result.Record, o Options) []Section {
	s, err := scenario.FromCanonical(r.Scenario.Canonical)
	if err != nil {
		s = nil // a record is still worth reading without the words for its faults
	}
	var out []Section
	list := append([]Section{faults(r, s)}, Changes(r, s)...)
	for _, sec := range append(list, load(r), latency(r, s), lookups(r), datagrams(r, s), bulk(r), services(r),
		programs(r, s), status(r), queues(r, s), connections(r), rules(r, s), nodes(r), counters(r, o), expectations(r)) {
		if len(sec.Rows) > 0 {
			out = append(out, sec)
		}
	}
	return out
}

func faults(r *result.Record, s *scenario.Scenario) Section {
	sec := Section{ID: "faults", Title: "Faults, as received", Left: 2,
		Header: []string{"fault", "does", "matched", "chosen", "delivered", "unexplained loss"}}
	queued := slices.ContainsFunc(r.Faults, func(f result.Receipt) bool { return f.LostInQueue > 0 })
	if queued {
		sec.Header = append(sec.Header, "lost in the link's queue")
	}
	for _, f := range r.Faults {
		row := []string{
			f.Name, does(f.Name, s), quantity.Count(f.Matched), quantity.Count(f.Chosen), quantity.Count(f.Delivered),
			quantity.Count(f.UnexplainedLoss),
		}
		if queued {
			row = append(row, quantity.Count(f.LostInQueue))
		}
		sec.Rows = append(sec.Rows, row)
		if len(f.Interval) == 2 {
			what := "chosen"
			if f.Hits > 0 {
				what = "chosen by the draw, and not as part of a burst,"
			}
			sec.Note = join(sec.Note, fmt.Sprintf("%s: %s to %s %s are within chance (99.9 %%)",
				f.Name, quantity.Count(f.Interval[0]), quantity.Count(f.Interval[1]), what))
		}
		if len(f.DeliveredInterval) == 2 {
			sec.Note = join(sec.Note, fmt.Sprintf("%s: %s to %s delivered are within its loss model's chance (99.9 %%)",
				f.Name, quantity.Count(f.DeliveredInterval[0]), quantity.Count(f.DeliveredInterval[1])))
		}
		if f.Overlimits > 0 {
			sec.Note = join(sec.Note,
				fmt.Sprintf("%s: its queue%s had no room for %s", f.Name, holding(f), quantity.Plural(f.Overlimits, "packet")))
		}
		if f.Messages > 0 {
			sec.Note = join(sec.Note,
				fmt.Sprintf("%s: senders were informed by %s", f.Name, quantity.Plural(f.Messages, message(f.Name, s))))
		}
		if f.Processes > 0 {
			sec.Note = join(sec.Note, fmt.Sprintf("%s: %s stood still for %s in all", f.Name,
				quantity.Plural(f.Processes, "process"), quantity.Seconds(f.Stood)))
		}
		for i, segment := range f.Forged {
			if i == mostForged {
				sec.Note = join(sec.Note, fmt.Sprintf("%s: and %s more", f.Name, quantity.Count(int64(len(f.Forged)-i))))
				break
			}
			sec.Note = join(sec.Note, f.Name+": "+Forged(segment))
		}
	}
	return sec
}

// holding says how long the queue of a fault is.
func holding(f result.Receipt) string {
	if f.Queue == 0 {
		return ""
	}
	return " of " + quantity.Plural(f.Queue, "packet")
}

// mostForged is how many forged segments of a fault are listed.
const mostForged = 10

// Forged says which segment was made up: at 3.1 s, from 10.0.0.1:80 to 10.0.0.2:40000: ACK, seq 5, ack 7.
func Forged(s result.Forged) string {
	out := fmt.Sprintf("at %s, from %s to %s: %s, seq %d, ack %d", quantity.Exact(fmt.Sprintf("%.6f", s.At))+" s", s.From,
		s.To, strings.ToUpper(s.Flags), s.Seq, s.Ack)
	if s.Payload > 0 {
		out += fmt.Sprintf(", %s of payload", quantity.Bytes(float64(s.Payload)))
	}
	if s.Count > 1 {
		out += fmt.Sprintf(", %s times", quantity.Count(int64(s.Count)))
	}
	return out
}

// does puts what a fault of the scenario does into words.
func does(name string, s *scenario.Scenario) string {
	if s == nil {
		return none
	}
	for i := range s.Faults {
		if s.Faults[i].Name == name {
			return describe.Fault(&s.Faults[i])
		}
	}
	return none
}

// message is what informed the senders of packets that a fault refused.
func message(name string, s *scenario.Scenario) string {
	if s != nil {
		for i := range s.Faults {
			if s.Faults[i].Name == name {
				return describe.Message(&s.Faults[i])
			}
		}
	}
	return "message"
}

func load(r *result.Record) Section {
	l := r.Load
	sec := Section{ID: "load", Title: "Load",
		Header: []string{"planned", "sent", "sent again", "completed", "errors", "throughput", "late p99", "late max"}}
	if l.Planned == 0 {
		return sec
	}
	sec.Rows = [][]string{{
		quantity.Count(l.Planned), quantity.Count(l.Sent), value(r, "http.retried"), quantity.Count(l.Completed),
		quantity.Count(l.Errors),
		value(r, "http.throughput"), quantity.Seconds(float64(l.LateP99) / 1e9), quantity.Seconds(float64(l.LateMax) / 1e9),
	}}
	kinds := make([]string, 0, len(l.ByError))
	for kind, n := range l.ByError {
		if n > 0 {
			kinds = append(kinds, fmt.Sprintf("%s %s", quantity.Count(n), kind))
		}
	}
	sort.Strings(kinds)
	if len(kinds) > 0 {
		sec.Note = "errors: " + strings.Join(kinds, ", ")
	}
	// What went wrong and is no error, since the client made good for it.
	for _, quiet := range []struct{ metric, one, many string }{
		{"http.retried", "1 request met the end of its connection, or ran into a timeout of its attempt, and was sent again",
			"sent again %s times: connections that ended, or timeouts of attempts (the load's retry and retries)"},
		{"http.aborted", "1 request was given up on purpose (the load's abort)",
			"%s requests were given up on purpose (the load's abort)"},
		{"http.unsent", "1 request found no free connection in time", "%s requests found no free connection in time"},
		{"http.idle.closed", "1 kept connection was closed by the server while nothing was on it",
			"%s kept connections were closed by the server while nothing was on them"},
	} {
		switch n := int64(r.Metrics[quiet.metric].Value); {
		case n == 1:
			sec.Note = join(sec.Note, quiet.one)
		case n > 1:
			sec.Note = join(sec.Note, fmt.Sprintf(quiet.many, quantity.Count(n)))
		}
	}
	return sec
}

// serviceColumns are the columns of the table of services, with the metric of a php service and that of an sql service.
// The ones that have nothing but zeros are left out, but for the first two.
var serviceColumns = []struct{ title, php, sql string }{
	{"connections", "php.accepted", "sql.accepted"}, {"answered", "php.served", "sql.answered"},
	{"status 500", "php.failed", ""}, {"refused", "php.refused", ""}, {"too slow", "php.timeouts", ""},
	{"broken", "php.broken", "sql.broken"},
	{"closed idle", "php.idle.closed", "sql.idle.closed"}, {"accept errors", "php.accept_errors", ""},
	{"queries", "sql.queries", ""}, {"failed", "sql.errors", ""}, {"connects", "sql.connects", ""},
	{"reconnects", "sql.reconnects", ""},
}

func services(r *result.Record) Section {
	sec := Section{ID: "services", Title: "Services", Left: 1, Header: []string{"service"}}
	type service struct {
		node string
		php  bool
	}
	var list []service
	for _, node := range Nodes(r) {
		for _, php := range []bool{true, false} {
			first := serviceColumns[0].sql
			if php {
				first = serviceColumns[0].php
			}
			if _, ok := r.Metrics[node+"."+first]; ok {
				list = append(list, service{node, php})
			}
		}
	}
	for _, s := range list {
		kind := " sql"
		if s.php {
			kind = " php"
		}
		sec.Rows = append(sec.Rows, []string{s.node + kind})
	}
	for i, c := range serviceColumns {
		column := make([]string, len(list))
		moved := i < 2
		for j, s := range list {
			name := s.node + "." + c.sql
			if s.php {
				name = s.node + "." + c.php
			}
			column[j] = value(r, name)
			moved = moved || r.Metrics[name].Value != 0
		}
		if !moved {
			continue
		}
		sec.Header = append(sec.Header, c.title)
		for j := range list {
			sec.Rows[j] = append(sec.Rows[j], column[j])
		}
	}
	return sec
}

func latency(r *result.Record, s *scenario.Scenario) Section {
	sec := Section{ID: "latency", Title: "Latency from the planned time", Left: 1}
	if s != nil && len(s.ClosedLoops()) > 0 {
		sec.Note = fmt.Sprintf("closed loop (%s): users who wait do not ask, so latency is lower than with the same "+
			"requests at a rate", strings.Join(s.ClosedLoops(), ", "))
	}
	for _, row := range []struct{ name, prefix string }{{"answer", "http.latency."}, {"connect", "http.connect."}} {
		cells := []string{row.name}
		found := false
		for _, q := range []string{"mean", "p50", "p90", "p99", "p999", "max"} {
			v := value(r, row.prefix+q)
			found = found || v != none
			cells = append(cells, v)
		}
		if found {
			sec.Rows = append(sec.Rows, cells)
		}
	}
	sec.Header = []string{"", "mean", "p50", "p90", "p99", "p99.9", "max"}
	return sec
}

// nodeColumns are the columns of the table of nodes; the ones that no node has are left out.
var nodeColumns = []struct{ title, metric string }{
	{"user", "cpu.user"}, {"system", "cpu.system"}, {"softirq", "cpu.softirq"}, {"CPU", "cpu.total"},
	{"run queue", "runqueue.mean"}, {"max", "runqueue.max"}, {"load1", "load1"},
	{"CPU pressure", "pressure.cpu"}, {"memory", "memory.peak"}, {"accept queue", "accept_queue.max"},
}

func nodes(r *result.Record) Section {
	names := append(Nodes(r), "machine")
	sec := Section{ID: "nodes", Title: "Node load", Left: 1, Header: []string{"node"}}
	for _, name := range names {
		sec.Rows = append(sec.Rows, []string{name})
	}
	for _, c := range nodeColumns {
		column := make([]string, len(names))
		found := false
		for i, name := range names {
			column[i] = value(r, name+"."+c.metric)
			found = found || column[i] != none
		}
		if !found {
			continue
		}
		sec.Header = append(sec.Header, c.title)
		for i := range names {
			sec.Rows[i] = append(sec.Rows[i], column[i])
		}
	}
	if len(sec.Header) == 1 {
		sec.Rows = nil
	}
	return sec
}

// Nodes finds the nodes of a record by their metrics and counters, sorted.
func Nodes(r *result.Record) []string {
	seen := make(map[string]bool)
	for name := range r.Counters {
		seen[name] = true
	}
	for name := range r.Metrics {
		first, rest, _ := strings.Cut(name, ".")
		if strings.HasPrefix(rest, "cpu.") {
			seen[first] = true
		}
	}
	delete(seen, "machine")
	names := make([]string, 0, len(seen))
	for name := range seen {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func expectations(r *result.Record) Section {
	sec := Section{ID: "expect", Title: "Expectations", Left: 2, Header: []string{"", "expected", "was"}}
	for _, e := range r.Expect {
		mark := "✗"
		if e.OK {
			mark = "✓"
		}
		if e.Error != "" {
			sec.Note = join(sec.Note, e.Expr+": "+e.Error)
		}
		sec.Rows = append(sec.Rows, []string{mark, e.Expr, Expected(r, e)})
	}
	return sec
}

// Expected formats the value of an expectation in the unit of the metric that it is
// about, or of what it computes from several: a difference of times is a time. One that could
// not be evaluated has no value.
func Expected(r *result.Record, e result.Expectation) string {
	if e.Error != "" {
		return none
	}
	name := strings.TrimSpace(e.Expr)
	if i := strings.IndexAny(name, "=!<>"); i >= 0 {
		name = strings.TrimSpace(name[:i])
	}
	if m := metric.Of(name, r.Metrics[name].Unit); m.Unit != "" {
		return m.Format(e.Value)
	}
	v := expect.Vocabulary{Nodes: slices.Collect(maps.Keys(r.Counters))}
	for _, f := range r.Faults {
		v.Faults = append(v.Faults, f.Name)
	}
	var m metric.Metric
	if f, err := v.Figure(name); err == nil {
		m.Unit, m.Share = f.Unit, f.Share
	}
	return m.Format(e.Value)
}

// value formats a metric of the record, or says that there is none.
func value(r *result.Record, name string) string {
	m, ok := r.Metrics[name]
	if !ok {
		return none
	}
	return metric.Of(name, m.Unit).Format(m.Value)
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + "\n" + b
}
