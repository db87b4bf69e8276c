package probe

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario/metric"
)

// A packet is received on the back of the task that sends it. The time goes to the receiver all the same.
func TestSoftirqIsTheReceiversNotTheSenders(t *testing.T) {
	k := newBench(t)
	k.listenUDP(t)
	p := k.record(t, 0)
	start(t, p, 2*time.Second)
	used := k.a.run(t, "flood", 3000, k.b.address+":9").Seconds()
	r := wait(t, p)

	received := r.seconds(t, "b.cpu.softirq")
	tasks := r.seconds(t, "a.cpu.user") + r.seconds(t, "a.cpu.system")
	all := r.seconds(t, "machine.cpu.softirq")
	t.Logf("sender used %.4f s: %.4f s its own, %.4f s the receiver's softirqs, %.4f s other softirqs", used, tasks,
		received, all-received)
	require.Greater(t, received, used/10)
	require.Less(t, r.seconds(t, "a.cpu.softirq"), received/20)
	require.Zero(t, r.seconds(t, "b.cpu.user"))
	if inRealTime(t) { // which has many softirqs that find nothing to do, on whosever back
		require.GreaterOrEqual(t, used, tasks+received)
		require.LessOrEqual(t, used, tasks+all)
	} else {
		require.InEpsilon(t, used, tasks+received, 0.02)
		require.InEpsilon(t, all, received, 0.05)
	}
	require.EqualValues(t, 3000, r.Counters["b"]["Ip.InDelivers"])
}

func inRealTime(t *testing.T) bool {
	version, err := os.ReadFile("/proc/version")
	require.NoError(t, err)
	return strings.Contains(string(version), "PREEMPT_RT")
}

// listenUDP has b swallow what is sent to port 9.
func (k *bench) listenUDP(t testing.TB) {
	fd := call(t, k.b, func() (int, error) { return unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0) })
	t.Cleanup(func() { unix.Close(fd) })
	require.NoError(t, unix.Bind(fd, &unix.SockaddrInet4{Port: 9}))
}

func TestCPUTimeIsWhatTheProcessUsed(t *testing.T) {
	k := newBench(t)
	p := k.record(t, 0)
	start(t, p, time.Second)
	used := k.a.run(t, "work", 30_000_000).Seconds()
	r := wait(t, p)

	require.InDelta(t, used, r.seconds(t, "a.cpu.total"), 0.0005+r.seconds(t, "machine.cpu.softirq"))
	require.Greater(t, r.value(t, "a.cpu.user"), 0.9*r.value(t, "a.cpu.total"))
	require.Zero(t, r.value(t, "b.cpu.user"))
	total := r.value(t, "machine.cpu.total")
	require.Greater(t, total, r.value(t, "a.cpu.total"))
	require.InDelta(t, 1, total+r.value(t, "machine.cpu.idle"), 1e-6)
	require.InDelta(t, total,
		r.value(t, "machine.cpu.user")+r.value(t, "machine.cpu.system")+r.value(t, "machine.cpu.softirq"), 3e-6)
}

// Tasks that sleep most of the time count for the time that they want the CPU.
func TestRunQueueOfWorkIsItsTime(t *testing.T) {
	k := newBench(t)
	p := k.record(t, 0)
	start(t, p, time.Second)
	used := k.a.run(t, "work", 30_000_000).Seconds()
	r := wait(t, p)
	// It was alone on the CPU: whenever it was runnable it ran, but for short waits.
	require.InEpsilon(t, used, r.seconds(t, "a.runqueue.mean"), 0.1)
	require.GreaterOrEqual(t, r.seconds(t, "a.runqueue.mean"), used*0.999)
}

func TestCountersAreDifferences(t *testing.T) {
	const connections = 7
	k := newBench(t)
	listener := k.b.listen(t, 80, 16)
	open := func() (client, server int) {
		client = k.a.connect(t, k.b, 80, true)
		return client, accept(t, listener)
	}
	early, early2 := open()
	p := k.record(t, 0)
	start(t, p, time.Second)
	for range connections {
		c, s := open()
		defer unix.Close(c)
		defer unix.Close(s)
	}
	r := wait(t, p)
	require.NoError(t, errors.Join(unix.Close(early), unix.Close(early2)))
	require.EqualValues(t, connections, r.Counters["a"]["Tcp.ActiveOpens"])
	require.EqualValues(t, connections, r.Counters["b"]["Tcp.PassiveOpens"])
	require.EqualValues(t, 1+connections, r.Counters["a"]["Tcp.CurrEstab"], "a gauge")
	if pendingIsCopied(t) {
		require.EqualValues(t, 1, r.value(t, "b.sockets.syn_recv.max"), "one at a time, each seen when it leaves the state")
	}
	require.Contains(t, r.Counters["a"], "Ip6.InReceives")
	require.Zero(t, r.Counters["a"]["Tcp.RetransSegs"])
}

