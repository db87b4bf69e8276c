package load

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/run/agent"
	"github.com/ruleout/ruleout/harness/run/service"
	"github.com/ruleout/ruleout/harness/run/sourceport"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/arrival"
)

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

func TestPoolAndLoad(t *testing.T) {
	for name, test := range map[string]struct {
		keepalive   bool
		connections int
	}{"a connection a request": {}, "kept alive": {keepalive: true}, "kept alive, two at most": {true, 2},
		"two at most": {false, 2}} {
		t.Run(name, func(t *testing.T) {
			to := address()
			p, err := agent.Start(t.Context(), agent.Spec{Role: service.PHPRole, Config: service.PHPConfig{
				Listen: to, Workers: 100, Backlog: 511, Response: 20_000, CPU: 10 * time.Microsecond}})
			require.NoError(t, err)
			defer p.Close()
			c := config(to)
			c.Keepalive, c.Connections = test.keepalive, test.connections
			c.Schedule.From, c.Schedule.To, c.Duration = 0, 100*time.Millisecond, 400*time.Millisecond // all in the window
			r := generate(t, c)
			require.Equal(t, int64(100), r.Planned)
			require.Equal(t, r.Planned, r.Completed, "%v", r.ByClass)
			require.Zero(t, r.Retried)
			if !test.keepalive {
				require.Equal(t, r.Planned, r.Connect.Count())
			}
			require.Len(t, r.Series.Completed, 200)

			body, err := p.Stop(t.Context())
			require.NoError(t, err)
			var web service.PHPResult
			require.NoError(t, json.Unmarshal(body, &web))
			require.Equal(t, int64(100), web.Served)
			if r.Answered == 100 { // or else the machine was so busy that some came after the window
				require.Equal(t, r.Connects, web.Accepted)
				head := (r.Bytes - 100*20_000) / 100
				require.Equal(t, r.Bytes, 100*(20_000+head), "every byte of every answer")
				require.Greater(t, head, int64(100))
			}
			require.LessOrEqual(t, r.Connects, web.Accepted)
			if !test.keepalive {
				require.Equal(t, int64(100), web.Accepted)
			}
			if test.connections > 0 && test.keepalive {
				require.LessOrEqual(t, web.Accepted, int64(test.connections))
			}
		})
	}
}

func TestIPv6(t *testing.T) {
	l, err := net.Listen("tcp6", "[::1]:0")
	require.NoError(t, err)
	defer l.Close()
	served := make(chan struct{})
	go func() {
		defer close(served)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			head(bufio.NewReader(c))
			_, _ = io.WriteString(c, ok)
			c.Close()
		}
	}()
	r := generate(t, config(l.Addr().(*net.TCPAddr).AddrPort()))
	require.Equal(t, int64(planned), r.Completed)
	l.Close()
	<-served
}

// Two runs have the same flows as long as they make the same requests. A port that is in use costs that
// request its own port, and no other request.
func TestSourcePortsFollowFromTheRequests(t *testing.T) {
	ports := func(c Config, l net.Listener) (list []int) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				list = append(list, c.RemoteAddr().(*net.TCPAddr).Port)
				_ = c.(*net.TCPConn).SetLinger(0) // no TIME_WAIT in the way of the next
				_ = c.Close()
			}
		}()
		generate(t, c)
		require.NoError(t, l.Close())
		<-done
		slices.Sort(list)
		return list
	}
	listen := func(c *Config) net.Listener {
		l, err := net.Listen("tcp", c.To.String())
		require.NoError(t, err)
		return l
	}
	c := config(address())
	c.Index = 5
	first := ports(c, listen(&c))
	require.Len(t, first, 100)
	near := 0 // other programs of this machine have some of the ports
	for _, p := range first {
		if at := int(sourceport.Socket{Load: 5}.Port()); p >= at && p < at+100 {
			near++
		}
	}
	require.Greater(t, near, 80)
	require.Equal(t, first, ports(c, listen(&c)))

	taken, err := net.Listen("tcp", fmt.Sprintf("0.0.0.0:%d", first[10]))
	require.NoError(t, err)
	defer taken.Close()
	again := ports(c, listen(&c))
	require.Len(t, again, 100)
	require.NotContains(t, again, first[10])
	require.Subset(t, again, slices.Delete(slices.Clone(first), 10, 11))

	c.Ports.Served = []int{first[20]}
	again = ports(c, listen(&c))
	require.Len(t, again, 100)
	require.NotContains(t, again, first[20], "a service of the node has it, or will")
}

