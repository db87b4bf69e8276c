package probe

import (
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/run/netem"
)

// squeeze puts a netem with a rate on the side's device, and returns the device as a queue.
func (s *side) squeeze(t *testing.T, name string, rate uint64, limit uint32) Queue {
	t.Helper()
	index := s.device(t).Attrs().Index
	require.NoError(t, s.Do(func() error {
		// Or it speaks of its own accord: MLD reports, neighbour and router solicitations.
		if err := os.WriteFile("/proc/sys/net/ipv6/conf/all/disable_ipv6", []byte("1"), 0); err != nil {
			return err
		}
		c, err := netem.Open()
		if err != nil {
			return err
		}
		defer c.Close()
		return c.Add(index, netem.Handle(1, 0), netem.Root,
			netem.Qdisc{Rate: &netem.Rate{BytesPerSecond: rate}, Limit: limit})
	}))
	return Queue{Name: name, Inode: s.Inode, Index: index}
}

// send sends so many datagrams from one side to the other, at once.
func (s *side) send(t *testing.T, to *side, n, length int) {
	t.Helper()
	fd := call(t, s, func() (int, error) { return unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0) })
	defer unix.Close(fd)
	require.NoError(t, unix.Connect(fd, &unix.SockaddrInet4{Port: 9, Addr: [4]byte(net.ParseIP(to.address).To4())}))
	for range n {
		_, err := unix.Write(fd, make([]byte, length))
		// which is how a sender learns of a full queue on its own device
		require.True(t, err == nil || err == unix.ENOBUFS, "%v", err)
	}
}

