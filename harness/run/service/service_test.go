package service

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/ruleout/ruleout/harness/run/agent"
)

func TestMain(m *testing.M) {
	agent.Main()
	goleak.VerifyTestMain(m)
}

var addresses atomic.Uint32

// address returns one that no other test uses, of this process or of another: 127.0.0.0/8 is all ours.
func address() netip.AddrPort {
	pid := os.Getpid()
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, byte(pid>>8) | 1, byte(pid), byte(addresses.Add(1))}), 8080)
}

func startPHP(t *testing.T, c PHPConfig) (netip.AddrPort, *agent.Process) {
	t.Helper()
	if !c.Listen.IsValid() {
		c.Listen = address()
	}
	if c.Workers == 0 {
		c.Workers, c.Backlog = 2, 16
	}
	return c.Listen, start(t, agent.Spec{Role: PHPRole, Config: c})
}

func startSQL(t *testing.T, c SQLConfig) (netip.AddrPort, *agent.Process) {
	t.Helper()
	if !c.Listen.IsValid() {
		c.Listen = address()
	}
	if c.Backlog == 0 {
		c.Backlog = 16
	}
	return c.Listen, start(t, agent.Spec{Role: SQLRole, Config: c})
}

func start(t *testing.T, s agent.Spec) *agent.Process {
	t.Helper()
	p, err := agent.Start(t.Context(), s)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

// stop ends a service and returns what it counted.
func stop[R any](t *testing.T, p *agent.Process) (r R) {
	t.Helper()
	body, err := p.Stop(t.Context())
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(body, &r))
	return r
}

// dial connects; reading from and writing to the connection fails after a minute, lest a test hang.
func dial(t *testing.T, to netip.AddrPort) net.Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", to.String(), time.Minute)
	require.NoError(t, err)
	require.NoError(t, c.SetDeadline(time.Now().Add(time.Minute)))
	t.Cleanup(func() { c.Close() })
	return c
}

// exchange sends text on a new connection and returns all that comes back.
func exchange(t *testing.T, to netip.AddrPort, text string) string {
	t.Helper()
	c := dial(t, to)
	_, err := io.WriteString(c, text)
	require.NoError(t, err)
	answer, err := io.ReadAll(c)
	require.NoError(t, err)
	return string(answer)
}

const getAndClose = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

