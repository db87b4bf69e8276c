package page

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/report"
	"github.com/ruleout/ruleout/harness/report/chart"
	"github.com/ruleout/ruleout/harness/report/effect"
	"github.com/ruleout/ruleout/harness/run/plan"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/metric"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// Figure is one chart, as the template "chart" draws it.
type Figure struct {
	Title, Unit  string
	Events       []string // what moved in it while a fault acted
	Areas, Lines []Curve
	Y            []Tick
	// Ticks are those of the time axis.
	Ticks []Tick
}

// Curve is a series in a chart. K is the number of its colour and dashes.
type Curve struct {
	K             int
	Name, Summary string
	D             string
}

// unit is how the values of a chart are written.
type unit func(float64) string

func shares(v float64) string { return quantity.Share(v) }

func counts(v float64) string { return metric.Metric{Unit: metric.One}.Format(v) }

// drawing collects the charts of a record.
type drawing struct {
	r      *result.Record
	frame  chart.Frame
	out    []Figure
	quiet  []string
	closed bool // some requests are those of users in a closed loop
	// events are what moved in a series, in words.
	events map[string]string
}

// mostEvents is how many events are said at one chart.
const mostEvents = 3

// newEvents says for each series that moved what it did, around the first thing to act for which it is so.
func newEvents(list []effect.Comparison) map[string]string {
	events := map[string]string{}
	for i := range list {
		for j := range list[i].Changes {
			c := &list[i].Changes[j]
			if _, said := events[c.Series]; !said && c.Notable() {
				events[c.Series] = report.Around(&list[i], c)
			}
		}
	}
	return events
}

// say adds the events of a series to a chart.
func (d *drawing) say(f *Figure, name, series string) {
	if event, ok := d.events[series]; ok && len(f.Events) < mostEvents {
		f.Events = append(f.Events, name+": "+event)
	}
}

// quietCPU is the share of a CPU below which a node's chart would be an empty box; the two busiest are always drawn.
const quietCPU = 0.05

// draw makes the picture and the charts.
func (v *view) draw(r *result.Record, s *scenario.Scenario, p *plan.Plan, list []effect.Comparison) {
	frame := chart.Frame{From: p.Begin(), To: p.Begin() + p.Length()}
	v.Picture = newPicture(p, frame)
	v.Picture.programs(r, s, frame)
	if len(r.Timeline.Series) == 0 {
		v.NoCharts = "No timeline was recorded (timeline: off in the scenario), so there is nothing to draw."
		return
	}
	d := &drawing{r: r, frame: frame, closed: len(s.ClosedLoops()) > 0, events: newEvents(list)}
	d.answers()
	d.datagrams()
	d.bulk()
	d.cpu(s)
	for _, c := range []struct {
		series, title, about string
		perSecond            bool
		format               unit
		least                float64 // below which it is not worth a chart
	}{
		{"packets", "Packets received", "a second", true, counts, 0},
		{"sql.reconnects", "Database connections replaced", "a second", true, counts, 0},
		{"tcp.retrans", "Segments sent again", "a second", true, counts, 0},
		{"runqueue", "Run queue", "tasks that could run or did, in the mean", false, counts, 0.5},
		{"accept_queue", "Accept queue", "connections that wait for the application to take them", false, counts, 0},
		{"pressure.cpu", "Waiting for the CPU", "share of the time in which a task waited", false, shares, 0.02},
		{"sockets.established", "Open connections", "TCP sockets in ESTABLISHED", false, counts, 0},
		{"sockets.time_wait", "Closed connections that wait", "TCP sockets in TIME_WAIT", false, counts, 0},
	} {
		d.nodes(s, c.series, c.title, c.about, c.perSecond, c.format, c.least)
	}
	d.status(s)
	d.queues(s)
	v.Charts = d.out
	for i := range v.Charts {
		v.Charts[i].Ticks = v.Picture.Ticks
	}
	if len(d.quiet) > 0 {
		v.Quiet = "Not drawn, because hardly anything moved: " + strings.Join(d.quiet, "; ") + "."
	}
	if gaps := missed(r); len(gaps) > 0 {
		v.Quiet = strings.TrimSpace(v.Quiet + " " + "Not read: " + strings.Join(gaps, "; ") + ".")
	}
}

