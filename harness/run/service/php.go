package service

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"runtime"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/run/agent"
	"github.com/ruleout/ruleout/harness/run/socket"
	"github.com/ruleout/ruleout/harness/scenario"
)

// PHPRole is the agent role of the pool.
const PHPRole = "php"

func init() { agent.Register(PHPRole, runPHP) }

// PHPConfig configures a pool. Times that are zero have the default given with them.
type PHPConfig struct {
	// Listen is the address and port; [::] takes IPv4 as well.
	Listen netip.AddrPort `json:"listen"`
	// Workers is the number of tasks, at least 1.
	Workers int `json:"workers"`
	// Backlog is given to listen(2) as it is.
	Backlog int `json:"backlog"`
	// Database is the address of the sql service; needed when Queries is not 0.
	Database netip.AddrPort `json:"database"`
	// Persistent keeps each worker's database connection open between requests.
	Persistent bool `json:"persistent"`
	// Reconnect says which queries are sent again when their connection turns out to have ended. Default idle: the first
	// of a request, if the connection is from an earlier one.
	Reconnect scenario.Retry `json:"reconnect,omitempty"`
	// CPU of one request, burnt in equal parts before, between and after its queries.
	CPU time.Duration `json:"cpu"`
	// Queries made one after the other.
	Queries int `json:"queries"`
	// FirstByte is how long a worker sleeps before it answers.
	FirstByte time.Duration `json:"first_byte,omitempty"`
	// Spread says whether CPU and FirstByte of requests differ. What is drawn needs a seed: the pool then waits for its
	// beginning, as loads do.
	Spread scenario.Spread `json:"spread,omitempty"`
	// Response is the length of the body in bytes.
	Response int64 `json:"response"`
	// Writes is in how many pieces an answer is handed to the kernel; 0 means one.
	Writes int `json:"writes,omitempty"`
	// Nagle leaves Nagle's algorithm on.
	Nagle bool `json:"nagle,omitempty"`
	// KeepaliveRequests is the most requests on a connection; 0 means no limit.
	KeepaliveRequests int `json:"keepalive_requests,omitempty"`

	// IdleTimeout ends a keep-alive connection on which nothing comes. Default 5s, as Apache's KeepAliveTimeout.
	IdleTimeout time.Duration `json:"idle_timeout,omitempty"`
	// ReadTimeout bounds the time from the first wait for a request to the last byte of it. Default 20s, as Apache's
	// RequestReadTimeout has it for the head.
	ReadTimeout time.Duration `json:"read_timeout,omitempty"`
	// WriteTimeout bounds the time that an answer may wait for room in the send buffer. Default 60s, as Apache's Timeout.
	WriteTimeout time.Duration `json:"write_timeout,omitempty"`
	// QueryTimeout bounds connecting to the database, and each wait for a part of an answer. Default 30s.
	QueryTimeout time.Duration `json:"query_timeout,omitempty"`
}

// NewPHPConfig returns the configuration of a scenario's pool. The database's address may be
// the zero value when there are no queries.
func NewPHPConfig(p scenario.PHP, database netip.AddrPort) PHPConfig {
	c := PHPConfig{
		Listen:     netip.AddrPortFrom(netip.IPv6Unspecified(), uint16(p.Port)),
		Workers:    p.Workers,
		Backlog:    p.Backlog,
		Database:   database,
		Persistent: p.Persistent,
		Reconnect:  p.Reconnect,
		Queries:    p.Request.Queries,
		FirstByte:  time.Duration(p.Request.FirstByte),
		Spread:     p.Request.Spread,
		Writes:     p.Writes,
		Nagle:      p.Nagle,

		KeepaliveRequests: p.KeepaliveRequests,

		IdleTimeout:  time.Duration(p.Timeouts.Idle),
		ReadTimeout:  time.Duration(p.Timeouts.Read),
		WriteTimeout: time.Duration(p.Timeouts.Write),
		QueryTimeout: time.Duration(p.Timeouts.Query),
	}
	if p.Request.CPU != nil {
		c.CPU = time.Duration(*p.Request.CPU)
	}
	if p.Request.Response != nil {
		c.Response = int64(*p.Request.Response)
	}
	return c
}

// PHPResult counts what a pool did, warm-up included.
type PHPResult struct {
	// Accepted connections.
	Accepted int64 `json:"accepted"`
	// Requests of which the whole head and body came in.
	Requests int64 `json:"requests"`
	// Served requests: a 200 handed to the kernel in full.
	Served int64 `json:"served"`
	// Failed requests: a 500, because a query failed.
	Failed int64 `json:"failed"`
	// Refused requests: malformed, too long or not supported; answered with their status.
	Refused int64 `json:"refused"`
	// Queries answered by the database, and failed ones, connecting included.
	Queries     int64 `json:"queries"`
	QueryErrors int64 `json:"query_errors"`
	// DatabaseConnects is the number of connections that were asked of the database, and DatabaseReconnects of those the
	// ones in the place of one that had ended, on which the query went out again.
	DatabaseConnects   int64 `json:"database_connects"`
	DatabaseReconnects int64 `json:"database_reconnects"`
	// Timeouts: clients too slow with a request or with taking an answer. Idle keep-alive connections are not among them.
	Timeouts int64 `json:"timeouts"`
	// IdleClosed is the keep-alive connections that the pool ended because no further request came in time.
	IdleClosed int64 `json:"idle_closed"`
	// Broken connections: reset, or closed in mid-request or mid-answer.
	Broken int64 `json:"broken"`
	// AcceptErrors are those of accept(2) itself.
	AcceptErrors int64 `json:"accept_errors"`
	// Turns of the burning loop in one request, as calibrated.
	Turns int64 `json:"turns"`
}

