package datagram

import (
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/run/agent"
	"github.com/ruleout/ruleout/harness/run/window"
)

// Roles collect no garbage: datagrams and their answers take no memory, but for a bit a number at the receivers.
func TestNoMemoryPerDatagram(t *testing.T) {
	timing := window.Window{Duration: math.MaxInt64 / 2, Interval: math.MaxInt64 / 4}
	s := &service{loads: map[int]*receiver{0: newReceiver(timing, time.Hour)}, answered: map[int]int64{},
		in: make([]byte, 64<<10), out: make([]byte, headerSize), count: make(agent.Tally, counters)}
	require.NoError(t, s.open())
	defer s.close()
	port, err := s.fd.Port()
	require.NoError(t, err)
	c, err := newSender(LoadConfig{To: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port), Size: 100,
		Timeout: time.Hour, Answers: true, Window: timing})
	require.NoError(t, err)
	defer c.close()
	require.NoError(t, c.draw(agent.Beginning{}))
	const runs = 500
	c.plan = make([]int64, runs+1)
	n := testing.AllocsPerRun(runs, func() {
		c.send(c.Now())
		for s.serve() {
		}
		c.receive()
	})
	require.Zero(t, n)
	require.EqualValues(t, runs+1, c.result.Sent)
	require.EqualValues(t, runs+1, c.back.way.Received)
	require.EqualValues(t, runs+1, c.result.RoundTrip.Count())
}
