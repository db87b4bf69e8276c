package run_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/machine"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/capture/pcapng"
)

// kept is a client that keeps its connection for longer than the service does, so that requests cross its end: gaps of
// 300 ms, a service that waits 280 ms, and 20 ms between them.
const kept = `
version: 1
name: kept
warmup: 0s
duration: 3200ms
nodes:
  client: {}
  web: {service: {php: {workers: 2, timeouts: {idle: 280ms}, request: {cpu: 0s, response: 1kB}}}}
links: [{between: [client, web], delay: 20ms}]
load: [{from: client, to: web, http: {arrivals: constant, first: 0s, rate: 200/m, for: 3s, keepalive: true, timeout: 3s}}]
`

// gone is a worker that keeps its connection to the database for longer than the database does.
const gone = `
version: 1
name: gone
warmup: 0s
duration: 4s
nodes:
  client: {}
  web: {service: {php: {workers: 1, database: db, persistent: true, request: {cpu: 0s, queries: 2, response: 1kB}}}}
  db: {service: {sql: {latency: 1ms, row: 100B, timeouts: {idle: 300ms}}}}
links: [{between: [client, web], delay: 5ms}, {between: [web, db], delay: 1ms}]
load: [{from: client, to: web, http: {arrivals: constant, first: 50ms, rate: 2/s, timeout: 3s}}]
`

// full is more than one worker can do, with a warm-up whose requests are answered in the window.
const full = `
version: 1
name: full
warmup: 500ms
duration: 2s
nodes:
  client: {}
  web: {service: {php: {workers: 1, request: {cpu: 50ms, response: 1kB}}}}
links: [{between: [client, web], delay: 1ms}]
load: [{from: client, to: web, http: {arrivals: constant, first: 0s, rate: 40/s, timeout: 20s}}]
`

// seen is what a capture says of a service's port, counted by other means than the record: in the window, but for asked
// and refused.
type seen struct {
	syns     int // sent towards it
	answers  int // first lines of answers that arrived from it
	bytes    int // payload that arrived from it
	asked    int // requests sent towards it, in the whole run
	resets   int // that arrived from it, in the whole run
	statuses map[string]int
}

// look counts in a file. The window begins at midnight on 1 January 2000. Nothing is lost in these runs, nothing sent
// twice, and each answer is one segment.
func look(t *testing.T, path, out, in string, port layers.TCPPort, window time.Duration) seen {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	r, err := pcapgo.NewNgReader(f, pcapgo.DefaultNgReaderOptions)
	require.NoError(t, err)
	begin := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	s := seen{statuses: map[string]int{}}
	for {
		data, ci, err := r.ReadPacketData()
		if errors.Is(err, io.EOF) {
			return s
		}
		require.NoError(t, err)
		face, err := r.Interface(ci.InterfaceIndex)
		require.NoError(t, err)
		p := gopacket.NewPacket(data, layers.LayerTypeEthernet, gopacket.Default)
		tcp, ok := p.TransportLayer().(*layers.TCP)
		if !ok {
			continue
		}
		at := ci.Timestamp.Sub(begin)
		inside := at >= 0 && at < window
		switch {
		case face.Name == out && tcp.DstPort == port:
			if tcp.SYN && inside {
				s.syns++
			}
			if len(tcp.Payload) > 0 {
				s.asked++
			}
		case face.Name == in && tcp.SrcPort == port:
			if tcp.RST {
				s.resets++
			}
			if inside {
				s.bytes += len(tcp.Payload)
			}
			if status, ok := bytes.CutPrefix(tcp.Payload, []byte("HTTP/1.1 ")); ok {
				s.statuses[string(status[:3])]++
				if inside {
					s.answers++
				}
			}
		}
	}
}

// captured makes a run and returns its record with the files of its links.
func captured(t *testing.T, text string, set ...string) (*result.Record, map[string]string) {
	t.Helper()
	s := parse(t, text, set...)
	spool, err := pcapng.Open(t.TempDir(), 2048)
	require.NoError(t, err)
	defer spool.Close()
	rec, err := machine.Run(t.Context(),
		machine.Request{Scenario: s, Seed: seed, Backend: machine.NameHost, Capture: spool})
	require.NoError(t, err)
	require.True(t, rec.Valid, rec.InvalidBecause)
	files, err := spool.Write(t.Context(), s, pcapng.Origin{Run: rec.Run})
	require.NoError(t, err)
	paths := map[string]string{}
	for i, f := range files {
		require.Zero(t, f.Lost)
		paths[s.Links[i].Between[1]] = f.Path
	}
	return rec, paths
}

// values picks metrics.
func values(rec *result.Record, names ...string) map[string]float64 {
	m := map[string]float64{}
	for _, name := range names {
		m[name] = rec.Metrics[name].Value
	}
	return m
}

func sum(series []float64) (total float64) {
	for _, v := range series {
		total += v
	}
	return total
}

