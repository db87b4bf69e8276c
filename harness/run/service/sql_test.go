package service

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestQueriesAreMade(t *testing.T) {
	for name, persistent := range map[string]bool{"a connection a request": false, "persistent": true} {
		t.Run(name, func(t *testing.T) {
			db, sql := startSQL(t, SQLConfig{Latency: time.Microsecond, Row: 40_000})
			to, php := startPHP(t, PHPConfig{Workers: 1, Backlog: 1, Database: db, Queries: 3,
				Persistent: persistent, Response: 10})
			for range 4 {
				require.Contains(t, exchange(t, to, getAndClose), "200 OK")
			}
			web, database := stop[PHPResult](t, php), stop[SQLResult](t, sql)
			require.Equal(t, int64(12), web.Queries)
			require.Equal(t, int64(12), database.Queries)
			connections := int64(4)
			if persistent {
				connections = 1
			}
			require.Equal(t, connections, web.DatabaseConnects)
			require.Equal(t, connections, database.Accepted)
		})
	}
}

func TestFailedQueryIsA500(t *testing.T) {
	mute, err := net.Listen("tcp", address().String())
	require.NoError(t, err)
	defer mute.Close()
	liar, err := net.Listen("tcp", address().String())
	require.NoError(t, err)
	defer liar.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := liar.Accept()
			if err != nil {
				return
			}
			_, _ = io.ReadFull(c, make([]byte, len(queryText)))
			_, _ = io.WriteString(c, "\x00\x00\x00\x02more")
			c.Close()
		}
	}()
	addr := func(l net.Listener) netip.AddrPort { return l.Addr().(*net.TCPAddr).AddrPort() }

	for name, database := range map[string]netip.AddrPort{
		"nobody listens": address(), "never answers": addr(mute), "answers too much": addr(liar),
	} {
		for _, persistent := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, persistent %t", name, persistent), func(t *testing.T) {
				to, p := startPHP(t, PHPConfig{Workers: 1, Backlog: 1, Database: database, Queries: 2, Persistent: persistent,
					QueryTimeout: 50 * time.Millisecond})
				for range 2 {
					answer := exchange(t, to, getAndClose)
					require.True(t, strings.HasPrefix(answer, "HTTP/1.1 500 "), answer)
					require.True(t, strings.HasSuffix(answer, "\r\n\r\nquery failed\n"), answer)
				}
				r := stop[PHPResult](t, p)
				require.Equal(t, int64(2), r.Failed)
				require.Equal(t, int64(2), r.QueryErrors)
				require.Zero(t, r.Served)
			})
		}
	}
	liar.Close()
	<-done
}

func TestDatabaseKilledAndBack(t *testing.T) {
	for name, persistent := range map[string]bool{"a connection a request": false, "persistent": true} {
		t.Run(name, func(t *testing.T) {
			db, sql := startSQL(t, SQLConfig{Row: 10})
			to, p := startPHP(t, PHPConfig{Workers: 1, Backlog: 1, Database: db, Queries: 1, Persistent: persistent})
			require.Contains(t, exchange(t, to, getAndClose), "200 OK")
			require.NoError(t, syscall.Kill(sql.PID(), syscall.SIGKILL))
			_, err := sql.Wait(t.Context())
			require.ErrorContains(t, err, "killed")
			require.Contains(t, exchange(t, to, getAndClose), "500 Internal")
			startSQL(t, SQLConfig{Listen: db, Row: 10})
			require.Contains(t, exchange(t, to, getAndClose), "200 OK")
			r := stop[PHPResult](t, p)
			require.Equal(t, int64(1), r.QueryErrors)
			require.Equal(t, int64(2), r.Served)
		})
	}
}

func TestStalePersistentConnectionIsReplaced(t *testing.T) {
	db, sql := startSQL(t, SQLConfig{Row: 10})
	to, p := startPHP(t, PHPConfig{Workers: 1, Backlog: 1, Database: db, Queries: 1, Persistent: true})
	require.Contains(t, exchange(t, to, getAndClose), "200 OK")
	require.NoError(t, sql.Close())
	startSQL(t, SQLConfig{Listen: db, Row: 10})
	require.Contains(t, exchange(t, to, getAndClose), "200 OK", "the restart went unnoticed")
	r := stop[PHPResult](t, p)
	require.Zero(t, r.QueryErrors)
	require.Equal(t, int64(2), r.DatabaseConnects)
}

func TestDatabaseAnswersInOrderAndHiresThreads(t *testing.T) {
	const row = 1000
	db, sql := startSQL(t, SQLConfig{Row: row, Connections: 8})
	var conns []net.Conn
	for range 4 {
		c := dial(t, db)
		_, err := c.Write([]byte(strings.Repeat(string(queryText), 3)))
		require.NoError(t, err)
		_, err = io.ReadFull(c, make([]byte, 3*(4+row)))
		require.NoError(t, err)
		conns = append(conns, c)
	}
	for _, c := range conns {
		require.NoError(t, c.Close())
	}
	r := stop[SQLResult](t, sql)
	require.Equal(t, SQLResult{Accepted: 4, Queries: 12, Threads: r.Threads}, r)
	require.GreaterOrEqual(t, r.Threads, int64(4))
	require.LessOrEqual(t, r.Threads, int64(5))
}

func TestDatabaseTakesNoMoreThanItsConnections(t *testing.T) {
	db, sql := startSQL(t, SQLConfig{Row: 1, Connections: 1})
	first, second := dial(t, db), dial(t, db)
	for _, c := range []net.Conn{second, first} {
		_, err := c.Write(queryText)
		require.NoError(t, err)
	}
	_, err := io.ReadFull(first, make([]byte, 5))
	require.NoError(t, err)
	require.NoError(t, first.Close()) // only now it is the second's turn
	_, err = io.ReadFull(second, make([]byte, 5))
	require.NoError(t, err)
	require.Equal(t, int64(1), stop[SQLResult](t, sql).Threads)
}

func TestDatabaseHangsUpOnWhoDoesNotSpeakItsProtocol(t *testing.T) {
	db, sql := startSQL(t, SQLConfig{Row: 1})
	require.Empty(t, exchange(t, db, "GET / HTTP/1.1\r\n\r\n"))
	c := dial(t, db)
	_, err := c.Write(queryText[:10])
	require.NoError(t, err)
	require.NoError(t, c.(*net.TCPConn).CloseWrite())
	_, err = io.ReadAll(c)
	require.NoError(t, err)
	c = dial(t, db)
	_, err = c.Write(queryText)
	require.NoError(t, err)
	_, err = io.ReadFull(c, make([]byte, 5))
	require.NoError(t, err, "and still serves others")
	require.Equal(t, int64(2), stop[SQLResult](t, sql).Broken)
}
