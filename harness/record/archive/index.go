package archive

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/result"
)

// The index is a sequence of blocks: length of the body, CRC-32C of it, body. The first block is indexMagic. A
// body begins with the names that this block is the first to use, each with the number that stands for it from then on
// in this file, and then has one entry.
// An index with another first block is made again from the records.
const indexMagic = "ruleout index 3\n"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// names number strings in the order in which they come up, for writing.
type names struct {
	number map[string]uint64
}

// known are the strings of a file that is read, by their number.
type known struct {
	names []string
}

func block(body []byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(body)))
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(body, castagnoli))
	return append(b, body...)
}

// largestBlock is far above what an entry takes: some thousand values. A record that would take more is not stored.
const largestBlock = 16 << 20

// mostNames bounds the strings of an index: far above the names of metrics and counters in all scenarios of a campaign.
const mostNames = 1 << 20

// readBlock reads the next block into buf. The end of the file between two blocks is [io.EOF].
func readBlock(r *bufio.Reader, buf []byte) ([]byte, error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	length := binary.LittleEndian.Uint32(head[:])
	if length > largestBlock {
		return nil, errDamaged
	}
	if cap(buf) < int(length) {
		buf = make([]byte, length)
	}
	buf = buf[:length]
	if _, err := io.ReadFull(r, buf); err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	if crc32.Checksum(buf, castagnoli) != binary.LittleEndian.Uint32(head[4:]) {
		return nil, errDamaged
	}
	return buf, nil
}

// forget forgets all names but the first.
func (n *names) forget(first int) {
	for s, i := range n.number {
		if i >= uint64(first) {
			delete(n.number, s)
		}
	}
}

// encode returns the block of an entry. It is errLarge, of kind [problem.Usage], when no index has room for it.
func (n *names) encode(e *Entry) ([]byte, error) {
	before := len(n.number)
	var fresh []string
	number := func(s string) uint64 {
		i, ok := n.number[s]
		if !ok {
			i = uint64(len(n.number))
			n.number[s] = i
			fresh = append(fresh, s)
		}
		return i
	}
	text := func(b []byte, s string) []byte { return append(binary.AppendUvarint(b, uint64(len(s))), s...) }
	var body []byte
	body = text(body, e.Run)
	body = text(body, e.Digest)
	body = text(body, e.Because)
	for _, s := range []string{e.Scenario, e.Kernel, e.Key, e.Made, string(e.Failure)} { // few different ones
		body = binary.AppendUvarint(body, number(s))
	}
	valid := byte(0)
	if e.Valid {
		valid = 1
	}
	body = append(body, valid)
	for _, v := range []uint64{e.Seed, uint64(e.offset), uint64(e.length), math.Float64bits(e.Virtual),
		math.Float64bits(e.Wall), uint64(len(e.Values))} {
		body = binary.AppendUvarint(body, v)
	}
	body = binary.AppendUvarint(body, uint64(len(e.Kinds)))
	for _, k := range e.Kinds {
		body = binary.AppendUvarint(body, number(string(k)))
	}
	for _, v := range e.Values {
		body = binary.AppendUvarint(body, number(v.Name))
		body = binary.LittleEndian.AppendUint64(body, math.Float64bits(v.Value))
	}
	head := binary.AppendUvarint(nil, uint64(len(fresh)))
	for _, s := range fresh {
		head = text(head, s)
	}
	if len(head)+len(body) > largestBlock || len(n.number) > mostNames {
		n.forget(before)
		return nil, problem.Wrap(problem.Usage, fmt.Errorf("store %v: %w", e, errLarge), "")
	}
	return block(append(head, body...)), nil
}

// decode reads what encode wrote. values is memory to use again.
func (k *known) decode(body []byte, values []Value) (e Entry, err error) {
	bad := false
	number := func() uint64 {
		v, n := binary.Uvarint(body) // 0 where there is none
		bad = bad || n <= 0
		body = body[max(n, 0):]
		return v
	}
	text := func() string {
		n := number()
		if bad || n > uint64(len(body)) {
			bad = true
			return ""
		}
		s := string(body[:n])
		body = body[n:]
		return s
	}
	name := func() string {
		i := number()
		if bad || i >= uint64(len(k.names)) {
			bad = true
			return ""
		}
		return k.names[i]
	}
	for range number() {
		if bad || len(k.names) > mostNames {
			return e, errDamaged
		}
		k.names = append(k.names, text())
	}
	e = Entry{
		Run: text(), Digest: text(), Because: text(),
		Scenario: name(), Kernel: name(), Key: name(), Made: name(), Failure: Failure(name()),
	}
	e.Valid = number() == 1
	e.Seed, e.offset, e.length = number(), int64(number()), int64(number())
	e.Virtual, e.Wall = math.Float64frombits(number()), math.Float64frombits(number())
	n := number()
	for range number() {
		if bad {
			return e, errDamaged
		}
		e.Kinds = append(e.Kinds, result.Kind(name()))
	}
	if bad || n > uint64(len(body)) {
		return e, errDamaged
	}
	e.Values = values[:0]
	for range n {
		v := Value{Name: name()}
		if bad || len(body) < 8 {
			return e, errDamaged
		}
		v.Value = math.Float64frombits(binary.LittleEndian.Uint64(body))
		body = body[8:]
		e.Values = append(e.Values, v)
	}
	if bad || len(body) > 0 {
		return e, errDamaged
	}
	return e, nil
}

// scanIndex calls f for each entry of an index that is read from r; the entry's values are valid only during the call.
// It returns the length of what was sound, and an error that is nil at a clean end, errDamaged or [io.ErrUnexpectedEOF]
// at an unclean one, or f's.
func scanIndex(r io.Reader, k *known, f func(e *Entry) error) (sound int64, err error) {
	br := bufio.NewReader(r)
	var buf []byte
	var values []Value
	for first := true; ; first = false {
		body, err := readBlock(br, buf)
		if errors.Is(err, io.EOF) {
			return sound, nil
		}
		if err != nil {
			return sound, err
		}
		buf = body
		switch {
		case first && string(body) != indexMagic:
			return 0, errDamaged
		case !first:
			before := len(k.names)
			e, err := k.decode(body, values)
			if err != nil {
				k.names = k.names[:before]
				return sound, err
			}
			values = e.Values
			if err := f(&e); err != nil {
				k.names = k.names[:before]
				return sound, err
			}
		}
		sound += int64(8 + len(body))
	}
}
