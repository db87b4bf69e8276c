package service

import (
	"bytes"
	"math"
	"strconv"

	"github.com/ruleout/ruleout/harness/run/httphead"
)

// headLimit is the longest request head, line breaks included.
const headLimit = 8 << 10

// bodyLimit is the longest request body.
const bodyLimit = 1 << 20

// request is what a worker needs to know of an HTTP request.
type request struct {
	head    bool  // the method is HEAD
	body    int64 // Content-Length
	chunked bool  // the body is in chunks, and has no length
	close   bool  // the connection ends with the answer
}

// status of a parsed head; the others are the HTTP status to answer with.
const (
	statusMore = 0
	statusOK   = 200
)

// parseRequest parses the head of an HTTP/1.0 or 1.1 request (RFC 9112) at the start of b. It returns its
// length in bytes and statusOK; or statusMore when b does not hold all of it; or a 4xx or 5xx status.
// It does not allocate.
func parseRequest(b []byte) (r request, n int, status int) {
	h, n, err := httphead.Read(b)
	switch {
	case n == 0 && err == nil && len(b) < headLimit:
		return r, 0, statusMore
	case n == 0 && err == nil || n > headLimit:
		return r, 0, 431
	case err != nil:
		return r, 0, 400
	}
	minor, status := parseRequestLine(h.Line, &r)
	switch {
	case status != statusOK:
		return r, 0, status
	case h.Coded && (minor == 0 || h.Length != httphead.Unknown):
		return r, 0, 400 // RFC 9112, 6.1 and 6.3: its sender or a proxy is wrong about where the request ends
	case h.Coded && !h.Chunked:
		return r, 0, 501
	case h.Length > bodyLimit:
		return r, 0, 413
	case h.Hosts > 1 || minor == 1 && h.Hosts == 0:
		return r, 0, 400
	}
	r.body, r.chunked = max(h.Length, 0), h.Chunked
	r.close = h.Close || minor == 0 && !h.KeepAlive
	return r, n, statusOK
}

// bodyReader finds the end of a request's body.
type bodyReader struct {
	left    int64 // to come, unless it is chunked
	chunked bool
	chunks  httphead.Chunks
}

// read takes the next piece and returns how much of it belongs to the body, and statusOK at its end, statusMore before,
// or a status to refuse the request with.
func (r *bodyReader) read(b []byte) (n int, status int) {
	if !r.chunked {
		n = int(min(r.left, int64(len(b))))
		if r.left -= int64(n); r.left > 0 {
			return n, statusMore
		}
		return n, statusOK
	}
	n, done, err := r.chunks.Read(b)
	switch {
	case err != nil:
		return n, 400
	case r.chunks.Content() > bodyLimit:
		return n, 413
	case done:
		return n, statusOK
	}
	return n, statusMore
}

// most is how much of what comes may belong to the body.
func (r *bodyReader) most() int64 {
	if r.chunked {
		return math.MaxInt64
	}
	return r.left
}

// parseRequestLine parses "METHOD target HTTP/1.x" and returns x.
func parseRequestLine(line []byte, r *request) (minor int, status int) {
	method, rest, ok := bytes.Cut(line, []byte(" "))
	if !ok {
		return 0, 400
	}
	target, version, ok := bytes.Cut(rest, []byte(" "))
	if !ok || len(target) == 0 || target[0] != '/' {
		return 0, 400
	}
	for _, c := range target {
		if c <= ' ' || c >= 0x7f {
			return 0, 400
		}
	}
	switch string(version) {
	case "HTTP/1.0":
	case "HTTP/1.1":
		minor = 1
	default:
		if v, ok := bytes.CutPrefix(version, []byte("HTTP/")); ok && len(v) == 3 && isDigit(v[0]) &&
			v[1] == '.' && isDigit(v[2]) {
			return 0, 505
		}
		return 0, 400
	}
	switch string(method) {
	case "GET", "POST":
	case "HEAD":
		r.head = true
	default:
		if !httphead.Token(method) {
			return 0, 400
		}
		return 0, 501
	}
	return minor, statusOK
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// responseHead returns the head of an answer. Its length depends on worker only past 9999.
func responseHead(status int, worker int, length int64, closing bool) []byte {
	text := map[int]string{
		200: "OK", 400: "Bad Request", 413: "Content Too Large", 431: "Request Header Fields Too Large",
		500: "Internal Server Error", 501: "Not Implemented", 505: "HTTP Version Not Supported",
	}[status]
	connection := "keep-alive"
	if closing {
		connection = "close"
	}
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 " + strconv.Itoa(status) + " " + text + "\r\n")
	b.WriteString("Content-Type: application/octet-stream\r\n")
	b.WriteString("Content-Length: " + strconv.FormatInt(length, 10) + "\r\n")
	number := strconv.Itoa(worker)
	for len(number) < 4 {
		number = "0" + number
	}
	b.WriteString("X-Worker: " + number + "\r\n")
	b.WriteString("Connection: " + connection + "\r\n\r\n")
	return b.Bytes()
}
