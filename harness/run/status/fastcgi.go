package status

import (
	"bytes"
	"encoding/binary"
)

// Types of records and the one role, of the FastCGI specification 1.0, section 8.
const (
	fcgiVersion   = 1
	fcgiBegin     = 1
	fcgiEnd       = 3
	fcgiParams    = 4
	fcgiStdin     = 5
	fcgiStdout    = 6
	fcgiStderr    = 7
	fcgiResponder = 1
	fcgiKeep      = 1
	fcgiHead      = 8 // bytes of a record's header
)

// statusPath is pm.status_path of the preset.
const statusPath = "/fpm-status"

// fastcgi speaks to the pool of PHP-FPM that answers for its status (pm.status_listen). That has a process of its own,
// which is not one of the pool's workers.
type fastcgi struct {
	ask  []byte
	keys []string
	text []byte // of an answer, put together from its records
}

func newFastCGI() *fastcgi {
	var params []byte
	for _, p := range [][2]string{
		{"REQUEST_METHOD", "GET"}, {"SCRIPT_NAME", statusPath}, {"SCRIPT_FILENAME", statusPath}, {"REQUEST_URI", statusPath},
		{"QUERY_STRING", ""}, {"SERVER_PROTOCOL", "HTTP/1.1"}, {"REMOTE_ADDR", "127.0.0.1"},
	} {
		params = append(params, byte(len(p[0])), byte(len(p[1])))
		params = append(append(params, p[0]...), p[1]...)
	}
	f := &fastcgi{keys: sources("fpm"), text: make([]byte, 0, bufferSize)}
	f.ask = record(f.ask, fcgiBegin, []byte{0, fcgiResponder, fcgiKeep, 0, 0, 0, 0, 0})
	f.ask = record(f.ask, fcgiParams, params)
	f.ask = record(f.ask, fcgiParams, nil)
	f.ask = record(f.ask, fcgiStdin, nil)
	return f
}

// record appends one record of the request 1.
func record(b []byte, kind byte, content []byte) []byte {
	b = append(b, fcgiVersion, kind, 0, 1)
	b = binary.BigEndian.AppendUint16(b, uint16(len(content)))
	return append(append(b, 0, 0), content...)
}

func (f *fastcgi) greet(*conn) error { return nil }

func (f *fastcgi) question() []byte { return f.ask }

func (f *fastcgi) own() (question, connection, level []int64) { return nil, nil, nil }

func (f *fastcgi) answer(b []byte, into []int64) (n int, err error) {
	f.text = f.text[:0]
	for {
		r := b[n:]
		if len(r) < fcgiHead {
			return 0, nil
		}
		if r[0] != fcgiVersion {
			return 0, malformed("no record of FastCGI")
		}
		size := int(binary.BigEndian.Uint16(r[4:]))
		all := fcgiHead + size + int(r[6])
		if len(r) < all {
			return 0, nil
		}
		n += all
		switch r[1] {
		case fcgiStdout:
			if len(f.text)+size > cap(f.text) {
				return 0, malformed("it is too long")
			}
			f.text = append(f.text, r[fcgiHead:fcgiHead+size]...)
		case fcgiStderr:
		case fcgiEnd:
			if err := f.read(into); err != nil {
				return 0, err
			}
			return n, nil
		default:
			return 0, malformed("an unknown record of FastCGI")
		}
	}
}

// read takes the text of an answer: a head as in HTTP, then lines "key: value".
func (f *fastcgi) read(into []int64) error {
	head, body, ok := bytes.Cut(f.text, []byte("\r\n\r\n"))
	if !ok {
		return malformed("no head")
	}
	if bytes.HasPrefix(head, []byte("Status: ")) && !bytes.HasPrefix(head, []byte("Status: 200")) {
		status, _, _ := line(append(head, '\n'))
		return malformed(string(status))
	}
	found, err := keyed(body, f.keys, into)
	if err == nil && found != whole(len(f.keys)) {
		err = malformed("figures are missing")
	}
	return err
}
