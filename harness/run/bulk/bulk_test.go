package bulk

import (
	"encoding/json"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/ruleout/ruleout/harness/run/agent"
	"github.com/ruleout/ruleout/harness/run/socket"
	"github.com/ruleout/ruleout/harness/run/sourceport"
	"github.com/ruleout/ruleout/harness/run/window"
)

func TestMain(m *testing.M) {
	agent.Main()
	goleak.VerifyTestMain(m)
}

// Jain, Chiu and Hawe, section 3: if k of n users have as much and the others nothing, the index is k/n.
func TestFairness(t *testing.T) {
	for _, c := range []struct {
		shares []int64
		want   float64
	}{
		{[]int64{5}, 1}, {[]int64{5, 5, 5}, 1}, {[]int64{5, 0}, 0.5}, {[]int64{7, 7, 0, 0, 0}, 0.4},
		{[]int64{1, 3}, 16. / 20}, {[]int64{1, 2, 3}, 36. / 42},
	} {
		got, ok := Fairness(c.shares)
		require.True(t, ok)
		require.InDelta(t, c.want, got, 1e-12)
	}
	_, ok := Fairness([]int64{0, 0})
	require.False(t, ok)
	_, ok = Fairness(nil)
	require.False(t, ok)
	rapid.Check(t, func(t *rapid.T) { // scale does not matter, and the bounds hold
		shares := rapid.SliceOfN(rapid.Int64Range(1, 1e6), 1, 20).Draw(t, "shares")
		twice := make([]int64, len(shares))
		for i, x := range shares {
			twice[i] = 2 * x
		}
		a, _ := Fairness(shares)
		b, _ := Fairness(twice)
		if d := a - b; d > 1e-9 || d < -1e-9 || a > 1+1e-9 || a < 1/float64(len(shares))-1e-9 {
			t.Fatalf("%v: %v and %v", shares, a, b)
		}
	})
}

// transfer runs a load against a sink on this machine's loopback.
func transfer(t *testing.T, c LoadConfig, whole time.Duration, sinks bool) (Result, *Sent) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c.To = l.Addr().(*net.TCPAddr).AddrPort()
	require.NoError(t, l.Close())
	var taken []Taken
	begin := agent.Beginning{Start: agent.Now() + int64(50*time.Millisecond), Seed: 1}
	var sink *agent.Process
	if sinks {
		sink, err = agent.Start(t.Context(), agent.Spec{Role: SinkRole, Config: SinkConfig{Port: c.To.Port(),
			Window: window.Window{Duration: whole, Interval: whole / 5}, Ends: map[int]time.Duration{c.Index: c.End}}})
		require.NoError(t, err)
		defer sink.Close()
		require.NoError(t, sink.Begin(begin))
		stranger, err := net.Dial("tcp", netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), c.To.Port()).String())
		require.NoError(t, err)
		_, err = stranger.Write([]byte("not one of ours"))
		require.NoError(t, err)
		defer stranger.Close()
	}
	load, err := agent.Start(t.Context(), agent.Spec{Role: LoadRole, Config: c})
	require.NoError(t, err)
	defer load.Close()
	require.NoError(t, load.Begin(begin))
	body, err := load.Wait(t.Context())
	require.NoError(t, err)
	var sent Sent
	require.NoError(t, json.Unmarshal(body, &sent))
	if sink != nil {
		body, err = sink.Stop(t.Context())
		require.NoError(t, err)
		taken = make([]Taken, 1)
		require.NoError(t, json.Unmarshal(body, &taken[0]))
	}
	return Join(c, whole, &sent, taken), &sent
}

func TestBytesOfEachFlow(t *testing.T) {
	r, sent := transfer(t, LoadConfig{Index: 2, Flows: 3, Bytes: 300_000, End: 5 * time.Second}, 5*time.Second, true)
	require.EqualValues(t, 3, sent.Flows)
	require.Zero(t, sent.Failed)
	require.Equal(t, []int64{300_000, 300_000, 300_000}, r.Measured)
	m := r.Metrics()
	require.InDelta(t, 3, m["bulk.completed"], 0)
	require.InDelta(t, 900_000, m["bulk.received"], 0)
	require.InDelta(t, 1, m["bulk.fairness"], 0)
	require.InDelta(t, 8*900_000/5., m["bulk.goodput"], 1e-6)
	require.Positive(t, m["bulk.time.max"])
	require.LessOrEqual(t, m["bulk.time.mean"], m["bulk.time.max"])
	sum := int64(0)
	for _, n := range r.Series {
		sum += n
	}
	require.EqualValues(t, 900_000, sum)
}