func TestErrorsAreClassified(t *testing.T) {
	say := func(text string) func(*net.TCPConn, *bufio.Reader) {
		return func(c *net.TCPConn, r *bufio.Reader) {
			if head(r) {
				_, _ = io.WriteString(c, text)
			}
		}
	}
	tests := map[string]struct {
		script func(*net.TCPConn, *bufio.Reader)
		class  Class
	}{
		"status":                   {say("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"), Status},
		"redirect is a status too": {say("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"), Status},
		"closes without an answer": {say(""), Reset},
		"resets without an answer": {func(c *net.TCPConn, r *bufio.Reader) { head(r); _ = c.SetLinger(0) }, Reset},
		"resets in mid-answer": {func(c *net.TCPConn, r *bufio.Reader) {
			head(r)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nabc")
			_ = c.SetLinger(0)
		}, ""}, // reset or malformed, as the reset overtakes the data or not
		"does not speak HTTP": {say("SSH-2.0-OpenSSH_9.2\r\n"), Malformed},
		"short body":          {say("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab"), Malformed},
		"short head":          {say("HTTP/1.1 200 OK\r\nContent"), Malformed},
		"half a chunk":        {say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab"), Malformed},
		"no last chunk":       {say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"), Malformed},
		"no such chunk":       {say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n"), Malformed},
		"never answers":       {func(c *net.TCPConn, r *bufio.Reader) { _, _ = io.Copy(io.Discard, r) }, Timeout},
		"never ends its answer": {func(c *net.TCPConn, r *bufio.Reader) {
			_, _ = io.WriteString(c, ok[:len(ok)-1])
			_, _ = io.Copy(io.Discard, r)
		}, Timeout},
	}
	for name, test := range tests {
		for _, keepalive := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, keepalive %t", name, keepalive), func(t *testing.T) {
				c := config(server(t, test.script))
				c.Keepalive = keepalive
				if test.class == Timeout {
					c.Timeout = 300 * time.Millisecond // by then a busy machine has sent it
				}
				r := generate(t, c)
				require.Equal(t, r.Planned, r.Errors)
				if test.class != "" {
					require.Equal(t, r.Planned, r.ByClass[test.class], "%v", r.ByClass)
				} else {
					require.Equal(t, r.Planned, r.ByClass[Reset]+r.ByClass[Malformed], "%v", r.ByClass)
				}
				require.Equal(t, r.Planned, r.Sent)
			})
		}
	}
	t.Run("nobody listens", func(t *testing.T) {
		r := generate(t, config(address()))
		require.Equal(t, r.Planned, r.ByClass[Refused], "%v", r.ByClass)
	})
	t.Run("no way there", func(t *testing.T) {
		r := generate(t, config(netip.MustParseAddrPort("255.255.255.255:80")))
		require.Equal(t, r.Planned, r.ByClass[Other], "%v", r.ByClass)
	})
	t.Run("answers up to the end of the connection", func(t *testing.T) {
		r := generate(t, config(server(t, say("HTTP/1.0 200 OK\r\n\r\nall of it"))))
		require.Equal(t, r.Planned, r.Completed)
	})
}

// A handler of net/http that says no length and flushes makes the server write chunks. Answers are of all lengths
// around the pieces that the generator waits for; one that it overlooked the end of would time out.
func TestChunkedAnswers(t *testing.T) {
	var requests, connections atomic.Int64
	l, err := net.Listen("tcp", address().String())
	require.NoError(t, err)
	web := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for n := int(requests.Add(1)) * 211; n > 0; n -= 3000 {
				_, _ = w.Write(make([]byte, min(n, 3000)))
				_ = http.NewResponseController(w).Flush()
			}
		}),
		ConnState: func(_ net.Conn, s http.ConnState) {
			if s == http.StateNew {
				connections.Add(1)
			}
		},
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = web.Serve(l)
	}()
	c := config(l.Addr().(*net.TCPAddr).AddrPort())
	c.Keepalive, c.Connections, c.Timeout = true, 1, 20*time.Second
	r := generate(t, c)
	require.NoError(t, web.Close())
	<-ended
	require.Equal(t, r.Planned, r.Completed, "%v", r.ByClass)
	require.Equal(t, int64(100), requests.Load())
	require.Equal(t, int64(1), connections.Load(), "the end of each answer was found, and the connection used again")
}

