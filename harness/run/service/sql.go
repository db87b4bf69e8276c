package service

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/netip"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/run/agent"
	"github.com/ruleout/ruleout/harness/run/socket"
	"github.com/ruleout/ruleout/harness/scenario"
)

// SQLRole is the agent role of the database.
const SQLRole = "sql"

func init() { agent.Register(SQLRole, runSQL) }

// SQLConfig configures a database.
type SQLConfig struct {
	// Listen is the address and port; [::] takes IPv4 as well.
	Listen netip.AddrPort `json:"listen"`
	// Backlog is given to listen(2) as it is.
	Backlog int `json:"backlog"`
	// Connections is the most that are served at once; further ones wait in the accept queue.
	// Default 151, as MySQL's max_connections. With persistent connections it should not be below the workers
	// of all pools that use the database. Each costs some 25 µs at start, used or not.
	Connections int `json:"connections,omitempty"`
	// Latency is the time from the last byte of a query to the first of its answer, without CPU.
	Latency time.Duration `json:"latency"`
	// Row is the length of an answer in bytes.
	Row int64 `json:"row"`

	// IdleTimeout ends a connection on which no query comes. Default 8h, as MySQL's wait_timeout.
	IdleTimeout time.Duration `json:"idle_timeout,omitempty"`
	// ReadTimeout bounds each wait for the rest of a query that has begun. Default 30s, as MySQL's net_read_timeout.
	ReadTimeout time.Duration `json:"read_timeout,omitempty"`
	// WriteTimeout bounds the time that an answer may wait for room in the send buffer. Default 60s, as
	// MySQL's net_write_timeout.
	WriteTimeout time.Duration `json:"write_timeout,omitempty"`
}

// NewSQLConfig returns the configuration of a scenario's database that is used by a number of workers, all pools
// together. There is a connection for each and another for the one before it, whose end may not have come yet.
func NewSQLConfig(s scenario.SQL, workers int) SQLConfig {
	c := SQLConfig{
		Listen:      netip.AddrPortFrom(netip.IPv6Unspecified(), uint16(s.Port)),
		Backlog:     s.Backlog,
		Connections: cmp.Or(s.Connections, 2*workers+16),

		IdleTimeout:  time.Duration(s.Timeouts.Idle),
		ReadTimeout:  time.Duration(s.Timeouts.Read),
		WriteTimeout: time.Duration(s.Timeouts.Write),
	}
	if s.Latency != nil {
		c.Latency = time.Duration(*s.Latency)
	}
	if s.Row != nil {
		c.Row = int64(*s.Row)
	}
	return c
}

// complete sets the defaults.
func (c *SQLConfig) complete() error {
	c.Connections = cmp.Or(c.Connections, 151)
	c.IdleTimeout, c.ReadTimeout, c.WriteTimeout = cmp.Or(c.IdleTimeout, 8*time.Hour),
		cmp.Or(c.ReadTimeout, 30*time.Second), cmp.Or(c.WriteTimeout, time.Minute)
	if c.Latency < 0 || c.Row < 0 || c.Row > rowLimit || c.Connections < 1 ||
		min(c.IdleTimeout, c.ReadTimeout, c.WriteTimeout) < 0 {
		return fmt.Errorf("sql: latency, row, connections or a timeout out of range")
	}
	return nil
}

// SQLResult counts what a database did, warm-up included.
type SQLResult struct {
	// Accepted connections.
	Accepted int64 `json:"accepted"`
	// Queries answered in full.
	Queries int64 `json:"queries"`
	// Broken connections: reset, closed in mid-query, too slow, or not speaking the protocol.
	Broken int64 `json:"broken"`
	// IdleClosed is the connections that the database ended because no query came in time.
	IdleClosed int64 `json:"idle_closed"`
	// Threads that were needed.
	Threads int64 `json:"threads"`
}

// queryLimit is the longest query.
const queryLimit = 16 << 10

type database struct {
	config   SQLConfig
	listener socket.FD
	answer   []byte // a row with its length in front

	idle, threads atomic.Int64
	count         agent.Tally
	failed        chan error
}

