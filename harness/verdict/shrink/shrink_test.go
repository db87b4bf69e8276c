package shrink_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/ruleout/ruleout/harness/base/golden"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/expect"
	"github.com/ruleout/ruleout/harness/verdict/shrink"
)

// needs is a judge without kernels: a document shows it if it is a scenario of which a function says so.
type needs struct {
	of func(s *scenario.Scenario) bool
	// asked is how often, and runs how often about a scenario: the others cost no run.
	asked, runs int
}

func (n *needs) Shows(_ context.Context, text []byte) (bool, error) {
	n.asked++
	s, err := scenario.Parse("test.yaml", text, nil, expect.Check)
	if err != nil {
		return false, nil //nolint:nilerr // what is no scenario shows nothing
	}
	n.runs++
	return n.of(s), nil
}

const large = `# The story of it.
version: 1
name: large
about: Six nodes, and one fault of four that matters.
warmup: 1s
duration: 12s
nodes:
  client: {}
  other: {}
  edge: {role: router}
  core: {role: router}
  web:
    sysctls: {net.ipv4.tcp_sack: 0, net.ipv4.tcp_ecn: 0, net.ipv4.tcp_fin_timeout: 30}
    service:
      php: {workers: 10, backlog: 511, database: db, request: {cpu: 1ms, queries: 2, response: 64kB}}
  db:
    service:
      sql: {latency: 800us, row: 2kB}
links:
  - {between: [client, edge], delay: 20ms, rate: 100mbit}
  - {between: [other, edge], delay: 3ms}
  - {between: [edge, core], delay: 200us}
  - {between: [core, web], delay: 200us}
  - {between: [web, db], delay: 200us}
flows:
  visits: {from: client, to: web, port: 80}
load:
  - {from: client, to: web, http: {arrivals: poisson, rate: 15/s, timeout: 5s}}
  - {from: other, to: web, http: {arrivals: poisson, rate: 37/s, timeout: 5s}}
faults:
  - {name: lost, link: [web, db], select: {chance: 1%}, do: drop}
  - name: acks # it
    link: [client, edge]
    from: client
    select: {packets: pure-ack, chance: 10%}
    do: {duplicate: 3}
    at: 3s
    for: 6s
  - {name: late, link: [core, web], from: core, do: {delay: 5ms}}
  - {name: seen, link: [edge, core], select: {flow: visits}, do: watch}
expect:
  - http.errors == 0
  - web.TcpExt.TCPRenoRecovery > 0
`

// anything is expected of what only has to be a scenario.
var anything = shrink.Options{Keep: []string{"machine.load1 >= 0"}}

func document(t *testing.T, text string) *yaml.Node {
	t.Helper()
	var n yaml.Node
	require.NoError(t, yaml.Unmarshal([]byte(text), &n))
	return &n
}

// copies reports whether a fault copies pure ACKs of a client that loads a node without SACK.
func copies(s *scenario.Scenario) bool {
	for _, l := range s.Load {
		if l.HTTP == nil || s.Nodes[l.To].Sysctls["net.ipv4.tcp_sack"] != "0" {
			continue
		}
		for i := range s.Faults {
			f := &s.Faults[i]
			if f.Do.Duplicate == 3 && f.From == l.From && f.Select.Packets == scenario.PureACK {
				return true
			}
		}
	}
	return false
}

func TestWhatDoesNotMatterIsLeftOut(t *testing.T) {
	j := &needs{of: copies}
	keep := []string{"web.TcpExt.TCPRenoRecovery > 0"}
	r, err := shrink.Shrink(t.Context(), document(t, large), j, shrink.Options{Keep: keep})
	require.NoError(t, err)
	golden.Equal(t, "testdata/large.yaml", string(r.Text))
	assert.Equal(t, r.Tried, j.asked)
	t.Logf("%d tried, %d of them are scenarios, %d kept", r.Tried, j.runs, r.Kept)
	assert.Less(t, j.runs, 120)

	// It is 1-minimal: what is left is needed, or the document is no scenario without it.
	again, err := shrink.Shrink(t.Context(), document(t, string(r.Text)), j, shrink.Options{Keep: keep})
	require.NoError(t, err)
	assert.Equal(t, string(r.Text), string(again.Text))
	assert.Zero(t, again.Kept)
}

