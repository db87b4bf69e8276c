package load

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/arrival"
)

// few is ten requests in the window, a millisecond apart.
func few(c Config) Config {
	c.Duration = time.Second
	c.Schedule = arrival.Schedule{Arrivals: scenario.Constant, Rate: 1000, To: 10 * time.Millisecond}
	return c
}

// silent is a server that answers nobody.
func silent(c *net.TCPConn, r *bufio.Reader) { _, _ = io.Copy(io.Discard, r) }

func TestFirstByteTimeout(t *testing.T) {
	for retries, want := range map[int][]int64{0: {10, 0, 10}, 1: {10, 10, 20}, 3: {10, 30, 40}} {
		c := few(config(server(t, silent)))
		c.FirstByteTimeout, c.Retry, c.Retries = 5*time.Millisecond, scenario.RetryAlways, retries
		r := generate(t, c)
		require.Equal(t, want, []int64{r.ByClass[Timeout], r.Retried, r.Connects}, "%d retries", retries)
	}
	// An answer that has begun is waited for, and one that comes in time is one.
	slow := server(t, func(c *net.TCPConn, r *bufio.Reader) {
		if head(r) {
			_, _ = io.WriteString(c, ok[:5])
			time.Sleep(100 * time.Millisecond)
			_, _ = io.WriteString(c, ok[5:])
		}
	})
	c := few(config(slow))
	c.FirstByteTimeout = 50 * time.Millisecond
	r := generate(t, c)
	require.Equal(t, r.Planned, r.Completed, "%v", r.ByClass)
}

// The second answer comes in time on a kept connection, on which the timeout of the first is long over.
func TestFirstByteTimeoutIsOfARequest(t *testing.T) {
	c := config(server(t, func(c *net.TCPConn, r *bufio.Reader) {
		for head(r) {
			time.Sleep(30 * time.Millisecond)
			_, _ = io.WriteString(c, ok)
		}
	}))
	c.Keepalive, c.Connections, c.FirstByteTimeout, c.Duration = true, 1, 200*time.Millisecond, 2*time.Second
	c.Schedule = arrival.Schedule{Arrivals: scenario.Constant, Rate: 1000, To: 20 * time.Millisecond}
	r := generate(t, c)
	require.Equal(t, []int64{20, 20, 1}, []int64{r.Planned, r.Completed, r.Connects})
}

// A port whose queue is full answers no SYN: two connections are one more than it takes.
func TestConnectTimeout(t *testing.T) {
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(address()))
	require.NoError(t, err)
	defer l.Close()
	to := l.Addr().(*net.TCPAddr).AddrPort()
	raw, err := l.SyscallConn()
	require.NoError(t, err)
	require.NoError(t, raw.Control(func(fd uintptr) { require.NoError(t, unix.Listen(int(fd), 0)) }))
	filled, err := net.Dial("tcp", to.String())
	require.NoError(t, err)
	defer filled.Close()
	c := few(config(to))
	c.ConnectTimeout, c.Timeout = 20*time.Millisecond, 500*time.Millisecond
	begin := time.Now()
	r := generate(t, c)
	require.Equal(t, r.Planned, r.ByClass[Timeout], "%v", r.ByClass)
	require.Less(t, time.Since(begin), 10*time.Second)
	require.Zero(t, r.Retried)
}

func TestRetryWait(t *testing.T) {
	c := few(config(address())) // nobody listens
	c.Retry, c.Retries, c.RetryWait = scenario.RetryAlways, 3, 20*time.Millisecond
	begin := time.Now()
	r := generate(t, c)
	require.Equal(t, []int64{10, 30}, []int64{r.ByClass[Refused], r.Retried})
	require.Greater(t, time.Since(begin), 60*time.Millisecond, "three waits")
	c.RetryWait, c.Timeout = time.Second, 2500*time.Millisecond // a busy machine stops for less than half a second
	r = generate(t, c)
	require.Equal(t, []int64{10, 20}, []int64{r.ByClass[Timeout], r.Retried},
		"the third wait is longer than there is time")
}

func TestAbortAfterATime(t *testing.T) {
	var ended atomic.Int64
	c := few(config(server(t, func(c *net.TCPConn, r *bufio.Reader) {
		silent(c, r)
		ended.Add(1)
	})))
	c.AbortAfter = 20 * time.Millisecond
	r := generate(t, c)
	require.Equal(t, []int64{10, 10, 0, 0}, []int64{r.Planned, r.Aborted, r.Errors, r.Completed})
	require.Equal(t, 10., r.Metrics(time.Second)["http.aborted"])
	require.Eventually(t, func() bool { return ended.Load() == 10 }, time.Minute, time.Millisecond)
	// What is answered before is not aborted.
	c = few(config(server(t, func(c *net.TCPConn, r *bufio.Reader) {
		if head(r) {
			_, _ = io.WriteString(c, ok)
		}
	})))
	c.AbortAfter = 10 * time.Second
	r = generate(t, c)
	require.Equal(t, []int64{10, 0}, []int64{r.Completed, r.Aborted})
	// Those that wait for a connection are given up, too.
	c = few(config(server(t, silent)))
	c.AbortAfter, c.Connections = 20*time.Millisecond, 1
	r = generate(t, c)
	require.Equal(t, int64(10), r.Aborted)
	require.NotContains(t, generatePlain(t).Metrics(time.Second), "http.aborted")
}

