package fault

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// awaitQuiet returns when no other task has had more than 2 % of the CPU for a while. What earlier labs
// of a test leave behind is taken away by the kernel's workers, at the cost of what runs then.
func awaitQuiet(t *testing.T) {
	t.Helper()
	others := func() (sum int64) {
		tasks, err := filepath.Glob("/proc/[0-9]*/schedstat")
		require.NoError(t, err)
		for _, name := range tasks {
			var ns int64
			// it may be gone
			if b, err := os.ReadFile(name); err == nil && name != fmt.Sprintf("/proc/%d/schedstat", os.Getpid()) {
				_, err = fmt.Sscan(string(b), &ns)
				require.NoError(t, err)
			}
			sum += ns
		}
		return sum
	}
	const look = 10 * time.Millisecond
	quiet := func() bool {
		before := others()
		time.Sleep(look)
		return time.Duration(others()-before) < look/50
	}
	limit := time.Now().Add(10 * time.Second)
	for row := 0; row < 2; row++ {
		if !quiet() {
			row = -1
		}
		require.True(t, time.Now().Before(limit), "the machine does not come to rest")
	}
}

// delays sends datagrams one by one and returns how long each was under way, sorted: from
// just before the system call that sends it to the kernel's time stamp at the receiver.
func (d *datagrams) delays(t *testing.T, n int) (list []time.Duration) {
	t.Helper()
	buffer, control := make([]byte, 64), make([]byte, 128)
	poll := []unix.PollFd{{Fd: int32(d.to), Events: unix.POLLIN}}
	for range n {
		var sent unix.Timespec
		require.NoError(t, unix.ClockGettime(unix.CLOCK_REALTIME, &sent))
		_, err := unix.Write(d.from, buffer[:4])
		require.NoError(t, err)
		for {
			if _, err = unix.Poll(poll, 10_000); err != unix.EINTR {
				break
			}
		}
		require.NoError(t, err)
		_, size, _, _, err := unix.Recvmsg(d.to, buffer, control, 0)
		require.NoError(t, err)
		list = append(list, time.Duration(stamp(t, control[:size])-sent.Nano()))
	}
	slices.Sort(list)
	return list
}

// A delay that is short against a timer tick comes out as what was asked for, which takes
// high-resolution timers. It shows as 50 to 70 us more than a link without delay takes:
// the rest is what the emulated CPU needs for one timer interrupt and the queue.
func TestFiftyMicrosecondsAreFiftyMicroseconds(t *testing.T) {
	const n = 100
	measure := func(link string, faults ...string) []time.Duration {
		d := newLab(t, link, faults...).datagrams(t, false)
		awaitQuiet(t)
		d.delays(t, 20) // the first ones run through cold code
		return d.delays(t, n)
	}
	idle := "name: idle, from: a, do: {drop: true}, select: {packets: pure-ack}" // a stage that lets datagrams pass
	for name, c := range map[string]struct{ without, with []time.Duration }{
		"a link's delay":  {measure(""), measure(", delay: 50us")},
		"a fault's delay": {measure("", idle), measure("", "name: late, from: a, do: {delay: 50us}")},
	} {
		t.Run(name, func(t *testing.T) {
			none := c.without[n/2]
			t.Logf("without delay %v; with it %v to %v, median %v", none, c.with[0], c.with[n-1], c.with[n/2])
			require.GreaterOrEqual(t, c.with[0]-none, 50*time.Microsecond, "the soonest")
			require.LessOrEqual(t, c.with[n/2]-none, 70*time.Microsecond,
				"the median; the latest had to wait for other work on the CPU")
		})
	}
}
