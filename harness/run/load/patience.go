package load

import (
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/fifo"
	"github.com/ruleout/ruleout/harness/scenario"
)

// moment is when something is due for a request on a connection, or for the request alone.
type moment struct {
	at               int64
	slot, generation int32
	request          int32
}

// queue holds moments in their order: each is put in as long before it is due as the others, so the first is due first.
// Those whose request has gone on since are found out when they are due.
type queue struct {
	wait int64 // from when a moment is put in; 0 for a queue that is not used
	list fifo.Queue[moment]
}

func (q *queue) put(now int64, m moment) {
	if q.wait == 0 {
		return
	}
	m.at = now + q.wait
	q.list.Push(m)
}

// next is when the first moment is due, or never.
func (q *queue) next() int64 {
	if q.list.Len() == 0 {
		return never
	}
	return q.list.First().at
}

// take returns a moment that is due.
func (q *queue) take(now int64) (m moment, ok bool) {
	if q.next() > now {
		return m, false
	}
	m = *q.list.First()
	q.list.Pop()
	return m, true
}

// patience is what the generator waits for beside answers and the timeouts of requests.
type patience struct {
	connect, answer, abort, again queue
	reads, sends                  queue
}

func newPatience(c *Config) (p patience) {
	p.connect.wait, p.answer.wait = int64(c.ConnectTimeout), int64(c.FirstByteTimeout)
	p.abort.wait, p.again.wait = int64(c.AbortAfter), int64(c.RetryWait)
	if c.Reads != nil {
		p.reads.wait = int64(c.Reads.Every)
	}
	if c.Sends != nil {
		p.sends.wait = int64(c.Sends.Every)
	}
	return p
}

// next is when the first of all moments is due.
func (p *patience) next() int64 {
	return min(p.connect.next(), p.answer.next(), p.abort.next(), p.again.next(), p.reads.next(), p.sends.next())
}

// moment is one of the request that is on a connection.
func (g *generator) moment(slot int32) moment {
	return moment{slot: slot, generation: g.conns[slot].generation, request: g.conns[slot].request}
}

// holds tells whether a request is still on the connection on which it was.
func (g *generator) holds(m moment) bool {
	c := &g.conns[m.slot]
	return c.state != closed && c.generation == m.generation && c.request == m.request
}

// beDue does what is due.
func (g *generator) beDue(now int64) {
	p := &g.patience
	for m, ok := p.connect.take(now); ok; m, ok = p.connect.take(now) {
		if g.holds(m) && g.conns[m.slot].state == connecting {
			g.broken(m.slot, unix.ETIMEDOUT, now)
		}
	}
	for m, ok := p.answer.take(now); ok; m, ok = p.answer.take(now) {
		if g.holds(m) && !g.conns[m.slot].response.began {
			g.broken(m.slot, unix.ETIMEDOUT, now)
		}
	}
	for m, ok := p.abort.take(now); ok; m, ok = p.abort.take(now) {
		if g.flags[m.request]&done == 0 {
			g.abort(m.request, now)
		}
	}
	for m, ok := p.again.take(now); ok; m, ok = p.again.take(now) {
		if g.flags[m.request]&done != 0 {
			continue
		}
		g.record.again(now, g.inFlight, g.flags[m.request]&measured != 0)
		if !g.carry(m.request, now) {
			g.waiting.Push(m.request)
		}
	}
	for m, ok := p.reads.take(now); ok; m, ok = p.reads.take(now) {
		if g.holds(m) {
			g.conns[m.slot].paused = false
			g.read(m.slot, g.conns[m.slot].ending, now)
		}
	}
	for m, ok := p.sends.take(now); ok; m, ok = p.sends.take(now) {
		if g.holds(m) {
			g.push(m.slot, now)
		}
	}
}

// abort gives a request up on purpose.
func (g *generator) abort(i int32, now int64) {
	if slot := g.carrier[i]; slot != none {
		g.drop(slot)
	}
	g.settle(i, now, false)
	if g.flags[i]&measured != 0 {
		g.record.result.Aborted++
	}
	g.countUnsent(i)
}

// push writes what is still to be written of a request, as far as it goes.
func (g *generator) push(slot int32, now int64) {
	c := &g.conns[slot]
	if scenario.Page(g.config.Path).Numbered() {
		g.letter.write(&g.config, int(c.request))
	}
	text := g.letter
	for c.written < len(text) {
		end := text.pieceEnd(c.written, max(g.config.Writes, 1))
		if g.config.Sends != nil {
			end = min(len(text), c.written+int(g.config.Sends.Bytes))
		}
		n, errno := c.fd.Write(text[c.written:end])
		switch errno {
		case 0:
		case unix.EINTR:
			continue
		case unix.EAGAIN: // there will be room, and an event, which a slow sender does not heed
			if g.config.Sends != nil {
				g.patience.sends.put(now, g.moment(slot))
			}
			return
		default:
			g.broken(slot, errno, now)
			return
		}
		c.written += n
		if g.config.Sends != nil && c.written < len(text) {
			g.patience.sends.put(now, g.moment(slot))
			return
		}
	}
	if !c.asked {
		c.asked = true
		g.patience.answer.put(now, g.moment(slot))
	}
}

// again tells whether the request on a connection that failed goes out once more, on a new connection. It does so only
// while no byte of an answer has come, and only so often.
func (g *generator) again(c *conn, class Class) bool {
	if c.response.began || int(g.tries(c.request)) >= max(g.config.Retries, 1) {
		return false
	}
	switch g.config.Retry {
	case scenario.RetryOff:
		return false
	case scenario.RetryAlways:
		return class == Reset || class == Refused || class == Timeout && g.config.Retries > 0
	}
	return class == Reset && c.reused
}

// tries is how often a request was sent again.
func (g *generator) tries(i int32) uint8 {
	if g.resent != nil {
		return g.resent[i]
	}
	return g.flags[i] & retried / retried
}

// countTry notes that a request is sent again.
func (g *generator) countTry(i int32) {
	g.flags[i] |= retried
	if g.resent != nil {
		g.resent[i]++
	}
}
