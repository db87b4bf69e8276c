package load

import (
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/run/dns"
	"github.com/ruleout/ruleout/harness/run/socket"
	"github.com/ruleout/ruleout/harness/run/sourceport"
)

// state of a connection.
type state uint8

const (
	closed state = iota
	resolving
	connecting
	active // a request is on it
	idle
)

// conn is one slot for a connection.
type conn struct {
	fd         socket.FD
	generation int32 // tells events of this connection from those of earlier ones in the slot
	request    int32 // index in the plan, or none
	state      state
	reused     bool  // has carried a request before
	carried    int   // requests, the present one included
	spoken     bool  // the server sent something without a request
	began      int64 // when connect(2) was called
	since      int64 // when it became idle
	low        int   // bytes that make it readable
	written    int   // bytes of the request
	asked      bool  // all of the request was written once
	paused     bool  // the client does not read, for now
	ending     bool  // the server has said that nothing more comes
	answer     int64 // bytes of the answer that were read
	response   response
	lookup     *dns.Lookup // of the server's name, while it is resolving
}

// carry finds a connection for a request; it tells whether there was one. The request may fail on it at once.
func (g *generator) carry(i int32, now int64) bool {
	g.expireIdle(now)
	for n := len(g.idle); n > 0; n-- {
		slot := g.idle[n-1]
		g.idle = g.idle[:n-1]
		if g.conns[slot].spoken {
			g.drop(slot)
			continue
		}
		g.conns[slot].reused = true
		g.assign(slot, i)
		g.ask(slot, now)
		return true
	}
	if limit := g.config.Connections; limit > 0 && g.open >= limit {
		return false
	}
	g.connect(i, now)
	return true
}

func (g *generator) assign(slot, i int32) {
	g.conns[slot].request = i
	g.conns[slot].carried++
	g.conns[slot].answer, g.conns[slot].paused = 0, false
	g.carrier[i] = slot
	g.markSent(i)
}

// connect opens a connection for a request; if the server has a name, it looks that up first.
func (g *generator) connect(i int32, now int64) {
	slot := g.takeSlot()
	g.assign(slot, i)
	if g.resolver != nil {
		g.lookUp(slot, now)
		return
	}
	g.dial(slot, &g.address, now)
}

// takeSlot finds a slot for a connection.
func (g *generator) takeSlot() (slot int32) {
	if n := len(g.free); n > 0 {
		slot = g.free[n-1]
		g.free = g.free[:n-1]
	} else {
		slot = int32(len(g.conns))
		g.conns = append(g.conns, conn{})
	}
	g.open++
	g.conns[slot].fd, g.conns[slot].carried, g.conns[slot].ending = socket.None, 0, false
	return slot
}

// dial calls connect(2).
func (g *generator) dial(slot int32, to *socket.Address, now int64) {
	g.record.connecting(now)
	c := &g.conns[slot]
	fd, errno := socket.Stream(to.Family(), false)
	c.fd, c.state, c.reused, c.spoken, c.began, c.low = fd, connecting, false, false, now, 1
	c.generation++
	c.response.reset()
	if errno == 0 {
		g.config.Ports.Bind(fd, to.Family(), sourceport.Socket{Load: g.config.Index, Request: int(c.request)})
		if errno = g.set(fd); errno == 0 {
			errno = fd.Connect(to)
		}
	}
	if errno == 0 || errno == unix.EINPROGRESS {
		errno = g.Poll.Add(fd, socket.Key{Slot: slot, Generation: c.generation}, unix.EPOLLIN|unix.EPOLLOUT|unix.EPOLLRDHUP)
	}
	if errno != 0 {
		g.broken(slot, errno, now)
		return
	}
	g.patience.connect.put(now, g.moment(slot))
}

// set sets the options of a new socket.
func (g *generator) set(fd socket.FD) (errno socket.Errno) {
	if g.config.NoDelay {
		errno = fd.SetNoDelay()
	}
	if errno == 0 && g.config.Probes {
		errno = fd.SetKeepAlive()
	}
	return errno
}

