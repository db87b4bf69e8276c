package page_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/golden"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/report"
	"github.com/ruleout/ruleout/harness/report/page"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/metric"
)

const story = `
version: 1
name: made-up
about: What the page is for.
warmup: 2s
duration: 30s
phases:
  storm: {at: 10s, for: 10s}
flows:
  idle: {from: web, to: db, port: 3306}
nodes:
  client: {}
  web: {sysctls: {net.ipv4.tcp_sack: 0}, service: {php: {database: db, request: {queries: 1}}}}
  db: {service: {sql: {}}}
links:
  - {between: [client, web], delay: 20ms, rate: 10mbit}
  - {between: [web, db]}
load:
  - {from: client, to: web, http: {rate: 40/s}}
faults:
  - {name: dup-acks, link: [client, web], from: client, select: {packets: pure-ack, chance: 10%}, do: {duplicate: 3}, phase: storm}
  - {name: flap, link: [client, web], at: 22s, for: 100ms, every: 2s, do: down}
  - {name: late, link: [client, web], from: web, at: 25s, do: {delay: 1ms}, ramp: {over: 4s, delay: 20ms}}
  - {name: seen, link: [web, db], from: web, select: {packets: dup-ack}, do: watch, at: 12s}
  - {name: loop, link: [web, db], at: 12s, do: {inject: {flow: idle, segments: [{to: web, seq: 1000000}, {to: db, seq: 1000000}]}}}
`

// made returns a record in which every number is made up, with so many samples in its timeline.
func made(t *testing.T, samples int) *result.Record {
	t.Helper()
	s, err := scenario.Parse("made-up.yaml", []byte(story), nil)
	require.NoError(t, err)
	canonical, err := s.Canonical()
	require.NoError(t, err)
	r := &result.Record{
		Schema: 1, Seed: 7, Backend: "vm", Valid: true,
		Scenario:   result.Scenario{Name: s.Name, Hash: s.Hash(), Canonical: canonical},
		Provenance: result.Provenance{Kernel: "6.1.0-99-cloud-amd64", QEMU: "7.2.99", Tool: "0.0.0", Key: "sha256:11"},
		Digest:     "sha256:" + strings.Repeat("0123456789abcdef", 4),
		Faults: []result.Receipt{
			{Name: "dup-acks", Matched: 4121, Chosen: 410, Delivered: 1230, Interval: []int64{348, 477}},
			{Name: "flap", Matched: 4, Chosen: 4, Delivered: 4},
			{Name: "late", Matched: 90, Chosen: 90, Delivered: 90},
			{Name: "seen", Matched: 26_437, Chosen: 26_437, Delivered: 26_437},
			{Name: "loop", Matched: 3, Chosen: 1, Delivered: 2, Forged: []result.Forged{
				{At: 12, From: "10.0.1.2:3306", To: "10.0.1.1:40000", Seq: 1_000_001, Ack: 1, Flags: "ack", Count: 1},
				{At: 12, From: "10.0.1.1:40000", To: "10.0.1.2:3306", Seq: 1_000_001, Ack: 1, Flags: "ack", Count: 1},
			}},
		},
		Load: result.Load{Planned: 1200, Sent: 1200, Completed: 1197, Errors: 3, ByError: map[string]int64{"timeout": 3}},
		Metrics: map[string]result.Metric{
			"http.latency.p50": {Value: 0.06, Unit: "s"}, "http.latency.p99": {Value: 0.131, Unit: "s"},
			"web.cpu.softirq": {Value: 0.3, Unit: metric.One}, "web.accept_queue.max": {Value: 3, Unit: metric.One},
		},
		Counters: map[string]map[string]int64{
			"web":    {"TcpExt.TCPRenoRecovery": 412, "TcpExt.ListenOverflows": 5, "TcpExt.TCPNew": 1, "Tcp.RtoMax": 120_000, "TcpExt.TCPACKSkippedSeq": 0},
			"client": {"TcpExt.TCPRenoRecovery": 0},
		},
		Expect: []result.Expectation{
			{Expr: "http.errors == 0", OK: false, Value: 3},
			{Expr: "web.TcpExt.TCPRenoRecovery > 0", OK: true, Value: 412},
		},
		Time: result.Time{Measured: 30, Virtual: 33.2, Wall: 2.08},
	}
	timeline(r, samples)
	return r
}