func TestPoolServes(t *testing.T) {
	to, p := startPHP(t, PHPConfig{Response: 100_000, CPU: time.Microsecond})
	ok := "HTTP/1.1 200 OK\r\n"

	t.Run("GET", func(t *testing.T) {
		r, err := http.ReadResponse(bufio.NewReader(strings.NewReader(exchange(t, to, getAndClose))), nil)
		require.NoError(t, err)
		defer r.Body.Close()
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		require.Equal(t, 200, r.StatusCode)
		require.True(t, r.Close)
		require.Equal(t, filler(100_000), body)
		require.Regexp(t, `^000[01]$`, r.Header.Get("X-Worker"))
	})
	t.Run("HEAD has no body", func(t *testing.T) {
		answer := exchange(t, to, "HEAD / HTTP/1.0\r\n\r\n")
		require.True(t, strings.HasPrefix(answer, ok))
		require.Contains(t, answer, "Content-Length: 100000\r\n")
		require.True(t, strings.HasSuffix(answer, "\r\n\r\n"))
	})
	t.Run("POST's body is read", func(t *testing.T) {
		body := strings.Repeat("GET / HTTP/1.1\r\n\r\n", 5000)
		answer := exchange(t, to,
			fmt.Sprintf("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
		require.Equal(t, 1, strings.Count(answer, "HTTP/1.1 "))
	})
	t.Run("POST's chunks are read, and no more", func(t *testing.T) {
		long := fmt.Sprintf("%x\r\n%s\r\n", 20_000, strings.Repeat("GET / HTTP/1.1\r\n\r\n.", 1100)[:20_000])
		post := "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
		answer := exchange(t, to, post+"3;x\r\nabc\r\n0\r\nX: y\r\n\r\n"+post+long+long+"0\r\n\r\n"+getAndClose)
		require.Equal(t, 3, strings.Count(answer, ok))
		require.Contains(t, exchange(t, to, post+"3\r\nabcd"), "HTTP/1.1 400 ")
		require.Contains(t, exchange(t, to, post+strings.Repeat(long, 53)), "HTTP/1.1 413 ")
	})
	t.Run("kept alive and pipelined", func(t *testing.T) {
		answer := exchange(t, to, strings.Repeat("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 5)+getAndClose)
		require.Equal(t, 6, strings.Count(answer, ok))
		require.Equal(t, 5, strings.Count(answer, "Connection: keep-alive\r\n"))
	})
	t.Run("a request in many pieces", func(t *testing.T) {
		c := dial(t, to)
		for i := range len(getAndClose) {
			_, err := io.WriteString(c, getAndClose[i:i+1])
			require.NoError(t, err)
		}
		answer, err := io.ReadAll(c)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(string(answer), ok))
	})
	r := stop[PHPResult](t, p)
	require.Equal(t, int64(8), r.Accepted)
	require.Equal(t, int64(13), r.Served)
	require.Equal(t, r.Requests, r.Served+r.Failed)
	require.Equal(t, int64(2), r.Refused)
	require.Zero(t, r.Broken+r.Timeouts+r.QueryErrors)
	require.Positive(t, r.Turns)
}

func TestIPv6AndIPv4OnOneListener(t *testing.T) {
	port := uint16(10_000 + os.Getpid()%20_000) // below the ephemeral ones
	_, p := startPHP(t, PHPConfig{Listen: netip.AddrPortFrom(netip.IPv6Unspecified(), port), Workers: 1, Backlog: 1})
	for _, to := range []string{"::1", "127.0.0.1"} {
		require.Contains(t, exchange(t, netip.AddrPortFrom(netip.MustParseAddr(to), port), getAndClose), "200 OK")
	}
	require.Equal(t, int64(2), stop[PHPResult](t, p).Served)
}

func TestNobodyAcceptsAhead(t *testing.T) {
	const workers, backlog = 2, 3
	to, p := startPHP(t, PHPConfig{Workers: workers, Backlog: backlog})
	var held []net.Conn
	for range workers + backlog + 1 { // sk_acceptq_is_full: one more than the backlog
		held = append(held, dial(t, to))
	}
	before := listenOverflows(t)
	_, err := net.DialTimeout("tcp", to.String(), 300*time.Millisecond)
	var timeout net.Error
	require.ErrorAs(t, err, &timeout)
	require.True(t, timeout.Timeout(), "the accept queue must be full: %v", err)
	require.Greater(t, listenOverflows(t), before)

	for _, c := range held { // each frees its worker for one that waits
		_, err := io.WriteString(c, getAndClose)
		require.NoError(t, err)
		answer, err := io.ReadAll(c)
		require.NoError(t, err)
		require.Contains(t, string(answer), "200 OK")
	}
	r := stop[PHPResult](t, p)
	require.GreaterOrEqual(t, r.Served, int64(len(held)))
}

func listenOverflows(t *testing.T) (n int64) {
	t.Helper()
	b, err := os.ReadFile("/proc/thread-self/net/netstat")
	require.NoError(t, err)
	lines := strings.Split(string(b), "\n")
	names, values := strings.Fields(lines[0]), strings.Fields(lines[1])
	for i, name := range names {
		if name == "ListenOverflows" {
			_, err := fmt.Sscan(values[i], &n)
			require.NoError(t, err)
			return n
		}
	}
	t.Fatal("no ListenOverflows")
	return 0
}

func TestNoClientHoldsAWorkerForEver(t *testing.T) {
	tests := map[string]struct {
		wedge func(t *testing.T, c net.Conn)
		count func(PHPResult) int64
	}{
		"says nothing": {func(*testing.T, net.Conn) {}, func(r PHPResult) int64 { return r.Timeouts }},
		"half a head": {func(t *testing.T, c net.Conn) {
			_, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost:")
			require.NoError(t, err)
		}, func(r PHPResult) int64 { return r.Timeouts }},
		"half a body": {func(t *testing.T, c net.Conn) {
			_, err := io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\nabc")
			require.NoError(t, err)
		}, func(r PHPResult) int64 { return r.Timeouts }},
		"a byte now and then": {func(t *testing.T, c net.Conn) {
			for _, err := io.WriteString(c, "GET /"); err == nil; _, err = io.WriteString(c, "x") {
				time.Sleep(time.Millisecond) // it is slow, and goes on until it is thrown out
			}
		}, func(r PHPResult) int64 { return r.Timeouts }},
		"does not read": {func(t *testing.T, c net.Conn) {
			require.NoError(t, c.(*net.TCPConn).SetReadBuffer(4096))
			_, err := io.WriteString(c, getAndClose)
			require.NoError(t, err)
		}, func(r PHPResult) int64 { return r.Timeouts }},
		"asks, and goes away": {func(t *testing.T, c net.Conn) {
			_, err := io.WriteString(c, getAndClose)
			require.NoError(t, err)
			require.NoError(t, c.(*net.TCPConn).SetLinger(0))
			c.Close()
		}, func(r PHPResult) int64 { return r.Broken }},
		"goes away in mid-request": {func(t *testing.T, c net.Conn) {
			_, err := io.WriteString(c, "GET")
			require.NoError(t, err)
			c.Close()
		}, func(r PHPResult) int64 { return r.Broken }},
		"idle between requests": {func(t *testing.T, c net.Conn) {
			_, err := io.WriteString(c, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
			require.NoError(t, err)
			_, err = io.ReadAll(c)
			require.NoError(t, err, "closed in order")
		}, func(r PHPResult) int64 { return r.IdleClosed - r.Timeouts - r.Broken }},
		"sends rubbish without end": {func(t *testing.T, c net.Conn) {
			for err := error(nil); err == nil; _, err = io.WriteString(c, strings.Repeat("rubbish ", 1000)) {
			}
		}, func(r PHPResult) int64 { return r.Refused }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			patience := 50 * time.Millisecond
			to, p := startPHP(t, PHPConfig{Workers: 1, Backlog: 4, Response: 32 << 20,
				ReadTimeout: patience, WriteTimeout: patience, IdleTimeout: patience})
			test.wedge(t, dial(t, to))
			// Comes next on the only worker. It asks with HEAD: with so little patience it would not get all of a body.
			answer := exchange(t, to, "HEAD / HTTP/1.0\r\n\r\n")
			require.Contains(t, answer, "200 OK")
			require.Equal(t, int64(1), test.count(stop[PHPResult](t, p)))
		})
	}
}

func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", address().String())
	require.NoError(t, err)
	defer l.Close()
	at := l.Addr().(*net.TCPAddr).AddrPort()
	for role, config := range map[string]any{PHPRole: PHPConfig{Listen: at, Workers: 1}, SQLRole: SQLConfig{Listen: at}} {
		_, err = agent.Start(t.Context(), agent.Spec{Role: role, Name: "web/" + role, Config: config})
		require.EqualError(t, err, fmt.Sprintf("start agent web/%s: bind %s: address already in use", role, at))
	}
}

func TestNonsensicalConfigurations(t *testing.T) {
	for name, test := range map[string]struct {
		role   string
		config any
	}{
		"no workers":        {PHPRole, PHPConfig{Listen: address()}},
		"no database":       {PHPRole, PHPConfig{Listen: address(), Workers: 1, Queries: 1}},
		"negative response": {PHPRole, PHPConfig{Listen: address(), Workers: 1, Response: -1}},
		"negative latency":  {SQLRole, SQLConfig{Listen: address(), Latency: -1}},
		"gigantic row":      {SQLRole, SQLConfig{Listen: address(), Row: 1 << 40}},
		"not an object":     {SQLRole, "x"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := agent.Start(t.Context(), agent.Spec{Role: test.role, Config: test.config})
			require.Error(t, err)
			require.NotContains(t, err.Error(), "died")
		})
	}
}
