package load

import (
	"bytes"
	"errors"
)

// responseHeadLimit is the longest head of an answer.
const responseHeadLimit = 32 << 10

// response reads one answer (RFC 9112) from a connection, in whatever pieces it comes. Bodies have a
// Content-Length or last to the end of the connection; chunked ones are not known. Bodies are counted, not kept.
type response struct {
	head   []byte // what came of an incomplete head
	inBody bool
	status int
	close  bool  // the connection ends with this answer
	length int64 // of the body that is still to come; untilEnd
	began  bool  // a byte has come
}

const untilEnd = -1

const protocol = "HTTP/1."

func (r *response) reset() { *r = response{head: r.head[:0]} }

var (
	errNotHTTP  = errors.New("not an HTTP/1.1 response")
	endOfHead   = []byte("\r\n\r\n")
	endOfLine   = []byte("\r\n")
	errTooLong  = errors.New("response head too long")
	errTransfer = errors.New("transfer encoding not supported")
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
		end := bytes.Index(text, endOfHead)
		if end < 0 {
			if len(text) > responseHeadLimit {
				return false, errTooLong
			}
			if len(r.head) == 0 {
				r.head = append(r.head, b...)
			}
			return false, nil
		}
		if err := r.parse(text[:end+2]); err != nil {
			return false, err
		}
		b = text[end+4:]
		r.head = r.head[:0]
		if r.status >= 200 { // 1xx goes before the answer proper
			r.inBody = true
		} else if len(b) == 0 {
			return false, nil
		}
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
func (r *response) end() bool { return r.inBody && r.length == untilEnd }

// parse parses a head whose last line break is that of its last line.
func (r *response) parse(head []byte) error {
	line, rest, _ := bytes.Cut(head, endOfLine)
	// HTTP/1.x SSS reason
	if len(line) < 12 || string(line[:len(protocol)]) != protocol || line[8] != ' ' || len(line) > 12 && line[12] != ' ' {
		return errNotHTTP
	}
	r.status = 0
	for _, c := range line[9:12] {
		if c < '0' || c > '9' {
			return errNotHTTP
		}
		r.status = 10*r.status + int(c-'0')
	}
	if r.status < 100 {
		return errNotHTTP
	}
	r.close = line[7] == '0'
	r.length = untilEnd
	for len(rest) > 0 {
		line, rest, _ = bytes.Cut(rest, endOfLine)
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || len(name) == 0 || bytes.ContainsAny(name, " \t") {
			return errNotHTTP
		}
		value = bytes.Trim(value, " \t")
		switch {
		case is(name, "content-length"):
			n, ok := parseLength(value)
			if !ok || r.length != untilEnd && r.length != n {
				return errNotHTTP
			}
			r.length = n
		case is(name, "transfer-encoding"):
			return errTransfer
		case is(name, "connection"):
			if is(value, "close") {
				r.close = true
			} else if is(value, "keep-alive") {
				r.close = false
			}
		}
	}
	if r.status == 204 || r.status == 304 {
		r.length = 0
	}
	if r.length == untilEnd {
		r.close = true
	}
	return nil
}

func parseLength(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	var n int64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// is compares with a lower-case ASCII string, whatever the case of b.
func is(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