func (d *drawing) series(name string) chart.Series {
	return chart.Series{Interval: d.r.Timeline.Interval, Values: d.r.Timeline.Series[name]}
}

// answers draws what the clients saw.
func (d *drawing) answers() {
	done := d.r.Timeline.Series["http.completed"]
	if len(done) == 0 {
		return
	}
	where := func(name string) chart.Series { // gaps where nothing was answered
		s := d.series(name)
		s.Values = slices.Clone(s.Values)
		for i := range s.Values {
			if i >= len(done) || done[i] == 0 {
				s.Values[i] = math.NaN()
			}
		}
		return s
	}
	worst, p99 := where("http.latency.max"), where("http.latency.p99")
	times := []named{{"slowest answer in the interval", "http.latency.max", worst}}
	if !slices.EqualFunc(worst.Values, p99.Values, func(a, b float64) bool { return a == b || a != a && b != b }) {
		times = append(times, named{"99 % of answers were faster", "http.latency.p99", p99})
	}
	about := "from the planned time to the last byte"
	if d.closed {
		about += "; in a closed loop, in which users who wait do not ask"
	}
	d.lines("Time to answer", about, quantity.Seconds, times)
	d.lines("Answers and errors", "a second", counts,
		d.moved([]named{{"answered", "http.completed", d.rate("http.completed")},
			{"errors", "http.errors", d.rate("http.errors")},
			{"sent again", "http.retried", d.rate("http.retried")}}))
	d.lines("Requests on their way", "sent and not answered yet", counts,
		d.moved([]named{{"in flight", "http.in_flight", d.series("http.in_flight")}}))
}

// rate makes a series of events a second of events in an interval.
func (d *drawing) rate(name string) chart.Series {
	s := d.series(name)
	s.Values = slices.Clone(s.Values)
	for i := range s.Values {
		s.Values[i] /= s.Interval
	}
	return s
}

// named is a series with the name that it has in the legend, and that in the record.
type named struct {
	name, series string
	s            chart.Series
}

// moved leaves out series that are the same all the time, zero mostly.
func (d *drawing) moved(list []named) (out []named) {
	for _, n := range list {
		known := slices.DeleteFunc(slices.Clone(n.s.Values), math.IsNaN)
		if len(known) > 0 && slices.Max(known) > slices.Min(known) {
			out = append(out, n)
		}
	}
	return out
}

// mostCurves that one chart can show and be read.
const mostCurves = 6

func (d *drawing) lines(title, about string, format unit, list []named) {
	if len(list) == 0 {
		return
	}
	slices.SortStableFunc(list, func(a, b named) int { // the highest first: they are what there is to see
		x, y := chart.Highest(a.s.Values), chart.Highest(b.s.Values)
		return int(min(max(math.Ceil(y-x), -1), 1))
	})
	if len(list) > mostCurves {
		for _, n := range list[mostCurves:] {
			d.quiet = append(d.quiet,
				fmt.Sprintf("%s of %s (at most %s)", strings.ToLower(title), n.name, format(chart.Highest(n.s.Values))))
		}
		list = list[:mostCurves]
	}
	highest := 0.
	for _, n := range list {
		highest = max(highest, chart.Highest(n.s.Values))
	}
	f := Figure{Title: title, Unit: about}
	top := f.Scale(highest, format)
	for i, n := range list {
		f.Lines = append(f.Lines, Curve{i + 1, n.name, Summary(n.s.Values, format), n.s.Line(d.frame, top)})
		d.say(&f, n.name, n.series)
	}
	d.out = append(d.out, f)
}

// Scale sets the numbers of the vertical axis and returns its top.
func (f *Figure) Scale(highest float64, format unit) float64 {
	top := chart.Top(highest)
	for _, part := range []float64{1, 0.5, 0} {
		f.Y = append(f.Y, Tick{chart.Y(part, 1), (1 - part) * 100, quantity.Exact(format(top * part))})
	}
	return top
}

// Summary says the mean and the highest of a series.
func Summary(values []float64, format unit) string {
	sum, n := 0., 0
	for _, v := range values {
		if !math.IsNaN(v) {
			sum += v
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("mean %s, at most %s", format(sum/float64(n)), format(chart.Highest(values)))
}
