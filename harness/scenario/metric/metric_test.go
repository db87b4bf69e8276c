package metric_test

import (
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
	for _, name := range []string{"", "http", "http.latncy.p99", "web.", ".cpu.user", "web.cpu", "web.Sctp.InSegs", "web.TcpExt.",
		"web.TcpExt.a.b", "fault.x", "fault.x.y", "fault.chosen", "machine.memory.peak", "link.a-b.from.a", "link.a-b.queue.drops", "link.a-b.from.a.queue.dorps"} {
		_, ok := metric.Lookup(name)
		require.False(t, ok, name)
	}
}

func TestIsCounter(t *testing.T) {
	for _, name := range []string{"web.TcpExt.ListenOverflows", "web.Ip6.InReceives", "db-2.Tcp.ACounterOfANewerKernel"} {
		require.True(t, metric.IsCounter(name), name)
	}
	for _, name := range []string{"", "web", "web.Tcp", "web.cpu.softirq", "http.latency.p99", "machine.load1", "web.Sctp.InSegs", "fault.Tcp.chosen", "fault.Ip.delivered"} {
		require.False(t, metric.IsCounter(name), name)
	}
}

func TestEveryNameIsFoundAndUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range metric.Names([]string{"web", "db", "link"}, []string{"loss"}, []string{metric.LinkPrefix("web", "front-2", "web")}) {
		_, ok := metric.Lookup(name)
		require.True(t, ok, name)
		require.False(t, seen[name], "%s is listed twice", name)
		seen[name] = true
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
