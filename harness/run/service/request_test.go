package service

import (
	"bufio"
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseRequest(t *testing.T) {
	tests := map[string]struct {
		in     string
		status int
		want   request
	}{
		"GET 1.1 keeps alive":         {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 200, request{}},
		"GET 1.1 close":               {"GET /a?b=c HTTP/1.1\r\nHost: a\r\nconnection: Foo, CLOSE \r\n\r\n", 200, request{close: true}},
		"GET 1.0 closes":              {"GET / HTTP/1.0\r\n\r\n", 200, request{close: true}},
		"GET 1.0 keep-alive":          {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200, request{}},
		"HEAD":                        {"HEAD / HTTP/1.1\r\nHost:\r\n\r\n", 200, request{head: true}},
		"POST":                        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 17\r\n\r\n", 200, request{body: 17}},
		"longest head":                {"GET / HTTP/1.0\r\nX: " + strings.Repeat("x", headLimit-23) + "\r\n\r\n", 200, request{close: true}},
		"nothing yet":                 {"", 0, request{}},
		"not all yet":                 {"GET / HTTP/1.1\r\nHost: a\r\n\r", 0, request{}},
		"no end in sight":             {strings.Repeat("x", headLimit), 431, request{}},
		"too long":                    {"GET / HTTP/1.0\r\nX: " + strings.Repeat("x", headLimit-22) + "\r\n\r\n", 431, request{}},
		"body too long":               {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n", 413, request{}},
		"no version":                  {"GET /\r\n\r\n", 400, request{}},
		"HTTP/2":                      {"GET / HTTP/2.0\r\n\r\n", 505, request{}},
		"another protocol":            {"GET / SMTP/1.1\r\n\r\n", 400, request{}},
		"two spaces":                  {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400, request{}},
		"no slash":                    {"GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400, request{}},
		"control in target":           {"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n", 400, request{}},
		"unknown method":              {"BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n", 501, request{}},
		"method is no token":          {"G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400, request{}},
		"1.1 without host":            {"GET / HTTP/1.1\r\n\r\n", 400, request{}},
		"two hosts":                   {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, request{}},
		"bare LF":                     {"GET / HTTP/1.1\nHost: a\n\n\r\n\r\n", 400, request{}},
		"LF in a field":               {"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400, request{}},
		"folded line":                 {"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", 400, request{}},
		"space before colon":          {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400, request{}},
		"nameless field":              {"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", 400, request{}},
		"no colon":                    {"GET / HTTP/1.1\r\nHost: a\r\nb\r\n\r\n", 400, request{}},
		"negative length":             {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400, request{}},
		"signed length":               {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", 400, request{}},
		"empty length":                {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", 400, request{}},
		"overflowing length":          {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 400, request{}},
		"two lengths":                 {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, request{}},
		"one length, twice":           {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 200, request{body: 1}},
		"chunked":                     {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 200, request{chunked: true}},
		"chunked 1.0":                 {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, request{}},
		"chunked and more":            {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", 400, request{}},
		"another coding":              {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501, request{}},
		"length and chunked":          {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400, request{}},
		"length and chunked smuggled": {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding : chunked\r\n\r\n", 400, request{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, n, status := parseRequest([]byte(test.in))
			require.Equal(t, test.status, status)
			if status == statusOK {
				require.Equal(t, test.want, got)
				require.Len(t, test.in, n)
				_, n, status = parseRequest([]byte(test.in + "GET"))
				require.Equal(t, statusOK, status)
				require.Len(t, test.in, n, "what follows belongs to the next")
			}
		})
	}
}

func TestParseRequestDoesNotAllocate(t *testing.T) {
	b := []byte("POST /index.php HTTP/1.1\r\nHost: 10.0.0.2\r\nUser-Agent: x\r\nContent-Length: 0\r\n" +
		"Connection: close\r\n\r\n")
	require.Zero(t, testing.AllocsPerRun(100, func() { parseRequest(b) }))
}

// What we accept, net/http must accept too, and understand in the same way.
func FuzzParseRequest(f *testing.F) {
	for _, s := range []string{getAndClose, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
		"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: keep-alive, close\r\n\r\nabc",
		"HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, n, status := parseRequest(b)
		if status != statusOK {
			return
		}
		want, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(b[:n])))
		if err != nil {
			// It looks into things that are none of our business: what the target and the host say.
			for _, no := range []string{"unsupported transfer encoding", "invalid URI", "parse ", "malformed Host",
				"invalid URL escape"} {
				if strings.Contains(err.Error(), no) {
					return
				}
			}
			t.Fatalf("net/http refuses %q: %v", b[:n], err)
		}
		if length := want.ContentLength; (length < 0) != got.chunked || max(length, 0) != got.body ||
			(want.Method == "HEAD") != got.head {
			t.Fatalf("%q: %+v, net/http: %d bytes, %s", b[:n], got, want.ContentLength, want.Method)
		}
		if want.Close != got.close && want.ProtoMinor == 1 {
			t.Fatalf("%q: close %t, net/http: %t", b[:n], got.close, want.Close)
		}
	})
}

func TestResponseHeadsHaveTheSameLengthForAllWorkers(t *testing.T) {
	require.Len(t, responseHead(200, 1023, 5, true), len(responseHead(200, 0, 5, true)))
	r, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(responseHead(431, 7, 0, true))), nil)
	require.NoError(t, err)
	defer r.Body.Close()
	require.Equal(t, "431 Request Header Fields Too Large", r.Status)
}

func TestEveryTurnIsBurnt(t *testing.T) {
	x := burn(0)
	for turns := range int64(100) {
		require.Equal(t, x, burn(turns))
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
}

func TestCalibrate(t *testing.T) {
	turns, err := calibrate(0)
	require.NoError(t, err)
	require.Zero(t, turns)
	turns, err = calibrate(10 * time.Millisecond)
	require.NoError(t, err)
	require.Greater(t, turns, int64(10_000), "a turn is a handful of instructions: it cannot take 1 µs")
}
