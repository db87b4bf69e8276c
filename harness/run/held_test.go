package run

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/record/result"
)

// One counter of one node is enough, and each node is named.
func TestARetransmissionThatIsHeldBackMakesTheRunInvalid(t *testing.T) {
	const counter = "TcpExt.TCPSpuriousRtxHostQueues"
	var got result.Reasons
	heldBack(&got, map[string]map[string]int64{"web": {counter: 0, "Tcp.RetransSegs": 9}, "client": nil})
	require.Empty(t, got)
	heldBack(&got, map[string]map[string]int64{"web": {counter: 2}, "client": {counter: 0}, "db": {counter: 1}})
	require.Equal(t, result.Reasons{
		{Kind: "held-socket", Place: "node db",
			Text: "held back 1 retransmission: the segment was still on this machine (TcpExt.TCPSpuriousRtxHostQueues)"},
		{Kind: "held-socket", Place: "node web",
			Text: "held back 2 retransmissions: the segment was still on this machine (TcpExt.TCPSpuriousRtxHostQueues)"},
	}, got)
}
