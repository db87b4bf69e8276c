package fidelity

import (
	"fmt"
	"math"
	"strings"

	"github.com/ruleout/ruleout/harness/base/table"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario/metric"
)

// Tolerance is how far the model may be from the real programs, as a share of these.
const Tolerance = 0.10

// Figure is one that both have.
type Figure struct {
	Name string
	Of   func(r *result.Record) float64
	Unit metric.Metric
}

// Pair is a load under which both were run.
type Pair struct {
	Rate        string
	Real, Model *result.Record
}

// value of a metric, or 0 where nothing moved it.
func value(name string) func(*result.Record) float64 {
	return func(r *result.Record) float64 {
		v, _ := r.Value(name)
		return v
	}
}

// perRequest is the CPU time that a node takes for each request of the measured window that was answered.
func perRequest(node string) func(*result.Record) float64 {
	return func(r *result.Record) float64 {
		share, _ := r.Value(node + ".cpu.total")
		if r.Load.Completed == 0 {
			return math.NaN()
		}
		return share * r.Time.Measured / float64(r.Load.Completed)
	}
}

var seconds = metric.Metric{Unit: metric.Seconds}

// Figures are what is compared, in the order of the table.
var Figures = []Figure{
	{"latency, median", value("http.latency.p50"), seconds},
	{"latency, p90", value("http.latency.p90"), seconds},
	{"latency, p99", value("http.latency.p99"), seconds},
	{"requests answered", func(r *result.Record) float64 { return float64(r.Load.Completed) },
		metric.Metric{Unit: metric.One}},
	{"CPU of the web node for a request", perRequest("web"), seconds},
	{"CPU of the database node for a request", perRequest("db"), seconds},
	{"connections that found the accept queue full", value("web.TcpExt.ListenOverflows"), metric.Metric{Unit: metric.One}},
	{"most connections in the accept queue", value("web.accept_queue.max"), metric.Metric{Unit: metric.One}},
}

// Apart is by how much the model is off, as a share of the real figure: 0 where both are 0, and infinite where only the
// real one is.
func (f *Figure) Apart(p *Pair) float64 {
	was, is := f.Of(p.Real), f.Of(p.Model)
	if was == is {
		return 0
	}
	return (is - was) / was
}

// Markdown is the table of all pairs.
func Markdown(pairs []Pair) string {
	t := table.Table{
		Header: []string{"figure", "requests a second", "real", "built-in", "difference", "within a tenth"},
		Right:  []bool{false, true, true, true, true},
	}
	for i := range Figures {
		f := &Figures[i]
		for n := range pairs {
			p := &pairs[n]
			apart, within := f.Apart(p), "yes"
			if math.Abs(apart) > Tolerance || math.IsNaN(apart) {
				within = "**no**"
			}
			share := fmt.Sprintf("%+.0f %%", 100*apart)
			if math.IsInf(apart, 0) || math.IsNaN(apart) {
				share = metric.None
			}
			t.Rows = append(t.Rows, []string{f.Name, strings.TrimSuffix(p.Rate, "/s"), f.Unit.Format(f.Of(p.Real)),
				f.Unit.Format(f.Of(p.Model)), share, within})
		}
	}
	return t.Markdown()
}
