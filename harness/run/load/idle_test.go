package load

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/run/agent"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/arrival"
)

// Ten requests one after the other, on one connection at a time: what a client counts when connections end on it.
func TestRetry(t *testing.T) {
	answer := func(n int, f func(c *net.TCPConn)) func(*net.TCPConn, *bufio.Reader) {
		return func(c *net.TCPConn, r *bufio.Reader) {
			for range n {
				if !head(r) {
					return
				}
				_, _ = io.WriteString(c, ok)
			}
			if head(r) && f != nil {
				f(c)
			}
		}
	}
	reset := func(c *net.TCPConn) { _ = c.SetLinger(0) }
	half := func(c *net.TCPConn) { _, _ = io.WriteString(c, ok[:5]) }
	type wants struct{ completed, reset, malformed, retried, connects int64 }
	for name, test := range map[string]struct {
		script func(*net.TCPConn, *bufio.Reader)
		want   map[scenario.Retry]wants
	}{
		// Requests 2, 4, 6 … meet the end. Sent again they are the first on a new connection, so the next meets the end
		// again.
		"closed on the second request": {answer(1, nil), map[scenario.Retry]wants{
			scenario.RetryOff: {5, 5, 0, 0, 5}, scenario.RetryIdle: {10, 0, 0, 9, 10}, "": {10, 0, 0, 9, 10},
			scenario.RetryAlways: {10, 0, 0, 9, 10},
		}},
		"reset on the second request": {answer(1, reset), map[scenario.Retry]wants{
			scenario.RetryOff: {5, 5, 0, 0, 5}, scenario.RetryIdle: {10, 0, 0, 9, 10}, scenario.RetryAlways: {10, 0, 0, 9, 10},
		}},
		"half an answer to the second request": {answer(1, half), map[scenario.Retry]wants{
			scenario.RetryOff: {5, 0, 5, 0, 5}, scenario.RetryIdle: {5, 0, 5, 0, 5}, scenario.RetryAlways: {5, 0, 5, 0, 5},
		}},
		// On a new connection only always tries again, and once.
		"closed on the first request": {answer(0, nil), map[scenario.Retry]wants{
			scenario.RetryOff: {0, 10, 0, 0, 10}, scenario.RetryIdle: {0, 10, 0, 0, 10},
			scenario.RetryAlways: {0, 10, 0, 10, 20},
		}},
	} {
		for retry, want := range test.want {
			t.Run(fmt.Sprintf("%s, %q", name, retry), func(t *testing.T) {
				var connects atomic.Int64
				c := config(server(t, func(c *net.TCPConn, r *bufio.Reader) {
					connects.Add(1)
					test.script(c, r)
				}))
				c.Keepalive, c.Connections, c.Retry = true, 1, retry
				c.Schedule = arrival.Schedule{Arrivals: scenario.Constant, Rate: 1000, To: 10 * time.Millisecond}
				r := generate(t, c)
				require.Equal(t, want, wants{r.Completed, r.ByClass[Reset], r.ByClass[Malformed], r.Retried, connects.Load()}, "%v",
					r.ByClass)
			})
		}
	}
	for retry, want := range map[scenario.Retry]int64{scenario.RetryOff: 0, scenario.RetryIdle: 0,
		scenario.RetryAlways: planned} {
		t.Run(fmt.Sprintf("nobody listens, %q", retry), func(t *testing.T) {
			c := config(address())
			c.Retry = retry
			r := generate(t, c)
			require.Equal(t, r.Planned, r.ByClass[Refused], "%v", r.ByClass)
			require.Equal(t, want, r.Retried)
			require.Equal(t, r.Planned, r.Sent)
		})
	}
}

// A client that keeps connections for less long than the gap between requests opens one for each, and meets no end of
// any.
func TestIdleConnectionsExpire(t *testing.T) {
	var closed atomic.Int64
	to := server(t, func(c *net.TCPConn, r *bufio.Reader) {
		for head(r) {
			_, _ = io.WriteString(c, ok)
		}
		closed.Add(1)
	})
	for idle, connects := range map[time.Duration]int64{0: 1, time.Millisecond: 5, time.Minute: 1} {
		closed.Store(0)
		c := config(to)
		c.Keepalive, c.Idle, c.Duration = true, idle, time.Second
		c.Schedule = arrival.Schedule{Arrivals: scenario.Constant, Rate: 10, To: 500 * time.Millisecond}
		r := generate(t, c)
		require.Equal(t, r.Planned, r.Completed, "%v", r.ByClass)
		require.Equal(t, connects, r.Connects)
		require.Zero(t, r.Retried+r.IdleClosed)
		if connects > 1 {
			require.Equal(t, connects, r.IdleExpired)
		} else {
			require.Zero(t, r.IdleExpired)
		}
		require.Eventually(t, func() bool { return closed.Load() == connects }, time.Minute, time.Millisecond,
			"the client closes them")
	}
}

