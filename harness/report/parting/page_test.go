package parting_test

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/ruleout/ruleout/harness/machine"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/report/parting"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/verdict/blame"
	"github.com/ruleout/ruleout/harness/verdict/blame/packet"
)

const text = `
version: 1
name: made-up
duration: 10s
nodes:
  client: {}
  web: {service: {php: {}}}
links:
  - {between: [client, web], delay: 20ms}
load:
  - {from: client, to: web, http: {rate: 40/s}}
faults:
  - {name: late, link: [client, web], from: web, at: 2s, for: 3s, do: {delay: 1ms}}
`

// made is a record of 100 samples of 100 ms in which every number is made up.
func made(t *testing.T) *result.Record {
	t.Helper()
	s, err := scenario.Parse("made-up.yaml", []byte(text), nil)
	require.NoError(t, err)
	canonical, err := s.Canonical()
	require.NoError(t, err)
	flat := func(v float64) []float64 {
		list := make([]float64, 100)
		for i := range list {
			list[i] = v
		}
		return list
	}
	return &result.Record{
		Schema: 1, Seed: 7, Backend: "vm", Valid: true, Run: "sha256:1", Digest: "sha256:a",
		Scenario:   result.Scenario{Name: s.Name, Hash: s.Hash(), Canonical: canonical},
		Provenance: result.Provenance{Kernel: "6.1.0", QEMU: "7.2"},
		Metrics:    map[string]result.Metric{"http.latency.p99": {Value: 0.1, Unit: "s"}},
		Counters:   map[string]map[string]int64{"web": {"Tcp.RetransSegs": 10, "TcpExt.TCPTimeouts": 0}},
		Expect:     []result.Expectation{{Expr: "http.errors == 0", OK: true}},
		Timeline: result.Timeline{Interval: 0.1, Series: map[string][]float64{
			"web.packets": flat(50), "web.cpu.softirq": flat(.1), "web.tcp.retrans": flat(0), "client.cpu.total": flat(.2),
			"http.completed": flat(4), "http.latency.max": flat(.05), "web.memory": flat(4096),
		}},
	}
}

// other is the same with another kernel, parted at 4 s.
func other(t *testing.T) *result.Record {
	t.Helper()
	r := made(t)
	r.Run, r.Digest, r.Provenance.Kernel = "sha256:2", "sha256:b", "6.12.0"
	of := r.Timeline.Series
	for i := 40; i < 60; i++ {
		of["web.tcp.retrans"][i] = 7 // all of it: a distance of 1
		of["web.packets"][i] = 100   // 20 * 50 of 80 * 50 + 20 * 100: of 1/6
		of["client.cpu.total"][i] = .201
	}
	of["http.completed"][70], of["http.latency.max"][70] = 0, 9 // no answer, so no time
	of["web.memory"][3] = 8192
	r.Metrics["http.latency.p99"] = result.Metric{Value: 0.2, Unit: "s"}
	r.Counters["web"] = map[string]int64{"Tcp.RetransSegs": 150, "TcpExt.TCPTimeouts": 3}
	r.Expect[0].OK = false
	return r
}

func write(t *testing.T, s *blame.Story, a, b *result.Record) string {
	t.Helper()
	var w strings.Builder
	require.NoError(t, parting.Write(&w, s, a, b))
	_, err := html.Parse(strings.NewReader(w.String()))
	require.NoError(t, err)
	return w.String()
}

func tell(t *testing.T, a, b *result.Record) *blame.Story {
	t.Helper()
	s, err := blame.Tell("a.json", "b.json", a, b, 0.05)
	require.NoError(t, err)
	return s
}

// titles of the charts, in their order.
func titles(page string) (list []string) {
	for _, m := range regexp.MustCompile(`<figcaption><b>([^<]*)</b>`).FindAllStringSubmatch(page, -1) {
		list = append(list, m[1])
	}
	return list
}

