package load

import (
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/run/agent"
	"github.com/ruleout/ruleout/harness/run/socket"
	"github.com/ruleout/ruleout/harness/scenario"
)

// The role collects no garbage: once the plan is made, requests take no memory, whatever the client's manners are, with
// others that wait for a connection, or with names that are looked up in vain.
func TestNoMemoryPerRequest(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"connections": func(*Config) {},
		"kept":        func(c *Config) { c.Keepalive = true },
		"waiting":     func(c *Config) { c.Connections = 1 },
		"numbered":    func(c *Config) { c.Path, c.Writes = "/page/{n}", 3 },
		"patience": func(c *Config) {
			c.ConnectTimeout, c.FirstByteTimeout, c.AbortAfter = time.Hour, time.Hour, time.Hour
		},
		"slow": func(c *Config) {
			c.Reads, c.Sends = &scenario.Slow{Bytes: 10, Every: 1}, &scenario.Slow{Bytes: 50, Every: 1}
		},
		"unresolved": func(c *Config) { c.Resolver = resolverOf(netip.AddrPortFrom(address().Addr(), 53)) },
	} {
		t.Run(name, func(t *testing.T) {
			to := address()
			listener, err := socket.Listen(to, 16)
			require.NoError(t, err)
			defer listener.Close()
			require.NoError(t, unix.SetNonblock(int(listener), true))
			c := Config{To: to, Duration: math.MaxInt64 / 2, Interval: math.MaxInt64 / 4, Timeout: time.Hour}
			change(&c)
			g, err := newGenerator(c)
			require.NoError(t, err)
			defer g.close()
			require.NoError(t, g.draw(agent.Beginning{Seed: 1}))
			b := bench{generator: g, listener: listener, conn: socket.None, in: make([]byte, 4096)}
			defer b.hangUp()
			g.record.result.Latency.Record(1) // makes the histograms
			g.record.result.Connect.Record(1)
			g.record.result.Late.Record(1)
			const runs, batch = 400, 2
			g.plan, g.flags = make([]int64, batch*(runs+1)), make([]uint8, batch*(runs+1))
			g.carrier = make([]int32, len(g.plan))
			for i := range g.plan {
				g.plan[i], g.flags[i], g.carrier[i] = never, measured, none
			}
			n := testing.AllocsPerRun(runs, func() {
				if c.Connections == 0 { // one after the other
					b.requests(1)
					b.requests(1)
				} else {
					b.requests(batch)
				}
			})
			require.Zero(t, n)
			result := g.record.finish(g.Now(), g.inFlight)
			if c.Resolver != nil {
				require.EqualValues(t, len(g.plan), *g.record.byClass[Unresolved])
			} else {
				require.EqualValues(t, len(g.plan), result.Completed)
			}
		})
	}
}

// bench is a generator and its server in one thread, which take turns and never sleep.
type bench struct {
	*generator
	listener, conn socket.FD
	taken          int
	in             []byte
}

var shortAnswer = []byte("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n01234567890123456789")

// requests makes some requests at once, and comes back when all have met their fate.
func (b *bench) requests(n int) {
	for i := range n {
		b.plan[b.next+i] = b.Now()
	}
	b.dispatchDue(b.Now())
	for b.inFlight > 0 {
		b.beDue(b.Now())
		b.serveWaiting(b.Now())
		if b.inFlight > 0 && b.resolver == nil {
			b.serve()
		}
		_ = b.Poll.Alarm(1) // do not wait
		_, _ = b.Poll.Wait(b.onEvent)
	}
}

// serve answers on the connection that there is.
func (b *bench) serve() {
	if b.conn == socket.None {
		var errno socket.Errno
		if b.conn, errno = b.listener.AcceptNonblocking(); errno != 0 {
			return
		}
	}
	n, errno := b.conn.Read(b.in)
	if errno == unix.EAGAIN {
		return
	}
	b.taken += n
	if n == 0 { // its end
		b.hangUp()
	} else if b.in[n-1] == '\n' && b.taken >= len(b.letter) {
		b.taken = 0
		_, _ = b.conn.Write(shortAnswer)
		if !b.config.Keepalive {
			b.hangUp()
		}
	}
}

func (b *bench) hangUp() {
	if b.conn != socket.None {
		b.conn.Close()
		b.conn = socket.None
	}
}

// Moments that are waited for while others come and go take the memory of those that have gone.
func TestNoMemoryPerMoment(t *testing.T) {
	q := queue{wait: 10}
	for at := range int64(10) {
		q.put(at, moment{})
	}
	now := int64(10)
	n := testing.AllocsPerRun(1, func() {
		for range 100_000 {
			q.put(now, moment{})
			q.take(now)
			now++
		}
	})
	require.Zero(t, n)
	require.Equal(t, now, q.next())
}
