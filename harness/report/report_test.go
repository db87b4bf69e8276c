package report_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/golden"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/report"
	"github.com/ruleout/ruleout/harness/scenario"
)

// made returns a record in which every number is made up, and none is a measurement.
func made(t *testing.T) *result.Record {
	t.Helper()
	s, err := scenario.Parse("made-up.yaml", []byte(`
version: 1
name: made-up
duration: 30s
nodes:
  client: {}
  web: {service: {php: {}}}
links:
  - {between: [client, web], delay: 20ms}
load:
  - {from: client, to: web, http: {rate: 40/s}}
faults:
  - name: dup-acks
    link: [client, web]
    from: client
    select: {packets: pure-ack, chance: 10%}
    do: {duplicate: 3}
    at: 10s
    for: 10s
  - {name: late, link: [web, client], from: web, select: {chance: 2.5%}, do: {delay: 5ms, jitter: 1ms}, at: 20s, for: 1s}
  - {name: narrow, link: [web, client], from: web, do: {rate: 1.5mbit}, at: 22s, for: 1s}
  - {name: swap, link: [web, client], from: web, do: {reorder: 500us}, at: 24s, for: 1s}
  - {name: outage, link: [web, client], from: web, do: drop, at: 15s, for: 1s}
`), nil)
	require.NoError(t, err)
	canonical, err := s.Canonical()
	require.NoError(t, err)

	r := &result.Record{
		Schema: 1, Seed: 7, Backend: "vm", Valid: true,
		Scenario:   result.Scenario{Name: s.Name, Hash: s.Hash(), Canonical: canonical},
		Provenance: result.Provenance{Kernel: "6.1.0-99-cloud-amd64", QEMU: "7.2.99"},
		Digest:     "sha256:" + strings.Repeat("0123456789abcdef", 4),
		Faults: []result.Receipt{
			{Name: "dup-acks", Matched: 4121, Chosen: 410, Delivered: 1230, Interval: []int64{348, 477}},
			{Name: "late", Matched: 200, Chosen: 5, Delivered: 5, Interval: []int64{0, 14}},
			{Name: "narrow", Matched: 100, Chosen: 100, Delivered: 100},
			{Name: "swap", Matched: 90, Chosen: 90, Delivered: 90},
			{Name: "outage", Matched: 88, Chosen: 88, Delivered: 88, Overlimits: 2},
		},
		Load: result.Load{Planned: 1200, Sent: 1200, Completed: 1197, Errors: 3,
			ByError: map[string]int64{"timeout": 2, "reset": 1}, LateP99: 41_200, LateMax: 1_310_000},
		Metrics: map[string]result.Metric{},
		Counters: map[string]map[string]int64{
			"web": {"TcpExt.TCPDSACKIgnoredNoUndo": 3, "TcpExt.TCPRenoRecovery": 412, "TcpExt.TCPPureAcks": 12_345,
				"Tcp.RetransSegs": 1_204_332, "Tcp.RtoMax": 120_000, "IpExt.InOctets": 9},
			"client": {"TcpExt.TCPRenoRecovery": 0, "Tcp.RetransSegs": 0, "TcpExt.TCPPureAcks": 7, "IpExt.InOctets": 8},
		},
		Expect: []result.Expectation{
			{Expr: "http.errors == 0", OK: false, Value: 3},
			{Expr: "http.latency.p99 < 400ms", OK: true, Value: 0.131},
			{Expr: "web.cpu.softirq < 20%", OK: true, Value: 0.042},
			{Expr: "web.TcpExt.Nonsense == 0", Error: "this kernel has no counter TcpExt.Nonsense"},
		},
		Time: result.Time{Measured: 30, Virtual: 33.2, Wall: 2.08},
	}
	for name, m := range map[string]struct {
		value float64
		unit  string
	}{
		"http.retried": {14, "1"}, "http.unsent": {1, "1"}, "http.idle.closed": {2, "1"},
		"web.php.accepted": {1204, "1"}, "web.php.served": {1195, "1"}, "web.php.failed": {2, "1"},
		"web.php.refused": {0, "1"}, "web.php.idle.closed": {14, "1"},
		"web.sql.queries": {3585, "1"}, "web.sql.errors": {2, "1"}, "web.sql.connects": {20, "1"}, "web.sql.reconnects": {3, "1"},
		"db.sql.accepted": {20, "1"}, "db.sql.answered": {3585, "1"}, "db.sql.broken": {0, "1"}, "db.cpu.total": {0.01, "1"},
		"http.throughput": {39.9, "1/s"}, "http.latency.mean": {0.0612, "s"}, "http.latency.p50": {0.0601, "s"},
		"http.latency.p90": {0.09987, "s"}, "http.latency.p99": {0.131, "s"}, "http.latency.p999": {1.2049, "s"}, "http.latency.max": {2.931, "s"},
		"http.connect.p50": {0.0204, "s"}, "http.connect.p99": {1.04, "s"},
		"web.cpu.user": {0.16, "1"}, "web.cpu.system": {0.0912, "1"}, "web.cpu.softirq": {0.042, "1"}, "web.cpu.total": {0.2932, "1"},
		"web.runqueue.mean": {0.61, "1"}, "web.runqueue.max": {13, "1"}, "web.load1": {0.42, "1"},
		"web.pressure.cpu": {0.031, "1"}, "web.memory.peak": {24_100_000, "B"},
		"client.cpu.user": {0.0004, "1"}, "client.cpu.system": {0, "1"}, "client.cpu.softirq": {0.01, "1"}, "client.cpu.total": {0.0104, "1"},
		"client.runqueue.mean": {0.05, "1"}, "client.runqueue.max": {2, "1"}, "client.load1": {0.03, "1"},
		"client.pressure.cpu": {0, "1"}, "client.memory.peak": {9_100_000, "B"},
		"machine.cpu.user": {0.16, "1"}, "machine.cpu.total": {0.55, "1"}, "machine.load1": {0.71, "1"},
	} {
		r.Metrics[name] = result.Metric{Value: m.value, Unit: m.unit}
	}
	return r
}

