package datagram

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
	"github.com/ruleout/ruleout/harness/run/sourceport"
	"github.com/ruleout/ruleout/harness/run/window"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/arrival"
)

func TestMain(m *testing.M) {
	agent.Main()
	goleak.VerifyTestMain(m)
}

const ms = int64(time.Millisecond)

// take hands numbers to a receiver, each after a delay in ms.
func take(numbers ...uint64) *receiver {
	r := newReceiver(window.Window{Duration: time.Second, Interval: 100 * time.Millisecond}, 50*time.Millisecond)
	for i, n := range numbers {
		at := int64(i) * 10 * ms
		r.arrived(&header{number: n, flags: counted}, at-5*ms, at, 100)
	}
	return r
}

// The examples of RFC 4737, 3.3: a packet is reordered if its number is below the next one that was expected.
func TestReordered(t *testing.T) {
	for name, c := range map[string]struct {
		numbers               []uint64
		received, late, again int64
	}{
		"in order":                       {[]uint64{0, 1, 2, 3}, 4, 0, 0},
		"one is missing":                 {[]uint64{0, 1, 3, 4}, 4, 0, 0},
		"one comes two later":            {[]uint64{0, 1, 3, 4, 2, 5}, 6, 1, 0},
		"two exchanged":                  {[]uint64{1, 0, 2}, 3, 1, 0},
		"three come late":                {[]uint64{0, 4, 1, 2, 3, 5}, 6, 3, 0},
		"a copy":                         {[]uint64{0, 1, 1, 2}, 3, 0, 1},
		"a copy after others":            {[]uint64{0, 1, 2, 0}, 3, 0, 1},
		"two copies of an overtaken one": {[]uint64{0, 2, 1, 1, 1}, 3, 1, 2},
		"numbers beyond a word":          {[]uint64{200, 63, 64, 63}, 3, 2, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := take(c.numbers...).way
			require.Equal(t, []int64{c.received, c.late, c.again}, []int64{w.Received, w.Reordered, w.Duplicates})
			require.EqualValues(t, 100*c.received, w.Bytes)
			require.Equal(t, c.received, w.Delay.Count())
		})
	}
}

func TestLateIsNotReceived(t *testing.T) {
	r := newReceiver(window.Window{Duration: time.Second, Interval: 100 * time.Millisecond}, 50*time.Millisecond)
	r.arrived(&header{number: 0, flags: counted}, 0, 50*ms, 100)
	r.arrived(&header{number: 1, flags: counted}, 0, 50*ms+1, 100)
	r.arrived(&header{number: 2}, 0, 60*ms, 100) // of the warm-up
	require.EqualValues(t, 1, r.way.Received)
	require.EqualValues(t, 1, r.way.Late)
	require.EqualValues(t, 50*ms, r.way.Delay.Max())
	require.EqualValues(t, 3, r.way.Arrived[0], "the series has them all")
	require.EqualValues(t, 60*ms, r.way.DelayMax[0])
	r.arrived(&header{number: 3, flags: counted}, 980*ms, 1000*ms, 100)
	require.EqualValues(t, 2, r.way.Received, "planned in the window, arrived after it")
	require.Equal(t, int64(0), r.way.Arrived[9])
}

// Whatever the order and the copies, each number counts once, and all arrivals are in some count.
func TestEachNumberCountsOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		numbers := rapid.SliceOf(rapid.Uint64Range(0, 300)).Draw(t, "numbers")
		distinct := map[uint64]bool{}
		for _, n := range numbers {
			distinct[n] = true
		}
		w := take(numbers...).way
		if int(w.Received) != len(distinct) || int(w.Received+w.Duplicates) != len(numbers) {
			t.Fatalf("%d distinct of %d: %+v", len(distinct), len(numbers), w)
		}
	})
}

func TestHeader(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := header{load: rapid.Uint16Max(mostLoads-1).Draw(t, "load"), flags: rapid.Uint16().Draw(t, "flags"),
			number: rapid.Uint64Max(mostNumbers-1).Draw(t, "number"), sent: rapid.Int64().Draw(t, "sent"),
			origin: rapid.Int64().Draw(t, "origin")}
		b := make([]byte, headerSize)
		h.write(b)
		var back header
		if !back.read(b) || back != h {
			t.Fatalf("%+v, want %+v", back, h)
		}
		b[0]++
		if back.read(b) || back.read(b[:headerSize-1]) {
			t.Fatal("not one of ours")
		}
	})
	b := make([]byte, headerSize)
	(&header{number: mostNumbers}).write(b)
	require.False(t, new(header).read(b), "a number that would take all memory")
}

