package effect

import (
	"math"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario/metric"
)

// figure is how a series becomes one number in a window.
type figure struct {
	series string // NODE stands for any node
	label  string
	about  string
	unit   string
	share  bool
	// floor is added to both sides of a comparison: what lies below it is noise.
	floor float64
	take  func(samples []float64, interval float64) float64
	// answered takes only intervals in which something was answered: the others have no latency.
	answered bool
}

var figures = append([]figure{
	{"http.completed", "answers a second", "requests that were answered well", metric.PerSecond, false, 1,
		perSecond, false},
	{"http.errors", "errors a second", "requests that timed out, were refused or reset, " +
		"or got something else than an answer", metric.PerSecond, false, 0.1, perSecond, false},
	{"http.retried", "requests sent again a second",
		"requests that met the end of their connection, or a timeout of their attempt, and were sent again",
		metric.PerSecond, false, 0.1,
		perSecond, false},
	{"http.latency.p99", "answer time, as a rule",
		"from the planned time of a request to the last byte of its answer: the median of the intervals' 99th percentiles",
		metric.Seconds, false, 0.005, median, true},
	{"http.latency.max", "answer time, the worst", "the slowest answer of all", metric.Seconds, false,
		0.005, highest, true},
	{"http.in_flight", "requests on their way", "sent and not answered yet, in the mean", metric.One,
		false, 1, mean, false},
	{"NODE.cpu.softirq", "NODE: CPU in softirq",
		"share of one CPU in which the kernel handled packets of this node, in the mean", metric.One, true,
		0.02, mean, false},
	{"NODE.cpu.total", "NODE: CPU in all", "share of one CPU that the node used, softirqs included, in the mean",
		metric.One, true, 0.02, mean, false},
	{"NODE.runqueue", "NODE: run queue", "tasks of the node that could run or did, in the mean", metric.One, false,
		0.1, mean, false},
	{"NODE.pressure.cpu", "NODE: waiting for CPU", "share of the time in which a task of the node waited for a CPU",
		metric.One, true, 0.02, mean, false},
	{"NODE.packets", "NODE: packets received", "packets that arrived at the node over its links", metric.PerSecond, false,
		20, perSecond, false},
	{"NODE.tcp.retrans", "NODE: segments sent again", "TCP retransmissions of the node", metric.PerSecond, false, 1,
		perSecond, false},
	{"NODE.sql.reconnects", "NODE: database connections replaced",
		"queries that met the end of their connection and were sent a second time", metric.PerSecond, false, 0.1,
		perSecond, false},
	{"NODE.accept_queue", "NODE: accept queue, the longest", "connections that waited for the application to take them",
		metric.One, false, 3, highest, false},
	{"NODE.sockets.established", "NODE: open connections", "TCP sockets in ESTABLISHED, in the mean", metric.One,
		false, 2, mean, false},
}, statusFigures()...)

// statusFigures are those of programs' status.
func statusFigures() (list []figure) {
	for _, f := range metric.Figures() {
		g := figure{series: "NODE." + f.Name, label: "NODE: " + f.About, about: f.From + ", as " + f.Kind() + " says",
			unit: metric.PerSecond, floor: 1, take: perSecond}
		if f.Level {
			g.unit, g.take = f.Unit, mean
		}
		if f.Unit == metric.Bytes {
			g.floor = 256e3
		}
		list = append(list, g)
	}
	return list
}

// noise is what both sides of a comparison have to rise above: the figure's floor, and more for windows that are short.
// Of events it is three in the shorter window at the least, of other figures the floor grows as samples get few.
func (f *figure) noise(a, b Window) float64 {
	if f.unit == metric.PerSecond {
		return max(f.floor, 3/min(a.Seconds, b.Seconds))
	}
	return f.floor * (1 + 3/float64(min(len(a.samples), len(b.samples))))
}

// sampled picks the samples of a window.
func sampled(r *result.Record, f figure, values []float64, samples []int) []float64 {
	answered := r.Timeline.Series["http.completed"]
	var out []float64
	for _, i := range samples {
		if i >= len(values) || math.IsNaN(values[i]) || f.answered && (i >= len(answered) || answered[i] == 0) {
			continue
		}
		out = append(out, values[i])
	}
	return out
}

func mean(samples []float64, _ float64) float64 {
	if len(samples) == 0 {
		return math.NaN()
	}
	sum := 0.
	for _, v := range samples {
		sum += v
	}
	return sum / float64(len(samples))
}

func perSecond(samples []float64, interval float64) float64 { return mean(samples, 0) / interval }

func highest(samples []float64, _ float64) float64 {
	if len(samples) == 0 {
		return math.NaN()
	}
	return slices.Max(samples)
}

func median(samples []float64, _ float64) float64 {
	if len(samples) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(samples))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// Series is how a sample of a series of the timeline is told to people.
type Series struct {
	Label string // without the node
	Unit  string // of a sample: s, 1 or B
	Share bool
	// Events says that a sample counts what happened in its interval. Samples of others are levels.
	Events bool
	// Floor is what a level is not worth telling below.
	Floor float64
	// Answered says that there is a value only where something was answered.
	Answered bool
}

// SeriesOf finds a series by its name, with the node's in front. ok is false for those that have no figure here.
func SeriesOf(name string) (s Series, ok bool) {
	node, rest, _ := strings.Cut(name, ".")
	for _, f := range figures {
		if f.series != name && (f.series != "NODE."+rest || node == "http") {
			continue
		}
		s = Series{Label: strings.TrimPrefix(f.label, "NODE: "), Unit: f.unit, Share: f.share, Floor: f.floor,
			Answered: f.answered}
		if f.unit == metric.PerSecond {
			s.Events, s.Unit = true, metric.One
			s.Label = strings.TrimSuffix(s.Label, " a second")
		}
		return s, true
	}
	return s, false
}
