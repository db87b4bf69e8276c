package cross_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/selftest/cross"
)

// Each metric has a check, or a reason why a capture cannot tell it.
func TestEachMetricHasACheckOrAReason(t *testing.T) {
	text, err := os.ReadFile("../../../docs/reference/metrics.md")
	require.NoError(t, err)
	list := cross.Catalogue(string(text))
	require.Greater(t, len(list), 300, "the reference is read")
	require.Contains(t, list, cross.Metric{Name: "http.latency.p99", Unit: "s"})
	require.Contains(t, list, cross.Metric{Name: "NODE.TcpExt.TCPTimeouts", Unit: "1"})
	neither, both := cross.Neither(list)
	require.Empty(t, neither, "neither checked nor listed with a reason: see checks.go and reasons.go")
	require.Empty(t, both, "checked, and listed as something that a capture cannot tell")

	neither, _ = cross.Neither(append(list, cross.Metric{Name: "http.new"}, cross.Metric{Name: "NODE.TcpExt.New"}))
	require.Equal(t, []string{"http.new", "NODE.TcpExt.New"}, neither)
}
