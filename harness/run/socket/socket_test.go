package socket

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var addresses atomic.Uint32

// address returns one that no other test uses, of this process or of another: 127.0.0.0/8 is all ours.
func address() netip.AddrPort {
	pid := os.Getpid()
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, byte(pid>>8) | 1, byte(pid), byte(addresses.Add(1))}), 8080)
}

func listen(t *testing.T, on netip.AddrPort, backlog int) FD {
	t.Helper()
	l, err := Listen(on, backlog)
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	return l
}

// pair returns both ends of a connection; ours blocks, but no longer than a minute.
func pair(t *testing.T) (ours FD, theirs net.Conn) {
	t.Helper()
	at := address()
	l := listen(t, at, 1)
	theirs, err := net.Dial("tcp", at.String())
	require.NoError(t, err)
	t.Cleanup(func() { theirs.Close() })
	ours, errno := l.Accept() // it waits in the queue already
	require.Zero(t, errno)
	t.Cleanup(func() { ours.Close() })
	require.Zero(t, ours.SetReceiveTimeout(time.Minute))
	require.Zero(t, ours.SetSendTimeout(time.Minute))
	return ours, theirs
}

// again repeats a call that a signal of the Go runtime interrupts; agents get none.
func again(call func([]byte) (int, Errno), b []byte) (n int, errno Errno) {
	for n, errno = call(b); errno == unix.EINTR; n, errno = call(b) {
	}
	return n, errno
}

func TestAddress(t *testing.T) {
	for _, s := range []string{"127.0.0.1:80", "[::1]:8080", "[fd00::7]:1"} {
		a := NewAddress(netip.MustParseAddrPort(s))
		family := unix.AF_INET6
		if !strings.HasPrefix(s, "[") {
			family = unix.AF_INET
		}
		require.Equal(t, family, a.Family(), s)
	}
	require.Equal(t, NewAddress(netip.MustParseAddrPort("10.0.0.1:80")),
		NewAddress(netip.MustParseAddrPort("[::ffff:10.0.0.1]:80")))
}

func TestConnectReadWrite(t *testing.T) {
	l, err := net.Listen("tcp", address().String())
	require.NoError(t, err)
	defer l.Close()
	to := NewAddress(l.Addr().(*net.TCPAddr).AddrPort())
	fd, errno := Stream(to.Family(), true)
	require.Zero(t, errno)
	defer fd.Close()
	require.Zero(t, fd.Connect(&to))
	require.Zero(t, fd.SetNoDelay())
	require.Zero(t, fd.Pending())
	c, err := l.Accept()
	require.NoError(t, err)
	defer c.Close()

	n, errno := fd.WriteBoth([]byte("head "), []byte("body"))
	require.Zero(t, errno)
	require.Equal(t, 9, n)
	n, errno = fd.WriteBoth([]byte("!"), nil)
	require.Zero(t, errno)
	require.Equal(t, 1, n)
	require.Zero(t, fd.ShutdownWrite())
	got, err := io.ReadAll(c)
	require.NoError(t, err)
	require.Equal(t, "head body!", string(got))

	_, err = io.WriteString(c, "answer")
	require.NoError(t, err)
	require.NoError(t, c.Close())
	var all []byte
	for b := make([]byte, 4); ; {
		n, errno := again(fd.Read, b)
		require.Zero(t, errno)
		if n == 0 {
			break
		}
		all = append(all, b[:n]...)
	}
	require.Equal(t, "answer", string(all))
}

func TestRefusedAndReset(t *testing.T) {
	to := NewAddress(address())
	fd, errno := Stream(to.Family(), true)
	require.Zero(t, errno)
	require.Equal(t, unix.ECONNREFUSED, fd.Connect(&to))
	fd.Close()

	ours, theirs := pair(t)
	require.NoError(t, theirs.(*net.TCPConn).SetLinger(0))
	require.NoError(t, theirs.Close())
	_, errno = again(ours.Read, make([]byte, 1))
	require.Equal(t, unix.ECONNRESET, errno)
	_, errno = again(ours.Write, []byte("x"))
	require.Equal(t, unix.EPIPE, errno, "and no SIGPIPE")
}

func TestTimeouts(t *testing.T) {
	ours, theirs := pair(t)
	require.Zero(t, ours.SetReceiveTimeout(time.Nanosecond), "is not for ever")
	_, errno := again(ours.Read, make([]byte, 1))
	require.Equal(t, unix.EAGAIN, errno)

	require.NoError(t, theirs.(*net.TCPConn).SetReadBuffer(4096))
	require.Zero(t, ours.SetSendTimeout(time.Millisecond))
	large := bytes.Repeat([]byte("x"), 32<<20)
	n, errno := again(ours.Write, large)
	require.Zero(t, errno)
	require.Less(t, n, len(large), "in part, when the buffers are full")
	_, errno = again(ours.Write, large)
	require.Equal(t, unix.EAGAIN, errno)
}

