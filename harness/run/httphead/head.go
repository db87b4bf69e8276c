package httphead

import (
	"bytes"
	"errors"
)

// ErrMalformed says that something is not a head of HTTP/1.1.
var ErrMalformed = errors.New("malformed HTTP/1.1 head")

// Unknown is the Length of a message that does not say it.
const Unknown = -1

// Head is what a message says of itself.
type Head struct {
	Line      []byte // request line or status line, without its line break, not looked into
	Length    int64  // of the body in bytes, or [Unknown]
	Coded     bool   // there is a Transfer-Encoding
	Chunked   bool   // its last coding is chunked, and no other is: read the body with [Chunks]
	Close     bool   // Connection: close
	KeepAlive bool   // Connection: keep-alive, which means something in HTTP/1.0 only
	Hosts     int    // Host fields
}

var (
	lineBreak = []byte("\r\n")
	end       = []byte("\r\n\r\n")
)

// Read reads the head at the start of b, and returns its length with the empty line that ends it:
// 0 while b does not hold all of it. How much to wait for is up to the caller.
// The error is [ErrMalformed].
func Read(b []byte) (h Head, n int, err error) {
	at := bytes.Index(b, end)
	if at < 0 {
		return h, 0, nil
	}
	h.Length = Unknown
	line, rest, _ := bytes.Cut(b[:at+len(lineBreak)], lineBreak)
	h.Line = line
	for len(rest) > 0 {
		line, rest, _ = bytes.Cut(rest, lineBreak)
		if err := h.field(line); err != nil {
			return Head{}, 0, err
		}
	}
	return h, at + len(end), nil
}

// field takes one line "name: value".
func (h *Head) field(line []byte) error {
	name, value, ok := bytes.Cut(line, []byte(":"))
	if !ok || !Token(name) {
		return ErrMalformed
	}
	for _, c := range value {
		if !text(c) {
			return ErrMalformed
		}
	}
	value = trim(value)
	switch {
	case is(name, "host"):
		h.Hosts++
	case is(name, "content-length"):
		// Equal ones may repeat (RFC 9110, 8.6).
		n, ok := Number(value)
		if !ok || h.Length != Unknown && h.Length != n {
			return ErrMalformed
		}
		h.Length = n
	case is(name, "transfer-encoding"):
		return h.codings(value)
	case is(name, "connection"):
		for len(value) > 0 {
			var option []byte
			option, value, _ = bytes.Cut(value, []byte(","))
			option = trim(option)
			h.Close = h.Close || is(option, "close")
			h.KeepAlive = h.KeepAlive || is(option, "keep-alive")
		}
	}
	return nil
}

// codings takes the value of a Transfer-Encoding. Further fields go on with the list. Chunked comes last, once and
// without parameters (RFC 9112, 6.1 and 7.1).
func (h *Head) codings(list []byte) error {
	h.Coded = true
	for len(list) > 0 {
		var coding []byte
		coding, list, _ = bytes.Cut(list, []byte(","))
		if coding = trim(coding); len(coding) == 0 {
			continue
		}
		name, _, parameters := bytes.Cut(coding, []byte(";"))
		name = trim(name)
		if !Token(name) || h.Chunked || is(name, "chunked") && parameters {
			return ErrMalformed
		}
		h.Chunked = is(name, "chunked")
	}
	return nil
}

// text tells whether c may stand in the value of a field: no control but the tab.
func text(c byte) bool { return c >= ' ' && c != 0x7f || c == '\t' }

// Number reads a number as HTTP writes it: digits and nothing else, 18 at most.
func Number(b []byte) (n int64, ok bool) {
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// Token tells whether b may be a method or the name of a field.
func Token(b []byte) bool {
	for _, c := range b {
		if !tokenBytes[c] {
			return false
		}
	}
	return len(b) > 0
}

// tokenBytes are tchar of RFC 9110, 5.6.2.
var tokenBytes = func() (set [256]bool) {
	for _, c := range []byte("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
		set[c] = true
	}
	return set
}()

func trim(b []byte) []byte { return bytes.Trim(b, " \t") }

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
