package run

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// One counter of one node is enough, and each node is named.
func TestARetransmissionThatIsHeldBackMakesTheRunInvalid(t *testing.T) {
	const counter = "TcpExt.TCPSpuriousRtxHostQueues"
	require.Empty(t, heldBack(map[string]map[string]int64{"web": {counter: 0, "Tcp.RetransSegs": 9}, "client": nil}))
	require.Equal(t, []string{
		"db held back 1 retransmission: the segment was still on this machine (TcpExt.TCPSpuriousRtxHostQueues)",
		"web held back 2 retransmissions: the segment was still on this machine (TcpExt.TCPSpuriousRtxHostQueues)",
	}, heldBack(map[string]map[string]int64{"web": {counter: 2}, "client": {counter: 0}, "db": {counter: 1}}))
}