// timeline gives the record series in which web's softirq is 2 %, and 97 % from 10 s to 20 s.
func timeline(r *result.Record, samples int) {
	if samples == 0 {
		return
	}
	r.Timeline = result.Timeline{Interval: 30 / float64(samples), Series: map[string][]float64{}}
	for _, node := range []string{"client", "web", "db"} {
		for i, name := range []string{"cpu.softirq", "cpu.total", "runqueue", "pressure.cpu", "sockets.established",
			"sockets.time_wait", "accept_queue", "tcp.retrans"} {
			values := make([]float64, samples)
			for j := range values {
				at := float64(j) * r.Timeline.Interval
				values[j] = math.Round((0.02+0.01*math.Abs(math.Sin(at*float64(i+1)*7)))*1e5) / 1e5
				if node == "web" && at >= 10 && at < 20 && i < 2 {
					values[j] = 0.97
				}
			}
			r.Timeline.Series[node+"."+name] = values
		}
	}
	for _, name := range []string{"http.completed", "http.errors", "http.in_flight", "http.latency.p99",
		"http.latency.max"} {
		values := make([]float64, samples)
		for j := range values {
			values[j] = float64(j%5) / 10
		}
		r.Timeline.Series[name] = values
	}
}

func write(t *testing.T, r *result.Record) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, page.Write(&b, r,
		report.Options{Path: "results/runs/made-up.json", Replay: "ruleout replay results/runs/made-up.json"}))
	return b.String()
}

// outline is the page without its curves and its style: what a reader reads, an element a line.
func outline(t *testing.T, text string) string {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(text))
	require.NoError(t, err)
	var b strings.Builder
	var walk func(*html.Node, int)
	walk = func(n *html.Node, depth int) {
		switch {
		case n.Type == html.TextNode && strings.TrimSpace(n.Data) != "":
			fmt.Fprintf(&b, "%s%s\n", strings.Repeat(" ", depth), strings.Join(strings.Fields(n.Data), " "))
		case n.Type == html.ElementNode && (n.Data == "style" || n.Data == "svg" && attribute(n, "class") != "map"):
			fmt.Fprintf(&b, "%s<%s>\n", strings.Repeat(" ", depth), n.Data)
			return
		case n.Type == html.ElementNode:
			fmt.Fprintf(&b, "%s<%s>\n", strings.Repeat(" ", depth), n.Data)
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c, depth+1)
		}
	}
	walk(doc, 0)
	return b.String()
}

func TestPage(t *testing.T) {
	text := write(t, made(t, 300))
	got := outline(t, text)
	golden.Equal(t, filepath.Join("testdata", "page.golden"), []byte(got))
}

// TestPageIsWellFormed goes through the tokens, since a parser of HTML mends whatever it is given.
func TestPageIsWellFormed(t *testing.T) {
	for name, r := range map[string]*result.Record{"whole": made(t, 300), "without a timeline": made(t, 0),
		"empty": {Valid: true}} {
		text := write(t, r)
		wellFormed(t, name, text)
		require.NotContains(t, text, "ZgotmplZ", "html/template found something unsafe")
		require.NotContains(t, text, "<script")
		require.NotRegexp(t, `(?:src|href)="(?:[^#"]|$)`, text, "a page loads nothing")
		require.NotContains(t, text, "url(")
		require.NotContains(t, text, "NaN")
	}
}

