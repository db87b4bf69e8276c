package load

import (
	"bufio"
	"encoding/json"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/ruleout/ruleout/harness/run/agent"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/arrival"
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

// config is 100 requests in a tenth of a second, 50 of them in the measured window.
func config(to netip.AddrPort) Config {
	return Config{
		To: to, Duration: 50 * time.Millisecond, Timeout: time.Minute, Interval: 2 * time.Millisecond,
		Schedule: arrival.Schedule{Arrivals: scenario.Constant, Rate: 1000, From: -40 * time.Millisecond,
			To: 60 * time.Millisecond},
	}
}

const planned = 50

// generate runs a generator to its end.
func generate(t *testing.T, c Config) Result {
	t.Helper()
	p := startLoad(t, c)
	require.NoError(t, p.Begin(agent.Beginning{Start: agent.Now() - int64(c.Schedule.From), Seed: 1}))
	return result(t, p)
}

func startLoad(t *testing.T, c Config) *agent.Process {
	t.Helper()
	p, err := agent.Start(t.Context(), agent.Spec{Role: Role, Config: c})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

func result(t *testing.T, p *agent.Process) (r Result) {
	t.Helper()
	body, err := p.Wait(t.Context())
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(body, &r))
	requireSums(t, r)
	return r
}

// requireSums checks that the accounts balance, whatever happened.
func requireSums(t *testing.T, r Result) {
	t.Helper()
	require.Equal(t, r.Planned, r.Completed+r.Errors+r.Aborted+r.Abandoned,
		"planned = completed + errors + aborted + abandoned")
	var errors, completed int64
	for _, n := range r.ByClass {
		errors += n
	}
	require.Equal(t, r.Errors, errors, "errors are of one class each")
	require.LessOrEqual(t, r.Unsent, r.ByClass[Timeout]+r.Aborted, "what was never sent timed out")
	if r.Abandoned == 0 {
		require.Equal(t, r.Planned, r.Sent+r.Unsent, "planned = sent + unsent")
		require.Equal(t, r.Planned, r.Late.Count())
	}
	require.Equal(t, r.Completed, r.Latency.Count())
	for i := range r.Series.Completed {
		completed += r.Series.Completed[i]
		require.LessOrEqual(t, r.Series.LatencyP99[i], r.Series.LatencyMax[i])
		require.GreaterOrEqual(t, r.Series.InFlight[i], int64(0))
	}
	if len(r.Series.Completed) > 0 {
		require.Equal(t, r.Answered, completed, "the series adds up to the answers in the window")
	}
	require.LessOrEqual(t, r.Retried, 100*r.Planned, "100 times is the most")
}

// server is a scripted one: every connection is handled by f, and then closed.
func server(t *testing.T, f func(c *net.TCPConn, r *bufio.Reader)) netip.AddrPort {
	t.Helper()
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(address()))
	require.NoError(t, err)
	var all sync.WaitGroup
	all.Add(1)
	go func() {
		defer all.Done()
		for {
			c, err := l.AcceptTCP()
			if err != nil {
				return
			}
			all.Add(1)
			go func() {
				defer all.Done()
				defer c.Close()
				f(c, bufio.NewReader(c))
			}()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		all.Wait()
	})
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// head reads the head of a request and tells whether there was one.
func head(r *bufio.Reader) bool {
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return false
		}
		if line == "\r\n" {
			return true
		}
	}
}
