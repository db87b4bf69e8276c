package machine_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Boxes come in the order of the names of their nodes, and other may need web: its warm-up waits until web serves, and
// so does a program that ends without it.
func TestANodeMayNeedALaterOne(t *testing.T) {
	r := make1(t, onWeb(t, "500ms", []string{"name: slow, command: [act, late, 450ms, '80'], port: 80"}, "",
		`nodes.other.service={exec: [`+
			`{name: front, command: [act, front, "8080", "{web}:80"], port: 8080, warm: {requests: 3, parallel: 2}}, `+
			`{name: needs, command: [act, need, "{web}:80", "81"], port: 81, restart: true}]}`))
	require.True(t, r.Valid, r.InvalidBecause)
	require.Equal(t, []string{"listen: ok", "page 200 OK", "page 200 OK", "page 200 OK"}, said(of(t, r, "front")))
	slow, needs := of(t, r, "slow"), of(t, r, "needs")
	require.Greater(t, *needs.Ready, *slow.Ready)
	require.Contains(t, said(needs)[0], "connection refused", "it began before")
	require.Zero(t, needs.Restarts, "those before it was ready are none of the run")
	require.Less(t, *of(t, r, "front").Ready, *slow.Ready, "nodes do not wait for one another")
}
