package fidelity_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/golden"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario/metric"
	"github.com/ruleout/ruleout/harness/selftest/fidelity"
)

// envProgram is the path of the program that makes the runs. Without it they are left to make fidelity.
const envProgram = "RULEOUT_TEST_FIDELITY"

// rates are below saturation and above it: ten workers that take 5 ms of one CPU each serve some 180 a second.
var rates = []string{"50/s", "120/s", "260/s"}

func run(t *testing.T, scenario, rate string) *result.Record {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Getenv(envProgram), "run", "testdata/"+scenario+".yaml", "--format", "json",
		"--out", t.TempDir(), "--set", "load[0].http.rate="+rate)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	text, err := cmd.Output()
	require.NoError(t, err, complaint.String())
	r := new(result.Record)
	require.NoError(t, json.Unmarshal(text, r))
	require.True(t, r.Valid, r.InvalidBecause)
	return r
}

// TestFidelity makes the runs and writes the page.
func TestFidelity(t *testing.T) {
	if os.Getenv(envProgram) == "" {
		t.Skip("make fidelity makes these runs, with real programs")
	}
	var pairs []fidelity.Pair
	for _, rate := range rates {
		pairs = append(pairs, fidelity.Pair{Rate: rate, Real: run(t, "real", rate), Model: run(t, "model", rate)})
	}
	head, err := os.ReadFile("testdata/page.md")
	require.NoError(t, err)
	page := strings.NewReplacer("TABLE\n", fidelity.Markdown(pairs), "KERNEL", pairs[0].Real.Provenance.Kernel,
		"QEMU", "QEMU "+pairs[0].Real.Provenance.QEMU).Replace(string(head))
	golden.Equal(t, golden.Repository(t, "docs/fidelity.md"), page)
}

func record(p50, cpu float64, completed, overflows int64) *result.Record {
	return &result.Record{
		Load: result.Load{Completed: completed}, Time: result.Time{Measured: 6},
		Metrics: map[string]result.Metric{
			"http.latency.p50": {Value: p50, Unit: metric.Seconds}, "web.cpu.total": {Value: cpu, Unit: metric.One},
		},
		Counters: map[string]map[string]int64{"web": {"TcpExt.ListenOverflows": overflows}},
	}
}

// The figures are arithmetic on the records: 300 requests in 6 s at a quarter of a CPU are 5 ms each.
func TestFigures(t *testing.T) {
	p := fidelity.Pair{Rate: "50/s", Real: record(0.100, 0.25, 300, 10), Model: record(0.111, 0.25, 300, 0)}
	said := fidelity.Markdown([]fidelity.Pair{p})
	for _, line := range []string{
		"| latency, median | 50 | 100 ms | 111 ms | +11 % | **no** |",
		"| requests answered | 50 | 300 | 300 | +0 % | yes |",
		"| CPU of the web node for a request | 50 | 5.00 ms | 5.00 ms | +0 % | yes |",
		"| connections that found the accept queue full | 50 | 10 | 0 | -100 % | **no** |",
	} {
		require.Contains(t, plain(said), line, fmt.Sprint(plain(said)))
	}
}

// plain is a table without the blanks that align it.
func plain(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.Join(strings.Fields(line), " ") + "\n")
	}
	return b.String()
}
