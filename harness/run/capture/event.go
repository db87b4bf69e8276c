package capture

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Event is a packet at a point.
type Event struct {
	// Time is CLOCK_MONOTONIC, ns.
	Time uint64
	// Ordinal of the packet among those that the fault counts, from 1; 0 where nothing is counted.
	Ordinal uint64
	// ID tells packets of one direction apart, as they were sent; copies have that of the original. It
	// is 0 where it is not known: the far node's own device, which takes it off.
	ID uint32
	// Length of the frame, in bytes.
	Length int
	// Point is an index into the list of [Points].
	Point int
	// Forged says that the fault has made the packet up, and not found it.
	Forged bool
	// Data is the first bytes of the frame. It is valid until the next one is read.
	Data []byte
}

// Layout of an event in a ring, in the machine's byte order (x86: little endian). Data follows the header.
const (
	TimeAt    = 0  // 8 bytes
	OrdinalAt = 8  // 8 bytes
	IDAt      = 16 // 4 bytes
	LengthAt  = 20 // 4 bytes
	PointAt   = 24 // 2 bytes
	KeptAt    = 26 // 2 bytes: how much of Data there is
	ForgedAt  = 28 // 4 bytes: 0 or 1
	HeaderLen = 32
)

// Layout of a record in a BPF ring buffer: its length with two flags, its page, the content
// padded to 8 bytes. include/uapi/linux/bpf.h, kernel/bpf/ringbuf.c.
const (
	recordHead  = 8
	recordBusy  = 1 << 31
	recordTrash = 1 << 30
	longest     = HeaderLen + Whole // bytes of an event; a room that was given back is not longer
)

// Reader reads the events of a ring that was not read before, in the order in which they happened.
type Reader struct {
	r      *bufio.Reader
	record []byte
}

// NewReader returns a reader of a ring's content.
func NewReader(r io.Reader) *Reader { return &Reader{r: bufio.NewReaderSize(r, 256<<10)} }

// Next returns the next event, or io.EOF after the last one.
func (r *Reader) Next() (e Event, err error) {
	for {
		var head [recordHead]byte
		if _, err := io.ReadFull(r.r, head[:]); err != nil {
			if errors.Is(err, io.EOF) {
				return e, io.EOF
			}
			return e, fmt.Errorf("read an event: %w", err)
		}
		word := binary.LittleEndian.Uint32(head[:])
		if word&recordBusy != 0 {
			return e, errors.New("read an event: it was never finished")
		}
		size := int(word &^ recordTrash)
		if size > longest {
			return e, fmt.Errorf("read an event: it claims %d bytes", size)
		}
		if padded := (size + 7) &^ 7; cap(r.record) < padded {
			r.record = make([]byte, padded)
		}
		r.record = r.record[:(size+7)&^7]
		if _, err := io.ReadFull(r.r, r.record); err != nil {
			return e, fmt.Errorf("read an event: %w", err)
		}
		if word&recordTrash != 0 {
			continue
		}
		return parse(r.record[:size])
	}
}

func parse(b []byte) (Event, error) {
	if len(b) < HeaderLen {
		return Event{}, fmt.Errorf("read an event: it has %d bytes", len(b))
	}
	e := Event{
		Time:    binary.LittleEndian.Uint64(b[TimeAt:]),
		Ordinal: binary.LittleEndian.Uint64(b[OrdinalAt:]),
		ID:      binary.LittleEndian.Uint32(b[IDAt:]),
		Length:  int(binary.LittleEndian.Uint32(b[LengthAt:])),
		Point:   int(binary.LittleEndian.Uint16(b[PointAt:])),
		Forged:  b[ForgedAt] != 0,
	}
	kept := int(binary.LittleEndian.Uint16(b[KeptAt:]))
	if kept > len(b)-HeaderLen || kept > e.Length {
		return Event{}, fmt.Errorf("read an event: it claims %d bytes of a packet of %d", kept, e.Length)
	}
	e.Data = b[HeaderLen : HeaderLen+kept]
	return e, nil
}
