package run_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run"
	"github.com/ruleout/ruleout/harness/run/capture"
	"github.com/ruleout/ruleout/harness/run/capture/pcapng"
	"github.com/ruleout/ruleout/harness/run/cgroup"
	"github.com/ruleout/ruleout/harness/run/protocol"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/expect"
)

const small = `
version: 1
name: small
warmup: 200ms
duration: 2s
nodes:
  client: {}
  web:
    sysctls: {net.ipv4.tcp_sack: 0}
    service: {php: {workers: 3, database: db, request: {cpu: 200us, queries: 1, response: 24kB}}}
  db: {service: {sql: {}}}
links:
  - {between: [client, web], delay: 5ms}
  - {between: [web, db], delay: 100us}
load:
  - {from: client, to: web, http: {arrivals: constant, rate: 20/s}}
faults:
  - {name: copies, link: [client, web], from: client, select: {packets: pure-ack, chance: 50%}, do: {duplicate: 3}, at: 500ms, for: 1s}
expect:
  - http.errors == 0
  - fault.copies.delivered > 0
  - http.latency.p99 < 1ms
`

func parse(t *testing.T, text string, set ...string) *scenario.Scenario {
	t.Helper()
	s, err := expect.Parse("test.yaml", []byte(text), set)
	require.NoError(t, err)
	return s
}

func canonical(t *testing.T, s *scenario.Scenario) json.RawMessage {
	t.Helper()
	b, err := s.Canonical()
	require.NoError(t, err)
	return b
}

const seed = 3

// left is what a run could leave behind in this machine.
type left struct {
	Groups     []string
	Devices    []string
	Processes  int
	Namespaces int
}

func leftovers(t *testing.T) left {
	t.Helper()
	groups, err := cgroup.Leftovers()
	require.NoError(t, err)
	devices, err := filepath.Glob("/sys/class/net/*")
	require.NoError(t, err)
	processes, err := filepath.Glob("/proc/[0-9]*/exe")
	require.NoError(t, err)
	l := left{Groups: groups, Devices: devices}
	for _, p := range processes {
		if _, err := os.Readlink(p); err == nil { // kernel threads have no program
			l.Processes++
		}
	}
	fds, err := filepath.Glob("/proc/self/fd/*")
	require.NoError(t, err)
	for _, fd := range fds {
		if target, err := os.Readlink(fd); err == nil && strings.HasPrefix(target, "net:") {
			l.Namespaces++
		}
	}
	return l
}

func TestARunActsAndCountsAndLeavesNothing(t *testing.T) {
	before := leftovers(t)
	var kinds []string
	rec, err := run.Run(t.Context(), canonical(t, parse(t, small)), seed,
		func(e protocol.Event) { kinds = append(kinds, e.Kind) })
	require.NoError(t, err)

	require.True(t, rec.Valid, rec.InvalidBecause)
	require.Equal(t, []string{protocol.Build, protocol.Start, protocol.Warmup, protocol.Measure, protocol.FaultOn,
		protocol.FaultOff, protocol.Drain, protocol.Done}, kinds)
	require.EqualValues(t, 40, rec.Load.Planned)
	require.EqualValues(t, 40, rec.Load.Completed)

	f := rec.Faults[0]
	require.Positive(t, f.Chosen)
	require.Less(t, f.Chosen, f.Matched)
	require.Equal(t, 3*f.Chosen, f.Delivered)
	require.Zero(t, f.UnexplainedLoss)
	require.Positive(t, rec.Counters["web"]["TcpExt.TCPPureAcks"], "the copies arrived")
	require.Positive(t, rec.Metrics["web.cpu.total"].Value)
	require.Len(t, rec.Timeline.Series["web.cpu.total"], 20)
	// The two are read one after the other, at either end of the window: what comes at once may be between them, which
	// is a packet with its three copies.
	const ends = 2 * (1 + 3)
	for _, node := range []string{"client", "web"} {
		arrived := 0.
		for _, n := range rec.Timeline.Series[node+".packets"] {
			arrived += n
		}
		require.InDelta(t, rec.Counters[node]["Ip.InReceives"]+rec.Counters[node]["Ip6.InReceives"], arrived, ends,
			"those on the wire at the ends apart")
	}

	require.Len(t, rec.Expect, 3)
	require.True(t, rec.Expect[0].OK)
	require.True(t, rec.Expect[1].OK)
	require.False(t, rec.Expect[2].OK, "10 ms of round trip cannot take less than 1 ms")
	require.Greater(t, rec.Expect[2].Value, 0.01)
	require.Equal(t, before, leftovers(t))
}