func looksLike(t *testing.T, name string, got []byte) {
	t.Helper()
	require.True(t, utf8.Valid(got))
	golden.Equal(t, filepath.Join("testdata", name), got)
}

var kept = report.Options{Path: "results/runs/made-up-7-0123456789ab.json",
	Replay: "ruleout replay results/runs/made-up-7-0123456789ab.json"}

func TestText(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, report.Text(&b, made(t), kept))
	looksLike(t, "text.golden", b.Bytes())
}

func TestTextOfAnInvalidRun(t *testing.T) {
	r := made(t)
	r.Valid = false
	r.InvalidBecause = result.Reasons{
		{Kind: result.FaultDidNotAct, Place: "fault outage", Text: "chose no packet"},
		{Text: "the generator on client was 12 ms late (99th percentile), 5 ms are allowed"}, // of an early build
	}
	var b bytes.Buffer
	require.NoError(t, report.Text(&b, r, report.Options{AllCounters: true}))
	looksLike(t, "invalid.golden", b.Bytes())
}

func TestMarkdown(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, report.Markdown(&b, made(t), kept))
	looksLike(t, "markdown.golden", b.Bytes())
}

func TestTextOfAnEmptyRecord(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, report.Text(&b, &result.Record{Valid: true}, report.Options{}))
	require.NotContains(t, b.String(), "Load")
	require.Contains(t, b.String(), "nothing was expected")
}

func TestColorsAddNothingButColor(t *testing.T) {
	var plain, color bytes.Buffer
	require.NoError(t, report.Text(&plain, made(t), kept))
	o := kept
	o.Color = true
	require.NoError(t, report.Text(&color, made(t), o))
	require.Contains(t, color.String(), "\x1b[")
	require.Equal(t, plain.String(), strip(color.String()))
}

// strip takes colour sequences out.
func strip(s string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, "\x1b[")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		_, s, _ = strings.Cut(after, "m")
	}
}