func wellFormed(t *testing.T, name, text string) {
	t.Helper()
	void := map[string]bool{"meta": true, "br": true}
	var open []string
	z := html.NewTokenizer(strings.NewReader(text))
	ids := map[string]bool{}
	for {
		switch z.Next() {
		case html.ErrorToken:
			require.Empty(t, open, name)
			return
		case html.StartTagToken:
			token := z.Token()
			if !void[token.Data] {
				open = append(open, token.Data)
			}
			for _, a := range token.Attr {
				if a.Key == "id" {
					require.False(t, ids[a.Val], "%s: id %s twice", name, a.Val)
					ids[a.Val] = true
				}
			}
		case html.EndTagToken:
			token := z.Token()
			require.NotEmpty(t, open, "%s: </%s>", name, token.Data)
			require.Equal(t, open[len(open)-1], token.Data, name)
			open = open[:len(open)-1]
		}
	}
}

// TestHostileTextIsText puts markup into everything that a record can hold.
func TestHostileTextIsText(t *testing.T) {
	const evil = `</style></title><script>alert(1)</script><img src=x onerror="alert(2)">"'` + "`{{.}}"
	r := made(t, 300)
	s, err := scenario.FromCanonical(r.Scenario.Canonical)
	require.NoError(t, err)
	s.About = evil
	s.Nodes["web"].Sysctls = map[string]string{"net.ipv4.tcp_sack": evil}
	if r.Scenario.Canonical, err = s.Canonical(); err != nil {
		t.Fatal(err)
	}
	r.Scenario.Name, r.Scenario.Hash, r.Scenario.Set = evil, evil, map[string]string{evil: evil}
	r.Valid, r.InvalidBecause = false, result.Reasons{{Kind: evil, Place: evil, Text: evil}}
	r.Provenance = result.Provenance{Tool: evil, Kernel: evil, KernelConfig: evil, QEMU: evil, Machine: evil, Key: evil}
	r.Digest, r.Run, r.Backend = evil, evil, evil
	r.Faults = append(r.Faults, result.Receipt{Name: evil})
	r.Faults[4].Forged[0].From = evil
	r.Expect = []result.Expectation{{Expr: evil, Error: evil}}
	r.Counters[evil] = map[string]int64{evil: 5}
	r.Metrics[evil+".cpu.user"] = result.Metric{Value: 1, Unit: evil}
	r.Load.ByError = map[string]int64{evil: 3}
	r.Timeline.Series[evil] = r.Timeline.Series["web.cpu.total"]
	var b bytes.Buffer
	require.NoError(t, page.Write(&b, r, report.Options{Path: evil, Replay: evil}))
	harmless(t, b.String())
	require.Contains(t, b.String(), "&lt;script&gt;")

	b.Reset()
	require.NoError(t, page.Index(&b, []page.Entry{{Entry: report.NewEntry(r), File: "javascript:alert(1)"}}))
	harmless(t, b.String())
	require.NotContains(t, b.String(), `href="javascript:`)

	// A scenario that cannot be read is not shown, and the rest still is.
	r.Scenario.Canonical, err = json.Marshal(evil)
	require.NoError(t, err)
	b.Reset()
	require.NoError(t, page.Write(&b, r, report.Options{}))
	harmless(t, b.String())
	require.Contains(t, b.String(), "cannot read the scenario")
}

// harmless checks that a page has no element and no attribute that could do something.
func harmless(t *testing.T, text string) {
	t.Helper()
	z := html.NewTokenizer(strings.NewReader(text))
	for {
		switch z.Next() {
		case html.ErrorToken:
			wellFormed(t, "hostile", text)
			return
		case html.StartTagToken, html.SelfClosingTagToken:
			token := z.Token()
			require.NotContains(t, []string{"script", "img", "iframe", "object", "embed", "link", "base", "form"}, token.Data)
			for _, a := range token.Attr {
				require.False(t, strings.HasPrefix(a.Key, "on"), "<%s %s>", token.Data, a.Key)
			}
		}
	}
}