func TestRetransmissionsOfTheTimelineAreThoseOfTheCounter(t *testing.T) {
	k := newBench(t)
	listener := k.b.listen(t, 80, 16)
	client := k.a.connect(t, k.b, 80, true)
	server := accept(t, listener)
	p := k.record(t, 100*time.Millisecond)
	start(t, p, 5*time.Second)
	// What is sent to an address that no device has is lost.
	k.a.neighbour(t, k.b, net.HardwareAddr{2, 0, 0, 0, 0, 0x77})
	_, err := unix.Write(client, make([]byte, 5000))
	require.NoError(t, err)
	r := wait(t, p)
	require.NoError(t, errors.Join(unix.Close(client), unix.Close(server)))

	sum := 0.0
	for _, n := range r.Timeline["a.tcp.retrans"] {
		sum += n
	}
	require.GreaterOrEqual(t, sum, 4.0) // after about 0.2, 0.6, 1.4 and 3 s
	require.EqualValues(t, r.Counters["a"]["Tcp.RetransSegs"], sum)
}

func TestPacketsAreThoseThatArrivedInTheInterval(t *testing.T) {
	k := newBench(t)
	p := k.record(t, 100*time.Millisecond)
	start(t, p, 300*time.Millisecond)
	r := wait(t, p)
	require.Equal(t, []float64{5, 5, 5}, r.Timeline["a.packets"])
	require.Equal(t, []float64{0, 0, 0}, r.Timeline["b.packets"])
}

func TestEveryMetricOfTheCatalogueIsThere(t *testing.T) {
	k := newBench(t)
	p := k.record(t, 100*time.Millisecond)
	start(t, p, 300*time.Millisecond)
	r := wait(t, p)
	want := map[string]bool{}
	for _, m := range metric.Machine() {
		want[m.Name] = true
	}
	for _, m := range metric.Node() {
		want["a."+m.Name], want["b."+m.Name] = true, true
	}
	got := map[string]bool{}
	for name, m := range r.Metrics {
		got[name] = true
		require.False(t, math.IsNaN(m.Value) || math.IsInf(m.Value, 0), name)
	}
	require.Equal(t, want, got)
	series := map[string]bool{}
	for _, s := range MachineSeries() {
		series["machine."+s.Name] = true
	}
	for _, s := range NodeSeries() {
		series["a."+s.Name], series["b."+s.Name] = true, true
	}
	delete(series, "a.conntrack.entries") // neither tracks connections
	delete(series, "b.conntrack.entries")
	for name, values := range r.Timeline {
		require.True(t, series[name], name)
		require.Len(t, values, 3, name)
		delete(series, name)
	}
	require.Empty(t, series)
}

