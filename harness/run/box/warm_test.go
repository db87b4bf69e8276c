package box

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario"
)

// serve answers requests with a text, one after the other, or leaves them waiting where there is none. It makes no
// garbage. It returns its port and what reads the last request.
func serve(t *testing.T, answer string) (port int, last func() string) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	require.NoError(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	require.NoError(t, unix.Listen(fd, 64))
	address, err := unix.Getsockname(fd)
	require.NoError(t, err)
	text, buffer, size, done := []byte(answer), make([]byte, 4096), 0, make(chan struct{})
	go func() {
		defer close(done)
		for answer != "" {
			c, _, errno := unix.Syscall6(unix.SYS_ACCEPT4, uintptr(fd), 0, 0, 0, 0, 0)
			if errno != 0 {
				return
			}
			size, _ = unix.Read(int(c), buffer)
			_, _ = unix.Write(int(c), text)
			_ = unix.Close(int(c))
		}
	}()
	stop := func() {
		_ = unix.Shutdown(fd, unix.SHUT_RDWR)
		<-done
	}
	t.Cleanup(func() {
		stop()
		_ = unix.Close(fd)
	})
	return address.(*unix.SockaddrInet4).Port, func() string {
		stop()
		return string(buffer[:size])
	}
}

func TestWarmUp(t *testing.T) {
	require.ErrorContains(t, warm(&scenario.Warm{Requests: 3, Parallel: 1, Path: "/{n}", Port: 1}, 80),
		"warm-up: GET /0: connect to port 1: connection refused")

	port, last := serve(t, "HTTP/1.1 302 Found\r\nConnection: close\r\n\r\n")
	require.NoError(t, warm(&scenario.Warm{Requests: 3, Parallel: 1, Path: "/a?n={n}"}, port))
	require.Equal(t, "GET /a?n=2 HTTP/1.1\r\nHost: localhost\r\nUser-Agent: ruleout-warm\r\n"+
		"Connection: close\r\n\r\n", last())

	port, _ = serve(t, "HTTP/1.1 404 Not Found\r\n\r\n")
	require.ErrorContains(t, warm(&scenario.Warm{Requests: 3, Parallel: 1, Path: "/"}, port),
		"warm-up: GET /: the answer is HTTP/1.1 404 Not Found")
	port, _ = serve(t, "HTTP/1.1 200 OK")
	require.ErrorContains(t, warm(&scenario.Warm{Requests: 3, Parallel: 1, Path: "/"}, port), "warm-up: GET /: EOF")
}

// A server that accepts and does not answer would hang the preparation of all runs.
func TestAWarmUpEnds(t *testing.T) {
	port, _ := serve(t, "")
	within := scenario.Duration(30 * time.Millisecond)
	err := warm(&scenario.Warm{Requests: 3, Parallel: 1, Path: "/?n={n}", Within: within}, port)
	require.ErrorContains(t, err, "warm-up: GET /?n=0: read port ")
	require.ErrorContains(t, err, "i/o timeout: 0 of 3 requests were answered in 30ms")
	require.Equal(t, problem.Usage, problem.KindOf(err))
	require.Equal(t, "warm.within gives it more time", problem.HintOf(err))
	require.Equal(t, time.Minute, new(scenario.Warm).Patience())
}

// The box collects no garbage. With 10,000 requests, the most that there can be, this is 10 MB.
func TestWarmUpMakesLittleGarbage(t *testing.T) {
	port, _ := serve(t, "HTTP/1.1 200 OK\r\n\r\nhello")
	const requests = 500
	w := &scenario.Warm{Requests: requests, Parallel: 2, Path: "/some/page?n={n}"}
	require.NoError(t, warm(w, port))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	require.NoError(t, warm(w, port))
	runtime.ReadMemStats(&after)
	require.Less(t, (after.TotalAlloc-before.TotalAlloc)/requests, uint64(1000))
}
