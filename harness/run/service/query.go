package service

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/run/socket"
	"github.com/ruleout/ruleout/harness/scenario"
)

// queryText is what a worker asks, with its length in front.
var queryText = frame("SELECT id, name, payload, updated FROM items WHERE id = 4711 LIMIT 1")

func frame(text string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)
}

// rowLimit bounds the length of an answer that a worker believes.
const rowLimit = 64 << 20

// client is a worker's buffer for answers.
type client struct {
	in [16 << 10]byte
}

// query asks the database once; it connects first if there is no connection. first tells that it is the
// request's first.
//
// A connection that has ended is replaced as the scenario says. PHP's drivers look whether a persistent connection
// lives when they hand it to a request, and send nothing again later: see scenario.PHP.
func (w *worker) query(first bool) bool {
	again := false
	switch w.pool.config.Reconnect {
	case scenario.RetryIdle:
		again = first && w.database != socket.None
	case scenario.RetryAlways:
		again = true
	}
	for {
		if w.database == socket.None && !w.dial() {
			break
		}
		switch w.ask() {
		case answered:
			w.count[dbQueries].Add(1)
			return true
		case stale:
			w.hangUp()
			if again { // once more on a new one
				again = false
				w.count[dbReconnects].Add(1)
				continue
			}
		case unanswered:
			w.hangUp()
		}
		break
	}
	w.count[dbErrors].Add(1)
	return false
}

func (w *worker) dial() bool {
	w.count[dbConnects].Add(1)
	fd, errno := socket.Stream(w.pool.database.Family(), true)
	if errno != 0 {
		return false
	}
	fd.SetNoDelay()
	fd.SetSendTimeout(w.pool.config.QueryTimeout)
	fd.SetReceiveTimeout(w.pool.config.QueryTimeout)
	if errno := fd.Connect(&w.pool.database); errno != 0 {
		fd.Close()
		return false
	}
	w.database = fd
	return true
}

// hangUp closes the connection to the database, if there is one.
func (w *worker) hangUp() {
	if w.database != socket.None {
		w.database.Close()
		w.database = socket.None
	}
}

type outcome int

const (
	answered   outcome = iota
	unanswered         // no answer, or half of one, or none in time
	stale              // ended before a byte of the answer
)

// ask sends the query and takes the answer.
func (w *worker) ask() outcome {
	n, errno := w.database.Write(queryText)
	if errno == unix.EPIPE || errno == unix.ECONNRESET {
		return stale
	}
	if errno != 0 || n != len(queryText) {
		return unanswered
	}
	have, want := 0, int64(4)
	for first := true; ; {
		n, errno := w.database.Read(w.client.in[have:])
		switch {
		case errno == unix.EINTR:
			continue
		case have == 0 && first && (errno == unix.ECONNRESET || errno == 0 && n == 0):
			return stale
		case errno != 0 || n == 0:
			return unanswered
		}
		want -= int64(n)
		if first {
			if have += n; have < 4 {
				continue
			}
			first = false
			length := int64(binary.BigEndian.Uint32(w.client.in[:4]))
			if length > rowLimit {
				return unanswered
			}
			want += length
			have = 0
		}
		switch {
		case want == 0:
			return answered
		case want < 0:
			return unanswered // more than an answer
		}
	}
}