func TestRequestsThatFindNoConnectionTimeOutUnsent(t *testing.T) {
	c := config(server(t, func(c *net.TCPConn, r *bufio.Reader) { _, _ = io.Copy(io.Discard, r) }))
	c.Connections, c.Timeout = 1, time.Second
	c.Schedule = arrival.Schedule{Arrivals: scenario.Constant, Rate: 1e9, To: planned} // all within 50 ns
	r := generate(t, c)
	require.Equal(t, int64(planned), r.ByClass[Timeout])
	require.Equal(t, int64(1), r.Sent, "the others expire when it does")
}

func TestThousandsOutstanding(t *testing.T) {
	release := make(chan struct{})
	var once sync.Once
	var waiting atomic.Int64
	const all = 3000
	to := server(t, func(c *net.TCPConn, r *bufio.Reader) {
		head(r)
		if waiting.Add(1) == all {
			once.Do(func() { close(release) })
		}
		<-release
		_, _ = io.WriteString(c, ok)
	})
	c := Config{To: to, Duration: time.Second, Timeout: time.Minute, Interval: 100 * time.Millisecond,
		Schedule: arrival.Schedule{Arrivals: scenario.Constant, Rate: 6000, To: 500 * time.Millisecond}}
	r := generate(t, c)
	require.Equal(t, int64(all), r.Planned)
	require.Equal(t, r.Planned, r.Completed, "%v", r.ByClass)
	require.Equal(t, int64(all), r.Connects)
}

func TestStarvedGeneratorSaysSo(t *testing.T) {
	to := server(t, func(c *net.TCPConn, r *bufio.Reader) {
		if head(r) {
			_, _ = io.WriteString(c, ok)
		}
	})
	c := config(to)
	p := startLoad(t, c)
	// Stopped before anything is due, and for longer than the whole plan lasts.
	require.NoError(t, syscall.Kill(p.PID(), syscall.SIGSTOP))
	start := agent.Now()
	require.NoError(t, p.Begin(agent.Beginning{Start: start, Seed: 1}))
	end := start + int64(c.Schedule.To)
	for agent.Now() < end {
		time.Sleep(time.Duration(end - agent.Now()))
	}
	require.NoError(t, syscall.Kill(p.PID(), syscall.SIGCONT))
	r := result(t, p)
	require.Equal(t, r.Planned, r.Completed, "%v", r.ByClass)
	// Every request was late by all the time from its plan to the end at least.
	require.GreaterOrEqual(t, r.Late.Quantile(0.99), int64(c.Duration)*98/100)
	require.GreaterOrEqual(t, r.Latency.Quantile(0.01), int64(c.Schedule.To-c.Duration)*98/100,
		"and its latency counts from the plan")
	require.Zero(t, r.Series.Completed[0])
}

func TestPlanLongGoneTimesOutUnsent(t *testing.T) {
	c := config(server(t, func(*net.TCPConn, *bufio.Reader) {}))
	c.Timeout = time.Second
	p := startLoad(t, c)
	require.NoError(t, p.Begin(agent.Beginning{Start: agent.Now() - int64(time.Hour), Seed: 1}))
	r := result(t, p)
	require.Equal(t, r.Planned, r.Unsent)
	require.Zero(t, r.Connects)
}

func TestStopAbandonsWhatHasNoFate(t *testing.T) {
	asked := make(chan struct{}, 1000)
	c := config(server(t, func(c *net.TCPConn, r *bufio.Reader) {
		head(r)
		asked <- struct{}{}
		_, _ = io.Copy(io.Discard, r)
	}))
	t.Run("before the start", func(t *testing.T) {
		p := startLoad(t, c)
		body, err := p.Stop(t.Context())
		require.NoError(t, err)
		var r Result
		require.NoError(t, json.Unmarshal(body, &r))
		requireSums(t, r)
		require.Zero(t, r.Planned, "the plan comes with the seed")
	})
	t.Run("in the middle", func(t *testing.T) {
		p := startLoad(t, c)
		require.NoError(t, p.Begin(agent.Beginning{Start: agent.Now() - int64(c.Schedule.From), Seed: 1}))
		<-asked
		body, err := p.Stop(t.Context())
		require.NoError(t, err)
		var r Result
		require.NoError(t, json.Unmarshal(body, &r))
		requireSums(t, r)
		require.Equal(t, int64(planned), r.Abandoned, "nothing was answered")
	})
}
