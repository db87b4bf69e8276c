package cross

import (
	"math"
	"slices"
	"strings"
)

// Figure is what a capture says of one number of a record: that it is between Low and High. By is what it would be
// if it were taken where the capture stands.
type Figure struct {
	Name          string // metric, counter as NODE.GROUP.NAME, or receipt.NAME.FIELD
	By, Low, High float64
	// Sum is, where only a sum can be told, the other numbers of the record that belong to it.
	Sum []string
}

// exactly is a figure without width.
func exactly(name string, n int) Figure {
	return Figure{Name: name, By: float64(n), Low: float64(n), High: float64(n)}
}

// Check recomputes some metrics.
type Check struct {
	// Metrics are their names in docs/reference/metrics.md, with NODE and NAME as they stand there. A name of a
	// field of a receipt begins with receipt.
	Metrics []string
	// How says how, and Why what the tolerance is and where it comes from.
	How, Why string
	// Figures gives the figures of a run. None means that the run says nothing about the metric.
	Figures func(r *Run) []Figure
}

// Outcome is a figure held against a record.
type Outcome struct {
	Figure
	Metric string // name in metrics.md
	Value  float64
}

// Off is by how much the record is outside of what the capture allows; 0 if it is not.
func (o Outcome) Off() float64 {
	// Numbers of a record are rounded to the nanosecond.
	const rounded = 1e-9
	switch {
	case math.IsNaN(o.Value):
		return math.Inf(1)
	case o.Value < o.Low-rounded:
		return o.Low - o.Value
	case o.Value > o.High+rounded:
		return o.Value - o.High
	}
	return 0
}

// Difference is how far the record is from what the capture says.
func (o Outcome) Difference() float64 { return math.Abs(o.Value - o.By) }

// Compare holds a run's record against the figures of a check. A figure of a metric that the record does not have
// is left out: whether each metric was looked at often enough is for [Table.Seldom] to say.
func (c *Check) Compare(r *Run) []Outcome {
	var list []Outcome
	for _, f := range c.Figures(r) {
		value, ok := r.Value(f.Name)
		if !ok {
			continue
		}
		for _, other := range f.Sum {
			v, ok := r.Value(other)
			if !ok {
				v = math.NaN()
			}
			value += v
		}
		list = append(list, Outcome{Figure: f, Metric: c.metric(f.Name), Value: value})
		for _, other := range f.Sum {
			list = append(list, Outcome{Figure: f, Metric: c.metric(other), Value: value})
		}
	}
	return list
}

// metric finds which of the check's metrics a name is.
func (c *Check) metric(name string) string {
	i := slices.IndexFunc(c.Metrics, func(m string) bool { return Matches(m, name) })
	if i < 0 {
		return name
	}
	return c.Metrics[i]
}

// Matches tells whether a pattern such as NODE.Tcp.InSegs, fault.NAME.chosen, link.A-B.from.A.queue.drops or
// NODE.IcmpMsg.* is that of a name.
func Matches(pattern, name string) bool {
	want, have := strings.Split(pattern, "."), strings.Split(name, ".")
	if len(want) != len(have) {
		return false
	}
	for i, w := range want {
		switch w {
		case "NODE", "NAME", "A-B", "A", "*", have[i]:
		default:
			return false
		}
	}
	return true
}
