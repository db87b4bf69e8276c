package service

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/run/agent"
	"github.com/ruleout/ruleout/harness/run/socket"
)

// worker is one task of the pool. All of its memory is there from the start.
type worker struct {
	pool  *pool
	count agent.Tally // the pool's

	conn    socket.FD
	timeout time.Duration // receive timeout that is set on conn
	in      [headLimit]byte
	have    int // bytes of in that wait to be parsed

	database socket.FD // the open connection, or socket.None
	client   client

	ok, failed [2][]byte // heads of answers, indexed by keep and closing
	refused    map[int][]byte
}

const (
	keep    = 0
	closing = 1
)

func newWorker(p *pool, number int) *worker {
	w := &worker{pool: p, count: p.count, conn: socket.None, database: socket.None, refused: map[int][]byte{}}
	for i, last := range []bool{keep: false, closing: true} {
		w.ok[i] = responseHead(200, number, int64(len(p.body)), last)
		w.failed[i] = responseHead(500, number, int64(len(p.failure)), last)
	}
	for _, status := range []int{400, 413, 431, 501, 505} {
		w.refused[status] = responseHead(status, number, 0, true)
	}
	return w
}

// work accepts and serves for ever; it returns when the listener is of no use any more.
func (w *worker) work() error {
	for {
		conn, errno := w.pool.listener.Accept()
		if errno != 0 {
			if fatal(errno) {
				return errno
			}
			if errno != unix.EINTR {
				w.count[phpAcceptErrors].Add(1)
			}
			if errno == unix.EMFILE || errno == unix.ENFILE || errno == unix.ENOBUFS || errno == unix.ENOMEM {
				socket.SleepUntil(agent.Now() + int64(10*time.Millisecond)) // the queue stays; do not spin on it
			}
			continue
		}
		w.count[phpAccepted].Add(1)
		w.conn, w.timeout, w.have = conn, 0, 0
		w.serve()
		w.conn.Close()
		w.conn = socket.None
		if !w.pool.config.Persistent {
			w.hangUp()
		}
	}
}

// serve answers requests on one connection until it ends.
func (w *worker) serve() {
	for n := 1; ; n++ {
		r, status := w.receive(n == 1)
		switch status {
		case statusOK:
		case statusEnd:
			return
		default:
			w.refuse(status)
			return
		}
		w.count[phpRequests].Add(1)
		head, body, outcome := &w.ok, w.pool.body, &w.count[phpServed]
		if !w.compute() {
			head, body, outcome = &w.failed, w.pool.failure, &w.count[phpFailed]
		}
		if r.head {
			body = nil
		}
		r.close = r.close || n == w.pool.config.KeepaliveRequests
		which := keep
		if r.close {
			which = closing
		}
		outcome.Add(1) // first, so that an answer that the client has seen is counted
		if !w.answer(head[which], body) {
			outcome.Add(-1)
			return
		}
		if !w.pool.config.Persistent {
			// PHP closes what is not persistent when the request is over, whatever becomes of the visitor's connection
			w.hangUp()
		}
		if r.close {
			return
		}
	}
}

// statusEnd is no HTTP status: the connection has ended and there is no client to answer.
const statusEnd = -1

// receive reads one request, body included, and returns statusOK, statusEnd or the status to refuse it with.
func (w *worker) receive(first bool) (request, int) {
	c := &w.pool.config
	patience := c.ReadTimeout
	if !first && w.have == 0 && !w.await(c.IdleTimeout) {
		w.count[phpIdleClosed].Add(1)
		return request{}, statusEnd
	}
	var deadline int64 // looked at only when a request comes in more than one piece
	for {
		r, n, status := parseRequest(w.in[:w.have])
		if status == statusOK {
			return r, w.discard(r, n, deadline)
		}
		if status != statusMore {
			return r, status
		}
		n, status = w.read(w.in[w.have:], patience)
		switch {
		case status == statusEnd && w.have == 0:
			return r, statusEnd // the usual end of a connection
		case status == statusEnd:
			w.count[phpBroken].Add(1)
			return r, statusEnd
		case status != statusOK:
			return r, status
		}
		w.have += n
		now := agent.Now()
		if deadline == 0 {
			deadline = now + int64(c.ReadTimeout)
		}
		if patience = time.Duration(deadline - now); patience <= 0 {
			return r, 408
		}
	}
}

// await waits for the next request on a kept connection, and tells whether something has come, be it the connection's
// end. It polls as servers do, since a receive timeout is late by up to an eighth, and in a race between a request and
// the end of its connection that decides.
func (w *worker) await(patience time.Duration) bool {
	ready, errno := w.conn.Await(patience)
	return ready || errno != 0 // an error shows in the read
}

