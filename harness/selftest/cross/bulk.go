package cross

import "slices"

// transfer is a connection of a bulk load as its two ends saw it.
type transfer struct {
	begun    int64 // the SYN left
	ended    int64 // all bytes and the FIN have come
	failed   bool
	bytes    int     // that came
	by       float64 // of these: within the window
	low      float64
	high     float64
	complete bool
}

// bulk finds the connections of the scenario's only bulk load.
func (r *Run) bulk() (list []transfer, begin int64, ok bool) {
	for _, l := range r.Scenario.Canonical.Load {
		if l.Bulk == nil || r.Hidden(l.From) {
			continue
		}
		sinks := map[int]*Talk{}
		for _, t := range r.Views[l.To].Talks {
			if !t.Opener && t.port() == l.Bulk.Port {
				sinks[t.peer()] = t
			}
		}
		for _, t := range r.Views[l.From].Talks {
			if !t.Opener || t.peer() != l.Bulk.Port {
				continue
			}
			x := transfer{begun: t.Syn, ended: never, failed: t.SynAck == never || t.Reset() < t.FinAcked}
			if sink := sinks[t.port()]; sink != nil {
				x.take(sink, r.End())
				x.ended = sink.FinIn
				x.complete = x.ended != never && x.bytes == l.Bulk.Bytes
			}
			list = append(list, x)
		}
		return list, l.Bulk.At, true
	}
	return nil, 0, false
}

// take counts what came at the sink, in all and within the window. What comes within a round of softirqs of an end may
// count.
func (x *transfer) take(t *Talk, end int64) {
	for at, n := range t.arrivals() {
		x.bytes += n
		within := func(slack int64) float64 { return float64(n * one(at >= -slack && at <= end+slack)) }
		x.by, x.low, x.high = x.by+within(0), x.low+within(-hop), x.high+within(hop)
	}
}

const whyBulk = "exact, but for what comes within 4 ms of an end of the window: " +
	"a packet is at most a round of softirqs away from its being read"

func bulkChecks() []Check {
	figure := func(metric, how, why string, of func(list []transfer, seconds float64) (f Figure, ok bool)) Check {
		return Check{Metrics: []string{metric}, How: how, Why: why, Figures: func(r *Run) []Figure {
			list, begin, ok := r.bulk()
			if !ok {
				return nil
			}
			f, ok := of(list, float64(r.End()-begin)/1e9)
			if !ok {
				return nil
			}
			f.Name = metric
			return []Figure{f}
		}}
	}
	count := func(metric, how string, is func(x *transfer) bool) Check {
		return figure(metric, how, "exact", func(list []transfer, _ float64) (Figure, bool) {
			n := 0
			for i := range list {
				n += one(is(&list[i]))
			}
			return exactly("", n), true
		})
	}
	fold := func(list []transfer, scale float64, f func(values []float64) float64) Figure {
		all := func(of func(x *transfer) float64) float64 {
			values := make([]float64, len(list))
			for i := range list {
				values[i] = of(&list[i]) * scale
			}
			return f(values)
		}
		return Figure{By: all(func(x *transfer) float64 { return x.by }),
			Low:  all(func(x *transfer) float64 { return x.low }),
			High: all(func(x *transfer) float64 { return x.high })}
	}
	rate := func(metric, how string, f func(values []float64) float64) Check {
		return figure(metric, how, whyBulk, func(list []transfer, seconds float64) (Figure, bool) {
			return fold(list, 8/seconds, f), true
		})
	}
	times := func(list []transfer) (times []bounds) {
		for _, x := range list {
			if x.complete {
				by := float64(x.ended - x.begun)
				times = append(times, bounds{by, by, by + dispatch + hop})
			}
		}
		return times
	}
	const (
		whyTime = "connect(2) comes at most 0.6 ms before its SYN (traffic.md), " +
			"and the end is read a round of softirqs after it came (4 ms)"
		howShare = "the same of the connection that got the "
	)
	return []Check{
		count("bulk.flows", "SYNs of new connections to its port", func(*transfer) bool { return true }),
		count("bulk.failed", "of these: without a SYN-ACK, or with a RST", func(x *transfer) bool { return x.failed }),
		count("bulk.completed", "of these: with as many bytes and a FIN at the sink",
			func(x *transfer) bool { return x.complete }),
		figure("bulk.received", "bytes in their order at the sink, within the window", whyBulk,
			func(list []transfer, _ float64) (Figure, bool) { return fold(list, 1, total), true }),
		rate("bulk.goodput", "the same in bits, divided by the time from the load's beginning to the window's end", total),
		rate("bulk.goodput.flow.min", howShare+"least", slices.Min[[]float64]),
		rate("bulk.goodput.flow.max", howShare+"most", slices.Max[[]float64]),
		figure("bulk.fairness", "Jain's index of these bytes", whyBulk, func(list []transfer, _ float64) (Figure, bool) {
			f := fold(list, 1, jain)
			f.Low, f.High = min(f.Low, f.High), max(f.Low, f.High)
			return f, true
		}),
		figure("bulk.time.mean", "SYN to FIN at the sink, of the completed, mean", whyTime,
			func(list []transfer, _ float64) (Figure, bool) {
				t := times(list)
				return mean("", t), len(t) > 0
			}),
		figure("bulk.time.max", "the same, longest", whyTime, func(list []transfer, _ float64) (Figure, bool) {
			t := times(list)
			if len(t) == 0 {
				return Figure{}, false
			}
			return Figure{By: quantile(t, 1, by), Low: quantile(t, 1, low), High: quantile(t, 1, high)}, true
		}),
	}
}

func total(values []float64) (sum float64) {
	for _, v := range values {
		sum += v
	}
	return sum
}

// jain is the index of fairness: the square of the mean over the mean of the squares.
func jain(values []float64) float64 {
	squares := 0.
	for _, v := range values {
		squares += v * v
	}
	n := float64(len(values))
	return total(values) / n * total(values) / n / (squares / n)
}
