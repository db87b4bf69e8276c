package worker_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/verdict/cluster/wire"
	"github.com/ruleout/ruleout/harness/verdict/cluster/worker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const text = `version: 1
name: small
duration: 1s
nodes: {a: {}, b: {}}
links: [{between: [a, b], delay: 1ms}]
`

// No machine is started for a lease that is not what it says.
func TestALeaseWhoseScenarioIsAnotherIsRefused(t *testing.T) {
	s, err := scenario.Parse("small.yaml", []byte(text), nil)
	require.NoError(t, err)
	canonical, err := s.Canonical()
	require.NoError(t, err)
	for name, of := range map[string]struct {
		l    wire.Lease
		says string
	}{
		"nothing":      {wire.Lease{Hash: s.Hash()}, "read the scenario of a lease"},
		"nonsense":     {wire.Lease{Scenario: json.RawMessage(`{"nodes": 1}`), Hash: s.Hash()}, "read the scenario"},
		"another hash": {wire.Lease{Scenario: canonical, Hash: "sha256:" + strings.Repeat("0", 64)}, "of a lease has hash"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := worker.NewMachines().Make(t.Context(), &of.l, 1)
			require.ErrorContains(t, err, of.says)
			require.Equal(t, problem.Machine, problem.KindOf(err))
			require.Equal(t, "install the same release of ruleout on both", problem.HintOf(err))
		})
	}
}

func TestAWorkerLacksWhatIsNotInItsStores(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	m := worker.NewMachines()
	l := &wire.Lease{Kernel: "sha256:kernel", Images: map[string]string{"web": "sha256:image"}}
	lacks, err := m.Lacks(l)
	require.NoError(t, err)
	require.Equal(t, []wire.Want{{Kind: wire.Kernel, Hash: l.Kernel}, {Kind: wire.Image, Hash: "sha256:image"}}, lacks)

	file := filepath.Join(t.TempDir(), "parcel")
	require.NoError(t, os.WriteFile(file, []byte("no parcel"), 0o600))
	for _, want := range append(lacks, wire.Want{Kind: wire.Kernel, Hash: "sha256:" + strings.Repeat("0", 64)}) {
		err := m.Fetch(t.Context(), want, file)
		require.ErrorContains(t, err, "take in "+want.Kind)
		require.Equal(t, problem.Machine, problem.KindOf(err))
	}
	require.ErrorContains(t, m.Fetch(t.Context(), wire.Want{Kind: "shell"}, file), `a parcel of kind "shell"`)
}