// Sender and service on this machine's loopback: what one says it sent, the other says it received.
func TestEndToEnd(t *testing.T) {
	probe, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	port := uint16(probe.LocalAddr().(*net.UDPAddr).Port)
	require.NoError(t, probe.Close())
	timing := window.Window{Duration: 50 * time.Millisecond, Interval: 10 * time.Millisecond}
	service, err := agent.Start(t.Context(), agent.Spec{Role: ServiceRole, Tally: len(Counters()), Config: ServiceConfig{
		Port: port, Answer: 64, Timeouts: map[int]time.Duration{3: time.Minute}, Window: timing}})
	require.NoError(t, err)
	defer service.Close()
	foreign, err := net.Dial("udp", netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port).String())
	require.NoError(t, err)
	_, err = foreign.Write([]byte("not one of ours"))
	require.NoError(t, err)
	require.NoError(t, foreign.Close())

	load, err := agent.Start(t.Context(), agent.Spec{Role: LoadRole, Config: LoadConfig{
		To: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port), Index: 3, Size: 200, Timeout: time.Second,
		Schedule: arrival.Schedule{Arrivals: scenario.Constant, Rate: 1000, From: -20 * time.Millisecond,
			To: 50 * time.Millisecond},
		Answers: true, Window: timing,
	}})
	require.NoError(t, err)
	defer load.Close()
	begin := agent.Beginning{Start: agent.Now() + 30*ms, Seed: 1}
	require.NoError(t, service.Begin(begin))
	require.NoError(t, load.Begin(begin))
	body, err := load.Wait(t.Context())
	require.NoError(t, err)
	var sent Sent
	require.NoError(t, json.Unmarshal(body, &sent))
	tally := []int64{service.Tally()[countReceived].Load(), service.Tally()[countAnswered].Load(),
		service.Tally()[countForeign].Load()}
	body, err = service.Stop(t.Context())
	require.NoError(t, err)
	var served Served
	require.NoError(t, json.Unmarshal(body, &served))

	require.Equal(t, []int64{70, 70, 1}, tally, "the warm-up counts here")
	r := Join(&sent, served.Loads[3], true)
	m := r.Metrics(timing.Duration)
	for name, want := range map[string]float64{
		"udp.planned": 50, "udp.sent": 50, "udp.unsent": 0, "udp.received": 50, "udp.lost": 0, "udp.loss": 0,
		"udp.answered": 50, "udp.back.received": 50, "udp.back.lost": 0, "udp.goodput": 8 * 50 * 200 / 0.05,
	} {
		require.InDelta(t, want, m[name], 1e-6, name)
	}
	require.LessOrEqual(t, m["udp.delay.max"]+m["udp.back.delay.max"], 2*m["udp.rtt.max"]+1e-3)
	require.GreaterOrEqual(t, m["udp.rtt.mean"], m["udp.delay.mean"])
}

// Of two loads, the sum has all that each has.
func TestMerge(t *testing.T) {
	a := Result{Sent: Sent{Planned: 10, Sent: 9, Unsent: 1, Left: []int64{1, 2}}, There: take(0, 1, 3, 2).way, Answered: 3}
	b := Result{Sent: Sent{Planned: 5, Sent: 5, Refused: 2, Left: []int64{3}}, There: take(0, 0).way, Answers: true}
	var sum Result
	sum.Merge(&a)
	sum.Merge(&b)
	m := sum.Metrics(time.Second)
	for name, want := range map[string]float64{
		"udp.planned": 15, "udp.sent": 14, "udp.unsent": 1, "udp.refused": 2, "udp.received": 5, "udp.lost": 9,
		"udp.loss": 9. / 14, "udp.duplicates": 1, "udp.reordered": 1, "udp.answered": 3,
	} {
		require.InDelta(t, want, m[name], 1e-9, name)
	}
	require.Equal(t, []int64{4, 2}, sum.Left)
	require.NotContains(t, a.Metrics(time.Second), "udp.answered")
	var none Result
	none.Merge(&Result{})
	require.Empty(t, none.Series(), "timeline: off")
}

// The sender takes no port on which a service of its node listens, and none at all if the kernel is to draw it.
func TestSourcePort(t *testing.T) {
	own := int(sourceport.Socket{Load: 2}.Port())
	for _, p := range []sourceport.Ports{{Served: []int{own}}, {Kernel: true}} {
		s, err := newSender(LoadConfig{To: netip.MustParseAddrPort("127.0.0.1:9"), Index: 2, Size: 100, Ports: p})
		require.NoError(t, err)
		port, err := s.fd.Port()
		require.NoError(t, err)
		require.NotZero(t, port)
		require.NotEqual(t, own, int(port))
		s.close()
	}
}