// What others count is a metric by what it grew in the window, and a series if that is asked for.
func TestCountsAreDifferences(t *testing.T) {
	k := newBench(t)
	n := int64(100)
	p, err := New(Options{Nodes: []Target{k.a.Target}, Interval: 100 * time.Millisecond, Counts: []Count{
		{Node: "a", Name: "php.served", Read: func() int64 { return 7 }},
		{Node: "a", Name: "sql.reconnects", Series: true, Read: func() int64 { n += 2; return n }}, // once a sample
	}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	start(t, p, 300*time.Millisecond)
	r := wait(t, p)
	require.InDelta(t, 0, r.Metrics["a.php.served"].Value, 0)
	require.InDelta(t, 6, r.Metrics["a.sql.reconnects"].Value, 0)
	require.Equal(t, []float64{2, 2, 2}, r.Timeline["a.sql.reconnects"])
	require.NotContains(t, r.Timeline, "a.php.served")
}

// What others count is read first before the window and last behind it: the recorder's own counters are not of what
// happens while that is read.
func TestCountersOfOthersAreReadOutsideOfTheOwn(t *testing.T) {
	k := newBench(t)
	port := 2000
	call(t, k.b, func() (int, error) {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		t.Cleanup(func() { unix.Close(fd) })
		return fd, errors.Join(err, unix.Bind(fd, &unix.SockaddrInet4{Port: port}))
	})
	from := call(t, k.a, func() (int, error) {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		t.Cleanup(func() { unix.Close(fd) })
		return fd, errors.Join(err, unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{10, 0, 0, 2}}))
	})
	sent := [2]int{}
	p, err := New(Options{Nodes: []Target{k.a.Target, k.b.Target}, Ends: func(end int) error {
		sent[end] += 7
		for range 7 {
			if _, err := unix.Write(from, []byte("x")); err != nil {
				return err
			}
		}
		return nil
	}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	start(t, p, 50*time.Millisecond)
	r := wait(t, p)
	require.Equal(t, [2]int{14, 7}, sent, "once for the rehearsal")
	require.Contains(t, r.Counters["a"], "Udp.OutDatagrams")
	require.Zero(t, r.Counters["a"]["Udp.OutDatagrams"])
	require.Zero(t, r.Counters["b"]["Udp.InErrors"]+r.Counters["b"]["Ip.InDelivers"])
}

// An odd window has no value for the part of an interval at its end.
func TestTimelineHasWholeIntervals(t *testing.T) {
	for window, want := range map[time.Duration]int{50 * time.Millisecond: 0, 100 * time.Millisecond: 1,
		250 * time.Millisecond: 2} {
		t.Run(window.String(), func(t *testing.T) {
			k := newBench(t)
			p := k.record(t, 100*time.Millisecond)
			start(t, p, window)
			r := wait(t, p)
			require.Len(t, r.Timeline["a.cpu.total"], want)
			require.InDelta(t, window.Seconds(), r.Window.Seconds(), 0.001)
		})
	}
}

func TestTimelineDoesNotDisturbTheNode(t *testing.T) {
	used := map[time.Duration]float64{}
	for _, interval := range []time.Duration{0, 100 * time.Millisecond, 10 * time.Millisecond} {
		t.Run(interval.String(), func(t *testing.T) {
			k := newBench(t)
			p := k.record(t, interval)
			start(t, p, time.Second)
			k.a.run(t, "work", 50_000_000)
			r := wait(t, p)
			used[interval] = r.seconds(t, "a.cpu.total")
			t.Logf("node %.5f s, recorder %.5f s", used[interval], r.seconds(t, "machine.recorder.cpu"))
		})
	}
	require.InEpsilon(t, used[0], used[100*time.Millisecond], 0.01)
	require.InEpsilon(t, used[0], used[10*time.Millisecond], 0.01)
}

func TestWaitEndsWithItsContext(t *testing.T) {
	k := newBench(t)
	p := k.record(t, 0)
	start(t, p, time.Hour)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := p.Wait(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, p.Close())
	require.NoError(t, p.Close())
}

func TestCloseLeavesNothingBehind(t *testing.T) {
	k := newBench(t)
	for range 2 { // the first time the libraries open what they keep
		before := descriptors(t)
		p, err := New(Options{Nodes: []Target{k.a.Target}, Interval: time.Second})
		require.NoError(t, err)
		require.NoError(t, p.Start(monotonic(), time.Hour))
		require.NoError(t, p.Close())
		if after := descriptors(t); t.Failed() || before > 0 && after == before {
			return
		}
	}
	require.Fail(t, "descriptors are left open")
}

func descriptors(t *testing.T) int {
	list, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(list)
}

func TestWhatCannotBeRecordedIsRefused(t *testing.T) {
	_, err := New(Options{Interval: time.Microsecond})
	require.ErrorContains(t, err, "shorter than 1ms")
	require.Equal(t, problem.Usage, problem.KindOf(err))

	p, err := New(Options{Interval: time.Millisecond})
	require.NoError(t, err)
	defer func() { require.NoError(t, p.Close()) }()
	err = p.Start(monotonic(), time.Hour)
	require.ErrorContains(t, err, "too long")
	require.Equal(t, problem.Usage, problem.KindOf(err))
	require.Equal(t, "use an interval of 37ms or more", problem.HintOf(err))
	require.ErrorContains(t, p.Start(monotonic(), 0), "not positive")
	_, err = p.Wait(context.Background())
	require.ErrorContains(t, err, "not started")
	require.NoError(t, p.Start(monotonic(), time.Millisecond))
	require.ErrorContains(t, p.Start(monotonic(), time.Millisecond), "started before")
	wait(t, p)
}

func ExampleNodeSeries() {
	for _, s := range NodeSeries()[:2] {
		fmt.Println("web."+s.Name, s.Unit)
	}
	// Output:
	// web.cpu.total 1
	// web.cpu.softirq 1
}