// discard takes a request of n bytes of head and a body off the connection and off the buffer.
func (w *worker) discard(r request, n int, deadline int64) int {
	rest, body := w.in[n:w.have], bodyReader{left: r.body, chunked: r.chunked}
	take, status := body.read(rest)
	w.have = copy(w.in[:], rest[take:])
	if deadline == 0 {
		deadline = agent.Now() + int64(w.pool.config.ReadTimeout)
	}
	for status == statusMore {
		// Nothing is left in the buffer, so it is free.
		patience := time.Duration(deadline - agent.Now())
		if patience <= 0 {
			return 408
		}
		n, got := w.read(w.in[:min(body.most(), int64(len(w.in)))], patience)
		if got != statusOK {
			if got == statusEnd {
				w.count[phpBroken].Add(1)
			}
			return got
		}
		take, status = body.read(w.in[:n])
		w.have = copy(w.in[:], w.in[take:n]) // behind chunks the next request may begin
	}
	return status
}

// read reads once. It returns statusOK, statusEnd, or 408 when nothing came in time.
func (w *worker) read(b []byte, patience time.Duration) (int, int) {
	if patience != w.timeout {
		if errno := w.conn.SetReceiveTimeout(patience); errno != 0 {
			return 0, statusEnd
		}
		w.timeout = patience
	}
	for {
		n, errno := w.conn.Read(b)
		switch errno {
		case 0:
			if n == 0 {
				return 0, statusEnd
			}
			return n, statusOK
		case unix.EINTR:
		case unix.EAGAIN:
			return 0, 408
		default:
			return 0, statusEnd
		}
	}
}

// compute does what one request costs, and tells whether all queries were answered.
func (w *worker) compute() bool {
	c, factor := &w.pool.config, w.pool.costs.next()
	turns, rest := w.pool.turns, w.pool.rest
	if factor != 1 {
		turns, rest = int64(float64(turns)*factor), 0
	}
	for i := range c.Queries {
		burn(turns)
		if !w.query(i == 0) {
			return false
		}
	}
	burn(turns + rest)
	if c.FirstByte > 0 {
		socket.SleepUntil(agent.Now() + int64(float64(c.FirstByte)*factor))
	}
	return true
}

// answer writes an answer in as many pieces as the configuration says, or gives up on the connection.
func (w *worker) answer(head, body []byte) bool {
	size, n := len(head)+len(body), max(w.pool.config.Writes, 1)
	for k := range n {
		from, to := k*size/n, (k+1)*size/n
		first, rest := head[min(from, len(head)):min(to, len(head))], body[max(from-len(head), 0):max(to-len(head), 0)]
		if !w.write(first, rest) {
			return false
		}
	}
	return true
}

// write writes an answer in full, or gives up on the connection.
func (w *worker) write(head, body []byte) bool {
	start := int64(0)
	for len(head) > 0 || len(body) > 0 {
		var n int
		var errno socket.Errno
		if len(head) > 0 {
			n, errno = w.conn.WriteBoth(head, body)
		} else {
			n, errno = w.conn.Write(body)
		}
		switch errno {
		case 0:
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			w.count[phpTimeouts].Add(1)
			return false
		default:
			w.count[phpBroken].Add(1)
			return false
		}
		took := min(n, len(head))
		head, body = head[took:], body[n-took:]
		if len(head)+len(body) == 0 {
			return true
		}
		// In part: the kernel's timeout hit, or a signal did. A reader who takes a byte at
		// a time must not hold the worker for ever.
		now := agent.Now()
		if start == 0 {
			start = now
		}
		if now-start > int64(w.pool.config.WriteTimeout) {
			w.count[phpTimeouts].Add(1)
			return false
		}
	}
	return true
}

// lingerLimit and lingerTimeout bound what a worker does for a client that it refuses.
const (
	lingerLimit   = 64 << 10
	lingerTimeout = time.Second
)

// refuse answers with a status and ends the connection. What the client still sends is
// read for a while, or else the kernel would reset the connection and the answer be lost.
func (w *worker) refuse(status int) {
	if status == 408 {
		w.count[phpTimeouts].Add(1) // a client that says nothing gets no answer
		return
	}
	w.count[phpRefused].Add(1)
	if !w.write(w.refused[status], nil) || w.conn.ShutdownWrite() != 0 {
		return
	}
	deadline := agent.Now() + int64(lingerTimeout)
	for taken := 0; taken < lingerLimit; {
		patience := time.Duration(deadline - agent.Now())
		if patience <= 0 {
			return
		}
		n, status := w.read(w.in[:], patience)
		if status != statusOK {
			return
		}
		taken += n
	}
}
