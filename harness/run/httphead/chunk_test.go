package httphead

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// readChunks feeds text in pieces of these lengths, the last of which repeats.
func readChunks(text []byte, pieces ...int) (c Chunks, read int, done bool, err error) {
	for i := 0; read < len(text) && !done && err == nil; i++ {
		size := min(pieces[min(i, len(pieces)-1)], len(text)-read)
		var n int
		n, done, err = c.Read(text[read : read+size])
		read += n
	}
	return c, read, done, err
}

func TestChunks(t *testing.T) {
	for _, test := range []struct {
		name, text string
		content    int64
	}{
		{"nothing", "0\r\n\r\n", 0},
		{"one", "3\r\nabc\r\n0\r\n\r\n", 3},
		{"two", "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 5},
		{"both cases", "A\r\n0123456789\r\nb\r\n0123456789a\r\n0\r\n\r\n", 21},
		{"more digits than it takes", "0003\r\nabc\r\n000\r\n\r\n", 3},
		{"content that looks like chunks", "7\r\n0\r\n\r\nab\r\n0\r\n\r\n", 7},
		{"extensions", "3;a;b=c; d = \"e;\\\"f\"\r\nabc\r\n0;last\r\n\r\n", 3},
		{"blanks behind the size", "3 \t \r\nabc\r\n0   \r\n\r\n", 3},
		{"blanks before an extension", "3 ;a\r\nabc\r\n0\r\n\r\n", 3},
		{"trailers", "3\r\nabc\r\n0\r\nX-A: b\r\nContent-Length: 17\r\nEmpty:\r\n\r\n", 3},
		{"the longest line", "1" + strings.Repeat(" ", ChunkLineLimit-2) + "\r\na\r\n0\r\n\r\n", 1},
		{"the longest trailer section", "0\r\nX:" + strings.Repeat("y", TrailerLimit-6) + "\r\n\r\n", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := []byte(test.text)
			for _, pieces := range [][]int{{len(text)}, {1}, {2}, {3, 1}, {1, 4096}} {
				for _, behind := range []string{"", "\r\n", "HTTP/1.1 200 OK\r\n\r\n"} {
					c, n, done, err := readChunks(append(text[:len(text):len(text)], behind...), pieces...)
					require.NoError(t, err)
					require.True(t, done)
					require.Equal(t, len(text), n, "and no more")
					require.Equal(t, test.content, c.Content())
					require.Zero(t, c.Least())
				}
			}
			// Of every beginning it says that more is to come, and never asks for more than there is.
			for i := range text {
				c, n, done, err := readChunks(text[:i], max(i, 1))
				require.NoError(t, err)
				require.False(t, done)
				require.Equal(t, i, n)
				require.Positive(t, c.Least())
				require.LessOrEqual(t, c.Least(), int64(len(text)-i))
			}
		})
	}
}

func TestChunksRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"no size":                       "\r\nabc\r\n0\r\n\r\n",
		"no digit":                      "g\r\n",
		"sign":                          "+3\r\nabc\r\n0\r\n\r\n",
		"negative":                      "-1\r\n",
		"prefix":                        "0x3\r\nabc\r\n0\r\n\r\n",
		"blank before the size":         " 3\r\nabc\r\n0\r\n\r\n",
		"blank within the size":         "1 0\r\n",
		"overflow":                      "8000000000000000\r\n",
		"overflow to a small number":    "10000000000000003\r\nabc\r\n0\r\n\r\n",
		"line feed alone":               "3\nabc\r\n0\r\n\r\n",
		"carriage return alone":         "3\rabc\r\n0\r\n\r\n",
		"carriage return in extensions": "3;a\rb\r\nabc\r\n0\r\n\r\n",
		"line feed in extensions":       "3;a\nb\r\nabc\r\n0\r\n\r\n",
		"control in extensions":         "3;a\x00\r\nabc\r\n0\r\n\r\n",
		"content longer than its size":  "3\r\nabcd\r\n0\r\n\r\n",
		"content shorter than its size": "3\r\nab\r\n0\r\n\r\n",
		"line feed behind the content":  "3\r\nabc\n0\r\n\r\n",
		"nothing behind the content":    "3\r\nabc0\r\n\r\n",
		"line feed that ends the body":  "0\r\n\n",
		"folded trailer":                "0\r\nX: a\r\n b\r\n\r\n",
		"trailer without a name":        "0\r\n: a\r\n\r\n",
		"trailer without a colon":       "0\r\nabc\r\n\r\n",
		"blank before the colon":        "0\r\nX : a\r\n\r\n",
		"control in a trailer":          "0\r\nX: \x7f\r\n\r\n",
		"line without end":              "1;" + strings.Repeat("a", ChunkLineLimit),
		"zeros without end":             strings.Repeat("0", ChunkLineLimit+1),
		"trailers without end":          "0\r\n" + strings.Repeat("X: a\r\n", TrailerLimit/6+1),
	} {
		t.Run(name, func(t *testing.T) {
			for _, pieces := range [][]int{{len(text)}, {1}, {3}} {
				_, _, done, err := readChunks([]byte(text), pieces...)
				require.ErrorIs(t, err, ErrMalformed)
				require.False(t, done)
			}
		})
	}
}

