package run

import (
	"math"
	"time"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/probe"
	"github.com/ruleout/ruleout/harness/run/status"
	"github.com/ruleout/ruleout/harness/run/window"
	"github.com/ruleout/ruleout/harness/scenario/metric"
)

// said is what the programs of a run said of themselves.
type said struct {
	metrics map[string]float64
	series  map[string][]float64
}

// takeStatus adds what was read of the programs of a node, whose outcomes are there.
func (r *Prepared) takeStatus(node string, logs []status.Log) {
	if r.said.metrics == nil {
		r.said = said{map[string]float64{}, map[string][]float64{}}
	}
	sources := r.scenario.Statuses(node)
	for i := range logs {
		l := &logs[i]
		if o := r.outcomeOf(node, l.Program); o != nil {
			o.Status = &result.ProgramStatus{Readings: len(l.Rows) - l.Gaps, Missed: l.Gaps, Because: l.Because}
			if l.Missing != "" {
				o.Status.Because = l.Missing
			}
		}
		if l.Missing != "" || len(l.Rows) < 2 {
			continue
		}
		for _, s := range sources {
			if s.Program == l.Program {
				r.said.add(node, l, s.Every, window.Of(r.scenario))
			}
		}
	}
}

// add makes metrics and series of the readings of a program. every is a whole number of the window's intervals.
func (s *said) add(node string, l *status.Log, every time.Duration, w window.Window) {
	for i, f := range metric.Status(l.Kind) {
		name := node + "." + f.Name
		if f.Level {
			s.level(name, l.Rows[1:], i)
		} else if total, ok := grown(l.Rows, i); ok {
			s.metrics[name] = float64(total)
		}
		if w.Interval > 0 {
			s.series[name] = series(l.Rows, i, f.Level, every, w.Duration, w.Interval)
		}
	}
}

// series are the samples of a figure. A level stands in all intervals from the reading before to that at which it was
// read; what a counter grew by between two readings is shared out over these intervals.
func series(rows [][]int64, i int, level bool, every, window, interval time.Duration) []float64 {
	values := make([]float64, window/interval)
	for j := range values {
		values[j] = math.NaN()
	}
	width := int(every / interval) // of a reading, in intervals
	for k := 1; k < len(rows); k++ {
		a, b := rows[k-1], rows[k]
		between := values[min((k-1)*width, len(values)):min(k*width, len(values))]
		if k == len(rows)-1 && window%interval != 0 {
			break // it is not at the end of an interval
		}
		for j := range between {
			switch {
			case b == nil:
			case level:
				between[j] = float64(b[i])
			case a != nil && b[i] >= a[i]:
				between[j] = probe.Sampled(float64(b[i]-a[i]) / float64(len(between)))
			}
		}
	}
	return values
}

// level has the mean and the most of readings.
func (s *said) level(name string, rows [][]int64, i int) {
	sum, most, n := int64(0), int64(math.MinInt64), int64(0)
	for _, row := range rows {
		if row != nil {
			sum, most, n = sum+row[i], max(most, row[i]), n+1
		}
	}
	if n > 0 {
		s.metrics[name+".mean"] = probe.Sampled(float64(sum) / float64(n))
		s.metrics[name+".max"] = float64(most)
	}
}

// grown is what a counter grew by from the first reading to the last. ok is false if one of these is missing, or if the
// counter was reset between them, as it is when a program is started again.
func grown(rows [][]int64, i int) (total int64, ok bool) {
	first, last := rows[0], rows[len(rows)-1]
	if first == nil || last == nil {
		return 0, false
	}
	before := first[i]
	for _, row := range rows {
		if row == nil {
			continue
		}
		if row[i] < before {
			return 0, false
		}
		before = row[i]
	}
	return last[i] - first[i], true
}
