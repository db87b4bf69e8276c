package report_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/report"
)

// What an expectation compares has the unit of what it is computed from.
func TestExpectedHasItsUnit(t *testing.T) {
	r := &result.Record{
		Metrics:  map[string]result.Metric{"http.latency.p99": {Value: 0.2, Unit: "s"}},
		Counters: map[string]map[string]int64{"web": {}, "db": {}},
		Faults:   []result.Receipt{{Name: "acks"}},
	}
	for _, c := range []struct {
		expr  string
		value float64
		want  string
	}{
		{"http.latency.p99 < 300ms", 0.2, "200 ms"},
		{"http.latency.p99 - http.latency.p50 < 300ms", 0.1, "100 ms"},
		{"2 * (http.latency.p99 - 10ms) < 300ms", 0.1, "100 ms"},
		{"http.latency.p99 / http.latency.p50 < 3", 0.1, "0.10"},
		{"http.throughput - 3/s > 1/s", 12, "12.0/s"},
		{"web.cpu.total - db.cpu.total < 50%", 0.1, "10.0 %"},
		{"web.cpu.total * db.cpu.total < 50%", 0.25, "0.25"},
		{"fault.acks.chosen - fault.acks.delivered == 0", 3, "3"},
		{"web.Tcp.InSegs - web.Tcp.OutSegs == 0", -12, "-12"},
		{"1 / http.latency.p99 < 300/s", 5, "5.00/s"},
		{"machine.recorder.cpu < 5%", 0.01, "1.0 %"},
		{"fault.acks.chosen / 2 < 5", 3.5, "3.50"},
		{"1 - web.cpu.total > 50%", 0.9, "90.0 %"},
		{"web.cpu.total - 5% - (db.cpu.total + 0.1) < 50%", -0.1, "-10.0 %"},
		{"-(web.cpu.total) + 1 > 50%", 0.9, "90.0 %"},
		{"web.cpu.total / db.cpu.total < 3", 0.1, "0.10"},
		{"other.cpu.total - db.cpu.total < 50%", 0.1, "0.10"}, // a record that knows no such node
	} {
		assert.Equal(t, c.want, report.Expected(r, result.Expectation{Expr: c.expr, Value: c.value}), c.expr)
	}
}
