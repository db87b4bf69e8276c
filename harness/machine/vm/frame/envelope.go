package frame

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// EntropyLen is the number of bytes that seed a clone's random pool.
const EntropyLen = 32

// Envelope is what a clone reads first: what its supervisor needs, and the payload.
type Envelope struct {
	// Entropy seeds the kernel's random pool: every clone wakes with the same pool.
	Entropy [EntropyLen]byte
	// VirtualLimit is how long the guest function may take on the guest's own clock.
	VirtualLimit time.Duration
	Payload      []byte
}

var magic = [8]byte{'r', 'u', 'l', 'e', 'o', 'u', 't', 1}

const envelopeHead = len(magic) + EntropyLen + 8 + 8

// Marshal returns the envelope's bytes.
func (e *Envelope) Marshal() []byte {
	b := make([]byte, 0, envelopeHead+len(e.Payload))
	b = append(b, magic[:]...)
	b = append(b, e.Entropy[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(e.VirtualLimit))
	b = binary.LittleEndian.AppendUint64(b, uint64(len(e.Payload)))
	return append(b, e.Payload...)
}

// UnmarshalEnvelope reads what [Envelope.Marshal] wrote. The payload refers to b.
func UnmarshalEnvelope(b []byte) (*Envelope, error) {
	if len(b) < envelopeHead || [8]byte(b[:8]) != magic {
		return nil, errors.New("read the payload's envelope: its beginning is wrong; " +
			"host and guest are from different builds")
	}
	e := &Envelope{
		Entropy:      [EntropyLen]byte(b[8:]),
		VirtualLimit: time.Duration(binary.LittleEndian.Uint64(b[8+EntropyLen:])),
	}
	if n := binary.LittleEndian.Uint64(b[16+EntropyLen:]); n != uint64(len(b)-envelopeHead) {
		return nil, fmt.Errorf("read the payload's envelope: %d bytes follow, %d promised", len(b)-envelopeHead, n)
	}
	e.Payload = b[envelopeHead:]
	return e, nil
}
