package machine_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/machine"
	"github.com/ruleout/ruleout/harness/record/result"
)

// A program reads entropy, clocks and counters, and has threads race: all of that is the same in runs with one seed. Of
// another seed what comes of entropy differs.
func TestWhatProgramsReadRepeats(t *testing.T) {
	s := onWeb(t, "1s", []string{
		"name: before, command: [act, entropy, 1500ms], may-exit: true",
		"name: during, command: [act, entropy, 300ms], at: 100ms, expect-exit: 0",
	}, "")
	for _, kernel := range kernels(t) {
		t.Run(kernel, func(t *testing.T) {
			run := func(seed uint64) *result.Record {
				r, err := machine.Run(t.Context(), machine.Request{Scenario: s, Seed: seed, Kernel: kernel})
				require.NoError(t, err)
				require.True(t, r.Valid, r.InvalidBecause)
				return r
			}
			first := run(1)
			stop := burn()
			again, other := run(1), run(2)
			stop()
			require.Equal(t, said(of(t, first, "during")), said(of(t, again, "during")))
			require.Equal(t, first.Digest, again.Digest, result.Compare(first, again))

			early := func(r *result.Record) []string { return said(of(t, r, "before"))[:10] }
			require.Equal(t, early(first), early(other), "before the freeze nothing is drawn")
			a, b := byKind(of(t, first, "during")), byKind(of(t, other, "during"))
			for _, kind := range []string{"getrandom", "urandom", "address", "map", "math"} {
				require.NotEqual(t, a[kind], b[kind], kind)
			}
			require.NotEmpty(t, a["race"])
			require.Equal(t, "0 rdseed 0", a["rdrand"], "the processor's own numbers would be of the host's")
			require.Equal(t, a["pid"], b["pid"])
		})
	}
}

// byKind orders lines by their first word.
func byKind(p *result.Program) map[string]string {
	lines := map[string]string{}
	for _, line := range said(p) {
		kind, rest, _ := strings.Cut(line, " ")
		lines[kind] = rest
	}
	return lines
}
