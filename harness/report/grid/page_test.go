package grid

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/scenario/metric"
	"github.com/ruleout/ruleout/harness/verdict"
	"github.com/ruleout/ruleout/harness/verdict/compare"
	"github.com/ruleout/ruleout/harness/verdict/matrix"
)

func at(v float64) *float64 { return &v }

// change is a row that changed from a to b.
func change(name, unit string, better metric.Better, a, b float64) *compare.Row {
	r := &compare.Row{Metric: name, Unit: unit, Better: better, A: a, B: b}
	r.Outcome = verdict.Confirmed
	r.Estimate = verdict.Estimate{Value: 100 * (b - a) / a, Unit: "%"}
	return r
}

func made() *matrix.Matrix {
	return &matrix.Matrix{
		Kernels: []string{"6.1", "6.12", "7.2"}, Releases: []string{"6.1.0", "6.12.3", "7.2.1"}, Seeds: 16, Margin: 0.05,
		Steps: []*compare.Comparison{{Alarms: []string{"slow, seed 3"}}, {}},
		Rows: []matrix.Row{
			{Scenario: "slow",
				Cells: []matrix.Cell{{Pairs: 16, Changed: 2, Metrics: 1, Worse: 1}, {Pairs: 16, Changed: 1, Metrics: 1}},
				Lines: []matrix.Line{
					{Metric: "http.latency.p99", Unit: metric.Seconds, Better: metric.Lower,
						Means: []*float64{at(0.1), at(0.2), at(0.05)},
						Changes: []*compare.Row{change("http.latency.p99", metric.Seconds, metric.Lower, 0.1, 0.2),
							change("http.latency.p99", metric.Seconds, metric.Lower, 0.2, 0.05)}},
					{Metric: "web.TcpExt.TCPLossProbes", Unit: metric.One, Better: metric.Neither,
						Means:   []*float64{at(5), at(10), nil},
						Changes: []*compare.Row{change("web.TcpExt.TCPLossProbes", metric.One, metric.Neither, 5, 10), nil}},
				}},
			{Scenario: "steady", Cells: []matrix.Cell{{Pairs: 16}, {Pairs: 16, Identical: 16}}},
			{Scenario: "broken", Cells: []matrix.Cell{{Pairs: 16, Lost: 9, Undecided: true}, {}}},
		},
	}
}

func TestWrite(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, Write(&out, made()))
	text := regexp.MustCompile(`\s+`).ReplaceAllString(out.String(), " ")
	for _, want := range []string{
		"<h1>3 scenarios on 3 kernels, 16 seeds each: 1 changed on the way from 6.1 to 7.2</h1>",
		"6.1 is 6.1.0 · 6.12 is 6.12.3 · 7.2 is 7.2.1.",
		"two digests: slow, seed 3</p>",
		`<th scope="col">6.1 → 6.12</th><th scope="col">6.12 → 7.2</th>`,
		`<a href="#slow">slow</a></th><td class="worse">2, 1 worse</td><td class="moved">1</td>`,
		`<th scope="row">steady</th><td class="same">none</td><td class="same">identical</td>`,
		`<th scope="row">broken</th><td class="lost">9 of 16 lost</td><td class="lost">–</td>`,
		`<td>100 ms</td><td class="worse">200 ms <span class="mark">↑ worse</span>`,
		`<td class="moved">50.0 ms <span class="mark">↓ better</span>`,
		`<summary>1 of the kernel's counters</summary>`,
		`<td>5</td><td class="moved">10 <span class="mark">↑</span>`,
	} {
		require.Contains(t, text, want)
	}
	require.NotContains(t, text, `id="steady"`, "nothing changed there")
	require.NotContains(t, strings.ToLower(text), "<script")
	require.NotContains(t, text, "http://")
}
