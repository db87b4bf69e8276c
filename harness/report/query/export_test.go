package query_test

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/perf/benchfmt"

	"github.com/ruleout/ruleout/harness/base/problem"
)

func TestExportCSV(t *testing.T) {
	s := source(t)
	require.Contains(t, s.Metrics, "web.TcpExt.TCPRenoRecovery")
	var b bytes.Buffer
	require.NoError(t, s.ExportCSV(&b, s.Metrics))
	rows, err := csv.NewReader(&b).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 13)
	require.Equal(t, append([]string{"run", "digest", "scenario", "kernel", "seed", "valid", "set", "factor.workers"},
		s.Metrics...), rows[0])
	last := rows[12]
	require.Equal(t, []string{"6.1.0-48-cloud-amd64", "3", "false",
		"faults.acks.do={duplicate: 3} nodes.web.service.php.workers=20", "20", "10", "30"}, last[3:10])
	require.Equal(t, "", last[len(last)-2], "a metric that was not recorded")
	require.Equal(t, "0", last[len(last)-1], "a counter that did not move")
}

// The reader is that of benchstat.
func TestExportBench(t *testing.T) {
	s := source(t)
	var b bytes.Buffer
	require.NoError(t,
		s.ExportBench(&b, []string{"http.latency.p99", "fault.acks.delivered", "web.TcpExt.TCPRenoRecovery"}))
	text := b.String()
	r := benchfmt.NewReader(strings.NewReader(text), "export")
	runs, levels, sets := 0, map[string]int{}, map[string]int{}
	for r.Scan() {
		switch rec := r.Result().(type) {
		case *benchfmt.Result:
			runs++
			require.Regexp(t, `^Run/scenario=[0-9a-f]{12}$`, string(rec.Name))
			require.Len(t, rec.Values, 3)
			require.Equal(t, "6.1.0-48-cloud-amd64", rec.GetConfig("kernel"))
			levels[rec.GetConfig("factor.workers")]++
			sets[rec.GetConfig("set")]++
			v, ok := rec.Value("fault.acks.delivered")
			require.True(t, ok)
			require.Equal(t, strings.Contains(rec.GetConfig("set"), "duplicate"), v == 30)
		case *benchfmt.UnitMetadata:
		default:
			require.Fail(t, "not in the format", "%v", rec)
		}
	}
	require.NoError(t, r.Err())
	require.Equal(t, 11, runs, "the one that is not valid is left out")
	require.Equal(t, map[string]int{"10": 6, "20": 5}, levels)
	require.Len(t, sets, 4)
	require.Equal(t, -1, r.Units().GetBetter("http.latency.p99"))
	require.Zero(t, r.Units().GetBetter("fault.acks.delivered"))
}

func TestCheckNames(t *testing.T) {
	s := source(t)
	require.NoError(t,
		s.CheckNames("--metric", []string{"http.latency.p99", "web.TcpExt.ListenOverflows", "fault.acks.chosen"}))
	for name, want := range map[string]string{
		"http.latncy.p99":            "did you mean \"http.latency.p99\"?",
		"web.TcpExt.ListenOverflow":  "did you mean \"web.TcpExt.ListenOverflows\"?",
		"fault.acs.chosen":           "did you mean \"acks\"?",
		"http.errors / http.planned": "results query",
		"seed":                       "no node \"seed\"",
	} {
		err := s.CheckNames("--metric", []string{name})
		require.ErrorContains(t, err, want, name)
		require.ErrorContains(t, err, "--metric: ", name)
		require.Equal(t, problem.Usage, problem.KindOf(err))
	}
}
