package metric_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/scenario/metric"
)

func TestGlossesAreOfCountersThatExist(t *testing.T) {
	known := metric.Counters()
	explained := 0
	for _, c := range known {
		text, group := metric.Gloss(c)
		require.Contains(t, metric.Topics(), group, c)
		if text != "" {
			explained++
			require.NotRegexp(t, `^[A-Z][a-z]|\.$`, text, "%s: lower case, no full stop", c)
		}
	}
	// Counts those that are explained under a name that no kernel has.
	require.Equal(t, metric.Explained(), explained, "a gloss of a counter that does not exist")
	require.Greater(t, explained, 120)
}

func TestGlossOfAnUnknownCounter(t *testing.T) {
	text, group := metric.Gloss("TcpExt.TCPNew")
	require.Empty(t, text)
	require.Equal(t, metric.OtherTopic, group)
	_, group = metric.Gloss("Ip6.InOctets")
	require.Equal(t, metric.Network, group)
}

func TestTheCountersOfTheIncidentAreExplained(t *testing.T) {
	for c, group := range map[string]metric.Topic{
		"TcpExt.TCPRenoRecovery": metric.Recovery, "TcpExt.TCPACKSkippedSeq": metric.Acks,
		"TcpExt.ListenOverflows": metric.Connections,
	} {
		text, got := metric.Gloss(c)
		require.NotEmpty(t, text)
		require.Equal(t, group, got)
		require.True(t, slices.Contains(metric.Counters(), c))
	}
}
