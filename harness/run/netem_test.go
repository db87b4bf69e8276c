package run_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine"
	"github.com/ruleout/ruleout/harness/scenario/expect"
)

const bare = `
version: 1
name: bare
duration: 500ms
nodes:
  client: {}
  web: {service: {php: {workers: 3, request: {response: 2kB}}}}
links:
  - {between: [client, web]}
load:
  - {from: client, to: web, http: {arrivals: poisson, rate: 40/s}}
`

// A kernel without netem can do what does not need it, and says so of what does. The machine is a clone of this test's
// own, so that its kernel can lose the module for good.
func TestTheHostNeedsNetemOnlyWhereTheScenarioDoes(t *testing.T) {
	require.NoError(t, unix.DeleteModule("sch_netem", unix.O_NONBLOCK))
	h, err := machine.OpenHost(t.Context())
	require.NoError(t, err)
	s, err := expect.Parse("bare.yaml", []byte(bare), nil)
	require.NoError(t, err)
	r, err := h.Run(t.Context(), machine.Request{Scenario: s, Seed: 1})
	require.NoError(t, err)
	require.Positive(t, r.Load.Completed)
	require.Empty(t, r.Provenance.Netem)

	s, err = expect.Parse("bare.yaml", []byte(bare), []string{"links.0.delay=1ms"})
	require.NoError(t, err)
	_, err = h.Run(t.Context(), machine.Request{Scenario: s, Seed: 1})
	require.ErrorContains(t, err, "netem")
	require.Equal(t, problem.Machine, problem.KindOf(err))
}
