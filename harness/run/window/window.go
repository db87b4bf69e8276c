// Package window is the measured window of a run, and the intervals in it, as loads and services count by them.
//
// Times are in ns from the start of the window; before it they are negative. The last interval may be shorter. Series
// of two that count by one window are joined interval by interval; one that ends early goes on with zeros.
package window

import (
	"time"

	"github.com/ruleout/ruleout/harness/scenario"
)

// Window is what those who count need to know to count alike.
type Window struct {
	// Duration of the window, and Interval of the series in it; 0 means no series.
	Duration time.Duration `json:"duration"`
	Interval time.Duration `json:"interval"`
}

// Of returns the window of a scenario.
func Of(s *scenario.Scenario) Window {
	w := Window{Duration: time.Duration(s.Duration)}
	if s.Timeline != nil {
		w.Interval = time.Duration(*s.Timeline)
	}
	return w
}

// Holds tells whether a time lies in the window.
func (w Window) Holds(at int64) bool { return at >= 0 && at < int64(w.Duration) }

// Bins is how many intervals there are.
func (w Window) Bins() int {
	if w.Interval <= 0 {
		return 0
	}
	return int((w.Duration + w.Interval - 1) / w.Interval)
}

// Bin is the interval in which a time lies; -1 for none.
func (w Window) Bin(at int64) int {
	if w.Interval <= 0 || !w.Holds(at) {
		return -1
	}
	return int(at / int64(w.Interval))
}

// Sum is the sum of two series.
func Sum(a, b []int64) []int64 { return zip(a, b, func(x, y int64) int64 { return x + y }) }

// Highest has the higher value of two series.
func Highest(a, b []int64) []int64 { return zip(a, b, func(x, y int64) int64 { return max(x, y) }) }

func zip(a, b []int64, f func(x, y int64) int64) []int64 {
	both := make([]int64, max(len(a), len(b)))
	for i := range both {
		var x, y int64
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		both[i] = f(x, y)
	}
	return both
}
