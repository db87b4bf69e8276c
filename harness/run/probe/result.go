package probe

import (
	"fmt"
	"math"
	"time"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario/metric"
)

// result works out what was asked for from what was read.
func (r *recorder) result() (*Result, error) {
	first, last := &r.samples[0], &r.samples[len(r.samples)-1]
	out := &Result{
		Metrics: map[string]result.Metric{}, Counters: map[string]map[string]int64{},
		Window: time.Duration(last.at - first.at), Late: time.Duration(r.late),
	}
	put := func(name string, v float64) {
		m, ok := metric.Lookup(name)
		if !ok {
			panic(fmt.Sprintf("metric %s is not in the catalogue", name))
		}
		out.Metrics[name] = result.Metric{Value: round(v, 1e6), Unit: m.Unit, Better: m.Better}
	}
	r.machineMetrics(first, last, put)
	r.queueMetrics(first, last, put)
	for i, n := range r.nodes {
		r.nodeMetrics(i, n, first, last, func(name string, v float64) { put(n.name+"."+name, v) })
		if err := r.conntrackMetrics(i, func(name string, v float64) { put(n.name+"."+name, v) }); err != nil {
			return nil, err
		}
		d, err := n.differences()
		if err != nil {
			return nil, err
		}
		out.Counters[n.name] = d
	}
	for i, c := range r.options.Counts {
		put(c.Node+"."+c.Name, float64(last.counts[i]-first.counts[i]))
	}
	if r.interval > 0 {
		out.Timeline = r.timeline()
	}
	return out, nil
}

func (r *recorder) machineMetrics(first, last *sample, put func(string, float64)) {
	window := float64(last.at - first.at)
	whole := window * float64(r.machine.cpus)
	total := r.busy(first, last)
	softirq := min(float64(last.softirqs-first.softirqs)/whole, total)
	// Of the rest, only samples say which part was in user space.
	user := float64(r.ticks[1].user - r.ticks[0].user)
	system := float64(r.ticks[1].system - r.ticks[0].system)
	share := 0.0
	if user+system > 0 {
		share = user / (user + system)
	}
	put("machine.cpu.user", (total-softirq)*share)
	put("machine.cpu.system", (total-softirq)*(1-share))
	put("machine.cpu.softirq", softirq)
	put("machine.cpu.idle", 1-total)
	put("machine.cpu.total", total)
	put("machine.cpu.unattributed", r.unattributed(first, last))
	put("machine.load1", float64(r.load1)/100)
	put("machine.runqueue.mean", float64(last.queue-first.queue)/window)
	put("machine.runqueue.max", float64(r.queueMax))
	put("machine.recorder.cpu", float64(r.own)/whole)
	put("machine.recorder.late", float64(r.late)/1e9)
}

// unattributed is the share of the machine's CPU time that was not idle and is in no node's total.
func (r *recorder) unattributed(first, last *sample) float64 {
	nodes := 0.
	for i := range r.nodes {
		nodes += r.cpu(&first.nodes[i], &last.nodes[i]).total()
	}
	whole := float64(last.at-first.at) * float64(r.machine.cpus)
	return max(r.busy(first, last)-nodes/whole, 0)
}

// busy is the share of the machine's CPU time between two samples that was not idle.
func (r *recorder) busy(from, to *sample) float64 {
	whole := float64(to.at-from.at) * float64(r.machine.cpus)
	return min(max(1-float64(to.idle-from.idle)/whole, 0), 1)
}

func (r *recorder) nodeMetrics(i int, n *node, first, last *sample, put func(string, float64)) {
	window := float64(last.at - first.at)
	a, b := &first.nodes[i], &last.nodes[i]
	c := r.cpu(a, b)
	put("cpu.user", c.user/window)
	put("cpu.system", c.system/window)
	put("cpu.softirq", c.softirq/window)
	put("cpu.total", c.total()/window)
	put("runqueue.mean", float64(b.queue-a.queue)/window)
	put("runqueue.max", float64(n.queueMax))
	put("load1", r.load[i].value)
	for j, f := range n.pressures {
		if f != nil {
			us := float64(r.pressures[1][i][j] - r.pressures[0][i][j])
			put("pressure."+resources[j], min(us*1e3/window, 1))
		}
	}
	if n.memory != nil {
		put("memory.peak", float64(n.memoryMax))
	}
	for j, s := range socketStates {
		put("sockets."+s.name+".max", float64(n.sockets[j].max))
	}
	put("accept_queue.max", float64(n.accept))
}

// cpuTime of a node between two readings, ns.
type cpuTime struct{ user, system, softirq float64 }

func (c cpuTime) total() float64 { return c.user + c.system + c.softirq }

// cpu divides a node's CPU time. The control group's usage is exact. Softirqs that ran on the back of the
// node's tasks are in it, unless the kernel keeps interrupt time apart, and were the kernel's doing, so
// they come off its system time.
func (r *recorder) cpu(a, b *reading) cpuTime {
	tasks := float64(b.usage-a.usage) * 1e3
	system := float64(b.system-a.system) * 1e3
	if r.stolen {
		stolen := float64(b.stolen - a.stolen)
		tasks, system = tasks-stolen, system-stolen
	}
	tasks = max(tasks, 0)
	system = min(max(system, 0), tasks)
	return cpuTime{user: tasks - system, system: system, softirq: float64(b.softirq - a.softirq)}
}

// timeline returns one value an interval for every series that could be recorded.
func (r *recorder) timeline() map[string][]float64 {
	samples := r.samples[:len(r.samples)-1]
	if r.end-r.start == int64(len(samples)-1)*r.interval {
		// The window ends with an interval, whose sample is the last one.
		samples[len(samples)-1] = r.samples[len(r.samples)-1]
	}
	out := map[string][]float64{}
	add := func(name string, value func(a, b *sample) float64) {
		v := make([]float64, len(samples)-1)
		for i := range v {
			v[i] = Sampled(value(&samples[i], &samples[i+1]))
		}
		out[name] = v
	}
	for _, s := range machineSeries {
		add("machine."+s.Name, func(a, b *sample) float64 { return s.value(r, a, b) })
	}
	for i, c := range r.options.Counts {
		if c.Series {
			add(c.Node+"."+c.Name, func(a, b *sample) float64 { return float64(b.counts[i] - a.counts[i]) })
		}
	}
	for i, n := range r.nodes {
		for _, s := range nodeSeries {
			if s.has == nil || s.has(n) {
				add(n.name+"."+s.Name, func(a, b *sample) float64 {
					return s.value(r, &a.nodes[i], &b.nodes[i], float64(b.at-a.at))
				})
			}
		}
	}
	for _, g := range groups(r.options.Queues) {
		for _, s := range queueSeries {
			add(g.name+"."+s.Name, func(a, b *sample) float64 { return s.value(g.of(a), g.of(b), float64(b.at-a.at)) })
		}
	}
	return out
}

// round rounds to 1/unit.
func round(v, unit float64) float64 { return math.Round(v*unit) / unit }

// Sampled rounds to the digits of the timeline.
func Sampled(v float64) float64 { return round(v, 1e5) }
