package explain_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/report/explain"
	"github.com/ruleout/ruleout/harness/scenario/metric"
)

func TestEveryExplainedCounterHasASource(t *testing.T) {
	for _, c := range metric.Counters() {
		if text, _ := metric.Gloss(c); text != "" {
			require.Regexp(t, `^(net|include)/[a-z0-9_/]+\.[ch]|^RFC \d+$`, explain.Source(c), c)
		}
	}
	require.Empty(t, explain.Source("TcpExt.TCPNew"))
	require.Equal(t, "net/ipv4/tcp_input.c, tcp_enter_recovery; RFC 5681", explain.Source("TcpExt.TCPRenoRecovery"))
	require.Equal(t, "RFC 4022", explain.Source("Tcp.RetransSegs"))
}

func TestSourcesAreOfCountersThatExist(t *testing.T) {
	text, err := os.ReadFile("sources.txt")
	require.NoError(t, err)
	seen := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if f[0] == "#" {
			continue
		}
		require.GreaterOrEqual(t, len(f), 3, line)
		for _, c := range f[2:] {
			require.True(t, metric.KnownCounter(c), c)
			require.False(t, seen[c], "%s has two places", c)
			seen[c] = true
		}
	}
}
