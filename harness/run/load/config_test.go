package load

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/run/agent"
	"github.com/ruleout/ruleout/harness/run/socket"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/arrival"
)

func TestNothingToDo(t *testing.T) {
	c := config(address())
	c.Schedule.To = c.Schedule.From
	r := generate(t, c)
	require.Zero(t, r.Planned)
	require.Len(t, r.Series.InFlight, 25)
}

func TestNonsensicalConfigurations(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"no address":         func(c *Config) { c.To = netip.AddrPort{} },
		"no timeout":         func(c *Config) { c.Timeout = 0 },
		"no time":            func(c *Config) { c.Duration = 0 },
		"negative cap":       func(c *Config) { c.Connections = -1 },
		"too many writes":    func(c *Config) { c.Writes = 1000 },
		"negative intervals": func(c *Config) { c.Interval = -1 },
		"negative idle":      func(c *Config) { c.Idle = -1 },
	} {
		t.Run(name, func(t *testing.T) {
			c := config(address())
			change(&c)
			_, err := agent.Start(t.Context(), agent.Spec{Role: Role, Config: c})
			require.ErrorContains(t, err, "load: ")
		})
	}
}

func TestARequestIsWrittenInPieces(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 16} {
		c := config(address())
		c.Writes = n
		var l letter
		l.write(&c, 0)
		require.Equal(t, c.request(), []byte(l))
		pieces, size := max(n, 1), len(l)
		for k := range pieces {
			from, to := k*size/pieces, (k+1)*size/pieces
			require.Less(t, from, to, "a write of nothing writes nothing")
			for _, at := range []int{from, to - 1} { // the kernel may take a part
				require.Equal(t, to, l.pieceEnd(at, pieces), "%d of %d bytes in %d pieces", at, size, pieces)
			}
		}
	}
}

// A generator makes no garbage of the requests that it numbers, as it collects none.
func TestNumberedRequestsMakeNoGarbage(t *testing.T) {
	c := config(address())
	c.Path, c.Writes, c.Keepalive = "/item?n={n}&again={n}", 3, true
	var l letter
	l.write(&c, 7)
	require.Contains(t, string(l), "GET /item?n=7&again=7 HTTP/1.1\r\nHost: ")
	l.write(&c, 1e6)
	i := 0
	require.Zero(t, testing.AllocsPerRun(100, func() { l.write(&c, i); i += 9999 }))
}

// What the sockets of a generator are, asked of one that it has open.
func TestOptionsOfASocket(t *testing.T) {
	for _, want := range []bool{false, true} {
		c := config(address())
		c.NoDelay, c.Probes = want, want
		fd, errno := socket.Stream(unix.AF_INET, false)
		require.Zero(t, errno)
		defer fd.Close()
		g := &generator{config: c}
		require.Zero(t, g.set(fd))
		for _, option := range [][2]int{{unix.IPPROTO_TCP, unix.TCP_NODELAY}, {unix.SOL_SOCKET, unix.SO_KEEPALIVE}} {
			got, err := unix.GetsockoptInt(int(fd), option[0], option[1])
			require.NoError(t, err)
			require.Equal(t, want, got != 0, option)
		}
	}
}

func TestNewConfig(t *testing.T) {
	at, timeline := scenario.Duration(5e9), scenario.Duration(1e8)
	s := &scenario.Scenario{Warmup: 2e9, Duration: 30e9, Timeline: &timeline, Load: []scenario.Traffic{
		{HTTP: &scenario.HTTPLoad{Arrivals: scenario.Poisson, Rate: 40, Timeout: 5e9}},
		{HTTP: &scenario.HTTPLoad{Arrivals: scenario.Constant, Rate: 4, Timeout: 1e9, At: &at, For: 3e9, Keepalive: true, Connections: 7}},
		{HTTP: &scenario.HTTPLoad{At: &at, For: 300e9}},
	}}
	to := netip.MustParseAddrPort("10.0.0.2:80")
	require.Equal(t, Config{To: to, Duration: 30 * time.Second, Timeout: 5 * time.Second, Interval: 100 * time.Millisecond,
		Schedule: arrival.Schedule{Arrivals: scenario.Poisson, Rate: 40, From: -2 * time.Second, To: 30 * time.Second}},
		NewConfig(s, 0, to))
	require.Equal(t, Config{To: to, Index: 1, Duration: 30 * time.Second, Timeout: time.Second,
		Interval: 100 * time.Millisecond, Keepalive: true, Connections: 7,
		Schedule: arrival.Schedule{Arrivals: scenario.Constant, Rate: 4, From: 5 * time.Second, To: 8 * time.Second}},
		NewConfig(s, 1, to))
	require.Equal(t, 30*time.Second, NewConfig(s, 2, to).Schedule.To, "no request leaves after the window")

	b, err := json.Marshal(NewConfig(s, 1, to))
	require.NoError(t, err)
	var back Config
	require.NoError(t, json.Unmarshal(b, &back))
	require.Equal(t, NewConfig(s, 1, to), back)
}
