package metric_test

import (
	"math"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/scenario/metric"
)

func TestLookup(t *testing.T) {
	for _, c := range []struct{ name, unit string }{
		{"http.latency.p99", "s"},
		{"http.throughput", "1/s"},
		{"web.memory.peak", "B"},
		{"front-2.cpu.softirq", "1"},
		{"machine.load1", "1"},
		{"fault.dup-acks.delivered", "1"},
		{"link.front-2-web.from.front-2.queue.bytes.max", "B"},
		{"link.cpu.total", "1"},
		{"fault.squeeze.queue.drops", "1"},
		{"web.TcpExt.ListenOverflows", "1"},
		{"web.TcpExt.ACounterOfANewerKernel", "1"},
		{"web.Ip6.InReceives", "1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, ok := metric.Lookup(c.name)
			require.True(t, ok)
			require.Equal(t, c.name, m.Name)
			require.Equal(t, c.unit, m.Unit)
			require.NotEmpty(t, m.Better)
		})
	}
}

func TestLookupRefuses(t *testing.T) {
	for _, name := range []string{"", "http", "http.latncy.p99", "web.", ".cpu.user", "web.cpu",
		"web.Sctp.InSegs", "web.TcpExt.",
		"web.TcpExt.a.b", "fault.x", "fault.x.y", "fault.chosen", "machine.memory.peak", "link.a-b.from.a",
		"link.a-b.queue.drops", "link.a-b.from.a.queue.dorps"} {
		_, ok := metric.Lookup(name)
		require.False(t, ok, name)
	}
}

func TestIsCounter(t *testing.T) {
	for _, name := range []string{"web.TcpExt.ListenOverflows", "web.Ip6.InReceives", "db-2.Tcp.ACounterOfANewerKernel"} {
		require.True(t, metric.IsCounter(name), name)
	}
	for _, name := range []string{"", "web", "web.Tcp", "web.cpu.softirq", "http.latency.p99", "machine.load1",
		"web.Sctp.InSegs", "fault.Tcp.chosen", "fault.Ip.delivered"} {
		require.False(t, metric.IsCounter(name), name)
	}
}

func TestEveryNameIsFoundAndUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range metric.Names([]string{"web", "db", "link"}, []string{"loss"},
		[]string{metric.LinkPrefix("web", "front-2", "web")}) {
		_, ok := metric.Lookup(name)
		require.True(t, ok, name)
		require.False(t, seen[name], "%s is listed twice", name)
		seen[name] = true
	}
}

// Names begin with a node or with what is one of the prefixes, and each of these has names.
func TestPrefixes(t *testing.T) {
	require.Equal(t, []string{"http", "udp", "dns", "bulk", "load", "machine", "fault", "link"}, metric.Prefixes())
	seen := map[string]bool{}
	for _, name := range append(metric.Names([]string{"web"}, []string{"loss"},
		[]string{metric.LinkPrefix("web", "client", "web")}), "load.voice.udp.loss") {
		first, _, _ := strings.Cut(name, ".")
		node, ok := metric.NodeOf(name)
		require.Equal(t, first == "web", ok, name)
		if ok {
			require.Equal(t, "web", node)
			continue
		}
		require.Contains(t, metric.Prefixes(), first)
		seen[first] = true
	}
	require.Len(t, seen, len(metric.Prefixes()))
	for _, name := range []string{"udp.cpu.user", "link.cpu.user", "load.cpu.user", "dns.Tcp.InSegs",
		"bulk.udp.received"} {
		_, ok := metric.NodeOf(name)
		require.True(t, ok, "%s: a node may have that name", name)
	}
}

// The list was read from kernels up to 6.18. On a machine with a newer one this says which names to add;
// until then they are accepted, only not completed.
func TestCountersOfThisKernelAreKnown(t *testing.T) {
	data, err := os.ReadFile("/proc/thread-self/net/netstat")
	require.NoError(t, err)
	known := 0
	for _, line := range strings.Split(string(data), "\n") {
		group, rest, _ := strings.Cut(line, ": ")
		if group != "TcpExt" || !strings.Contains(rest, "SyncookiesSent") {
			continue
		}
		for _, c := range strings.Fields(rest) {
			_, ok := metric.Lookup("web.TcpExt." + c)
			require.True(t, ok, c)
			if metric.KnownCounter("TcpExt." + c) {
				known++
			} else {
				t.Logf("TcpExt.%s is new", c)
			}
		}
	}
	require.Greater(t, known, 100)
}

func TestMetricsReadAsPeopleWriteThem(t *testing.T) {
	for _, c := range []struct {
		name  string
		value float64
		unit  string
		want  string
	}{
		{"http.latency.p99", 0.131, "s", "131 ms"},
		{"http.latency.p99", 0.1314, "s", "131 ms"},
		{"http.latency.p99", 0.99949, "s", "999 ms"},
		{"http.latency.p99", 0.99951, "s", "1.00 s"},
		{"http.latency.p99", 41.2e-6, "s", "41.2 µs"},
		{"http.latency.p99", 12e-9, "s", "12.0 ns"},
		{"http.latency.p99", 2.9311, "s", "2.93 s"},
		{"http.latency.p99", 1234, "s", "1,234 s"},
		{"http.latency.p99", 0, "s", "0 s"},
		{"web.cpu.softirq", 0.042, "1", "4.2 %"},
		{"web.cpu.softirq", 0.0003, "1", "0.03 %"},
		{"web.cpu.softirq", 0.99951, "1", "100 %"},
		{"web.cpu.softirq", 0, "1", "0 %"},
		{"web.pressure.cpu", 0.5, "1", "50.0 %"},
		{"http.errors", 3, "1", "3"},
		{"http.sent", 1204332, "1", "1,204,332"},
		{"web.Tcp.CurrEstab", -1204, "1", "-1,204"},
		{"web.load1", 0.4249, "1", "0.42"},
		{"web.load1", 13.14, "1", "13.1"},
		{"http.throughput", 39.94, "1/s", "39.9/s"},
		{"web.memory.peak", 24_100_000, "B", "24.1 MB"},
		{"machine.recorder.cpu", 0.01, "1", "1.0 %"}, // a share, without .cpu. in its name
		{"fault.cpu.chosen", 3, "1", "3"},            // a count, with it
		{"db.load1", 123.46, "1", "123"},
		{"db.runqueue.mean", 1234.6, "1", "1,235"},
		{"http.throughput", 0, "1/s", "0/s"},
		{"http.throughput", 40, "1/s", "40.0/s"},
		{"http.latency.p50", -0.1, "s", "-100 ms"},
		{"http.latency.p50", math.NaN(), "s", "–"},
		{"web.memory.peak", 999.6, "B", "1.00 kB"},
	} {
		m, ok := metric.Lookup(c.name)
		require.True(t, ok && m.Unit == c.unit, c.name)
		require.Equal(t, c.want, m.Format(c.value), "%s = %v", c.name, c.value)
	}
	require.Equal(t, "1.50 kB", metric.Of("web.memory.later", metric.Bytes).Format(1500), "of a later build")
	require.Equal(t, "4.2 %", metric.Of("web.cpu.user", metric.One).Format(0.042))
	require.Equal(t, "0.04", metric.Metric{Unit: "bit"}.Format(0.042))
}
