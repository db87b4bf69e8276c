package service

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/run/agent"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/metric"
)

// queriesEach is a database that answers so many queries on each connection, and ends it, in order or by a reset, when
// the next has come.
func queriesEach(t *testing.T, most int, reset bool) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", address().String())
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			// One at a time: the pool of these tests has one worker.
			for n := 0; ; n++ {
				if _, err := io.ReadFull(c, make([]byte, len(queryText))); err != nil || n == most {
					break
				}
				_, _ = c.Write(binary.BigEndian.AppendUint32(nil, 0))
			}
			if reset {
				_ = c.(*net.TCPConn).SetLinger(0)
			}
			c.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// What a visitor gets when the connection to the database has ended, and how often it was made again.
func TestReconnect(t *testing.T) {
	type wants struct{ ok, failed, connects, reconnects int64 }
	for _, test := range []struct {
		retry      scenario.Retry
		persistent bool
		queries    int
		most       int // queries that the database answers on a connection
		want       wants
	}{
		// Of four visits every other one meets a connection that the one before has worn out. One that failed has hung up, so
		// the next connects.
		{scenario.RetryOff, true, 1, 1, wants{2, 2, 2, 0}},
		{scenario.RetryIdle, true, 1, 1, wants{4, 0, 4, 3}},
		{scenario.RetryAlways, true, 1, 1, wants{4, 0, 4, 3}},
		{"", true, 1, 1, wants{4, 0, 4, 3}}, // the default is idle
		// Within a request nothing is made good, unless always.
		{scenario.RetryIdle, true, 2, 1, wants{0, 4, 4, 0}},
		{scenario.RetryAlways, true, 2, 1, wants{4, 0, 8, 7}},
		// Three answers a connection, two a request: the second request fails in its second query, the third begins again.
		{scenario.RetryIdle, true, 2, 3, wants{2, 2, 2, 0}},
		// Without persistent connections nothing is kept from before.
		{scenario.RetryOff, false, 1, 1, wants{4, 0, 4, 0}},
		{scenario.RetryIdle, false, 2, 1, wants{0, 4, 4, 0}},
		{scenario.RetryAlways, false, 2, 1, wants{4, 0, 8, 4}},
		// Nothing is sent a third time.
		{scenario.RetryAlways, true, 1, 0, wants{0, 4, 8, 4}},
	} {
		for _, reset := range []bool{false, true} {
			t.Run(fmt.Sprintf("%q, persistent %t, %d queries of %d, reset %t", test.retry, test.persistent, test.queries,
				test.most, reset), func(t *testing.T) {
				to, p := startPHP(t, PHPConfig{Workers: 1, Backlog: 1, Database: queriesEach(t, test.most, reset),
					Queries:    test.queries,
					Persistent: test.persistent, Reconnect: test.retry})
				var got wants
				for range 4 {
					switch answer := exchange(t, to, getAndClose); answer[:12] {
					case "HTTP/1.1 200":
						got.ok++
					case "HTTP/1.1 500":
						got.failed++
					}
				}
				r := stop[PHPResult](t, p)
				got.connects, got.reconnects = r.DatabaseConnects, r.DatabaseReconnects
				require.Equal(t, test.want, got)
				require.Equal(t, got.ok, r.Served)
				require.Equal(t, got.failed, r.Failed)
				require.Equal(t, got.failed, r.QueryErrors)
			})
		}
	}
}

// A connection that is not persistent ends with the request, also where the visitor's goes on.
func TestDatabaseConnectionsEndWithTheRequest(t *testing.T) {
	for persistent, connects := range map[bool]int64{false: 3, true: 1} {
		db, sql := startSQL(t, SQLConfig{Row: 10})
		to, p := startPHP(t, PHPConfig{Workers: 1, Backlog: 1, Database: db, Queries: 2, Persistent: persistent})
		exchange(t, to, "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"+getAndClose)
		require.Equal(t, connects, stop[PHPResult](t, p).DatabaseConnects)
		require.Equal(t, connects, stop[SQLResult](t, sql).Accepted)
	}
}

func TestDatabaseEndsIdleConnections(t *testing.T) {
	db, sql := startSQL(t, SQLConfig{Row: 1, IdleTimeout: 20 * time.Millisecond, ReadTimeout: 20 * time.Millisecond})
	silent, half, asked := dial(t, db), dial(t, db), dial(t, db)
	_, err := half.Write(queryText[:10])
	require.NoError(t, err)
	_, err = asked.Write(queryText)
	require.NoError(t, err)
	for c, n := range map[net.Conn]int{silent: 0, half: 0, asked: 5} {
		answer, err := io.ReadAll(c)
		require.NoError(t, err, "closed in order")
		require.Len(t, answer, n)
	}
	r := stop[SQLResult](t, sql)
	require.Equal(t, SQLResult{Accepted: 3, Queries: 1, Broken: 1, IdleClosed: 2, Threads: r.Threads}, r)
}

// The counters that the parent reads while the pool is at work are those that it returns in the end.
func TestTheParentReadsTheCounters(t *testing.T) {
	dbConfig := SQLConfig{Listen: address(), Backlog: 16, Row: 10}
	sql := start(t, agent.Spec{Role: SQLRole, Tally: len(SQLCounters()), Config: dbConfig})
	to := address()
	php := start(t, agent.Spec{Role: PHPRole, Tally: len(PHPCounters()),
		Config: PHPConfig{Listen: to, Workers: 2, Backlog: 16, Database: dbConfig.Listen, Queries: 3}})
	for range 4 {
		exchange(t, to, getAndClose)
	}
	exchange(t, to, "BREW / HTTP/1.1\r\n\r\n")
	read := func(p *agent.Process, names []string) map[string]int64 {
		counts := map[string]int64{}
		for i, name := range names {
			if n := p.Tally()[i].Load(); n != 0 {
				counts[name] = n
			}
		}
		return counts
	}
	require.Equal(t, map[string]int64{"php.accepted": 5, "php.requests": 4, "php.served": 4, "php.refused": 1,
		"sql.connects": 4, "sql.queries": 12}, read(php, PHPCounters()))
	require.Equal(t, map[string]int64{"sql.accepted": 4, "sql.answered": 12}, read(sql, SQLCounters()))
	r := stop[PHPResult](t, php)
	require.Equal(t, []int64{5, 4, 4, 1, 4, 12},
		[]int64{r.Accepted, r.Requests, r.Served, r.Refused, r.DatabaseConnects, r.Queries})
}

// Counters are named by their place: a name too few or in the wrong place would give them to another metric.
func TestEveryCounterHasItsMetric(t *testing.T) {
	names := func(lists ...[]metric.Metric) (all []string) {
		for _, m := range slices.Concat(lists...) {
			all = append(all, m.Name)
		}
		return all
	}
	require.Len(t, PHPCounters(), phpCounters)
	require.Equal(t, names(metric.Pool(), metric.Queries()), PHPCounters())
	require.Len(t, SQLCounters(), sqlCounters)
	require.Equal(t, names(metric.Database()), SQLCounters())
}
