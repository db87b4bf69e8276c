package httphead

import (
	"bufio"
	"bytes"
	"net/textproto"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRead(t *testing.T) {
	for _, c := range []struct {
		name, fields string
		want         Head
	}{
		{"nothing", "", Head{Length: Unknown}},
		{"length", "Content-Length: 17\r\n", Head{Length: 17}},
		{"no blank", "content-length:0\r\n", Head{}},
		{"many blanks", "CONTENT-LENGTH: \t 5 \t\r\n", Head{Length: 5}},
		{"the same length again", "Content-Length: 5\r\nContent-Length: 5\r\n", Head{Length: 5}},
		{"close", "Connection: Close\r\n", Head{Length: Unknown, Close: true}},
		{"options", "connection: foo, keep-alive ,\tCLOSE\r\n", Head{Length: Unknown, Close: true, KeepAlive: true}},
		{"options in two fields", "Connection: keep-alive\r\nConnection: x\r\n", Head{Length: Unknown, KeepAlive: true}},
		{"an option that only begins like one", "Connection: closed, keep-alives\r\n", Head{Length: Unknown}},
		{"hosts", "Host: a\r\nhost:\r\nX-Host: b\r\n", Head{Length: Unknown, Hosts: 2}},
		{"coded", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", Head{Length: 3, Coded: true, Chunked: true}},
		{"coded otherwise", "Transfer-Encoding: gzip\r\n", Head{Length: Unknown, Coded: true}},
		{"others", "X: \xff\r\n!#$%&'*+-.^_`|~09Az: \r\n", Head{Length: Unknown}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.want.Line = []byte("a line")
			text := []byte("a line\r\n" + c.fields + "\r\n")
			for _, behind := range []string{"", "GET / HTTP/1.1\r\n\r\n"} {
				h, n, err := Read(append(text[:len(text):len(text)], behind...))
				require.NoError(t, err)
				require.Equal(t, c.want, h)
				require.Equal(t, len(text), n)
			}
			for i := range text {
				_, n, err := Read(text[:i])
				require.NoError(t, err)
				require.Zero(t, n, "it is not whole")
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	for name, fields := range map[string]string{
		"no colon":           "b",
		"no name":            ": b",
		"blank before colon": "Host : a",
		"folded line":        "X: a\r\n b",
		"line feed":          "X: a\nY: b",
		"control":            "X: a\x00",
		"delete":             "X: a\x7f",
		"name in quotes":     `"X": a`,
		"no length":          "Content-Length:",
		"negative length":    "Content-Length: -1",
		"signed length":      "Content-Length: +1",
		"two lengths":        "Content-Length: 1\r\nContent-Length: 2",
		"list of lengths":    "Content-Length: 1, 1",
		"enormous length":    "Content-Length: 1000000000000000000",
	} {
		t.Run(name, func(t *testing.T) {
			h, n, err := Read([]byte("a line\r\n" + fields + "\r\n\r\n"))
			require.ErrorIs(t, err, ErrMalformed)
			require.Zero(t, n)
			require.Equal(t, Head{}, h)
		})
	}
}

func TestReadDoesNotAllocate(t *testing.T) {
	b := []byte("POST /index.php HTTP/1.1\r\nHost: 10.0.0.2\r\nUser-Agent: x\r\nContent-Length: 0\r\n" +
		"Connection: close\r\n\r\n")
	require.Zero(t, testing.AllocsPerRun(100, func() { _, _, _ = Read(b) }))
}

func TestNumber(t *testing.T) {
	n, ok := Number([]byte("999999999999999999"))
	require.True(t, ok)
	require.EqualValues(t, 999999999999999999, n)
	for _, text := range []string{"", "1000000000000000000", "1a", " 1", "-0", "１"} {
		_, ok := Number([]byte(text))
		require.False(t, ok, text)
	}
}

// What is accepted, the standard library must accept too, and understand in the same way.
func FuzzRead(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: close, x\r\n\r\nabc"))
	f.Add([]byte("HTTP/1.0 200 OK\r\nTransfer-Encoding: x\r\nconnection: keep-alive\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, n, err := Read(b)
		if err != nil || n == 0 {
			return
		}
		if _, m, err := Read(b[:n]); m != n || err != nil {
			t.Fatalf("%q: %d, by itself %d, %v", b, n, m, err)
		}
		if _, m, _ := Read(b[:n-1]); m != 0 {
			t.Fatalf("%q is not whole", b[:n-1])
		}
		want, err := textproto.NewReader(bufio.NewReader(bytes.NewReader(b[len(h.Line)+2 : n]))).ReadMIMEHeader()
		if err != nil {
			t.Fatalf("%q: textproto: %v", b[:n], err)
		}
		lengths := want["Content-Length"]
		if (len(lengths) > 0) != (h.Length != Unknown) || len(lengths) > 0 && lengths[0] != strconv.FormatInt(h.Length, 10) &&
			strings.TrimLeft(lengths[0], "0") != strings.TrimLeft(strconv.FormatInt(h.Length, 10), "0") {
			t.Fatalf("%q: %d, textproto: %q", b[:n], h.Length, lengths)
		}
		if (len(want["Transfer-Encoding"]) > 0) != h.Coded || len(want["Host"]) != h.Hosts {
			t.Fatalf("%q: %+v, textproto: %v", b[:n], h, want)
		}
		option := func(name string) bool {
			for _, list := range want["Connection"] {
				for one := range strings.SplitSeq(list, ",") {
					if strings.EqualFold(strings.Trim(one, " \t"), name) {
						return true
					}
				}
			}
			return false
		}
		if option("close") != h.Close || option("keep-alive") != h.KeepAlive {
			t.Fatalf("%q: %+v, textproto: %v", b[:n], h, want)
		}
	})
}
