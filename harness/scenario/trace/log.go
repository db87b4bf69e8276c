package trace

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"
)

// lineLimit is the longest line of a log, in bytes. A head that a server takes by default has 8 KiB (nginx,
// large_client_header_buffers; Apache, LimitRequestFieldSize), and a line quotes three of its fields.
const lineLimit = 64 << 10

// Log reads an access log in the common or the combined format:
//
//	192.0.2.1 - - [10/Oct/2026:13:55:36 +0200] "GET / HTTP/1.1" 200 2326
//
// That is Apache's "%h %l %u %t \"%r\" %>s %b" and what nginx writes by default; of a line, what follows the request
// is not looked at. The error is [ErrEmpty], [ErrTooMany] or that of the reader.
func Log(r io.ReadSeeker, w Window) (*Trace, error) {
	t := &Trace{Grain: int64(time.Second)}
	return t, collect(w, t, func(add func(int64) error) error {
		if _, err := r.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("rewind: %w", err)
		}
		t.Broken = 0
		in, last := bufio.NewReaderSize(r, lineLimit), stamp{}
		for {
			line, err := in.ReadSlice('\n')
			long := false
			for ; errors.Is(err, bufio.ErrBufferFull); _, err = in.ReadSlice('\n') {
				long = true
			}
			if err != nil && !errors.Is(err, io.EOF) {
				return err
			}
			if line = bytes.TrimRight(line, "\r\n"); len(line) > 0 {
				if at, ok := last.of(line); ok && !long {
					if err := add(at); err != nil {
						return err
					}
				} else {
					t.Broken++
				}
			}
			if err != nil {
				return nil
			}
		}
	})
}

// stamp is the last time that was read: lines of the same second follow one another.
type stamp struct {
	text []byte
	at   int64
	ok   bool
}

// of is when a line's request came, in ns since 1970. The line has a host, an identity and a user before it, and a
// request in quotes after it.
func (s *stamp) of(line []byte) (int64, bool) {
	head, rest, ok := bytes.Cut(line, []byte(" ["))
	if !ok || words(head) < 3 {
		return 0, false
	}
	text, rest, ok := bytes.Cut(rest, []byte("] \""))
	if !ok || bytes.IndexByte(rest, '"') < 0 {
		return 0, false
	}
	if !bytes.Equal(text, s.text) {
		at, err := time.Parse("02/Jan/2006:15:04:05 -0700", string(text))
		s.text = append(s.text[:0], text...)
		// UnixNano has no meaning outside of these years.
		s.at, s.ok = at.UnixNano(), err == nil && at.Year() >= 1970 && at.Year() <= 2200
	}
	return s.at, s.ok
}

// words counts what is between blanks.
func words(b []byte) (n int) {
	for i := range b {
		if b[i] != ' ' && (i == 0 || b[i-1] == ' ') {
			n++
		}
	}
	return n
}
