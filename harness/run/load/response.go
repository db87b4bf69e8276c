package load

import (
	"errors"

	"github.com/ruleout/ruleout/harness/run/httphead"
)

// responseHeadLimit is the longest head of an answer.
const responseHeadLimit = 32 << 10

// response reads one answer (RFC 9112) from a connection, in whatever pieces it comes. Bodies have a
// Content-Length, are chunked, or last to the end of the connection. They are counted, not kept.
type response struct {
	head    []byte // what came of an incomplete head
	inBody  bool
	status  int
	close   bool  // the connection ends with this answer
	length  int64 // of the body that is still to come; untilEnd
	chunked bool  // chunks say where the body ends, and not its length
	chunks  httphead.Chunks
	began   bool // a byte has come
}

const untilEnd = httphead.Unknown

const protocol = "HTTP/1."

func (r *response) reset() { *r = response{head: r.head[:0]} }

var (
	errNotHTTP  = errors.New("not an HTTP/1.1 response")
	errTooLong  = errors.New("response head too long")
	errTransfer = errors.New("a transfer encoding where there may be none")
)

// feed takes the next piece. It tells whether the answer is complete; what follows it
// in the piece means that the connection cannot be used again.
func (r *response) feed(b []byte) (done bool, err error) {
	r.began = r.began || len(b) > 0
	for !r.inBody {
		text := b
		if len(r.head) > 0 {
			r.head = append(r.head, b...)
			text = r.head
		}
		if n := min(len(text), len(protocol)); string(text[:n]) != protocol[:n] {
			return false, errNotHTTP
		}
		h, n, err := httphead.Read(text)
		if err != nil {
			return false, errNotHTTP
		}
		if n == 0 {
			if len(text) > responseHeadLimit {
				return false, errTooLong
			}
			if len(r.head) == 0 {
				r.head = append(r.head, b...)
			}
			return false, nil
		}
		if err := r.parse(&h); err != nil {
			return false, err
		}
		b = text[n:]
		r.head = r.head[:0]
		if r.status >= 200 { // 1xx goes before the answer proper
			r.inBody = true
		} else if len(b) == 0 {
			return false, nil
		}
	}
	if r.chunked {
		n, done, err := r.chunks.Read(b)
		r.close = r.close || n < len(b)
		return done, err
	}
	if r.length == untilEnd {
		return false, nil
	}
	if int64(len(b)) > r.length {
		r.close = true
	}
	r.length -= min(int64(len(b)), r.length)
	return r.length == 0, nil
}

// end takes the end of the connection, and tells whether the answer is complete with that.
func (r *response) end() bool { return r.inBody && !r.chunked && r.length == untilEnd }

// least is a number of bytes of the body that are still to come at least; untilEnd if unknown.
func (r *response) least() int64 {
	if r.chunked {
		return r.chunks.Least()
	}
	return r.length
}

// parse understands a head.
func (r *response) parse(h *httphead.Head) error {
	line := h.Line
	// HTTP/1.x SSS reason, of which the beginning was looked at
	if len(line) < 12 || line[8] != ' ' || len(line) > 12 && line[12] != ' ' {
		return errNotHTTP
	}
	status, ok := httphead.Number(line[9:12])
	if !ok || status < 100 {
		return errNotHTTP
	}
	old := line[7] == '0'
	// HTTP/1.0 does not have it, and with two lengths another reader may have believed the other (RFC 9112, 6.1 and 6.3).
	if h.Coded && (old || h.Length != httphead.Unknown) {
		return errTransfer
	}
	// A coding other than chunked lasts to the end of the connection.
	r.status, r.length, r.chunked = int(status), h.Length, h.Chunked
	if r.status < 200 || r.status == 204 || r.status == 304 {
		r.length, r.chunked = 0, false
	}
	r.close = h.Close || old && !h.KeepAlive || r.length == untilEnd && !r.chunked
	return nil
}
