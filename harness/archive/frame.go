package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// A record in the file: a skippable frame (RFC 8878, section 3.1.2) with what follows, then a zstd frame.
const (
	skippable  = 0x184D2A5A // the low four bits are free to choose
	headSize   = 8          // magic and length of the skippable frame
	noteSize   = 4 + sha256.Size
	prefixSize = headSize + noteSize
	// largest compressed record: a length beyond that is damage.
	largest = 64 << 20
)

var errDamaged = errors.New("damaged")

// prefix is what stands before a compressed record.
func prefix(compressed []byte) []byte {
	b := make([]byte, 0, prefixSize)
	b = binary.LittleEndian.AppendUint32(b, skippable)
	b = binary.LittleEndian.AppendUint32(b, noteSize)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(compressed)))
	sum := sha256.Sum256(compressed)
	return append(b, sum[:]...)
}

// readFrame reads the record at offset and returns where it ends. It is errDamaged when the record is there and
// wrong, and [io.ErrUnexpectedEOF] when the file ends in it; in both cases end is where the next could begin, if that is known, or 0.
func readFrame(r io.ReaderAt, size, offset int64) (compressed []byte, end int64, err error) {
	var head [prefixSize]byte
	if offset+prefixSize > size {
		return nil, 0, io.ErrUnexpectedEOF
	}
	if _, err := r.ReadAt(head[:], offset); err != nil {
		return nil, 0, err
	}
	length := int64(binary.LittleEndian.Uint32(head[headSize:]))
	if binary.LittleEndian.Uint32(head[:]) != skippable || binary.LittleEndian.Uint32(head[4:]) != noteSize || length > largest {
		return nil, 0, errDamaged
	}
	end = offset + prefixSize + length
	if end > size {
		return nil, 0, io.ErrUnexpectedEOF
	}
	compressed = make([]byte, length)
	if _, err := r.ReadAt(compressed, offset+prefixSize); err != nil {
		return nil, end, err
	}
	if sum := sha256.Sum256(compressed); !bytes.Equal(sum[:], head[headSize+4:]) {
		return nil, end, errDamaged
	}
	return compressed, end, nil
}

// findFrame returns the offset of the next whole record from offset on, or size.
func findFrame(r io.ReaderAt, size, offset int64) (int64, error) {
	magic := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, skippable), noteSize)
	const step = 1 << 20
	buf := make([]byte, step+headSize)
	for offset < size {
		n, err := r.ReadAt(buf[:min(int64(len(buf)), size-offset)], offset)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		for from := 0; ; {
			i := bytes.Index(buf[from:n], magic)
			if i < 0 {
				break
			}
			at := offset + int64(from+i)
			if _, _, err := readFrame(r, size, at); err == nil {
				return at, nil
			}
			from += i + 1
		}
		offset += step
	}
	return size, nil
}

// codec compresses and reads single records. Both halves are safe for use by several goroutines.
type codec struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

func newCodec() (*codec, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
	if err != nil {
		return nil, fmt.Errorf("start compression: %w", err)
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(512<<20), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, fmt.Errorf("start compression: %w", err)
	}
	return &codec{enc, dec}, nil
}

func (c *codec) compress(record []byte) []byte { return c.enc.EncodeAll(record, nil) }

func (c *codec) expand(compressed []byte) ([]byte, error) {
	b, err := c.dec.DecodeAll(compressed, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	return bytes.TrimSuffix(b, []byte("\n")), nil
}
