package compare

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/scenario/metric"
	"github.com/ruleout/ruleout/harness/verdict"
)

// side makes runs of a fake world in which the latency is multiplied, and segments are added.
func side(name, key string, times float64, more float64) Side {
	s := Side{Name: name, Kernels: map[string]string{"6.1": "6.1.0"}}
	for seed := range uint64(30) {
		common := rand.New(rand.NewPCG(seed, 1)).NormFloat64() * 0.3
		own := rand.New(rand.NewPCG(seed, uint64(times*1000))).NormFloat64() * 0.01
		latency := 0.1 * times * math.Exp(common+own)
		s.Runs = append(s.Runs, archive.Entry{Scenario: "small", Kernel: "6.1.0", Run: fmt.Sprint(name, seed), Seed: seed,
			Key: key, Digest: fmt.Sprint(latency, more), Valid: true, Values: []archive.Value{
				{Name: "http.latency.p99", Value: latency}, {Name: "http.throughput", Value: 20}, {Name: "web.Tcp.InSegs", Value: 100 + more},
			}})
		if more > 0 {
			r := &s.Runs[len(s.Runs)-1]
			r.Values = append(r.Values, archive.Value{Name: "web.TcpExt.TCPRenoRecovery", Value: more})
		}
	}
	return s
}

func TestCompare(t *testing.T) {
	c, err := Compare(side("A", "k1", 1, 0), side("B", "k2", 1.3, 7), Options{})
	require.NoError(t, err)
	require.Equal(t, 30, c.Pairs)
	require.Zero(t, c.Identical)
	require.Empty(t, c.Alarms)
	require.Equal(t, 3, c.Moved)
	require.Equal(t, len(metric.Names([]string{"web"}, nil, nil))+unlisted, c.Compared,
		"what might have moved, not what did")
	got := map[string]string{}
	for _, r := range c.Rows {
		got[r.Metric] = fmt.Sprintf("%s, worse: %v", r.Outcome, r.Worse())
	}
	require.Equal(t, map[string]string{
		"http.latency.p99": "confirmed, worse: true", "web.Tcp.InSegs": "confirmed, worse: false",
		"web.TcpExt.TCPRenoRecovery": "confirmed, worse: false",
	}, got)
	require.Equal(t, "http.latency.p99", c.Rows[0].Metric, "metrics before counters")
	require.InDelta(t, 30, c.Rows[0].Estimate.Value, 1)
	require.Equal(t, verdict.Difference, c.Rows[1].Hypothesis.Scale, "there is no ratio to zero")
}

func TestIdenticalNeedsNoStatistics(t *testing.T) {
	c, err := Compare(side("A", "k1", 1, 0), side("B", "k2", 1, 0), Options{})
	require.NoError(t, err)
	require.Equal(t, 30, c.Identical)
	require.Zero(t, c.Compared)
	require.Equal(t, "IDENTICAL, all 30 pairs of runs to the last bit", c.Heading())
}

// Nothing that changes by chance alone is called a change.
func TestNoise(t *testing.T) {
	c, err := Compare(side("A", "k1", 1, 0), side("B", "k2", 1.001, 0), Options{})
	require.NoError(t, err)
	for _, r := range c.Rows {
		require.NotEqual(t, verdict.Confirmed, r.Outcome, r.Metric)
	}
}

func TestAlarm(t *testing.T) {
	a, b := side("A", "k1", 1, 0), side("B", "k1", 1, 0)
	b.Runs[3].Digest = "another"
	c, err := Compare(a, b, Options{})
	require.NoError(t, err)
	require.Equal(t, []string{"small, seed 3"}, c.Alarms)

	// Under another profile, or on another kernel, a run has every right to differ.
	for _, other := range []func(*archive.Entry){
		func(r *archive.Entry) { r.Scenario = "sha256:other" }, func(r *archive.Entry) { r.Kernel = "6.1.9" },
	} {
		b = side("B", "k1", 1, 7)
		b.Names = map[string]string{"sha256:other": "small"}
		for i := range b.Runs {
			other(&b.Runs[i])
		}
		c, err = Compare(a, b, Options{})
		require.NoError(t, err)
		require.Zero(t, c.Identical)
		require.Empty(t, c.Alarms)
	}
}

func TestText(t *testing.T) {
	c, err := Compare(side("6.1", "k1", 1, 0), side("6.12", "k2", 1.3, 7), Options{})
	require.NoError(t, err)
	c.Settings = Settings(map[string]string{"CONFIG_HZ": "250", "same": "1"},
		map[string]string{"CONFIG_HZ": "1000", "same": "1", "new": "y"})
	var text, markdown bytes.Buffer
	require.NoError(t, c.Text(&text, false, false))
	require.Equal(t, `6.1 against 6.12: 30 pairs, 0 identical; 3 of `+fmt.Sprint(c.Compared)+
		` numbers changed by the margin or more, 3 moved at all

Differences in settings
  setting    6.1  6.12
  CONFIG_HZ  250  1000
  new        –    y

Differences in numbers
  scenario  metric or counter           6.1     6.12    change                  pairs  is
  small     http.latency.p99            102 ms  132 ms  `+c.Rows[0].Estimate.String()+`  30     worse
`, text.String()[:len(text.String())-len(lastLines(text.String(), 2))])
	require.NoError(t, c.Text(&markdown, true, false))
	require.Contains(t, markdown.String(), "| setting | 6.1 | 6.12 |\n|:--- |:--- |:--- |\n| CONFIG_HZ | 250 | 1000 |\n")
}

// lastLines returns the last n lines of a text.
func lastLines(s string, n int) string {
	at := len(s) - 1
	for range n {
		for at--; at >= 0 && s[at] != '\n'; at-- {
		}
	}
	return s[at+1:]
}