func runSQL(ctx context.Context, raw json.RawMessage, c agent.Control) (any, error) {
	var config SQLConfig
	if err := json.Unmarshal(raw, &config); err != nil {
		return nil, fmt.Errorf("decode configuration of sql: %w", err)
	}
	if err := config.complete(); err != nil {
		return nil, err
	}
	socket.Reserve(config.Connections + 64)
	runtime.GOMAXPROCS(config.Connections + 2)
	row := filler(config.Row)
	d := &database{
		config: config, count: agent.TallyOf(c, sqlCounters),
		answer: append(binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(row)), uint32(len(row))), row...),
		failed: make(chan error, config.Connections),
	}
	var err error
	if d.listener, err = socket.Listen(config.Listen, config.Backlog); err != nil {
		return nil, err
	}
	// Inherited: a peer that does not take its answer holds a thread for so long.
	if errno := d.listener.SetSendTimeout(config.WriteTimeout); errno != 0 {
		return nil, fmt.Errorf("set SO_SNDTIMEO on %s: %w", config.Listen, errno)
	}
	started := make(chan struct{})
	d.hire(func() { close(started) })
	<-started
	c.Ready()
	select {
	case err := <-d.failed:
		return nil, fmt.Errorf("accept on %s: %w", config.Listen, err)
	case <-ctx.Done():
	}
	return SQLResult{
		Accepted: d.count[sqlAccepted].Load(), Queries: d.count[sqlAnswered].Load(), Broken: d.count[sqlBroken].Load(),
		IdleClosed: d.count[sqlIdleClosed].Load(), Threads: d.threads.Load(),
	}, nil
}

// hire starts a thread that accepts and serves connections, one at a time.
func (d *database) hire(started func()) {
	number := d.threads.Add(1) - 1
	d.idle.Add(1)
	go func() {
		runtime.LockOSThread()
		agent.NameThread("sql-" + strconv.FormatInt(number, 10))
		agent.StrictTimers()
		in := make([]byte, 4+queryLimit)
		started()
		d.failed <- d.work(in)
	}()
}

func (d *database) work(in []byte) error {
	for {
		conn, errno := d.listener.Accept()
		if errno != 0 {
			if fatal(errno) {
				return errno
			}
			if errno != unix.EINTR && errno != unix.ECONNABORTED {
				socket.SleepUntil(agent.Now() + int64(10*time.Millisecond))
			}
			continue
		}
		d.count[sqlAccepted].Add(1)
		// The last idle thread sees to it that the next connection finds a thread, so that there are as many threads as
		// connections were open at once, and one.
		if d.idle.Add(-1) == 0 && d.threads.Load() < int64(d.config.Connections) {
			d.hire(func() {})
		}
		d.serve(conn, in)
		conn.Close()
		d.idle.Add(1)
	}
}

// serve answers queries until the connection ends.
func (d *database) serve(conn socket.FD, in []byte) {
	have := 0
	for {
		patience := d.config.IdleTimeout
		if have > 0 {
			patience = d.config.ReadTimeout
		}
		ready, errno := conn.Await(patience)
		if errno == 0 && !ready {
			if have == 0 {
				d.count[sqlIdleClosed].Add(1)
			} else {
				d.count[sqlBroken].Add(1)
			}
			return
		}
		n, errno := conn.Read(in[have:]) // which tells an error, too
		switch {
		case errno == unix.EINTR:
			continue
		case errno == 0 && n == 0 && have == 0:
			return
		case errno != 0 || n == 0:
			d.count[sqlBroken].Add(1)
			return
		}
		have += n
		for have >= 4 {
			size := 4 + int64(binary.BigEndian.Uint32(in))
			if size > int64(len(in)) {
				d.count[sqlBroken].Add(1)
				return
			}
			if int64(have) < size {
				break
			}
			if d.config.Latency > 0 {
				socket.SleepUntil(agent.Now() + int64(d.config.Latency))
			}
			d.count[sqlAnswered].Add(1) // first, so that an answer that the client has seen is counted
			if !writeAll(conn, d.answer) {
				d.count[sqlAnswered].Add(-1)
				d.count[sqlBroken].Add(1)
				return
			}
			have = copy(in, in[size:have])
		}
	}
}

func writeAll(conn socket.FD, b []byte) bool {
	for len(b) > 0 {
		n, errno := conn.Write(b)
		if errno != 0 && errno != unix.EINTR {
			return false
		}
		b = b[n:]
	}
	return true
}
