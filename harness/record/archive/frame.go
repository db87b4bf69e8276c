package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/result"
)

// A record in the file: a skippable frame (RFC 8878, section 3.1.2) with what follows, then a zstd frame.
const (
	skippable  = 0x184D2A5A // the low four bits are free to choose
	headSize   = 8          // magic and length of the skippable frame
	noteSize   = 4 + sha256.Size
	prefixSize = headSize + noteSize
	// largest compressed record: a length beyond that is damage. What cannot be compressed gets a little longer.
	largest = result.MostBytes + 1<<20
)

var errDamaged = errors.New("damaged")

// unsound reports whether an error says what is in a file, and not that it cannot be read.
func unsound(err error) bool {
	return errors.Is(err, errDamaged) || errors.Is(err, io.ErrUnexpectedEOF)
}

// prefix is what stands before a compressed record.
func prefix(compressed []byte) []byte {
	b := make([]byte, 0, prefixSize)
	b = binary.LittleEndian.AppendUint32(b, skippable)
	b = binary.LittleEndian.AppendUint32(b, noteSize)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(compressed)))
	sum := sha256.Sum256(compressed)
	return append(b, sum[:]...)
}

// frames reads the frames of a file of this size.
type frames struct {
	file io.ReaderAt
	size int64
	buf  []byte
	// hashed is how many bytes were read to find where sound frames go on after damage.
	hashed int64
}

// read reads the record at offset and returns where it ends. It is errDamaged when the record is there and
// wrong, and [io.ErrUnexpectedEOF] when the file ends in it. The record is valid until the next read.
func (s *frames) read(offset int64) (compressed []byte, end int64, err error) {
	var head [prefixSize]byte
	if offset < 0 || offset > s.size-prefixSize {
		return nil, 0, io.ErrUnexpectedEOF
	}
	if _, err := s.file.ReadAt(head[:], offset); err != nil {
		return nil, 0, unexpected(err)
	}
	length := int64(binary.LittleEndian.Uint32(head[headSize:]))
	if binary.LittleEndian.Uint32(head[:]) != skippable || binary.LittleEndian.Uint32(head[4:]) != noteSize ||
		length > largest {
		return nil, 0, errDamaged
	}
	if end = offset + prefixSize + length; end > s.size {
		return nil, 0, io.ErrUnexpectedEOF
	}
	if int64(cap(s.buf)) < length {
		s.buf = make([]byte, length, length+length/4)
	}
	compressed = s.buf[:length]
	if _, err := s.file.ReadAt(compressed, offset+prefixSize); err != nil {
		return nil, 0, unexpected(err)
	}
	if sum := sha256.Sum256(compressed); !bytes.Equal(sum[:], head[headSize+4:]) {
		return nil, 0, errDamaged
	}
	return compressed, end, nil
}

// unexpected is the error of a file that has become shorter than it was.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// mostHashed bounds what is read to find where sound frames go on, in bytes: a second or two. Only a file that was made
// for it, of nothing but beginnings of frames, takes more.
const mostHashed = 1 << 30

// find returns the offset of the next whole record from offset on, or size.
func (s *frames) find(offset int64) (int64, error) {
	magic := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, skippable), noteSize)
	const step = 1 << 20
	buf := make([]byte, step+headSize)
	for offset < s.size {
		n, err := s.file.ReadAt(buf, offset)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		for from := 0; ; {
			i := bytes.Index(buf[from:n], magic)
			if i < 0 {
				break
			}
			at := offset + int64(from+i)
			_, _, err := s.read(at)
			if err == nil {
				return at, nil
			}
			if !unsound(err) {
				return 0, err
			}
			if s.hashed += int64(len(s.buf)); s.hashed > mostHashed {
				return 0, problem.Wrap(problem.Usage, errors.New("this is not a file of records, or it is damaged beyond repair"),
					"restore it from a copy")
			}
			from += i + 1
		}
		offset += step
	}
	return s.size, nil
}

// each calls f for every sound record in the order of the file, with its place and what it holds, which is valid during
// the call only. It returns the end of the last one, and what is damaged. Each byte of the file is read and belongs to
// a record whose checksum fits, or to a damage. When f says errDamaged the record is one.
func (s *frames) each(f func(offset, length int64, compressed []byte) error) (end int64, damages []Damage, err error) {
	for at := int64(0); at < s.size; {
		compressed, next, err := s.read(at)
		if err == nil {
			err = f(at, next-at, compressed)
		}
		if err == nil {
			at, end = next, next
			continue
		}
		if !unsound(err) {
			return end, damages, err
		}
		if next, err = s.find(at + 1); err != nil {
			return end, damages, fmt.Errorf("read records: %w", err)
		}
		damages = append(damages, Damage{Offset: at, Length: next - at, Torn: next == s.size})
		at = next
		if next < s.size {
			end = next
		}
	}
	return end, damages, nil
}

// codec compresses and reads single records. Both halves are safe for use by several goroutines.
type codec struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

func newCodec() (*codec, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(1<<20))
	if err != nil {
		return nil, fmt.Errorf("start compression: %w", err)
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(result.MostBytes),
		zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, fmt.Errorf("start compression: %w", err)
	}
	return &codec{enc, dec}, nil
}

func (c *codec) compress(record []byte) []byte { return c.enc.EncodeAll(record, nil) }

// expand returns the line of a record with its end, which has at most [result.MostBytes].
func (c *codec) expand(compressed []byte) ([]byte, error) {
	b, err := c.dec.DecodeAll(compressed, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	return b, nil
}
