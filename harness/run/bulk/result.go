package bulk

import (
	"cmp"
	"slices"
	"time"

	"github.com/ruleout/ruleout/harness/run/window"
)

// Result is what is known of a load from both of its ends.
type Result struct {
	Flows, Failed int64
	// Completed flows have brought all of their bytes.
	Completed int64
	// Measured is the bytes of each flow that came within the measured window, by its number, and Timely those of them
	// that came before the load's end.
	Measured, Timely []int64
	// Spans are the parts of the measured window in which a load runs.
	Spans []Span
	// Times are how long the completed flows took, from connect(2) to the last byte at the sink, in ns.
	Times []int64
	// Series is the bytes that came in each interval of the measured window.
	Series []int64
}

// Span is a part of the measured window, from its start.
type Span struct{ From, End time.Duration }

// Join puts together what the sender and the sinks say of a load.
func Join(c LoadConfig, whole time.Duration, sent *Sent, taken []Taken) Result {
	r := Result{Flows: sent.Flows, Failed: sent.Failed, Measured: make([]int64, sent.Flows),
		Timely: make([]int64, sent.Flows), Spans: []Span{{max(c.From, 0), min(c.End, whole)}}}
	for _, t := range taken {
		for _, f := range t.Flows {
			if f.Load != c.Index || f.Number >= len(r.Measured) {
				continue
			}
			r.Measured[f.Number] += f.Measured
			r.Timely[f.Number] += f.Timely
			r.Series = window.Sum(r.Series, f.Series)
			if c.Bytes > 0 && f.Closed && f.Bytes == c.Bytes {
				r.Completed++
				r.Times = append(r.Times, f.Ended-sent.Began[f.Number])
			}
		}
	}
	return r
}

// Merge adds another load of the same run.
func (r *Result) Merge(from *Result) {
	r.Flows += from.Flows
	r.Failed += from.Failed
	r.Completed += from.Completed
	r.Measured = append(r.Measured, from.Measured...)
	r.Timely = append(r.Timely, from.Timely...)
	r.Spans = append(r.Spans, from.Spans...)
	r.Times = append(r.Times, from.Times...)
	r.Series = window.Sum(r.Series, from.Series)
}

// lasts is how long at least one of the loads runs.
func (r *Result) lasts() (sum time.Duration) {
	var until time.Duration
	byBeginning := func(a, b Span) int { return cmp.Compare(a.From, b.From) }
	for _, s := range slices.SortedFunc(slices.Values(r.Spans), byBeginning) {
		if from := max(s.From, until); s.End > from {
			sum += s.End - from
			until = s.End
		}
	}
	return sum
}

// Fairness is Jain's index of shares: 1 if all are equal, 1/n if one has everything. false if nobody has anything.
//
// Source: Jain, Chiu, Hawe, A Quantitative Measure of Fairness and Discrimination, DEC-TR-301, 1984.
func Fairness(shares []int64) (float64, bool) {
	sum, squares := 0., 0.
	for _, x := range shares {
		sum += float64(x)
		squares += float64(x) * float64(x)
	}
	if squares == 0 {
		return 0, false
	}
	return sum * sum / (float64(len(shares)) * squares), true
}

// Metrics returns the values of the catalogue's bulk metrics in base units.
func (r *Result) Metrics() map[string]float64 {
	m := map[string]float64{
		"bulk.flows":     float64(r.Flows),
		"bulk.failed":    float64(r.Failed),
		"bulk.completed": float64(r.Completed),
	}
	m["bulk.received"] = float64(total(r.Measured))
	if window := r.lasts(); window > 0 && len(r.Timely) > 0 {
		rate := func(n int64) float64 { return 8 * float64(n) / window.Seconds() }
		m["bulk.goodput"] = rate(total(r.Timely))
		m["bulk.goodput.flow.min"], m["bulk.goodput.flow.max"] = rate(slices.Min(r.Timely)), rate(slices.Max(r.Timely))
	}
	if index, ok := Fairness(r.Measured); ok {
		m["bulk.fairness"] = index
	}
	if n := len(r.Times); n > 0 {
		m["bulk.time.mean"] = float64(total(r.Times)) / float64(n) / 1e9
		m["bulk.time.max"] = float64(slices.Max(r.Times)) / 1e9
	}
	return m
}

func total(list []int64) (sum int64) {
	for _, n := range list {
		sum += n
	}
	return sum
}
