package status

import (
	"bytes"

	"github.com/ruleout/ruleout/harness/run/httphead"
)

// nginx speaks HTTP to a server of its own that has stub_status (ngx_http_stub_status_module).
type nginx struct{}

var nginxQuestion = []byte("GET / HTTP/1.1\r\nHost: status\r\n\r\n")

var (
	nginxOnce  = sparse("nginx", map[string]int64{"nginx.requests": 1})
	nginxConn  = sparse("nginx", map[string]int64{"nginx.accepted": 1, "nginx.handled": 1})
	nginxLevel = sparse("nginx", map[string]int64{"nginx.active": 1, "nginx.writing": 1})
)

func (*nginx) greet(*conn) error { return nil }

func (*nginx) question() []byte { return nginxQuestion }

func (*nginx) own() (question, connection, level []int64) { return nginxOnce, nginxConn, nginxLevel }

func (*nginx) answer(b []byte, into []int64) (n int, err error) {
	h, n, err := httphead.Read(b)
	if err != nil {
		return 0, malformed("no head of HTTP")
	}
	if n == 0 {
		return 0, nil
	}
	if !bytes.HasPrefix(b, []byte("HTTP/1.1 200")) {
		l, _, _ := line(b)
		return 0, malformed(string(l))
	}
	if h.Length < 0 || h.Length > bufferSize {
		return 0, malformed("its length is not said, or too long")
	}
	all := n + int(h.Length)
	if len(b) < all {
		return 0, nil
	}
	if err := readStub(b[n:all], into); err != nil {
		return 0, err
	}
	return all, nil
}

// readStub reads the text of stub_status:
//
//	Active connections: 2
//	server accepts handled requests
//	 10 10 22
//	Reading: 0 Writing: 1 Waiting: 1
func readStub(text []byte, into []int64) error {
	active, rest, ok := bytes.Cut(text, []byte("server accepts handled requests"))
	head, isStub := bytes.CutPrefix(active, []byte("Active connections:"))
	if !ok || !isStub {
		return malformed("no stub_status")
	}
	if into[0], ok = number(head); !ok {
		return malformed("Active connections is no number")
	}
	// accepts, handled, requests; then Reading, Writing, Waiting, each behind its name.
	order := [...]int{4, 5, 6, 1, 2, 3}
	found := 0
	for rest = bytes.TrimSpace(rest); len(rest) > 0; rest = bytes.TrimSpace(rest) {
		end := bytes.IndexAny(rest, " \r\n")
		if end < 0 {
			end = len(rest)
		}
		word := rest[:end]
		rest = rest[end:]
		if word[len(word)-1] == ':' {
			continue
		}
		n, ok := number(word)
		if !ok || found == len(order) {
			return malformed("stub_status has something else than its numbers")
		}
		into[order[found]] = n
		found++
	}
	if found != len(order) {
		return malformed("numbers of stub_status are missing")
	}
	return nil
}