func TestUntilTheEnd(t *testing.T) {
	const window = 1500 * time.Millisecond
	r, sent := transfer(t, LoadConfig{Index: 0, Flows: 2, From: window / 3, End: 2 * window / 3},
		window, true)
	require.Zero(t, sent.Failed)
	m := r.Metrics()
	require.InDelta(t, 0, m["bulk.completed"], 0, "there is no end to come to")
	require.NotContains(t, m, "bulk.time.max")
	require.LessOrEqual(t, m["bulk.goodput"], 8*m["bulk.received"]/0.5+1, "over the time of the load")
	require.InDelta(t, 8*float64(r.Timely[0]+r.Timely[1])/0.5, m["bulk.goodput"], 1, "what came before the load's end")
	require.Positive(t, m["bulk.goodput.flow.min"])
	require.Zero(t, r.Series[0], "not before it begins")
}

// What drains after a load's end, and a second load after the first, make no goodput that was not there.
func TestGoodputIsOfTheTimeInWhichLoadsRun(t *testing.T) {
	second := time.Second
	part := func(from, end time.Duration, timely, measured int64) Result {
		taken := []Taken{{Flows: []Flow{{Load: 0, Measured: measured, Timely: timely}}}}
		return Join(LoadConfig{Flows: 1, From: from, End: end}, 10*second, &Sent{Flows: 1, Began: []int64{0}}, taken)
	}
	a := part(-second, 2*second, 2_000_000, 2_500_000)
	require.InDelta(t, 8e6, a.Metrics()["bulk.goodput"], 1)
	require.InDelta(t, 2_500_000, a.Metrics()["bulk.received"], 0)
	b := part(4*second, 6*second, 2_000_000, 2_000_000)
	a.Merge(&b)
	require.InDelta(t, 8e6, a.Metrics()["bulk.goodput"], 1, "4 MB in 2 s and 2 s")
	c := part(5*second, 7*second, 2_000_000, 2_000_000)
	a.Merge(&c)
	require.InDelta(t, 8*6e6/5, a.Metrics()["bulk.goodput"], 1, "6 MB in 2 s and 3 s, of which one is of both")
}

// A flow that never gets an answer has failed.
func TestWithoutAnAnswer(t *testing.T) {
	s := &sender{config: LoadConfig{Flows: 2}, flows: []flow{
		{fd: socket.None, hello: greeting(0, 0)}, {fd: socket.None},
	}, open: 2}
	s.finish()
	require.EqualValues(t, 1, s.result.Failed, "the first has sent nothing")
}

func TestRefused(t *testing.T) {
	r, sent := transfer(t, LoadConfig{Flows: 2, End: time.Second}, time.Second, false)
	require.EqualValues(t, 2, sent.Failed)
	m := r.Metrics()
	require.InDelta(t, 2, m["bulk.failed"], 0)
	require.InDelta(t, 0, m["bulk.goodput"], 0)
	require.NotContains(t, m, "bulk.fairness")
}

// Flows take no port on which a service of their node listens.
func TestSourcePort(t *testing.T) {
	own := int(sourceport.Socket{Load: 2, Request: 1}.Port())
	listener, err := socket.Listen(netip.MustParseAddrPort("127.0.0.1:0"), 4)
	require.NoError(t, err)
	defer listener.Close()
	port, err := listener.Port()
	require.NoError(t, err)
	s := &sender{config: LoadConfig{To: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port), Index: 2, Flows: 2,
		Ports: sourceport.Ports{Served: []int{own}}}}
	s.Loop, err = agent.NewLoop(64)
	require.NoError(t, err)
	defer s.Close()
	s.begin(0)
	defer s.finish()
	for i := range s.flows {
		port, err := s.flows[i].fd.Port()
		require.NoError(t, err)
		require.NotZero(t, port)
		require.NotEqual(t, own, int(port))
	}
}