// ask writes the request on an established connection.
func (g *generator) ask(slot int32, now int64) {
	c := &g.conns[slot]
	c.state, c.written, c.asked = active, 0, false
	g.push(slot, now)
}

// handle takes one event.
func (g *generator) handle(e socket.Event) {
	now := g.Now()
	if g.next < len(g.plan) && g.plan[g.next] <= now {
		now = g.dispatchDue(now) // does not wait for the rest of the batch
	}
	c := &g.conns[e.Key.Slot]
	if c.state == closed || c.generation != e.Key.Generation {
		return // it was closed by an earlier event of the same batch
	}
	if c.state == resolving {
		g.step(e.Key.Slot, now)
		return
	}
	const over = unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR
	if c.state == connecting {
		if e.Flags&(unix.EPOLLERR|unix.EPOLLHUP) != 0 {
			errno := c.fd.Pending()
			if errno == 0 {
				errno = unix.ECONNRESET
			}
			g.broken(e.Key.Slot, errno, now)
			return
		}
		if e.Flags&unix.EPOLLOUT == 0 {
			return
		}
		if g.flags[c.request]&measured != 0 {
			g.record.result.Connect.Record(now - c.began)
		}
		g.ask(e.Key.Slot, now)
		c = &g.conns[e.Key.Slot]
	}
	if c.state == active && e.Flags&unix.EPOLLOUT != 0 && !c.asked && g.config.Sends == nil {
		g.push(e.Key.Slot, now)
		c = &g.conns[e.Key.Slot]
	}
	if c.generation == e.Key.Generation && e.Flags&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		c.ending = true
	}
	if e.Flags&over == 0 || c.generation != e.Key.Generation || c.paused {
		return
	}
	switch c.state {
	case active:
		g.read(e.Key.Slot, c.ending, now)
	case idle:
		if !c.ending {
			c.spoken = true // found out when it would be used again, as libcurl does
			return
		}
		g.endIdle(e.Key.Slot, now)
	}
}

// endIdle takes the end of a connection on which nothing is: the server closed it.
func (g *generator) endIdle(slot int32, now int64) {
	g.record.idleClosed(now)
	g.unlink(slot)
	g.drop(slot)
}

// read takes what has come. Events are edges: it reads until the queue is empty, which a short read
// tells as well as EAGAIN does, except for an end of stream after it.
func (g *generator) read(slot int32, ending bool, now int64) {
	c := &g.conns[slot]
	buffer := g.buffer
	if g.config.Reads != nil {
		buffer = buffer[:min(len(buffer), int(g.config.Reads.Bytes))]
	}
	for {
		n, errno := c.fd.Read(buffer)
		switch {
		case errno == unix.EAGAIN:
			return
		case errno == unix.EINTR:
			continue
		case errno != 0:
			g.broken(slot, errno, now)
			return
		case n == 0:
			g.ended(slot, now)
			return
		}
		g.record.received(now, n)
		finished, err := c.response.feed(buffer[:n])
		if err != nil {
			g.lose(slot, Malformed, now)
			return
		}
		if finished {
			g.answered(slot, now)
			if c := &g.conns[slot]; ending && c.state == idle { // the end came with the answer, and does so once
				g.endIdle(slot, now)
			}
			return
		}
		if c.answer += int64(n); g.config.AbortBytes > 0 && c.answer >= g.config.AbortBytes {
			g.abort(c.request, now)
			return
		}
		if g.config.Reads != nil {
			c.paused = true
			g.patience.reads.put(now, g.moment(slot))
			return
		}
		c.batch()
		if n < len(buffer) && !ending {
			return
		}
	}
}

// batchSize is as much of a body as the generator lets gather before it reads, a common size of clients' buffers.
const batchSize = 4096

