package machine_test

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine"
	"github.com/ruleout/ruleout/harness/machine/guesttest"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/protocol"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/expect"
)

func TestMain(m *testing.M) {
	remove, err := guesttest.Build()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := m.Run()
	remove()
	removeTools()
	os.Exit(status)
}

const small = `
version: 1
name: small
duration: 1s
nodes:
  client: {}
  web: {sysctls: {net.ipv4.tcp_sack: 0}, service: {php: {workers: 3, request: {cpu: 200us, response: 24kB}}}}
links:
  - {between: [client, web], delay: 5ms}
load:
  - {from: client, to: web, http: {arrivals: poisson, rate: 20/s}}
faults:
  - {name: loss, link: [client, web], from: web, select: {chance: 5%}, do: drop}
`

func parse(t *testing.T, set ...string) *scenario.Scenario {
	t.Helper()
	s, err := expect.Parse("test.yaml", []byte(small), set)
	require.NoError(t, err)
	return s
}

func open(t *testing.T) *machine.VM {
	t.Helper()
	v, err := machine.OpenVM(t.Context(), machine.VMOptions{})
	require.NoError(t, err)
	return v
}

func TestRunsOfOnePreparedScenarioAreEqualUnderLoad(t *testing.T) {
	v := open(t)
	s := parse(t)
	runWith := func(seed uint64) (*result.Record, []string) {
		var kinds []string
		rec, err := v.Run(t.Context(), machine.Request{
			Scenario: s, Seed: seed, Set: map[string]string{"a": "b"},
			Events: func(e protocol.Event) { kinds = append(kinds, e.Kind) },
		})
		require.NoError(t, err)
		require.Equal(t, map[string]string{"a": "b"}, rec.Scenario.Set)
		return rec, kinds
	}
	first, told := runWith(1)
	require.Contains(t, told, protocol.Start)

	stop := burn()
	defer stop()
	for range 3 {
		again, kinds := runWith(1)
		require.Equal(t, first.Digest, again.Digest, result.Compare(first, again))
		require.Equal(t, first.Run, again.Run)
		require.Equal(t, []string{protocol.Build, protocol.Start, protocol.Warmup, protocol.Measure, protocol.FaultOn,
			protocol.Drain, protocol.Done}, kinds, "as if it had all happened now")
	}
	other, _ := runWith(2)
	require.NotEqual(t, first.Load.Planned, other.Load.Planned, "arrivals are drawn from the seed")
	require.NotEqual(t, first.Digest, other.Digest)
	require.Equal(t, first.Provenance, other.Provenance, "of the same prepared machine")

	base, err := v.Template(t.Context(), s, nil)
	require.NoError(t, err)
	require.Equal(t, base.Hash(), first.Provenance.Template)
	require.Regexp(t, "^sha256:[0-9a-f]{64}$", first.Provenance.Prepared)
	require.NotEqual(t, first.Provenance.Template, first.Provenance.Prepared)
}

// burn keeps all CPUs busy until it is stopped.
func burn() (stop func()) {
	var ended atomic.Bool
	var all sync.WaitGroup
	for range 2 * runtime.NumCPU() {
		all.Go(func() {
			for !ended.Load() {
			}
		})
	}
	return func() { ended.Store(true); all.Wait() }
}

// Congestion controls are modules, which a kernel loads by itself with the help of modprobe. A guest has none, and
// vegas is one of those that the kernel keeps to its first namespace unless it is told otherwise.
func TestCongestionControlsAreLoaded(t *testing.T) {
	v := open(t)
	const key = "sysctls={net.ipv4.tcp_congestion_control: %s}"
	r, err := v.Run(t.Context(),
		machine.Request{Scenario: parse(t, "nodes.web."+fmt.Sprintf(key, "bbr"), "nodes.client."+fmt.Sprintf(key, "vegas")),
			Seed: 1})
	require.NoError(t, err)
	require.True(t, r.Valid, r.InvalidBecause)
	_, err = v.Run(t.Context(), machine.Request{Scenario: parse(t, "nodes.web."+fmt.Sprintf(key, "vegan")), Seed: 1})
	require.ErrorContains(t, err, "no such file")
	require.Equal(t, "there are: reno cubic; others have modules of their own, such as tcp_bbr, "+
		"if the kernel was built with them", problem.HintOf(err))
	require.Equal(t, "nodes.web.sysctls.net.ipv4.tcp_congestion_control", problem.PlaceOf(err))
}

func TestAScenarioThatCannotBePreparedIsToldAsInTheGuest(t *testing.T) {
	_, err := open(t).Run(t.Context(),
		machine.Request{Scenario: parse(t, "nodes.web.sysctls={net.ipv4.tcp_no_such_thing: 1}"), Seed: 1})
	require.ErrorContains(t, err, "tcp_no_such_thing")
	require.Equal(t, problem.Usage, problem.KindOf(err))
	require.NotEmpty(t, problem.HintOf(err))
}
