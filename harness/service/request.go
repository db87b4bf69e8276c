package service

import (
	"bytes"
	"strconv"
)

// headLimit is the longest request head, line breaks included.
const headLimit = 8 << 10

// bodyLimit is the longest request body.
const bodyLimit = 1 << 20

// request is what a worker needs to know of an HTTP request.
type request struct {
	head  bool  // the method is HEAD
	body  int64 // Content-Length
	close bool  // the connection ends with the answer
}

// status of a parsed head; the others are the HTTP status to answer with.
const (
	statusMore = 0
	statusOK   = 200
)

var endOfHead = []byte("\r\n\r\n")

// parseRequest parses the head of an HTTP/1.0 or 1.1 request (RFC 9112) at the start of b. It returns its
// length in bytes and statusOK; or statusMore when b does not hold all of it; or a 4xx or 5xx status.
// It is stricter than it must be: no bare LF, no folded lines, no chunked bodies.
// It does not allocate.
func parseRequest(b []byte) (r request, n int, status int) {
	end := bytes.Index(b, endOfHead)
	if end < 0 {
		if len(b) >= headLimit {
			return r, 0, 431
		}
		return r, 0, statusMore
	}
	n = end + len(endOfHead)
	if n > headLimit {
		return r, 0, 431
	}
	line, rest, _ := bytes.Cut(b[:end+2], []byte("\r\n"))
	minor, status := parseRequestLine(line, &r)
	if status != statusOK {
		return r, 0, status
	}
	r.close = minor == 0
	hosts, lengths := 0, 0
	for len(rest) > 0 {
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		name, value, ok := cutField(line)
		if !ok {
			return r, 0, 400
		}
		switch {
		case equalFold(name, "host"):
			hosts++
		case equalFold(name, "content-length"):
			length, ok := parseLength(value)
			if !ok || lengths > 0 {
				return r, 0, 400
			}
			lengths++
			if length > bodyLimit {
				return r, 0, 413
			}
			r.body = length
		case equalFold(name, "transfer-encoding"):
			return r, 0, 501
		case equalFold(name, "connection"):
			if hasToken(value, "close") {
				r.close = true
			} else if minor == 0 && hasToken(value, "keep-alive") {
				r.close = false
			}
		}
	}
	if hosts > 1 || minor == 1 && hosts == 0 {
		return r, 0, 400
	}
	return r, n, statusOK
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
		if v, ok := bytes.CutPrefix(version, []byte("HTTP/")); ok && len(v) == 3 && isDigit(v[0]) && v[1] == '.' && isDigit(v[2]) {
			return 0, 505
		}
		return 0, 400
	}
	switch string(method) {
	case "GET", "POST":
	case "HEAD":
		r.head = true
	default:
		if !isToken(method) {
			return 0, 400
		}
		return 0, 501
	}
	return minor, statusOK
}

// cutField splits "name: value" and trims the value.
func cutField(line []byte) (name, value []byte, ok bool) {
	name, value, ok = bytes.Cut(line, []byte(":"))
	if !ok || !isToken(name) {
		return nil, nil, false
	}
	for _, c := range value {
		if c < ' ' && c != '\t' || c == 0x7f {
			return nil, nil, false
		}
	}
	return name, bytes.Trim(value, " \t"), true
}

func isToken(b []byte) bool {
	for _, c := range b {
		if !tokenBytes[c] {
			return false
		}
	}
	return len(b) > 0
}

// tokenBytes are those that make up methods and names of fields: tchar of RFC 9110, 5.6.2.
var tokenBytes = func() (set [256]bool) {
	for _, c := range []byte("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
		set[c] = true
	}
	return set
}()

// parseLength parses a Content-Length: digits and nothing else.
func parseLength(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	var n int64
	for _, c := range b {
		if !isDigit(c) {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// hasToken tells whether a comma-separated list holds a token, whatever its case.
func hasToken(list []byte, token string) bool {
	for len(list) > 0 {
		var item []byte
		item, list, _ = bytes.Cut(list, []byte(","))
		if equalFold(bytes.Trim(item, " \t"), token) {
			return true
		}
	}
	return false
}

// equalFold compares with a lower-case ASCII string.
func equalFold(b []byte, lower string) bool {
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
