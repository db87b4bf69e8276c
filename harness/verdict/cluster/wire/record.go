package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"

	"github.com/ruleout/ruleout/harness/record/result"
)

// Codec packs and unpacks outcomes with their records. It is safe for use by several goroutines.
type Codec struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

// NewCodec returns a codec.
func NewCodec() (*Codec, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(result.MostBytes+1<<20))
	return &Codec{enc, dec}, err
}

// Outcome packs an outcome with its record, which may be nil. If the whole is too large for a message, it is the record
// alone, packed, that is returned as large: the caller puts it into the object store, and names the object.
func (c *Codec) Outcome(o *Outcome, r *result.Record) (message, large []byte, err error) {
	var packed []byte
	if r != nil && o.Object == "" {
		b, err := json.Marshal(r)
		if err != nil {
			return nil, nil, fmt.Errorf("encode record: %w", err)
		}
		if err := result.CheckSize(b); err != nil {
			return nil, nil, err
		}
		packed = c.enc.EncodeAll(b, nil)
	}
	head, err := Pack(o)
	if err != nil {
		return nil, nil, err
	}
	if len(head)+len(packed)+4 > MostMessage {
		return nil, packed, nil
	}
	message = binary.LittleEndian.AppendUint32(nil, uint32(len(head)))
	return append(append(message, head...), packed...), nil, nil
}

// Open takes an outcome and its packed record apart.
func (c *Codec) Open(message []byte) (o *Outcome, packed []byte, err error) {
	const not = "not an outcome of ruleout"
	if len(message) > MostMessage || len(message) < 4 {
		return nil, nil, fmt.Errorf("%s: %d bytes", not, len(message))
	}
	n := binary.LittleEndian.Uint32(message)
	if int64(n) > int64(len(message)-4) {
		return nil, nil, errors.New(not + ": it is cut off")
	}
	o = new(Outcome)
	if err := Unpack(message[4:4+n], o); err != nil {
		return nil, nil, err
	}
	return o, message[4+n:], nil
}

// Record unpacks a record and computes its digest again: one that is not the record's own is an error.
func (c *Codec) Record(packed []byte) (*result.Record, error) {
	b, err := c.dec.DecodeAll(packed, nil)
	if err != nil {
		return nil, fmt.Errorf("unpack record: %w", err)
	}
	r, err := result.Decode(bytes.TrimSpace(b))
	if err != nil {
		return nil, fmt.Errorf("read record: %w", err)
	}
	digest, err := r.ComputeDigest()
	switch {
	case err != nil:
		return nil, err
	case digest != r.Digest:
		return nil, fmt.Errorf("the record says that its digest is %s, and it is %s", result.Short(r.Digest),
			result.Short(digest))
	case r.Run != result.RunID(r.Provenance.Key, r.Scenario.Hash, r.Seed):
		return nil, fmt.Errorf("the record says that it is of run %s, and it is not", result.Short(r.Run))
	}
	return r, nil
}
