package explain

import (
	"maps"
	"math"
	"slices"
	"sort"
	"strings"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/report"
	"github.com/ruleout/ruleout/harness/scenario/metric"
)

// Total is a figure of the whole measured window that is out of its calm range.
type Total struct {
	// Kind is counter (of the kernel) or metric.
	Kind string `json:"kind"`
	// Place is the node, or clients, machine, a link or a fault.
	Place string `json:"place"`
	// Name without the place.
	Name  string  `json:"name"`
	Unit  string  `json:"unit"`
	Share bool    `json:"share,omitempty"`
	Value float64 `json:"value"`
	Twin  float64 `json:"twin"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	// Topic of a counter, what it counts in plain words, and where that can be read.
	Topic metric.Topic `json:"topic,omitempty"`
	About string       `json:"about,omitempty"`
	From  string       `json:"source,omitempty"`
	// Everyday counters move in every run, and here not much more or less.
	Everyday bool `json:"everyday,omitempty"`

	weight float64
}

// Kinds of totals.
const (
	Counter = "counter"
	Measure = "metric"
)

// totals are the figures that are out, and how many were looked at.
func totals(r *result.Record, calm []*result.Record) (list []Total, figures int) {
	for name, m := range r.Metrics {
		if strings.HasPrefix(name, "fault.") {
			continue
		}
		known := metric.Of(name, m.Unit)
		t := Total{Kind: Measure, Unit: m.Unit, Share: known.Share, Value: m.Value}
		t.Place, t.Name, _ = strings.Cut(name, ".")
		if owner, queue, ok := strings.Cut(name, ".queue."); ok {
			t.Place, _ = seriesOf(owner + ".queue")
			t.Name = "queue." + queue
		}
		if t.Place == "http" {
			t.Place, t.Name = clients, name
		}
		t.About = about(t.Name, known.About)
		figures++
		if t.held(calm, func(c *result.Record) (float64, bool) {
			m, ok := c.Metrics[name]
			return m.Value, ok
		}, leeway(known)) {
			list = append(list, t)
		}
	}
	for node := range r.Counters {
		for _, name := range counterNames(node, append([]*result.Record{r}, calm...)) {
			if report.IsSetting(name) {
				continue
			}
			figures++
			t := Total{Kind: Counter, Place: node, Name: name, Unit: metric.One, Value: float64(r.Counters[node][name])}
			// One that the kernel lists from its first event on, such as IcmpMsg.OutType3, has not moved where it is absent.
			if !t.held(calm, func(c *result.Record) (float64, bool) {
				return float64(c.Counters[node][name]), c.Counters[node] != nil
			}, leastEvents) {
				continue
			}
			t.About, t.Topic = metric.Gloss(name)
			t.From, t.Everyday = Source(name), t.everyday()
			list = append(list, t)
		}
	}
	sort.Slice(list, func(i, j int) bool {
		a, b := &list[i], &list[j]
		switch {
		case a.Everyday != b.Everyday:
			return b.Everyday
		case a.weight != b.weight:
			return a.weight > b.weight
		}
		return a.Place+" "+a.Name < b.Place+" "+b.Name
	})
	return list, figures
}

// manifold is how many times more often, or less, an everyday counter has to move to be none.
const manifold = 3

// everyday tells what moves in every run, as often as usual or not much more, and what only repeats other counters.
func (t *Total) everyday() bool {
	if t.Topic == metric.Network {
		return true
	}
	return report.IsEveryday(t.Name) && t.Value < manifold*t.High && manifold*t.Value > t.Low
}

// held says whether the value is out of the range of calm runs.
func (t *Total) held(calm []*result.Record, of func(*result.Record) (float64, bool), floor float64) bool {
	t.Low, t.High = math.Inf(1), math.Inf(-1)
	for i, c := range calm {
		n, ok := of(c)
		if !ok {
			return false
		}
		if i == 0 {
			t.Twin = n
		}
		t.Low, t.High = min(t.Low, n), max(t.High, n)
	}
	// Of what happens often, chance moves the number by more.
	noise := max(floor, clear*(t.High-t.Low)) + floor*math.Sqrt(math.Abs(t.High)/floor)
	t.weight = max(t.Value-t.High, t.Low-t.Value) / noise
	return beyond(t.Value, t.Low, t.High, floor) > 1
}

// leeway is what rounding, and what is of no interest to anyone, moves a metric by.
func leeway(m metric.Metric) float64 {
	switch {
	case m.Share:
		return 0.005
	case m.Unit == metric.Seconds:
		return 0.001
	case m.Unit == metric.Bytes:
		return 256e3
	case m.Unit == metric.PerSecond || strings.Contains(m.Name, "mean") || strings.Contains(m.Name, "load1"):
		return 0.1
	}
	return leastEvents
}

// counterNames are those of a node in any of the records, in alphabetical order.
func counterNames(node string, records []*result.Record) []string {
	names := map[string]bool{}
	for _, r := range records {
		for name := range r.Counters[node] {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}