// TestALongTimeline is the bound on size and time, and on what may get lost.
func TestALongTimeline(t *testing.T) {
	const samples = 100_000
	r := made(t, samples)
	for i := range 6 {
		r.Timeline.Series[fmt.Sprintf("web.other%d", i)] = r.Timeline.Series["web.cpu.total"]
	}
	require.GreaterOrEqual(t, len(r.Timeline.Series), 30)
	r.Timeline.Series["web.accept_queue"][77_777] = 9 // one sample
	begin := used(t)
	text := write(t, r)
	require.Less(t, len(text), 2_000_000, "bytes")
	require.Less(t, used(t)-begin, 2*time.Second, "CPU time; others may keep the machine busy")
	require.Contains(t, text, "at most 9<", "the peak is in the legend")
	chart := regexp.MustCompile(`(?s)<b>Accept queue</b>.*?</figure>`).FindString(text)
	require.NotEmpty(t, chart)
	require.True(t, regexp.MustCompile(`class="line k1" d="[^"]*[V ]100[^0-9]`).MatchString(chart),
		"and in the curve: 9 of 10 is at 100 of 1000 from the top")
}

// used is the CPU time of this process.
func used(t *testing.T) time.Duration {
	t.Helper()
	var u unix.Rusage
	require.NoError(t, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func TestShort(t *testing.T) {
	text := write(t, made(t, 300))
	for _, want := range []string{
		"The fault dup-acks: copy 3× 10 % of pure ACKs from client, from 10 s to 20 s.",
		"Of 1,200 requests, 1,197 were answered, half within 60.0 ms and 99 % within 131 ms.",
		"On web, TcpExt.TCPRenoRecovery counted 412: times that three duplicate ACKs made a sender without SACK believe " +
			"in a loss and slow down.",
		"4,121 packets of that kind came along, and it acted on 410, which is 9.9 % where 10 % was asked for: " +
			"chance alone gives 348 to 477 in 999 of 1000 runs.",
		"2 forged segments entered the link, into 1 connection of 3 that it had seen open. Nothing else was lost on its way.",
		"seen counted 26,437: duplicate ACKs from web, from 12 s to the end.",
		"It went down 4 times; both nodes’ kernels noticed 4.",
		"at 12 s, from 10.0.1.2:3306 to 10.0.1.1:40000: ACK, seq 1000001, ack 1",
		"ACK loop",
	} {
		require.Contains(t, text, html.EscapeString(want))
	}
}

func TestIndex(t *testing.T) {
	met, failed, invalid := made(t, 0), made(t, 0), made(t, 0)
	met.Expect = nil
	invalid.Valid = false
	var entries []page.Entry
	for i, r := range []*result.Record{met, failed, invalid} {
		entries = append(entries, page.Entry{Entry: report.NewEntry(r), File: fmt.Sprintf("made-up-%d.html", i)})
	}
	var b bytes.Buffer
	require.NoError(t, page.Index(&b, entries))
	wellFormed(t, "index", b.String())
	for _, want := range []string{"<title>3 runs</title>", "✓ 1 as expected", "✗ 1 not as expected", "⚠ 1 invalid",
		`<a href="made-up-2.html">made-up</a>`, "What the page is for."} {
		require.Contains(t, b.String(), want)
	}
}

// What the report has in the terminal is on the page, too: in its own form if it is about counters, or about changes.
func TestEveryTableOfTheReportIsOnThePage(t *testing.T) {
	r := made(t, 300)
	for _, name := range []string{"udp.sent", "udp.received", "dns.lookups", "bulk.flows", "web.php.accepted",
		"edge.conntrack.entries.max"} {
		r.Metrics[name] = result.Metric{Value: 3, Unit: metric.One}
	}
	r.Middleboxes = []result.Middlebox{{Node: "edge", Max: 500, Rules: []result.Rule{{Kind: result.NATRule, Name: "out"}}}}
	text, titles := write(t, r), map[string]bool{}
	for _, s := range report.Sections(r, report.Options{AllCounters: true}) {
		titles[s.ID] = true
		if s.ID != "counters" && s.ID != "changes" && s.ID != "faults" && s.ID != "expect" {
			require.Contains(t, text, "<h2>"+s.Title+"</h2>")
		}
	}
	for _, id := range []string{"datagrams", "lookups", "bulk", "connections", "rules", "services"} {
		require.Contains(t, titles, id)
	}
}
