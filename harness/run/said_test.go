package run

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/run/status"
	"github.com/ruleout/ruleout/harness/run/window"
)

const second = time.Second

// rowsOf puts the two figures of a made-up program into rows of redis: clients, a level, and commands, a counter.
func rowsOf(pairs ...[]int64) (rows [][]int64) {
	for _, p := range pairs {
		if p == nil {
			rows = append(rows, nil)
			continue
		}
		rows = append(rows, []int64{p[0], 0, 0, p[1], 0, 0, 0, 0})
	}
	return rows
}

func TestWhatProgramsSaidOfThemselves(t *testing.T) {
	gap := math.NaN()
	for name, c := range map[string]struct {
		rows                    [][]int64
		every, window, interval time.Duration
		clients, commands       []float64
		metrics                 map[string]float64
	}{
		"each interval": {rowsOf([]int64{9, 100}, []int64{1, 103}, []int64{3, 103}), second, 2 * second, second,
			[]float64{1, 3}, []float64{3, 0}, map[string]float64{"clients.mean": 2, "clients.max": 3, "commands": 3}},
		"a gap": {rowsOf([]int64{9, 100}, nil, []int64{3, 104}, []int64{5, 105}), second, 3 * second, second,
			[]float64{gap, 3, 5}, []float64{gap, gap, 1},
			map[string]float64{"clients.mean": 4, "clients.max": 5, "commands": 5}},
		"no end": {rowsOf([]int64{9, 100}, []int64{1, 101}, nil), second, 2 * second, second,
			[]float64{1, gap}, []float64{1, gap}, map[string]float64{"clients.mean": 1, "clients.max": 1}},
		"begun anew": {rowsOf([]int64{9, 100}, []int64{1, 2}, []int64{1, 4}), second, 2 * second, second,
			[]float64{1, 1}, []float64{gap, 2}, map[string]float64{"clients.mean": 1, "clients.max": 1}},
		"less often": {rowsOf([]int64{9, 100}, []int64{2, 103}, []int64{4, 104}), 2 * second, 4 * second, second,
			[]float64{2, 2, 4, 4}, []float64{1.5, 1.5, 0.5, 0.5},
			map[string]float64{"clients.mean": 3, "clients.max": 4, "commands": 4}},
		"no whole number": {rowsOf([]int64{9, 100}, []int64{2, 102}, []int64{4, 103}), 2 * second, 3 * second, second,
			[]float64{2, 2, 4}, []float64{1, 1, 1},
			map[string]float64{"clients.mean": 3, "clients.max": 4, "commands": 3}},
		"no whole interval": {rowsOf([]int64{9, 100}, []int64{2, 102}, []int64{4, 103}), second, 1500 * time.Millisecond,
			second, []float64{2}, []float64{2}, map[string]float64{"clients.mean": 3, "clients.max": 4, "commands": 3}},
		"without a timeline": {rowsOf([]int64{9, 100}, []int64{2, 102}), second, second, 0, nil, nil,
			map[string]float64{"clients.mean": 2, "clients.max": 2, "commands": 2}},
	} {
		t.Run(name, func(t *testing.T) {
			s := said{map[string]float64{}, map[string][]float64{}}
			s.add("n", &status.Log{Kind: "redis", Rows: c.rows}, c.every,
				window.Window{Duration: c.window, Interval: c.interval})
			for series, want := range map[string][]float64{"clients": c.clients, "commands": c.commands} {
				got := s.series["n.redis."+series]
				require.Len(t, got, len(want))
				for i := range want {
					require.True(t, got[i] == want[i] || math.IsNaN(got[i]) && math.IsNaN(want[i]), "%s %v", series, got)
				}
			}
			for _, m := range []string{"clients.mean", "clients.max", "commands"} {
				got, ok := s.metrics["n.redis."+m]
				want, there := c.metrics[m]
				require.Equal(t, there, ok, m)
				require.InDelta(t, want, got, 1e-9, m)
			}
		})
	}
}
