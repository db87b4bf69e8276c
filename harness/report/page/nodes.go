package page

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ruleout/ruleout/harness/report/chart"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// cpu draws a chart for each node: what its tasks took, standing on what its packets took. All have one scale, so that
// they can be compared.
func (d *drawing) cpu(s *scenario.Scenario) {
	nodes := slices.Sorted(maps.Keys(s.Nodes))
	highest := func(node string) float64 { return chart.Highest(d.r.Timeline.Series[node+".cpu.total"]) }
	slices.SortStableFunc(nodes, func(a, b string) int {
		switch {
		case highest(a) > highest(b):
			return -1
		case highest(a) < highest(b):
			return 1
		}
		return 0
	})
	if len(nodes) == 0 {
		return
	}
	top := highest(nodes[0])
	for i, node := range nodes {
		total, softirq := d.series(node+".cpu.total"), d.series(node+".cpu.softirq")
		if len(total.Values) == 0 || len(softirq.Values) != len(total.Values) {
			continue
		}
		if h := highest(node); i > 1 && h < quietCPU || i >= mostCurves {
			d.quiet = append(d.quiet, fmt.Sprintf("CPU of %s (at most %s)", node, quantity.Share(h)))
			continue
		}
		tasks := chart.Series{Interval: total.Interval, Values: make([]float64, len(total.Values))}
		for i := range tasks.Values {
			tasks.Values[i] = max(total.Values[i]-softirq.Values[i], 0)
		}
		f := Figure{Title: "CPU of " + node, Unit: "share of one CPU"}
		scale := f.Scale(top, shares)
		areas := chart.Stack([]chart.Series{softirq, tasks}, d.frame, scale)
		f.Areas = []Curve{
			{1, "handling packets (softirq)", Summary(softirq.Values, shares), areas[0]},
			{2, "its programs", Summary(tasks.Values, shares), areas[1]},
		}
		// The outline has the peaks that the means of a long run have not.
		f.Lines = []Curve{{0, "", "", total.Line(d.frame, scale)}}
		d.say(&f, "softirq", node+".cpu.softirq")
		d.say(&f, "in all", node+".cpu.total")
		d.out = append(d.out, f)
	}
	if total := d.series("machine.cpu.total"); chart.Highest(total.Values) > 0.9 {
		d.lines("CPU of the whole machine", "share of it that was not idle, the harness included", shares,
			[]named{{"busy", "machine.cpu.total", total}})
	}
}

// nodes draws one series of all nodes in one chart.
func (d *drawing) nodes(s *scenario.Scenario, series, title, about string, perSecond bool, format unit, least float64) {
	var list []named
	for _, node := range slices.Sorted(maps.Keys(s.Nodes)) {
		name := node + "." + series
		n := named{node, name, d.series(name)}
		if perSecond {
			n.s = d.rate(name)
		}
		list = append(list, n)
	}
	list = d.moved(list)
	highest := 0.
	for _, n := range list {
		highest = max(highest, chart.Highest(n.s.Values))
	}
	if highest >= least {
		d.lines(title, about, format, list)
	}
}
