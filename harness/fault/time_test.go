package fault

import (
	"slices"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

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
		messages, err := unix.ParseSocketControlMessage(control[:size])
		require.NoError(t, err)
		require.Len(t, messages, 1)
		stamp := *(*unix.Timespec)(unsafe.Pointer(&messages[0].Data[0])) // SCM_TIMESTAMPNS
		list = append(list, time.Duration(stamp.Nano()-sent.Nano()))
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
			require.LessOrEqual(t, c.with[n/2]-none, 70*time.Microsecond, "the median; the latest had to wait for other work on the CPU")
		})
	}
}
