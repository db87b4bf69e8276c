package datagram

import "encoding/binary"

// headerSize is what a datagram carries of ours; zeros follow up to its size.
const headerSize = 32

// magic begins each datagram. It distinguishes them from foreign ones.
const magic = 0x72756c65 // "rule"

// Flags of a datagram.
const (
	counted = 1 << iota // planned inside the measured window
	answer
)

// header is what a datagram says of itself, in network byte order: magic (4 bytes), load (2), flags (2), number (8),
// sent (8), origin (8).
type header struct {
	load   uint16 // index in the scenario
	flags  uint16
	number uint64 // of the datagram, in the order of the plan; an answer has that of what it answers
	sent   int64  // ns of CLOCK_MONOTONIC
	origin int64  // of an answer: when that was sent which it answers
}

// write puts the header at the beginning of a datagram.
func (h *header) write(to []byte) {
	binary.BigEndian.PutUint32(to, magic)
	binary.BigEndian.PutUint16(to[4:], h.load)
	binary.BigEndian.PutUint16(to[6:], h.flags)
	binary.BigEndian.PutUint64(to[8:], h.number)
	binary.BigEndian.PutUint64(to[16:], uint64(h.sent))
	binary.BigEndian.PutUint64(to[24:], uint64(h.origin))
}

// read takes the header off a datagram; false if it is not one of ours.
func (h *header) read(from []byte) bool {
	if len(from) < headerSize || binary.BigEndian.Uint32(from) != magic {
		return false
	}
	*h = header{
		load:   binary.BigEndian.Uint16(from[4:]),
		flags:  binary.BigEndian.Uint16(from[6:]),
		number: binary.BigEndian.Uint64(from[8:]),
		sent:   int64(binary.BigEndian.Uint64(from[16:])),
		origin: int64(binary.BigEndian.Uint64(from[24:])),
	}
	return h.number < mostNumbers && h.load < mostLoads
}

// Bounds of what a receiver believes: as many as a scenario can have.
const (
	mostNumbers = 10_000_000
	mostLoads   = 100
)