// batch makes the connection readable again when a buffer full has come, or the rest of the body if that is less, of
// which chunks tell a part only. The generator is then woken for every third segment instead of each, and on the last
// one as before. In a guest that is a third of what a request of 20 kB costs it (600 µs down to 420 at 500 million
// instructions a second), and the kernel sends the same ACKs: 3638 of 3638.
func (c *conn) batch() {
	if !c.response.inBody {
		return
	}
	low := batchSize
	if n := c.response.least(); n != untilEnd && n < batchSize {
		low = int(n)
	}
	if low != c.low && c.fd.SetLowWater(low) == 0 {
		c.low = low
	}
}

// unbatch makes the connection readable by any byte.
func (c *conn) unbatch() {
	if c.low != 1 && c.fd.SetLowWater(1) == 0 {
		c.low = 1
	}
}

// answered takes a whole answer.
func (g *generator) answered(slot int32, now int64) {
	c := &g.conns[slot]
	i, status := c.request, c.response.status
	c.request = none
	full := g.config.KeepaliveRequests > 0 && c.carried >= g.config.KeepaliveRequests
	if g.config.Keepalive && !c.response.close && !full && c.asked {
		c.state, c.since = idle, now
		c.response.reset()
		c.unbatch()
		g.idle = append(g.idle, slot)
	} else {
		g.drop(slot)
	}
	if status >= 200 && status < 300 {
		g.complete(i, now)
	} else {
		g.fail(i, Status, now)
	}
}

// ended takes the end of the stream before a whole answer, unless that is what ends it.
func (g *generator) ended(slot int32, now int64) {
	c := &g.conns[slot]
	switch {
	case c.response.end():
		g.answered(slot, now)
	case c.response.began:
		g.lose(slot, Malformed, now)
	default:
		g.broken(slot, unix.ECONNRESET, now)
	}
}

// broken takes an error of the connection. The request may go out again.
func (g *generator) broken(slot int32, errno socket.Errno, now int64) {
	c := &g.conns[slot]
	i := c.request
	class := classify(errno)
	if g.again(c, class) {
		g.drop(slot)
		g.countTry(i)
		g.carrier[i] = none
		if g.config.RetryWait > 0 {
			g.patience.again.put(now, moment{request: i})
			return
		}
		g.record.again(now, g.inFlight, g.flags[i]&measured != 0)
		g.connect(i, now) // in the place of the one that was dropped
		return
	}
	g.lose(slot, class, now)
}

// expireIdle closes the connections that have been idle for too long. The first became idle first.
func (g *generator) expireIdle(now int64) {
	if g.config.Idle == 0 {
		return
	}
	n := 0
	for ; n < len(g.idle) && g.conns[g.idle[n]].since+int64(g.config.Idle) <= now; n++ {
		g.record.idleExpired(now)
		g.drop(g.idle[n])
	}
	g.idle = g.idle[:copy(g.idle, g.idle[n:])]
}

// lose ends a request and its connection with an error.
func (g *generator) lose(slot int32, class Class, now int64) {
	i := g.conns[slot].request
	g.drop(slot)
	g.fail(i, class, now)
}

// drop closes a connection and frees its slot.
func (g *generator) drop(slot int32) {
	c := &g.conns[slot]
	if c.lookup != nil {
		g.endLookup(slot)
	}
	if c.fd != socket.None {
		c.fd.Close()
	}
	c.state, c.request = closed, none
	g.free = append(g.free, slot)
	g.open--
}

// unlink takes a connection off the idle ones.
func (g *generator) unlink(slot int32) {
	for n, s := range g.idle {
		if s == slot {
			g.idle = append(g.idle[:n], g.idle[n+1:]...)
			return
		}
	}
}

func classify(errno socket.Errno) Class {
	switch errno {
	case unix.ECONNREFUSED:
		return Refused
	case unix.ECONNRESET, unix.EPIPE:
		return Reset
	case unix.ETIMEDOUT:
		return Timeout
	}
	return Other
}