func generatePlain(t *testing.T) *Result {
	r := generate(t, config(address()))
	return &r
}

func TestAbortAfterBytes(t *testing.T) {
	body := strings.Repeat("x", 100_000)
	c := few(config(server(t, func(c *net.TCPConn, r *bufio.Reader) {
		if head(r) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"+body)
		}
	})))
	c.AbortBytes = 1000
	r := generate(t, c)
	require.Equal(t, []int64{10, 10}, []int64{r.Planned, r.Aborted})
	c.AbortBytes = 200_000
	r = generate(t, c)
	require.Equal(t, []int64{10, 0}, []int64{r.Completed, r.Aborted})
}

// An answer of 10 kB in pieces of 1 kB, 10 ms apart, takes 90 ms at the least, however it came.
func TestReadsSlowly(t *testing.T) {
	c := few(config(server(t, func(c *net.TCPConn, r *bufio.Reader) {
		if head(r) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n"+strings.Repeat("x", 10_000))
		}
	})))
	c.Reads = &scenario.Slow{Bytes: 1000, Every: scenario.Duration(10 * time.Millisecond)}
	r := generate(t, c)
	require.Equal(t, int64(10), r.Completed, "%v", r.ByClass)
	require.GreaterOrEqual(t, r.Latency.Quantile(0), int64(100*time.Millisecond)-1e6, "10,038 bytes are 11 pieces")
	require.Less(t, r.Latency.Quantile(0), int64(time.Second))
}

// A client that reads slowly keeps its connection: the server has not ended it.
func TestReadsSlowlyOnAKeptConnection(t *testing.T) {
	c := few(config(server(t, func(c *net.TCPConn, r *bufio.Reader) {
		for head(r) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n"+strings.Repeat("x", 3000))
		}
	})))
	c.Keepalive, c.Connections = true, 1
	c.Reads = &scenario.Slow{Bytes: 1000, Every: scenario.Duration(time.Millisecond)}
	r := generate(t, c)
	require.Equal(t, int64(10), r.Completed, "%v", r.ByClass)
	require.Equal(t, []int64{1, 0}, []int64{r.Connects, r.IdleClosed})
}

// What a server reads is the request, however slowly it comes; on a kept connection each page of its own.
func TestSendsSlowlyAndPosts(t *testing.T) {
	for _, sends := range []*scenario.Slow{nil, {Bytes: 50, Every: scenario.Duration(time.Millisecond)}} {
		for _, size := range []int{0, 1, 1000, 1 << 20} {
			sends := sends
			if sends != nil && size > 1000 { // in pieces that fill the send buffer
				sends = &scenario.Slow{Bytes: 64 << 10, Every: scenario.Duration(time.Millisecond)}
			}
			var mu sync.Mutex
			var lines []string
			c := few(config(server(t, func(c *net.TCPConn, r *bufio.Reader) {
				for {
					line, err := r.ReadString('\n')
					if err != nil {
						return
					}
					length := 0
					for field := line; field != "\r\n"; field, _ = r.ReadString('\n') {
						if text, is := strings.CutPrefix(field, "Content-Length: "); is {
							length, _ = strconv.Atoi(strings.TrimSpace(text))
						}
					}
					body := make([]byte, length)
					if _, err := io.ReadFull(r, body); err != nil || !bytes.HasPrefix(body, []byte(filler)[:min(length, 64)]) {
						return
					}
					mu.Lock()
					lines = append(lines, line+strconv.Itoa(length))
					mu.Unlock()
					_, _ = io.WriteString(c, ok)
				}
			})))
			c.Body, c.Sends, c.Keepalive, c.Path, c.Writes = size, sends, true, "/{n}", 2
			r := generate(t, c)
			require.Equal(t, r.Planned, r.Completed, "%v", r.ByClass)
			method := map[bool]string{true: "GET", false: "POST"}[size == 0]
			for i := range 10 {
				require.Contains(t, lines, method+" /"+strconv.Itoa(i)+" HTTP/1.1\r\n"+strconv.Itoa(size))
			}
			require.Len(t, lines, 10)
		}
	}
}

// Moments come out in the order in which they were put in, when they are due and not before.
func TestQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q, now := queue{wait: 10}, int64(0)
		var want []int64
		for range 50 {
			now += rapid.Int64Range(0, 7).Draw(t, "later")
			if rapid.Bool().Draw(t, "put") {
				q.put(now, moment{})
				want = append(want, now+10)
			}
			for m, due := q.take(now); due; m, due = q.take(now) {
				if m.at != want[0] || m.at > now {
					t.Fatalf("%d at %d, want %d", m.at, now, want[0])
				}
				want = want[1:]
			}
			if len(want) > 0 && (q.next() != want[0] || q.next() <= now) || len(want) == 0 && q.next() != never {
				t.Fatalf("%d is next, want %v", q.next(), want)
			}
		}
	})
	var unused queue
	unused.put(1, moment{})
	require.Equal(t, int64(never), unused.next())
}