func TestAwait(t *testing.T) {
	ours, theirs := pair(t)
	await := func(d time.Duration) bool {
		ready, errno := ours.Await(d)
		require.Zero(t, errno)
		return ready
	}
	const patience = 300 * time.Millisecond // a receive timeout would be up to 37 ms late
	before := time.Now()
	require.False(t, await(patience))
	require.GreaterOrEqual(t, time.Since(before), patience)

	// Signals in the meantime make it no longer.
	runtime.LockOSThread()
	thread, done := unix.Gettid(), make(chan struct{})
	var signals atomic.Int64
	go func() {
		for {
			select {
			case <-done:
				return
			default:
				if unix.Tgkill(unix.Getpid(), thread, unix.SIGURG) == nil {
					signals.Add(1)
				}
				time.Sleep(patience / 30)
			}
		}
	}()
	before = time.Now()
	require.False(t, await(patience))
	close(done)
	runtime.UnlockOSThread()
	require.Greater(t, signals.Load(), int64(3))
	require.Less(t, time.Since(before), time.Minute, "each signal would begin it anew, for ever")
	_, err := theirs.Write([]byte("x"))
	require.NoError(t, err)
	require.True(t, await(time.Minute))
	_, errno := again(ours.Read, make([]byte, 1))
	require.Zero(t, errno)
	require.False(t, await(0))
	require.NoError(t, theirs.Close())
	require.True(t, await(time.Minute), "the end of the stream")
	n, errno := again(ours.Read, make([]byte, 1))
	require.Zero(t, errno)
	require.Zero(t, n)
}

func TestConnectionsInheritFromTheirListener(t *testing.T) {
	at := address()
	l := listen(t, at, 1)
	require.Zero(t, l.SetSendTimeout(3*time.Second))
	c, err := net.Dial("tcp", at.String())
	require.NoError(t, err)
	defer c.Close()
	fd, errno := l.Accept()
	require.Zero(t, errno)
	defer fd.Close()
	noDelay, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NODELAY)
	require.NoError(t, err)
	require.Equal(t, 1, noDelay)
	require.Zero(t, fd.SetNagle())
	noDelay, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NODELAY)
	require.NoError(t, err)
	require.Zero(t, noDelay)
	timeout, err := unix.GetsockoptTimeval(int(fd), unix.SOL_SOCKET, unix.SO_SNDTIMEO)
	require.NoError(t, err)
	require.Equal(t, 3*time.Second, time.Duration(timeout.Nano()))
}

func TestListen(t *testing.T) {
	at := address()
	listen(t, at, 7)
	_, err := Listen(at, 7)
	require.EqualError(t, err, "bind "+at.String()+": address already in use")
	_, err = Listen(netip.MustParseAddrPort("192.0.2.1:80"), 1)
	require.EqualError(t, err, "bind 192.0.2.1:80: cannot assign requested address")

	both := listen(t, netip.AddrPortFrom(netip.IPv6Unspecified(), 0), 1)
	port, err := both.Port()
	require.NoError(t, err)
	for _, to := range []string{"127.0.0.1:", "[::1]:"} {
		c, err := net.Dial("tcp", to+strconv.Itoa(int(port)))
		require.NoError(t, err)
		c.Close()
	}
}

func TestPoll(t *testing.T) {
	ours, theirs := pair(t)
	p, err := NewPoll()
	require.NoError(t, err)
	defer p.Close()
	now := func() int64 {
		var ts unix.Timespec
		require.NoError(t, unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts))
		return ts.Nano()
	}
	// wait returns what one Wait hands over; the alarm keeps a mistake from hanging.
	var rang bool
	wait := func() (events []Event) {
		var errno Errno
		rang, errno = p.Wait(func(e Event) { events = append(events, e) })
		require.Zero(t, errno)
		return events
	}
	at := now() + 2_000_000
	require.Zero(t, p.Alarm(at))
	require.Empty(t, wait(), "nothing but the alarm")
	require.True(t, rang)
	require.GreaterOrEqual(t, now(), at, "which is never early")
	for range 2 { // again, though the timer was not read
		require.Zero(t, p.Alarm(0))
		require.Empty(t, wait())
		require.True(t, rang)
	}

	require.Zero(t, p.Alarm(now()+int64(time.Minute)))
	require.Zero(t, p.Add(ours, Key{Slot: 3, Generation: 9}, unix.EPOLLIN|unix.EPOLLRDHUP))
	_, err = io.WriteString(theirs, "x")
	require.NoError(t, err)
	require.Equal(t, []Event{{Key{3, 9}, unix.EPOLLIN}}, wait())
	require.False(t, rang)
	require.Zero(t, p.Alarm(0))
	require.Empty(t, wait(), "an event is told once")

	require.Zero(t, ours.SetLowWater(4))
	require.Zero(t, p.Alarm(now()+int64(time.Minute)))
	_, err = io.WriteString(theirs, "yz")
	require.NoError(t, err)
	require.Zero(t, p.Alarm(0))
	require.Empty(t, wait(), "three bytes are not enough")
	_, err = io.WriteString(theirs, "!")
	require.NoError(t, err)
	require.Zero(t, p.Alarm(now()+int64(time.Minute)))
	require.Equal(t, []Event{{Key{3, 9}, unix.EPOLLIN}}, wait())
	require.NoError(t, theirs.Close())
	require.Equal(t, []Event{{Key{3, 9}, unix.EPOLLIN | unix.EPOLLRDHUP}}, wait())
}

func TestReserve(t *testing.T) {
	size := func() int {
		b, err := os.ReadFile("/proc/self/status")
		require.NoError(t, err)
		n, err := strconv.Atoi(string(regexp.MustCompile(`FDSize:\t(\d+)`).FindSubmatch(b)[1]))
		require.NoError(t, err)
		return n
	}
	want := size() + 100
	Reserve(want)
	require.GreaterOrEqual(t, size(), want)
	Reserve(1 << 40) // beyond any limit
}

func TestNothingAllocates(t *testing.T) {
	ours, theirs := pair(t)
	go func() { _, _ = io.Copy(theirs, theirs) }()
	head, body, in := []byte("head"), []byte("body"), make([]byte, 64)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		ours.WriteBoth(head, body)
		ours.Read(in)
		ours.SetReceiveTimeout(time.Minute)
		ours.Await(0)
		ours.Pending()
	}))
	require.Zero(t, ours.ShutdownWrite())
}
