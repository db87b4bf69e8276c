package machine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/machine"
)

func TestBusyProcessesEnd(t *testing.T) {
	b, err := machine.MakeBusy(t.Context(), 2)
	require.NoError(t, err)
	require.NoError(t, b.Close())
	require.NoError(t, b.Close(), "closing twice")
}