func (c *PHPConfig) complete() error {
	switch {
	case c.Workers < 1:
		return fmt.Errorf("php pool: %d workers", c.Workers)
	case c.Queries > 0 && !c.Database.IsValid():
		return fmt.Errorf("php pool: %d queries and no database", c.Queries)
	case c.Response < 0 || c.CPU < 0 || c.Queries < 0 || c.FirstByte < 0:
		return fmt.Errorf("php pool: a cost of a request is negative")
	}
	if c.Reconnect == "" {
		c.Reconnect = scenario.RetryIdle
	}
	for _, d := range []struct {
		value *time.Duration
		ifNot time.Duration
	}{{&c.IdleTimeout, 5 * time.Second}, {&c.ReadTimeout, 20 * time.Second}, {&c.WriteTimeout, time.Minute},
		{&c.QueryTimeout, 30 * time.Second}} {
		if *d.value == 0 {
			*d.value = d.ifNot
		}
	}
	return nil
}

// pool is what workers share.
type pool struct {
	config   PHPConfig
	count    agent.Tally
	listener socket.FD
	database socket.Address
	turns    int64 // of the burning loop in one part of a request
	rest     int64 // further turns in the last part
	costs    costs
	body     []byte
	failure  []byte // body of a 500
}

func runPHP(ctx context.Context, raw json.RawMessage, c agent.Control) (any, error) {
	var config PHPConfig
	if err := json.Unmarshal(raw, &config); err != nil {
		return nil, fmt.Errorf("decode configuration of php pool: %w", err)
	}
	if err := config.complete(); err != nil {
		return nil, err
	}
	socket.Reserve(2*config.Workers + 64)
	// One P for each worker, which never gives it back, and two for the rest of the process.
	runtime.GOMAXPROCS(config.Workers + 2)
	turns, err := calibrate(config.CPU)
	if err != nil {
		return nil, err
	}
	p := &pool{config: config, count: agent.TallyOf(c, phpCounters), body: filler(config.Response),
		failure: []byte("query failed\n")}
	parts := int64(config.Queries + 1)
	p.turns, p.rest = turns/parts, turns%parts
	p.costs.drawn = !config.Spread.IsZero()
	if config.Database.IsValid() {
		p.database = socket.NewAddress(config.Database)
	}
	if p.listener, err = socket.Listen(config.Listen, config.Backlog); err != nil {
		return nil, err
	}
	// Inherited by connections; accept(2) itself does not look at it.
	if errno := p.listener.SetSendTimeout(config.WriteTimeout); errno != 0 {
		return nil, fmt.Errorf("set SO_SNDTIMEO on %s: %w", config.Listen, errno)
	}

	if config.Nagle { // inherited, too
		if errno := p.listener.SetNagle(); errno != 0 {
			return nil, fmt.Errorf("clear TCP_NODELAY on %s: %w", config.Listen, errno)
		}
	}

	var started sync.WaitGroup
	broken := make(chan error, config.Workers)
	workers := make([]*worker, config.Workers)
	for i := range workers {
		workers[i] = newWorker(p, i)
		started.Add(1)
		go func() {
			runtime.LockOSThread()
			agent.NameThread("php-" + strconv.Itoa(i))
			started.Done()
			broken <- workers[i].work()
		}()
	}
	started.Wait()
	c.Ready()
	for ended := false; !ended; {
		select {
		case err := <-broken:
			return nil, fmt.Errorf("accept on %s: %w", config.Listen, err)
		case b := <-c.Begin():
			p.costs.seed.Store(b.Seed)
		case <-ctx.Done():
			ended = true
		}
	}
	result := p.result()
	result.Turns = turns
	return result, nil
}

// filler returns n bytes that are the same everywhere.
func filler(n int64) []byte {
	const line = "The quick brown fox jumps over the lazy dog; 0123456789 and again\n"
	b := make([]byte, n)
	for i := 0; i < len(b); i += len(line) {
		copy(b[i:], line)
	}
	return b
}

// fatal tells an accept(2) that will never work again from one that failed for its connection's
// or for want of something.
func fatal(errno socket.Errno) bool {
	switch errno {
	case unix.EBADF, unix.EINVAL, unix.ENOTSOCK, unix.EOPNOTSUPP, unix.EFAULT:
		return true
	}
	return false
}