func TestChunksDoesNotAllocate(t *testing.T) {
	text := []byte("3;ext\r\nabc\r\n0\r\nX: a\r\n\r\n")
	var c Chunks
	require.Zero(t, testing.AllocsPerRun(100, func() {
		c = Chunks{}
		_, _, _ = c.Read(text)
	}))
}

// What net/http's server writes, read in random pieces, is as long as what its handler wrote.
func TestChunksOfNetHTTP(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 30 {
		var content []byte
		trailers := i%2 == 0
		text := served(t, func(w http.ResponseWriter) {
			if trailers {
				w.Header().Set("Trailer", "X-Sum, X-Empty")
			}
			for range 2 + r.IntN(6) {
				piece := bytes.Repeat([]byte("\r\n0\r\n"), r.IntN(3000))
				content = append(content, piece...)
				_, _ = w.Write(piece)
				_ = http.NewResponseController(w).Flush()
			}
			if trailers {
				w.Header().Set("X-Sum", "a b")
				w.Header().Set(http.TrailerPrefix+"X-Late", "c")
			}
		})
		h, n, err := Read(text)
		require.NoError(t, err)
		require.True(t, h.Coded && h.Chunked)
		body := text[n:]
		pieces := make([]int, 200)
		for i := range pieces {
			pieces[i] = 1 + r.IntN(1+len(body)/50)
		}
		c, read, done, err := readChunks(body, pieces...)
		require.NoError(t, err)
		require.True(t, done)
		require.Equal(t, len(body), read)
		require.EqualValues(t, len(content), c.Content())
		require.Equal(t, trailers, bytes.Contains(body, []byte("X-Late: c\r\n")), "the server was to write trailers")
	}
}

// served is all that net/http's server says to one request.
func served(t *testing.T, answer func(http.ResponseWriter)) []byte {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w) })}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(l)
	}()
	defer func() {
		require.NoError(t, server.Close())
		<-ended
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	_, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	require.NoError(t, err)
	text, err := io.ReadAll(c)
	require.NoError(t, err)
	return text
}

func TestTransferCodings(t *testing.T) {
	for _, test := range []struct {
		fields         string
		chunked, wrong bool
	}{
		{"Transfer-Encoding: chunked\r\n", true, false},
		{"transfer-encoding:CHUNKED\r\n", true, false},
		{"Transfer-Encoding: gzip, chunked\r\n", true, false},
		{"Transfer-Encoding: gzip;q=1 ,\tchunked ,\r\n", true, false},
		{"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", true, false},
		{"Transfer-Encoding: gzip\r\n", false, false},
		{"Transfer-Encoding: xchunked\r\n", false, false},
		{"Transfer-Encoding:\r\n", false, false},
		{"Transfer-Encoding: chunked, gzip\r\n", false, true},
		{"Transfer-Encoding: chunked, chunked\r\n", false, true},
		{"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", false, true},
		{"Transfer-Encoding: chunked;q=1\r\n", false, true},
		{"Transfer-Encoding: \"chunked\"\r\n", false, true},
	} {
		t.Run(fmt.Sprintf("%q", test.fields), func(t *testing.T) {
			h, _, err := Read([]byte("a line\r\n" + test.fields + "\r\n"))
			if test.wrong {
				require.ErrorIs(t, err, ErrMalformed)
				return
			}
			require.NoError(t, err)
			require.True(t, h.Coded)
			require.Equal(t, test.chunked, h.Chunked)
		})
	}
}

// What is taken for a whole body, the standard library must take for one too, of the same content; in pieces and at
// once it is the same.
func FuzzChunks(f *testing.F) {
	f.Add([]byte("3;a=\"b\"\r\nabc\r\n0\r\nX: y\r\n\r\nrest"), 2)
	f.Add([]byte("A \r\n0123456789\r\n000\r\n\r\n"), 1)
	f.Add([]byte("7fffffffffffffff\r\nabc"), 3)
	f.Fuzz(func(t *testing.T, b []byte, piece int) {
		c, n, done, err := readChunks(b, max(len(b), 1))
		pieces, m, doneToo, errToo := readChunks(b, max(piece, 1))
		if m != n || done != doneToo || err != errToo || c.Content() != pieces.Content() || c.Least() != pieces.Least() {
			t.Fatalf("%q: %d, %t, %v, in pieces of %d: %d, %t, %v", b, n, done, err, piece, m, doneToo, errToo)
		}
		if !done {
			return
		}
		if err != nil || c.Least() != 0 {
			t.Fatalf("%q: done, %v, %d to come", b, err, c.Least())
		}
		content, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(b[:n])))
		if err != nil && strings.Contains(err.Error(), "too much non-data") {
			return // a limit of the library's own
		}
		if err != nil || int64(len(content)) != c.Content() {
			t.Fatalf("%q: %d bytes, net/http: %d, %v", b[:n], c.Content(), len(content), err)
		}
		answer, err := http.ReadResponse(
			bufio.NewReader(io.MultiReader(strings.NewReader("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
				bytes.NewReader(b[:n]))), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if _, err := io.Copy(io.Discard, answer.Body); err != nil && !strings.Contains(err.Error(), "too much non-data") {
			t.Fatalf("%q: trailers: %v", b[:n], err)
		}
	})
}