func TestTheLoadCountsWhatTheWireCarried(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		set    []string
		want   map[string]float64 // by arithmetic
		before float64            // requests of the warm-up
	}{
		// The first request is at the service after 60 ms, with its connection, and the second 260 ms later, in time.
		// The third comes 300 ms after that one, 20 ms after the service has closed, and 20 ms after it was sent the
		// client gets to know. It sends it again, on a new connection, and so on: the third, fifth, seventh and ninth
		// of 10.
		"requests that cross the end of their connection": {kept, nil,
			map[string]float64{"http.planned": 10, "http.completed": 10, "http.errors": 0, "http.retried": 4,
				"http.connects": 5}, 0},
		// The fourth now opens the connection, so the sixth meets its end, and the ninth.
		"the same, not sent again": {kept, []string{"load[0].http.retry=off"},
			map[string]float64{"http.planned": 10, "http.completed": 7, "http.errors": 3, "http.errors.reset": 3,
				"http.retried": 0, "http.connects": 4}, 0},
		// The end that closes first meets no reset, and opens a connection for each request.
		"a client that closes first": {kept, []string{"load[0].http.idle=100ms"},
			map[string]float64{"http.completed": 10, "http.retried": 0, "http.connects": 10, "http.idle.closed": 0,
				"http.idle.expired": 10}, 0},
		"a service that closes long before": {kept, []string{"nodes.web.service.php.timeouts.idle=100ms"},
			map[string]float64{"http.completed": 10, "http.retried": 0, "http.connects": 10, "http.idle.closed": 10,
				"http.idle.expired": 0, "web.php.idle.closed": 10}, 0},
		// 50 ms each, so 40 of them in 2 s, and 80 are asked for. 100 all told take 5 s.
		"overload": {full, nil, map[string]float64{"http.planned": 80, "http.completed": 80, "http.errors": 0, "http.unsent": 0, "http.retried": 0}, 20},
	} {
		t.Run(name, func(t *testing.T) {
			rec, files := captured(t, c.text, c.set...)
			for metric, want := range c.want {
				require.InDelta(t, want, rec.Metrics[metric].Value, 0, metric)
			}
			window := time.Duration(rec.Time.Measured * 1e9)
			saw := look(t, files["web"], "client>web sent", "web>client received", 80, window)
			got := values(rec, "http.connects", "http.received", "http.throughput")
			require.Equal(t, map[string]float64{
				"http.connects": float64(saw.syns), "http.received": float64(saw.bytes),
				"http.throughput": float64(saw.answers) / window.Seconds(),
			}, got)
			require.InDelta(t, saw.answers, sum(rec.Timeline.Series["http.completed"]), 0)
			require.EqualValues(t, saw.syns, rec.Counters["client"]["Tcp.ActiveOpens"], "and so does the kernel")
			require.InDelta(t, saw.asked, rec.Metrics["http.planned"].Value+rec.Metrics["http.retried"].Value+c.before, 0)
			require.Equal(t, saw.resets > 0, rec.Metrics["http.retried"].Value+rec.Metrics["http.errors.reset"].Value > 0)
		})
	}
}

func TestQueriesThatMeetTheEndOfTheirConnection(t *testing.T) {
	// 8 visits, 500 ms apart, of 2 queries; the database closes after 300 ms.
	for reconnect, want := range map[string]struct {
		statuses   map[string]int
		asked      int
		reconnects float64
	}{
		// The worker does not look. The first query of the visit is lost, and the second is not made; the next visit
		// connects.
		"off": {map[string]int{"200": 4, "500": 4}, 4*2 + 4, 0},
		// The first visit connects, and each of the others finds its connection ended.
		"idle": {map[string]int{"200": 8}, 8*2 + 7, 7},
	} {
		t.Run(reconnect, func(t *testing.T) {
			rec, files := captured(t, gone, "nodes.web.service.php.reconnect="+reconnect)
			visits := look(t, files["web"], "client>web sent", "web>client received", 80, 4*time.Second)
			require.Equal(t, want.statuses, visits.statuses)
			require.InDelta(t, want.statuses["500"], rec.Metrics["http.errors.status"].Value, 0)
			db := look(t, files["db"], "web>db sent", "db>web received", 3306, 4*time.Second)
			require.Equal(t, want.asked, db.asked)
			require.Equal(t, map[string]float64{
				"web.sql.reconnects": want.reconnects, "web.sql.connects": float64(db.syns),
				"web.sql.queries": float64(2 * want.statuses["200"]),
				"web.sql.errors":  float64(want.statuses["500"]), "web.php.served": float64(want.statuses["200"]),
				"web.php.failed":  float64(want.statuses["500"]),
				"db.sql.answered": float64(2 * want.statuses["200"]), "db.sql.accepted": float64(db.syns),
			}, values(rec, "web.sql.reconnects", "web.sql.connects", "web.sql.queries", "web.sql.errors", "web.php.served",
				"web.php.failed", "db.sql.answered", "db.sql.accepted"))
			require.InDelta(t, want.reconnects, sum(rec.Timeline.Series["web.sql.reconnects"]), 0)
			require.NotContains(t, rec.Timeline.Series, "web.php.served", "in the metrics only")
		})
	}
}
