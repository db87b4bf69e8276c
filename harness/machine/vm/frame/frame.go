// Package frame is the language that the guest and its host speak over a stream of bytes:
// small messages, each with a kind, a length and data.
//
// The guest's supervisor is the only writer, so frames never interleave. The stream may
// end anywhere (a machine can be killed between two bytes); [Reader.Next] then returns
// io.ErrUnexpectedEOF and the frames before are whole.
package frame

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Kind says what a frame carries.
type Kind byte

// Kinds of frames.
const (
	Output  Kind = 'o' // bytes that the guest function wrote
	Log     Kind = 'l' // bytes that processes of the guest wrote on standard output and error
	Error   Kind = 'e' // why the guest could not be set up: text
	Freeze  Kind = 'f' // the next stop is the freeze, not a panic: JSON of what was checked
	Awake   Kind = 'a' // the clone runs and has read its payload
	Exit    Kind = 'x' // the guest function's status: int32, little endian
	Limit   Kind = 'w' // the limit in virtual time was exceeded: text
	Payload Kind = 'p' // towards the guest function: its payload
	Ready   Kind = 'r' // from the worker: it is set up and waits for its payload
	// output that waits in the supervisor's memory for the host to fetch: virtual address and length, uint64 each
	Held   Kind = 'h'
	Attach Kind = 't' // a file whose content the host is to fetch: JSON, see guest.attachment
)

// HeaderLen is the number of bytes before a frame's data.
const HeaderLen = 5

// Max is the most data that a frame carries, bytes.
const Max = 1 << 28

// Append appends a frame to b.
func Append(b []byte, kind Kind, data []byte) []byte {
	b = append(b, byte(kind))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	return append(b, data...)
}

// Write writes a frame in one call to w.
func Write(w io.Writer, kind Kind, data []byte) error {
	if len(data) > Max {
		return fmt.Errorf("write frame %q: %d bytes, at most %d fit", kind, len(data), Max)
	}
	_, err := w.Write(Append(make([]byte, 0, HeaderLen+len(data)), kind, data))
	return err
}

// Reader reads frames.
type Reader struct {
	r    io.Reader
	most int
	head [HeaderLen]byte
	data []byte
}

// NewReader returns a Reader of r, which should be buffered, of frames with at most so many bytes of data. It takes
// up to twice as much memory.
func NewReader(r io.Reader, most int) *Reader { return &Reader{r: r, most: most} }

// Next returns the next frame; its data is valid until the next call. The error is io.EOF
// between frames and io.ErrUnexpectedEOF inside one.
func (r *Reader) Next() (Kind, []byte, error) {
	if _, err := io.ReadFull(r.r, r.head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.LittleEndian.Uint32(r.head[1:])
	if int64(n) > int64(r.most) {
		return 0, nil, fmt.Errorf("read frame %q: length %d, at most %d allowed", r.head[0], n, r.most)
	}
	if cap(r.data) < int(n) {
		// Grow with what arrives, so that a damaged length does not allocate.
		r.data = nil
		var err error
		if r.data, err = readGrowing(r.r, int(n)); err != nil {
			return 0, nil, err
		}
		return Kind(r.head[0]), r.data, nil
	}
	r.data = r.data[:n]
	if _, err := io.ReadFull(r.r, r.data); err != nil {
		return 0, nil, unexpected(err)
	}
	return Kind(r.head[0]), r.data, nil
}

func readGrowing(r io.Reader, n int) ([]byte, error) {
	const step = 1 << 20
	var data []byte
	for len(data) < n {
		more := min(step, n-len(data))
		at := len(data)
		data = append(data, make([]byte, more)...)
		if _, err := io.ReadFull(r, data[at:]); err != nil {
			return nil, unexpected(err)
		}
	}
	return data, nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
