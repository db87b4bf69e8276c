package bulk

import (
	"math"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/run/agent"
	"github.com/ruleout/ruleout/harness/run/socket"
	"github.com/ruleout/ruleout/harness/run/window"
)

// Roles collect no garbage: a flow takes memory when it begins, and none for what it carries.
func TestNoMemoryPerWrite(t *testing.T) {
	listener, err := socket.Listen(netip.MustParseAddrPort("127.0.0.1:0"), 4)
	require.NoError(t, err)
	port, err := listener.Port()
	require.NoError(t, err)
	long := window.Window{Duration: math.MaxInt64 / 2, Interval: math.MaxInt64 / 4}
	in := &sink{config: SinkConfig{Window: long}, listener: listener,
		conns: []*conn{nil}, in: make([]byte, 256<<10)}
	in.Loop, err = agent.NewLoop(64)
	require.NoError(t, err)
	defer in.Close()
	defer listener.Close()
	out := &sender{config: LoadConfig{To: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port), Flows: 2},
		zeros: make([]byte, 64<<10)}
	out.Loop, err = agent.NewLoop(64)
	require.NoError(t, err)
	defer out.Close()
	out.begin(0)
	defer out.finish()
	in.accept()
	in.accept()
	require.Len(t, in.conns, 3)
	defer in.close(in.conns[1])
	defer in.close(in.conns[2])
	turn := func() {
		for _, l := range []*agent.Loop{out.Loop, in.Loop} {
			_ = l.Poll.Alarm(1) // do not wait
		}
		_, _ = out.Poll.Wait(out.handle)
		out.goOn()
		_, _ = in.Poll.Wait(in.handle)
	}
	turn() // greetings
	require.Zero(t, testing.AllocsPerRun(200, turn))
	require.Zero(t, out.result.Failed)
	require.Greater(t, in.conns[1].flow.Bytes+in.conns[2].flow.Bytes, int64(200*64<<10))
}
