package sweep

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/kernel"
)

func TestKernelsOfOneReleaseAreNotMixedUp(t *testing.T) {
	a := &kernel.Kernel{Name: "a", Release: "6.12.0+", Hash: "sha256:1"}
	same := &kernel.Kernel{Name: "same", Release: "6.12.0+", Hash: "sha256:1"}
	b := &kernel.Kernel{Name: "b", Release: "6.12.0+", Hash: "sha256:2"}
	other := &kernel.Kernel{Name: "other", Release: "6.12.0-b+", Hash: "sha256:2"}
	require.NoError(t, distinct([]*kernel.Kernel{a, same, other, a}))
	err := distinct([]*kernel.Kernel{a, other, b})
	require.EqualError(t, err, "kernels a and b differ, and both call themselves 6.12.0+, by which records name a kernel")
	require.Equal(t, problem.Usage, problem.KindOf(err))
	require.Contains(t, problem.HintOf(err), "LOCALVERSION")
}
