package inside

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/golden"
	"github.com/ruleout/ruleout/harness/scenario/expect"
)

// TestRehearsal keeps the canonical form of the rehearsal, which package run embeds, so that the guest program reads no
// YAML. It is here since the tests of package run run in a guest, which has not the repository.
func TestRehearsal(t *testing.T) {
	s, err := expect.Load("../../run/testdata/rehearsal.yaml", nil)
	require.NoError(t, err)
	canonical, err := s.Canonical()
	require.NoError(t, err)
	golden.Equal(t, "../../run/rehearsal.json", canonical)
}
