package machine_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/machine"
	"github.com/ruleout/ruleout/harness/machine/kernel"
	"github.com/ruleout/ruleout/harness/scenario/expect"
)

// every has each action that draws random numbers of the kernel's, and those that a thread carries out.
const every = `
version: 1
name: every
warmup: 200ms
duration: 3s
nodes:
  client: {}
  edge: {role: router}
  web: {service: {php: {workers: 10, request: {cpu: 500us, response: 20kB}}}}
links:
  - {between: [client, edge], delay: 5ms, rate: 100mbit}
  - {between: [edge, web], delay: 200us}
load:
  - {from: client, to: web, http: {arrivals: poisson, rate: 40/s, timeout: 10s}}
faults:
  - {name: random, link: [client, edge], do: {loss: {random: 1%}}}
  - {name: bursts, link: [client, edge], from: edge, do: {loss: {gemodel: {p: 1%, r: 30%}}}}
  - {name: states, link: [edge, web], from: web, do: {loss: {state: {p13: 1%, p31: 40%}}}}
  - {name: jitter, link: [client, edge], from: edge, do: {delay: 4ms, jitter: 1ms, distribution: normal, in-order: true}}
  - {name: heavy, link: [edge, web], from: edge, select: {chance: 30%}, do: {delay: 2ms, jitter: 1ms, distribution: pareto}}
  - {name: noise, link: [edge, web], select: {chance: 1%}, do: corrupt}
  - {name: turns, link: [edge, web], from: web, do: {slot: {min: 1ms, max: 3ms, packets: 20}}}
  - {name: ramp, link: [client, edge], from: client, do: {delay: 1ms}, ramp: {over: 2s, delay: 20ms}}
  - {name: flap, link: [client, edge], do: down, at: 1s, for: 50ms, every: 500ms, times: 3}
`

// kernels are those of the store if RULEOUT_TEST_KERNELS is "all", and the default one otherwise.
func kernels(t *testing.T) (names []string) {
	t.Helper()
	if os.Getenv("RULEOUT_TEST_KERNELS") != "all" {
		return []string{os.Getenv("RULEOUT_KERNEL")}
	}
	store, err := kernel.OpenDefault()
	require.NoError(t, err)
	list, err := store.List()
	require.NoError(t, err)
	for _, k := range list {
		names = append(names, k.Name)
	}
	return names
}

func TestEveryActionRepeatsWithItsSeed(t *testing.T) {
	s, err := expect.Parse("every.yaml", []byte(every), nil)
	require.NoError(t, err)
	for _, name := range kernels(t) {
		t.Run(name, func(t *testing.T) {
			digests := map[uint64]string{}
			for _, seed := range []uint64{1, 2, 1} {
				r, err := machine.Run(t.Context(), machine.Request{Scenario: s, Seed: seed, Kernel: name})
				require.NoError(t, err)
				require.True(t, r.Valid, r.InvalidBecause)
				require.NotEmpty(t, r.Provenance.Netem)
				for _, f := range r.Faults {
					require.Positive(t, f.Delivered, f.Name)
					require.Zero(t, f.UnexplainedLoss, f.Name)
				}
				if before, ok := digests[seed]; ok {
					require.Equal(t, before, r.Digest)
				}
				digests[seed] = r.Digest
			}
			require.NotEqual(t, digests[1], digests[2])
		})
	}
}