func TestThePageOfTwoRuns(t *testing.T) {
	a, b := made(t), other(t)
	page := write(t, tell(t, a, b), a, b)
	// What differs by less than the floor of its figure, and memory, has no chart; nor has a latency that nobody saw.
	require.Equal(t, []string{"web.tcp.retrans", "web.packets"}, titles(page)[:2])
	require.NotContains(t, titles(page), "client.cpu.total")
	require.NotContains(t, titles(page), "http.latency.max")
	require.Contains(t, page, `The <span class="parted">upright line</span> at 4.00 s is where the two part.`)
	require.Contains(t, page, `<path class="parting" d="M4000 0V1000"/>`, "4 s of 10 s")
	require.Contains(t, page, `<rect class="solid" x="2000" width="3000" height="1000"/>`, "the fault, from 2 s to 5 s")
	// Two curves: 50 and 100 of 100; A stays, B rises at 4 s and falls at 6 s.
	require.Contains(t, page, `<path class="line k1" d="M0 500H10000"/>`)
	require.Contains(t, page, `<path class="line k2" d="M0 500H4000V0H6000V500H10000"/>`)
	require.Contains(t, page, `mean 50, at most 50`)
	require.Contains(t, page, `mean 60, at most 100`)
	for _, part := range []string{
		`<th scope="row">kernel</th><td>6.1.0</td><td>6.12.0</td>`,
		`<th scope="row">http.errors == 0</th><td>holds</td><td>does not hold</td>`,
		`<td class="n">100 ms</td><td class="n">200 ms</td><td class="n">+100 %</td>`,
		`<td class="n">10</td><td class="n">150</td><td class="n">× 15`,
		`<td class="n">0</td><td class="n">3</td><td class="n">from none</td>`,
		`<b class="a">A</b> <code>a.json</code>`, "ruleout replay b.json", "not as expected",
	} {
		require.Contains(t, strings.ReplaceAll(page, "&#43;", "+"), part)
	}
	require.NotContains(t, page, "<script")
	require.NotRegexp(t, `(src|href)="[^#]`, page, "it loads nothing")
}

func TestIdenticalRuns(t *testing.T) {
	a := made(t)
	page := write(t, tell(t, a, a), a, a)
	require.Contains(t, page, `<span class="badge good">identical</span>`)
	require.Contains(t, page, "IDENTICAL to the last bit.")
	require.Contains(t, page, "No series differs by enough to be seen in a chart.")
	require.Empty(t, titles(page))
	b := made(t)
	b.Digest = "sha256:c"
	require.Contains(t, write(t, tell(t, a, b), a, b), `<span class="badge bad">not repeated</span>`)
	b = other(t)
	b.Timeline = result.Timeline{}
	require.Contains(t, write(t, tell(t, a, b), a, b), "The two have no common timeline")
}

// Gaps, and ends that one run has alone, are no reason to fail.
func TestTimelinesThatDoNotFit(t *testing.T) {
	a, b := made(t), other(t)
	b.Timeline.Series["web.packets"] = b.Timeline.Series["web.packets"][:50]
	b.Timeline.Series["web.cpu.softirq"][5] = math.NaN()
	delete(b.Timeline.Series, "web.tcp.retrans")
	page := write(t, tell(t, a, b), a, b)
	require.Contains(t, titles(page), "web.packets")
	require.Contains(t, page, `d="M0 500H4000V0H5000"`, "half of it")
	require.NotContains(t, page, "NaN")
	a.Scenario.Canonical = []byte(`{"version": 9}`)
	require.NotPanics(t, func() { write(t, tell(t, a, b), a, b) })
}

func TestPackets(t *testing.T) {
	a, b := made(t), other(t)
	s := tell(t, a, b)
	one := &packet.Packet{Frame: 12, At: 0.5, Kind: "UDP", Length: 7, Fault: "<b>copies</b>"}
	s.Packets = &blame.Packets{Again: [2]*machine.Replay{{Equal: true}, {Equal: true}},
		Comparison: &packet.Comparison{Dirs: [2]string{"c/a", "c/b"}, Same: 17, First: &packet.Parting{
			File: "client--web.pcapng", Point: "client>web sent", At: 0.5, Nth: 1, A: one,
			Conversation: [2]string{"client:1 → web:80", "client:1 → web:80"},
			Before:       []packet.Row{{A: one, B: one, Same: true}}}}}
	page := write(t, s, a, b)
	require.Contains(t, page, "before it both have the same 17 packets")
	require.Contains(t, page, "At 0.500000 s, client&gt;web sent: the 1st packet of client:1 → web:80.")
	require.Contains(t, page, "tshark -r c/a/client--web.pcapng -Y frame.number==12")
	require.Contains(t, page, "B: there is none any more")
	require.Contains(t, page,
		`<tr class="first"><td>≠</td><td>0.500000</td><td>→ UDP len 7 [&lt;b&gt;copies&lt;/b&gt;]</td><td></td>`)
}

// What a scenario or a record brings along stays text.
func TestHostileTextIsText(t *testing.T) {
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>`
	a, b := made(t), other(t)
	b.Scenario.Name, b.Provenance.Kernel, b.Expect[0].Expr, a.Expect[0].Expr = evil, evil, evil, evil
	a.Timeline.Series["web."+evil], b.Timeline.Series["web."+evil] = []float64{1, 2}, []float64{3, 4}
	a.Metrics[evil], b.Metrics[evil] = result.Metric{Value: 1, Unit: evil}, result.Metric{Value: 2, Unit: evil}
	s, err := blame.Tell(evil, fmt.Sprint(evil, 2), a, b, 0.05)
	require.NoError(t, err)
	page := write(t, s, a, b)
	require.NotContains(t, page, "<script")
	require.NotContains(t, page, "<img")
	require.Contains(t, page, "&lt;script&gt;")
}