func (k *bench) recordQueues(t *testing.T, queues ...Queue) *Probe {
	t.Helper()
	p, err := New(Options{Nodes: []Target{k.a.Target, k.b.Target}, Interval: 100 * time.Millisecond, Queues: queues})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

// A burst of n packets into a queue of q that lets one go each time T: n - q are lost at once, and the
// others leave at T, 2T … qT, so that the integral of their number is T + 2T + … + qT.
func TestABurstIntoAQueueIsWhatArithmeticSays(t *testing.T) {
	const (
		n, q    = 30, 10
		payload = 100
		frame   = 14 + 20 + 8 + payload // Ethernet, IPv4, UDP
		rate    = 10_000                // bytes a second
		each    = float64(frame) / rate // s
	)
	k := newBench(t)
	k.listenUDP(t)
	p := k.recordQueues(t, k.a.squeeze(t, "link.a-b.from.a", rate, q), k.b.squeeze(t, "link.a-b.from.b", rate, 1000))
	start(t, p, time.Second)
	k.a.send(t, k.b, n, payload)
	r := wait(t, p)

	const held = q * (q + 1) / 2 * each // packets times s
	get := func(name string) float64 { return r.value(t, "link.a-b.from."+name) }
	require.EqualValues(t, n-q, get("a.queue.drops"))
	require.EqualValues(t, q, get("a.queue.max"))
	require.EqualValues(t, q*frame, get("a.queue.bytes.max"))
	require.InEpsilon(t, held, get("a.queue.mean")*r.Window.Seconds(), 0.01)
	require.InEpsilon(t, held*frame, get("a.queue.bytes.mean")*r.Window.Seconds(), 0.01)
	sum, lost := 0., 0.
	for i, v := range r.Timeline["link.a-b.from.a.queue"] {
		sum += v * 0.1
		lost += r.Timeline["link.a-b.from.a.queue.drops"][i]
	}
	require.InDelta(t, get("a.queue.mean")*r.Window.Seconds(), sum, 0.001)
	require.EqualValues(t, n-q, lost)
	require.Zero(t, get("b.queue.max"), "b answers nothing")
	require.Zero(t, get("b.queue.drops"))
}

// What a queue held before the window is in its mean, and the most of before is not its most.
func TestAQueueThatIsThereBeforeTheWindow(t *testing.T) {
	k := newBench(t)
	const frame, rate = 142, 100 // 1.42 s each: none goes
	p := k.recordQueues(t, k.a.squeeze(t, "link.a-b.from.a", rate, 7))
	k.a.send(t, k.b, 9, 100)
	start(t, p, 500*time.Millisecond)
	r := wait(t, p)
	require.Zero(t, r.value(t, "link.a-b.from.a.queue.drops"), "they were lost before")
	require.InEpsilon(t, 7, r.value(t, "link.a-b.from.a.queue.mean"), 1e-4)
	require.EqualValues(t, 7, r.value(t, "link.a-b.from.a.queue.max"))
	require.InEpsilon(t, 7*frame, r.value(t, "link.a-b.from.a.queue.bytes.mean"), 1e-4)
}

// Queues of one name are one: what waits is added up, and the most is the larger.
func TestQueuesOfOneName(t *testing.T) {
	k := newBench(t)
	p := k.recordQueues(t, k.a.squeeze(t, "fault.squeeze", 100, 3), k.b.squeeze(t, "fault.squeeze", 100, 5))
	k.a.send(t, k.b, 4, 100)
	k.b.send(t, k.a, 7, 100)
	start(t, p, 500*time.Millisecond)
	r := wait(t, p)
	require.InEpsilon(t, 3+5, r.value(t, "fault.squeeze.queue.mean"), 1e-4)
	require.EqualValues(t, 5, r.value(t, "fault.squeeze.queue.max"))
}

// A sender that is paced sends from a timer, and not from the softirq in which ACKs come. All that time is the
// sender's: this network has no wire on which another node's packets would be handled.
func TestWhatTimersSendIsTheSenders(t *testing.T) {
	for _, c := range []struct {
		name string
		rate uint64 // bytes a second; 0 for as fast as it goes
	}{{"paced", 500_000}, {"by ACKs", 0}} {
		t.Run(c.name, func(t *testing.T) {
			k := newBench(t)
			l := k.b.listen(t, 80, 5)
			from := k.a.connect(t, k.b, 80, true)
			defer unix.Close(from)
			to := accept(t, l)
			defer unix.Close(to)
			if c.rate > 0 {
				require.NoError(t, unix.SetsockoptUint64(from, unix.SOL_SOCKET, unix.SO_MAX_PACING_RATE, c.rate))
			}
			p := k.record(t, 0)
			start(t, p, time.Second)
			go func() {
				for b := make([]byte, 1000); ; {
					if _, err := unix.Write(from, b); err != nil {
						return
					}
				}
			}()
			deadline := time.Now().Add(900 * time.Millisecond)
			for b := make([]byte, 1<<16); time.Now().Before(deadline) && read(t, to, b) > 0; {
			}
			require.NoError(t, unix.Shutdown(from, unix.SHUT_RDWR))
			r := wait(t, p)
			all := r.seconds(t, "machine.cpu.softirq")
			nodes := r.seconds(t, "a.cpu.softirq") + r.seconds(t, "b.cpu.softirq")
			t.Logf("%.2f ms in softirqs, of these a %.2f ms and b %.2f ms", all*1e3, r.seconds(t, "a.cpu.softirq")*1e3,
				r.seconds(t, "b.cpu.softirq")*1e3)
			require.InEpsilon(t, all, nodes, 0.1, "nobody's softirqs are a few timers")
		})
	}
}

func read(t *testing.T, fd int, b []byte) int {
	t.Helper()
	n, err := unix.Read(fd, b)
	require.NoError(t, err)
	return n
}

// The kernel keeps the time that CPUs are idle for itself, from one end of idling to the other (tick_nohz_start_idle).
// The rest is what the nodes used and what belongs to no node.
func TestNodesAndTheRestAreWhatWasNotIdle(t *testing.T) {
	k := newBench(t)
	k.listenUDP(t)
	p := k.record(t, 0)
	upBefore, idleBefore := uptime(t)
	start(t, p, 3*time.Second)
	k.a.run(t, "work", 100_000_000)
	k.a.run(t, "flood", 5000, k.b.address+":9")
	k.b.run(t, "work", 50_000_000)
	r := wait(t, p)
	up, idle := uptime(t)
	busy := up - upBefore - (idle - idleBefore)
	sum := 0.
	for _, name := range []string{"a.cpu.total", "b.cpu.total", "machine.cpu.unattributed"} {
		sum += r.seconds(t, name)
	}
	t.Logf("busy %.3f s by the kernel's own account, %.3f s by ours, of which %.3f s are nobody's", busy, sum,
		r.seconds(t, "machine.cpu.unattributed"))
	require.InDelta(t, busy, sum, 0.04,
		"some hundredths are before and after the window, and the kernel's have two digits")
	require.Greater(t, sum, 0.3)
	require.Less(t, r.seconds(t, "machine.cpu.unattributed"), 0.1)
}

// uptime reads how long the machine runs and how long its CPU was idle, in s.
func uptime(t *testing.T) (up, idle float64) {
	t.Helper()
	text, err := os.ReadFile("/proc/uptime")
	require.NoError(t, err)
	f := strings.Fields(string(text))
	up, err = strconv.ParseFloat(f[0], 64)
	require.NoError(t, err)
	idle, err = strconv.ParseFloat(f[1], 64)
	require.NoError(t, err)
	return up, idle
}