func TestAFaultThatNeverActsMakesTheRunInvalid(t *testing.T) {
	// No connection is open in the 10 ms after the last answer.
	s := parse(t, small, "load[0].http.rate=2/s", "faults.copies.at=400ms", "faults.copies.for=10ms")
	rec, err := run.Run(t.Context(), canonical(t, s), seed, nil)
	require.NoError(t, err)
	require.False(t, rec.Valid)
	require.Contains(t, rec.InvalidBecause.String(), "copies: the fault never acted")
}

func TestAPreparedScenarioIsClosedWithoutARun(t *testing.T) {
	before := leftovers(t)
	p, err := run.Prepare(t.Context(), protocol.Order{Scenario: canonical(t, parse(t, small))}, nil)
	require.NoError(t, err)
	require.NotEqual(t, before, leftovers(t))
	require.NoError(t, p.Close())
	require.Equal(t, before, leftovers(t))
}

func TestAKernelThatDoesNotFitIsRefused(t *testing.T) {
	before := leftovers(t)
	_, err := run.Run(t.Context(), canonical(t, parse(t, small, "since=99.1")), seed, nil)
	require.ErrorContains(t, err, ": it has a meaning since Linux 99.1")
	require.Equal(t, problem.Machine, problem.KindOf(err))
	require.Equal(t, before, leftovers(t))
}

func TestCancelLeavesNothing(t *testing.T) {
	for _, at := range []string{protocol.Build, protocol.Start, protocol.Warmup, protocol.Measure, protocol.FaultOn,
		protocol.Drain} {
		t.Run(at, func(t *testing.T) {
			before := leftovers(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var once sync.Once
			_, err := run.Run(ctx, canonical(t, parse(t, small)), seed, func(e protocol.Event) {
				if e.Kind == at {
					once.Do(cancel)
				}
			})
			require.ErrorIs(t, err, context.Canceled)
			require.Equal(t, before, leftovers(t))
		})
	}
}

func TestABrokenServiceLeavesNothing(t *testing.T) {
	before := leftovers(t)
	s := parse(t, small, `nodes.web.sysctls={net.ipv4.tcp_no_such_thing: 1}`)
	_, err := run.Run(t.Context(), canonical(t, s), seed, nil)
	require.ErrorContains(t, err, "tcp_no_such_thing")
	require.Equal(t, problem.Usage, problem.KindOf(err))
	require.Equal(t, before, leftovers(t))
}

// The host backend is the same code on the machine's own kernel; here that machine is the guest.
func TestHostBackendGivesTheSameKindOfRecord(t *testing.T) {
	s := parse(t, small)
	spool, err := pcapng.Open(t.TempDir(), capture.DefaultSnap)
	require.NoError(t, err)
	defer spool.Close()
	rec, err := machine.Run(t.Context(), machine.Request{Scenario: s, Seed: 9, Backend: machine.NameHost, Capture: spool})
	require.NoError(t, err)
	files, err := spool.Write(t.Context(), s, pcapng.Origin{Run: rec.Run})
	require.NoError(t, err)
	require.Len(t, files, 2)
	require.Greater(t, files[0].Packets, rec.Faults[0].In)
	require.Equal(t, capture.DefaultSnap, rec.Provenance.Capture)
	require.True(t, rec.Valid, rec.InvalidBecause)
	require.Equal(t, machine.NameHost, rec.Backend)
	require.Equal(t, s.Hash(), rec.Scenario.Hash)
	require.NotEmpty(t, rec.Provenance.Kernel)
	require.Positive(t, rec.Time.Wall)
	path, err := result.Save(t.TempDir(), rec)
	require.NoError(t, err)
	_, err = result.Read(path)
	require.NoError(t, err)
	require.Less(t, time.Duration(rec.Time.Virtual*1e9), time.Minute)
}
