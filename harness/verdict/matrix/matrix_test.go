package matrix

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/scenario/metric"
	"github.com/ruleout/ruleout/harness/verdict/compare"
)

const seeds = 40

// world makes sides by hand: the value of each number of each scenario on each kernel, with noise of 1 % that is its
// own on each kernel, in a fixed order.
func world(kernels []string, scenarios []string, value func(kernel, scenario, name string) float64) []compare.Side {
	var sides []compare.Side
	for _, k := range kernels {
		s := compare.Side{Name: k, Kernels: map[string]string{k: k + ".0"}, Names: map[string]string{}}
		for _, sc := range scenarios {
			s.Names["hash of "+sc] = sc
			for seed := range uint64(seeds) {
				e := archive.Entry{Scenario: "hash of " + sc, Kernel: k + ".0", Seed: seed + 1, Valid: true,
					Run: fmt.Sprint(k, sc, seed), Digest: fmt.Sprint(k, sc, seed)}
				for i, name := range []string{"TcpExt.TCPLossProbes", "http.latency.p99", "web.cpu.total"} {
					if strings.HasPrefix(name, "TcpExt") {
						name = "web." + name
					}
					noise := rand.New(rand.NewPCG(seed, uint64(len(k)*100+int(k[0])*10+i)))
					e.Values = append(e.Values, archive.Value{Name: name,
						Value: value(k, sc, name) * (1 + 0.01*noise.NormFloat64())})
				}
				if sc == "same" {
					e.Digest = fmt.Sprint(seed)
					for i := range e.Values {
						e.Values[i].Value = 1
					}
				}
				sortValues(&e)
				s.Runs = append(s.Runs, e)
			}
		}
		sides = append(sides, s)
	}
	return sides
}

func sortValues(e *archive.Entry) {
	for i := range e.Values {
		for j := range i {
			if e.Values[i].Name < e.Values[j].Name {
				e.Values[i], e.Values[j] = e.Values[j], e.Values[i]
			}
		}
	}
}

// On the second kernel the time doubles, on the third it comes back; a counter triples on the third.
func planted(kernel, scenario, name string) float64 {
	switch {
	case scenario == "slow" && kernel == "b" && name == "http.latency.p99":
		return 0.2
	case scenario == "slow" && kernel == "c" && metric.IsCounter(name):
		return 300
	case metric.IsCounter(name):
		return 100
	}
	return 0.1
}

func TestNew(t *testing.T) {
	sides := world([]string{"a", "b", "c"}, []string{"slow", "steady", "same"}, planted)
	m, err := New(sides, []string{"slow", "steady", "same"}, seeds, Options{})
	require.NoError(t, err)
	require.Equal(t, []string{"a.0", "b.0", "c.0"}, m.Releases)
	require.Len(t, m.Steps, 2)
	require.Equal(t, 1, m.Changed())
	require.False(t, m.Undecided())

	slow := m.Rows[0]
	require.Equal(t, []Cell{
		{Pairs: seeds, Changed: 1, Metrics: 1, Worse: 1},
		{Pairs: seeds, Changed: 2, Metrics: 1},
	}, slow.Cells)
	require.Len(t, slow.Lines, 2)
	time, count := slow.Lines[0], slow.Lines[1]
	require.Equal(t, "http.latency.p99", time.Metric, "metrics come before counters")
	for i, want := range []float64{0.1, 0.2, 0.1} {
		require.InEpsilon(t, want, *time.Means[i], 0.01)
	}
	require.Equal(t, "↑ worse", time.Changes[0].Mark())
	require.Equal(t, "↓ better", time.Changes[1].Mark())
	require.Equal(t, "web.TcpExt.TCPLossProbes", count.Metric)
	require.Nil(t, count.Changes[0])
	require.Equal(t, "↑", count.Changes[1].Mark())

	require.Equal(t, []Cell{{Pairs: seeds}, {Pairs: seeds}}, m.Rows[1].Cells)
	require.Empty(t, m.Rows[1].Lines)
	require.Equal(t, []Cell{{Pairs: seeds, Identical: seeds}, {Pairs: seeds, Identical: seeds}}, m.Rows[2].Cells)

	var text bytes.Buffer
	require.NoError(t, m.Text(&text, false, false))
	require.Equal(t, `3 scenarios on 3 kernels, 40 seeds each: 1 changed on the way from a to c
A number changed if it differs by 5.0 % or more from the kernel before.

Numbers that changed
  scenario  a → b       b → c
  slow      1, 1 worse  2
  steady    none        none
  same      identical   identical

slow
  number            a       b               c
  http.latency.p99  100 ms  200 ms ↑ worse  100 ms ↓ better
`, strings.ReplaceAll(text.String(), " \n", "\n"))
	text.Reset()
	require.NoError(t, m.Text(&text, true, true))
	require.Contains(t, text.String(), "| web.TcpExt.TCPLossProbes |")
}

// A kernel on which many runs broke: nothing is said of that scenario, and that is said.
func TestLostRuns(t *testing.T) {
	sides := world([]string{"a", "b"}, []string{"slow", "steady"}, planted)
	for i := range 10 {
		sides[1].Runs[i].Failure, sides[1].Runs[i].Valid, sides[1].Runs[i].Because = archive.Broke, false, "it fell over"
	}
	m, err := New(sides, []string{"slow", "steady"}, seeds, Options{})
	require.NoError(t, err)
	require.Equal(t, Cell{Pairs: seeds, Lost: 10, Undecided: true}, m.Rows[0].Cells[0])
	require.Equal(t, "10 of 40 lost", m.Rows[0].Cells[0].String())
	require.Equal(t, Cell{Pairs: seeds}, m.Rows[1].Cells[0])
	require.True(t, m.Undecided())
}

// The allowance is that of the whole matrix. In worlds without any change, each number has only noise.
func TestNothingIsFoundWhereNothingChanged(t *testing.T) {
	kernels := strings.Split("abcdefgh", "")
	m, err := New(world(kernels, []string{"one", "two", "three"}, func(string, string, string) float64 { return 1 }),
		[]string{"one", "two", "three"}, seeds, Options{Margin: 1e-6})
	require.NoError(t, err)
	require.Zero(t, m.Changed())
}

func TestCheck(t *testing.T) {
	require.NoError(t, Check([]string{"6.1", "6.12"}))
	for text, kernels := range map[string][]string{
		"6.1 alone has nothing to be compared with": {"6.1"},
		"kernel 6.1 is named twice":                 {"6.1", "6.12", "6.1"},
	} {
		err := Check(kernels)
		require.EqualError(t, err, text)
		require.Equal(t, problem.Usage, problem.KindOf(err))
	}
}