// Two faults that matter only together both stay.
func TestWhatMattersTogetherStays(t *testing.T) {
	has := func(s *scenario.Scenario, name string) bool {
		for i := range s.Faults {
			if s.Faults[i].Name == name {
				return true
			}
		}
		return false
	}
	j := &needs{of: func(s *scenario.Scenario) bool { return has(s, "lost") && has(s, "late") }}
	r, err := shrink.Shrink(t.Context(), document(t, large), j, anything)
	require.NoError(t, err)
	assert.Contains(t, string(r.Text), "name: lost")
	assert.Contains(t, string(r.Text), "name: late")
	assert.NotContains(t, string(r.Text), "name: acks")
	assert.NotContains(t, string(r.Text), "client")
	assert.NotContains(t, string(r.Text), "edge")
}

func TestNothingIsMadeOfWhatDoesNotShowIt(t *testing.T) {
	j := &needs{of: func(*scenario.Scenario) bool { return false }}
	r, err := shrink.Shrink(t.Context(), document(t, large), j, anything)
	require.NoError(t, err)
	assert.Nil(t, r)
	assert.Equal(t, 1, j.asked)
}

type full struct{}

func (full) Shows(context.Context, []byte) (bool, error) { return false, errors.New("disk full") }

func TestAnErrorEndsIt(t *testing.T) {
	_, err := shrink.Shrink(t.Context(), document(t, large), full{}, anything)
	require.ErrorContains(t, err, "disk full")
}

// Every scenario of the repository is still one after it was taken apart, if it only has to be a scenario.
func TestEveryScenarioCanBeMadeSmaller(t *testing.T) {
	files, err := filepath.Glob(golden.Repository(t, "scenarios/*.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		j := &needs{of: func(s *scenario.Scenario) bool { return len(s.Nodes) > 0 }}
		r, err := shrink.Shrink(t.Context(), document(t, string(text)), j, anything)
		require.NoError(t, err, file)
		require.NotNil(t, r, file)
		lines := strings.Count(string(r.Text), "\n")
		assert.LessOrEqual(t, lines, 10, "%s:\n%s", file, r.Text)
	}
}

// A chance becomes the packets that it chose, and of these the ones that matter stay.
func TestAChanceBecomesPacketsByNumber(t *testing.T) {
	j := &needs{of: func(s *scenario.Scenario) bool {
		for i := range s.Faults {
			f := &s.Faults[i]
			if f.Name == "acks" && (f.Select.Chance != nil && *f.Select.Chance < 1 || slices.Contains(f.Select.Ordinals, 90) &&
				slices.Contains(f.Select.Ordinals, 240)) {
				return true
			}
		}
		return false
	}}
	draw := func(_ []byte, fault string) (list []int) {
		require.Equal(t, "acks", fault)
		for n := 10; n < 2000; n += 10 {
			list = append(list, n)
		}
		return list
	}
	o := anything
	o.Draw = draw
	r, err := shrink.Shrink(t.Context(), document(t, large), j, o)
	require.NoError(t, err)
	assert.Contains(t, string(r.Text), "ordinals: [90, 240]")
	assert.NotContains(t, string(r.Text), "chance")
	// Without these, each connection would lose its 90th and 240th packet, in both directions.
	assert.Contains(t, string(r.Text), "per: link")
	assert.Contains(t, string(r.Text), "from: client")
}

func TestNumbersGetOneDigit(t *testing.T) {
	j := &needs{of: func(s *scenario.Scenario) bool {
		for i := range s.Faults {
			if c := s.Faults[i].Select.Chance; s.Faults[i].Name == "lost" && c != nil && *c > 0.002 && *c < 0.004 {
				return true
			}
		}
		return false
	}}
	text := strings.Replace(large, "chance: 1%", "chance: 0.34%", 1)
	r, err := shrink.Shrink(t.Context(), document(t, text), j, anything)
	require.NoError(t, err)
	assert.Contains(t, string(r.Text), "chance: 0.3%")
}