// Which connections end while nothing is on them is counted, and no error: the next request opens another.
func TestIdleConnectionsThatTheServerCloses(t *testing.T) {
	to := server(t, func(c *net.TCPConn, r *bufio.Reader) {
		if head(r) {
			_, _ = io.WriteString(c, ok)
		}
	})
	c := config(to)
	c.Keepalive, c.Duration = true, 4*time.Second
	c.Schedule = arrival.Schedule{Arrivals: scenario.Constant, Rate: 2, To: 2500 * time.Millisecond}
	r := generate(t, c)
	require.Equal(t, r.Planned, r.Completed, "%v", r.ByClass)
	require.Equal(t, []int64{5, 5, 0, 0}, []int64{r.Connects, r.IdleClosed, r.Retried, r.IdleExpired})
}

// What a server says without a request is noticed when the connection would be used again.
func TestAConnectionOnWhichTheServerSpeaksOutOfTurnIsNotUsedAgain(t *testing.T) {
	to := server(t, func(c *net.TCPConn, r *bufio.Reader) {
		for head(r) {
			_, _ = io.WriteString(c, ok)
			time.Sleep(2 * time.Millisecond) // so that it is no part of the answer, unless the machine is very busy
			_, _ = io.WriteString(c, "\x00")
		}
	})
	c := config(to)
	c.Keepalive = true
	c.Duration = time.Second
	// Far enough apart for a busy machine.
	c.Schedule = arrival.Schedule{Arrivals: scenario.Constant, Rate: 5, To: time.Second}
	r := generate(t, c)
	require.Equal(t, r.Planned, r.Completed+r.ByClass[Malformed], "%v", r.ByClass)
	require.Positive(t, r.Completed)
	require.Equal(t, int64(5), r.Connects)
	require.Zero(t, r.Retried)
}

func TestKeptAliveConnectionsStayOpenToTheEndOfTheWindow(t *testing.T) {
	var closed atomic.Int64
	to := server(t, func(c *net.TCPConn, r *bufio.Reader) {
		if head(r) {
			_, _ = io.WriteString(c, ok)
			head(r)
			closed.Store(agent.Now())
		}
	})
	c := config(to)
	c.Keepalive = true
	// One.
	c.Schedule = arrival.Schedule{Arrivals: scenario.Constant, Rate: 1000, From: -40 * time.Millisecond,
		To: -39 * time.Millisecond}
	p := startLoad(t, c)
	start := agent.Now() - int64(c.Schedule.From)
	require.NoError(t, p.Begin(agent.Beginning{Start: start, Seed: 1}))
	require.Zero(t, result(t, p).Connects, "that was in the warm-up")
	require.Eventually(t, func() bool { return closed.Load() != 0 }, time.Minute, time.Millisecond)
	require.GreaterOrEqual(t, closed.Load(), start+int64(c.Duration))
}

// A connection has as many requests as it may, and no more, and the client is the one that closes it.
func TestRequestsOnAConnection(t *testing.T) {
	var connections, ended atomic.Int64
	to := server(t, func(c *net.TCPConn, r *bufio.Reader) {
		connections.Add(1)
		for range 3 {
			if !head(r) {
				return
			}
			_, _ = io.WriteString(c, ok)
		}
		if !head(r) {
			ended.Add(1)
		}
	})
	c := config(to)
	c.Keepalive, c.Connections, c.KeepaliveRequests, c.Duration = true, 1, 3, time.Second
	c.Schedule = arrival.Schedule{Arrivals: scenario.Constant, Rate: 1000, To: 9 * time.Millisecond}
	r := generate(t, c)
	require.Equal(t, []int64{9, 9, 3, 0, 0}, []int64{r.Planned, r.Completed, r.Connects, r.IdleClosed, r.Retried})
	require.Equal(t, int64(3), connections.Load())
	require.Eventually(t, func() bool { return ended.Load() == 3 }, time.Minute, time.Millisecond)
}
