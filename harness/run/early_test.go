package run_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/run"
)

// What a generator does with its result once it is done is no load of its node's. It cost 7 to 10 ms of CPU time, of
// which a node that rests uses nothing.
func TestALoadThatEndsEarlyCostsItsNodeNothingAfterwards(t *testing.T) {
	s := parse(t, `
version: 1
name: early
warmup: 100ms
duration: 1s
timeline: 100ms
nodes:
  asks: {}
  sends: {}
  pumps: {}
  web: {service: {php: {workers: 2, request: {cpu: 100us, response: 1kB}}}}
  echo: {service: {udp: {}}}
  sink: {service: {bulk: {}}}
links:
  - {between: [asks, web]}
  - {between: [sends, echo]}
  - {between: [pumps, sink]}
load:
  - {from: asks, to: web, http: {rate: 100/s, at: 0s, for: 200ms, timeout: 100ms}}
  - {from: sends, to: echo, udp: {rate: 100/s, size: 100B, at: 0s, for: 200ms, timeout: 100ms}}
  - {from: pumps, to: sink, bulk: {bytes: 100kB, at: 0s, for: 200ms}}
`)
	rec, err := run.Run(t.Context(), canonical(t, s), seed, nil)
	require.NoError(t, err)
	require.Empty(t, rec.InvalidBecause)
	for _, node := range []string{"asks", "sends", "pumps"} {
		cpu := rec.Timeline.Series[node+".cpu.total"]
		require.Len(t, cpu, 10)
		require.Positive(t, cpu[0], node)
		for _, used := range cpu {
			require.Less(t, used, 0.03, "%s: at most 3 ms in 100 ms: %v", node, cpu)
		}
	}
}
