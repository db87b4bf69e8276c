package blame

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/verdict/compare"
)

// made is a record of ten samples of 100 ms.
func made() *result.Record {
	return &result.Record{
		Seed: 1, Run: "sha256:1", Digest: "sha256:a", Valid: true,
		Scenario: result.Scenario{Name: "x", Canonical: json.RawMessage(
			`{"faults":[{"name":"acks","select":{"chance":0.1}}],"links":[{"delay":5}]}`)},
		Provenance: result.Provenance{Kernel: "6.1.0", QEMU: "7.2", Images: map[string]string{"shop": "sha256:5"}},
		Faults:     []result.Receipt{{Name: "acks", Times: []float64{0.1, 0.2, 0.4}}, {Name: "same", Times: []float64{0.3}}},
		Metrics: map[string]result.Metric{"http.latency.p99": {Value: 0.1, Unit: "s"},
			"web.cpu.total": {Value: 0.5, Unit: "1"}},
		Counters: map[string]map[string]int64{"web": {"TcpExt.TCPTimeouts": 0, "Tcp.InSegs": 1000}},
		Expect:   []result.Expectation{{Expr: "http.errors == 0", OK: true}, {Expr: "http.sent > 0", OK: true}},
		Timeline: result.Timeline{Interval: 0.1, Series: map[string][]float64{
			"web.packets":   {5, 5, 5, 5, 5, 5, 5, 5, 5, 5},
			"web.cpu.total": {.1, .1, .1, .1, .1, .1, .1, .1, .1, .1},
			"web.memory":    {4096, 4096, 4096, 4096, 4096, 4096, 4096, 4096, 4096, 4096},
			"http.errors":   {0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		}},
	}
}

// other is the same record with another digest, changed.
func other(change func(r *result.Record)) *result.Record {
	r := made()
	r.Run, r.Digest = "sha256:2", "sha256:b"
	change(r)
	return r
}

func tell(t *testing.T, b *result.Record) *Story {
	t.Helper()
	s, err := Tell("a.json", "b.json", made(), b, 0.05)
	require.NoError(t, err)
	return s
}

func TestTheSame(t *testing.T) {
	s := tell(t, made())
	require.True(t, s.Identical)
	require.Equal(t, "IDENTICAL to the last bit", s.Heading())
	require.Empty(t, slices.Concat(s.Asked, s.Ended))
	require.Empty(t, s.Parted)
	require.Empty(t, s.Moved)
	var b strings.Builder
	require.NoError(t, s.Text(&b, false, false))
	require.Equal(t, "IDENTICAL to the last bit\nA is a.json, B is b.json.\n", b.String())

	again := made()
	again.Digest = "sha256:c"
	s = tell(t, again)
	require.True(t, s.Alarm, "the same software, scenario and seed")
}

func TestWhatWasAsked(t *testing.T) {
	s := tell(t, other(func(r *result.Record) {
		r.Seed, r.Provenance.Kernel, r.Provenance.Images["shop"] = 2, "6.12.1", "sha256:6"
		r.Scenario.Canonical = json.RawMessage(
			`{"expect":["a < 3"],"faults":[{"name":"acks","select":{"chance":0.2}}],"links":[{"delay":5,"rate":9}]}`)
	}))
	require.Equal(t, []compare.Setting{
		{Name: "image shop", A: "sha256:5", B: "sha256:6"}, {Name: "kernel", A: "6.1.0", B: "6.12.1"},
		{Name: "seed", A: "1", B: "2"}, {Name: "expect[0]", B: `"a < 3"`},
		{Name: "faults.acks.select.chance", A: "0.1", B: "0.2"},
		{Name: "links[0].rate", A: "", B: "9"},
	}, s.Asked)
	_, err := Tell("a", "b", made(), other(func(r *result.Record) { r.Scenario.Canonical = nil }), 0.05)
	require.ErrorContains(t, err, "read the scenario of x, seed 1")
}

// Counts are told apart from times, and a packet that falls into the next sample is the same packet.
func TestWhereTheyPart(t *testing.T) {
	s := tell(t, other(func(r *result.Record) {
		of := r.Timeline.Series
		of["web.cpu.total"][0], of["web.memory"][1] = .11, 8192
		of["web.packets"][2], of["web.packets"][3] = 4, 6 // later
		of["web.packets"][7] = 9
		of["http.errors"][8] = 1
	}))
	require.InDelta(t, 0.7, s.Together, 1e-9)
	require.Equal(t, "the same packets, connections and answers for 700 ms, and others from then on", s.Heading())
	require.Len(t, s.Parted, 4)
	for i, want := range []Parting{{0, "web.cpu.total", false, "0.1", "0.11"}, {0.1, "web.memory", false, "4096", "8192"},
		{0.7, "web.packets", true, "5", "9"}, {0.8, "http.errors", true, "0", "1"}} {
		require.InDelta(t, want.At, s.Parted[i].At, 1e-9)
		want.At = s.Parted[i].At
		require.Equal(t, want, s.Parted[i])
	}

	s = tell(t, other(func(r *result.Record) {
		r.Timeline.Series["web.packets"][2], r.Timeline.Series["web.packets"][3] = 4, 6
	}))
	require.Empty(t, s.Parted)
	require.Equal(t, "the same packets, connections and answers all the time; only times differ", s.Heading())

	s = tell(t, other(func(r *result.Record) { r.Timeline.Series["web.packets"][0] = 9 }))
	require.Equal(t, "different from the first sample on", s.Heading())
	s = tell(t, other(func(r *result.Record) { delete(r.Timeline.Series, "web.packets") }))
	require.Equal(t, []Parting{{0, "web.packets", true, "recorded", "missing"}}, s.Parted)
	s = tell(t, other(func(r *result.Record) { r.Timeline.Interval = 0.2 }))
	require.Zero(t, s.Interval)
	require.Empty(t, s.Parted)
	require.Contains(t, s.Heading(), "no common timeline")
}

func TestWhenFaultsChoseAnotherPacket(t *testing.T) {
	at := func(v float64) *float64 { return &v }
	s := tell(t, other(func(r *result.Record) { r.Faults[0].Times = []float64{0.1, 0.3} }))
	require.Equal(t, []Choice{{Fault: "acks", Same: 1, A: at(0.2), B: at(0.3)}}, s.Faults)
	s = tell(t, other(func(r *result.Record) { r.Faults[0].Times = []float64{0.1, 0.2} }))
	require.Equal(t, []Choice{{Fault: "acks", Same: 2, A: at(0.4)}}, s.Faults)
	s = tell(t, other(func(r *result.Record) { r.Faults = r.Faults[1:] }))
	require.Empty(t, s.Faults, "that it is missing is among what was asked")
}

func TestHowItEnded(t *testing.T) {
	s := tell(t, other(func(r *result.Record) {
		r.Expect[0].OK = false
		r.Expect[1].Expr = "http.sent > 1"
		r.Metrics["http.latency.p99"] = result.Metric{Value: 0.2, Unit: "s"}
		r.Metrics["web.cpu.total"] = result.Metric{Value: 0.51, Unit: "1"}
		r.Counters["web"] = map[string]int64{"TcpExt.TCPTimeouts": 3, "Tcp.InSegs": 1060}
	}))
	require.Equal(t, []compare.Setting{{Name: "http.errors == 0", A: "holds", B: "does not hold"}}, s.Ended)
	var names []string
	for _, n := range s.Moved {
		names = append(names, n.Name)
		require.InDelta(t, math.Abs(n.A-n.B)/max(n.A, n.B), n.By, 1e-12)
	}
	require.Equal(t, []string{"web.TcpExt.TCPTimeouts", "http.latency.p99", "web.Tcp.InSegs"}, names)

	var b strings.Builder
	require.NoError(t, s.Text(&b, true, false))
	require.Contains(t, b.String(), "### How it ended\n\n| what | A | B |\n")
	require.Contains(t, b.String(), "| http.latency.p99 | 100 ms | 200 ms |")
}

// Rows beyond the most are counted, and --all shows them.
func TestLongTablesAreCut(t *testing.T) {
	r := other(func(r *result.Record) {
		for i := range 2 * mostMoved {
			r.Counters["web"][strings.Repeat("x", i+1)] = 2
		}
	})
	a := made()
	for name := range r.Counters["web"] {
		a.Counters["web"][name] = 1
	}
	s, err := Tell("a", "b", a, r, 0.05)
	require.NoError(t, err)
	var short, long strings.Builder
	require.NoError(t, s.Text(&short, false, false))
	require.NoError(t, s.Text(&long, false, true))
	require.Contains(t, short.String(), "more: --all shows them")
	require.NotContains(t, long.String(), "--all")
	require.Greater(t, strings.Count(long.String(), "\n"), strings.Count(short.String(), "\n")+10)
}
