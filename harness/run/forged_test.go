package run_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run"
)

// out is a visitor who keeps a connection, into which something is forged.
const out = `
version: 1
name: out-of-step
warmup: 200ms
duration: 1s
nodes:
  client: {}
  web: {service: {php: {workers: 3, request: {cpu: 200us}}}}
links: [{between: [client, web], delay: 1ms}]
flows: {visits: {from: client, to: web, port: 80}}
load: [{from: client, to: web, http: {arrivals: constant, rate: 20/s, for: 50ms, keepalive: true}}]
faults:
  - name: forge
    link: [client, web]
    do: {inject: {flow: visits, segments: [{to: web, payload: 1B, flags: psh+ack}, {to: client, seq: -1}]}}
    at: 100ms
    every: 400ms
    times: 2
`

func TestForgedSegmentsAreInTheRecordAndNothingIsLeft(t *testing.T) {
	before := leftovers(t)
	rec, err := run.Run(t.Context(), canonical(t, parse(t, out)), seed, nil)
	require.NoError(t, err)
	require.True(t, rec.Valid, rec.InvalidBecause)
	f := rec.Faults[0]
	require.EqualValues(t, 2, f.Chosen, "the one connection, twice")
	require.EqualValues(t, 4, f.Delivered)
	require.Len(t, f.Forged, 4)
	for i, at := range []float64{.1, .1, .5, .5} {
		require.InDelta(t, at+.001, f.Forged[i].At, .005)
	}
	require.Equal(t, f.Forged[0].From, f.Forged[1].To)
	require.Equal(t, f.Forged[0].Seq+1, f.Forged[2].Seq, "web has taken the first byte, and expects the next one")
	require.Equal(t, before, leftovers(t))
}

func TestInjectIntoAFlowThatIsClosedMakesTheRunInvalid(t *testing.T) {
	rec, err := run.Run(t.Context(), canonical(t, parse(t, out, "load[0].http.keepalive=false")), seed, nil)
	require.NoError(t, err)
	require.False(t, rec.Valid)
	require.Equal(t, result.NoConnection, rec.InvalidBecause[0].Kind)
	require.Equal(t, "fault forge", rec.InvalidBecause[0].Place)
	require.Contains(t, rec.InvalidBecause[0].Text,
		"the flow visits had no open connection at 100ms: the link has seen 1 connections opened and 1 closed on its port")
}
