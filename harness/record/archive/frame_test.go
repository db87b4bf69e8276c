package archive

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/result"
)

// framed is a frame, written out: a skippable frame of 36 bytes with length and SHA-256, and what it is of.
func framed(content []byte) []byte {
	sum := sha256.Sum256(content)
	b := []byte{0x5a, 0x2a, 0x4d, 0x18, 36, 0, 0, 0, byte(len(content)), byte(len(content) >> 8),
		byte(len(content) >> 16), byte(len(content) >> 24)}
	return append(append(b, sum[:]...), content...)
}

func TestFramesAreAsTheyAreWrittenOut(t *testing.T) {
	for _, n := range []int{1, 300, 70_000} {
		content := bytes.Repeat([]byte{7}, n)
		want := framed(content)
		require.Equal(t, want[:len(want)-n], prefix(content))
		s := frames{file: bytes.NewReader(want), size: int64(len(want))}
		got, end, err := s.read(0)
		require.NoError(t, err)
		require.Equal(t, content, got)
		require.Equal(t, int64(len(want)), end)
	}
}

// failing is a file that cannot be read from some place on.
type failing struct {
	*bytes.Reader
	from int64
}

var errDisk = errors.New("input/output error")

func (f failing) ReadAt(b []byte, offset int64) (int, error) {
	if offset+int64(len(b)) > f.from {
		return 0, errDisk
	}
	return f.Reader.ReadAt(b, offset)
}

// That a file ends in a record, has become shorter, or cannot be read are three things, and none of them is damage.
func TestFramesThatEnd(t *testing.T) {
	whole := framed([]byte("content"))
	for n := range whole {
		s := frames{file: bytes.NewReader(whole), size: int64(n)}
		_, end, err := s.read(0)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, "of %d bytes", n)
		require.Zero(t, end)
		s = frames{file: bytes.NewReader(whole[:n]), size: int64(len(whole))}
		_, end, err = s.read(0)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, "%d bytes are left", n)
		require.Zero(t, end)
		s = frames{file: failing{bytes.NewReader(whole), int64(n)}, size: int64(len(whole))}
		_, end, err = s.read(0)
		require.ErrorIs(t, err, errDisk)
		require.Zero(t, end)
		_, _, err = s.each(func(int64, int64, []byte) error { return nil })
		require.ErrorIs(t, err, errDisk)
	}
	s := frames{file: bytes.NewReader(whole), size: int64(len(whole))}
	_, _, err := s.read(-1)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	s = frames{file: bytes.NewReader(make([]byte, 99)), size: prefixSize - 1}
	_, _, err = s.read(0)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF, "what was written after its end was read is not looked at")
	for i := range prefixSize { // each byte that is wrong, but for those of a length that may be right
		b := bytes.Clone(whole)
		b[i] ^= 0x80
		s := frames{file: bytes.NewReader(b), size: int64(len(b))}
		_, end, err := s.read(0)
		want := errDamaged
		if i >= headSize && i < headSize+3 {
			want = io.ErrUnexpectedEOF
		}
		require.ErrorIs(t, err, want, "byte %d", i)
		require.Zero(t, end)
	}
	// A megabyte more than a record may have is believed, and no more.
	for length, want := range map[int]error{result.MostBytes + 1048576: io.ErrUnexpectedEOF,
		result.MostBytes + 1048577: errDamaged} {
		b := framed(nil)
		b[8], b[9], b[10], b[11] = byte(length), byte(length>>8), byte(length>>16), byte(length>>24)
		s := frames{file: bytes.NewReader(b), size: int64(len(b))}
		_, _, err := s.read(0)
		require.ErrorIs(t, err, want)
	}
}

// Sound frames are found after damage wherever they begin, also where the file is read in two parts, and a beginning
// of one that is none is passed over.
func TestFind(t *testing.T) {
	const mega = 1 << 20
	whole := framed([]byte("content"))
	noise := make([]byte, 3*mega)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	for _, from := range []int64{0, 1, 77} {
		for _, at := range []int64{100, mega - 9, mega - 8, mega - 7, mega - 1, mega, mega + 1, mega + 76, mega + 77,
			2*mega - 4, 2*mega + 1000} {
			b := bytes.Clone(noise)
			copy(b[at:], whole)
			copy(b[at-20:], whole[:9]) // the beginning of another one
			s := frames{file: bytes.NewReader(b), size: int64(len(b))}
			got, err := s.find(from)
			require.NoError(t, err)
			require.Equal(t, at, got, "from %d", from)
			// What is written after the file was measured is not found.
			s = frames{file: bytes.NewReader(b), size: at + int64(len(whole)) - 1}
			got, err = s.find(from)
			require.NoError(t, err)
			require.Equal(t, s.size, got)
			s.size++
			got, err = s.find(from)
			require.NoError(t, err)
			require.Equal(t, at, got)
		}
	}
	// The smallest damage is a byte.
	s := frames{file: bytes.NewReader(append([]byte{0}, whole...)), size: 1 + int64(len(whole))}
	end, damages, err := s.each(func(offset, length int64, _ []byte) error {
		require.Equal(t, []int64{1, int64(len(whole))}, []int64{offset, length})
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, s.size, end)
	require.Equal(t, []Damage{{Offset: 0, Length: 1}}, damages)

	s = frames{file: failing{bytes.NewReader(noise), 2 * mega}, size: 3 * mega}
	_, err = s.find(0)
	require.ErrorIs(t, err, errDisk)

	// The effort has an end: a gibibyte that was hashed in vain.
	b := bytes.Clone(whole)
	b[len(b)-1]++
	b = append(b, whole...)
	for hashed, good := range map[int64]bool{0: true, 1<<30 - 7: true, 1<<30 - 6: false} {
		s := frames{file: bytes.NewReader(b), size: int64(len(b)), hashed: hashed}
		got, err := s.find(0)
		if good {
			require.NoError(t, err)
			require.Equal(t, int64(len(whole)), got)
			continue
		}
		require.ErrorContains(t, err, "damaged beyond repair")
		require.Zero(t, got)
		require.Equal(t, problem.Usage, problem.KindOf(err))
	}
}

// A run is known by the first digits of its name.
func TestBegins(t *testing.T) {
	for digits, want := range map[string]bool{
		"0": true, "01": true, "0123": true, "01234": false, "1": false, "": false, "sha256:0": true, "sha256:0123": true,
		"sha256:01234": false,
		"sha256:1":     false, "sha256:": false, "sha256": false, "s": false,
	} {
		require.Equal(t, want, begins("sha256:0123", digits), digits)
	}
	require.False(t, begins("", "0"), "a run that failed has no digest")
}

// An index that cannot be cut is an error of the machine.
func TestAnIndexThatCannotBeCut(t *testing.T) {
	a := open(t, t.TempDir())
	index := a.index
	a.index, _ = os.Open(os.DevNull)
	err := a.adopt(0, nil)
	require.ErrorContains(t, err, "cut index")
	require.Equal(t, problem.Machine, problem.KindOf(err))
	require.NoError(t, a.index.Close())
	a.index = index
	require.NoError(t, a.Close())
}

// Damage of a file and a file that cannot be read are different errors, also when they are wrapped.
func TestUnsound(t *testing.T) {
	for err, want := range map[error]bool{errDamaged: true, io.ErrUnexpectedEOF: true, io.EOF: false, errDisk: false,
		errLarge: false} {
		require.Equal(t, want, unsound(err), err)
		require.Equal(t, want, unsound(fmt.Errorf("read records: %w", err)), err)
	}
}

// listed are entries for an index, one with a name that the other has not.
func listed() []Entry {
	list := []Entry{entryOf(record(1)), entryOf(record(12))}
	list[0].Because, list[0].offset, list[0].length = "no reason", 5, 300
	list[1].offset, list[1].length = 305, 1<<40
	list[1].Values = append(list[1].Values, Value{"z", -1.5})
	list[1].Failure = Broke
	return list
}

// An entry that is cut anywhere, or is longer than it should be, is no entry, and neither is one with a name that
// no entry before it brought.
func TestEntriesAreWhole(t *testing.T) {
	own, known := names{number: map[string]uint64{}}, new(known)
	for _, want := range listed() {
		b, err := own.encode(&want)
		require.NoError(t, err)
		body, err := readBlock(bufio.NewReader(bytes.NewReader(b)), nil)
		require.NoError(t, err)
		before := len(known.names)
		for n := range body {
			_, err := known.decode(body[:n], nil)
			require.ErrorIs(t, err, errDamaged, "%d of %d bytes", n, len(body))
			known.names = known.names[:before]
		}
		_, err = known.decode(append(bytes.Clone(body), 0), nil)
		require.ErrorIs(t, err, errDamaged)
		known.names = known.names[:before]
		got, err := known.decode(body, nil)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	b, err := (&names{number: map[string]uint64{"": 1}}).encode(&Entry{})
	require.NoError(t, err)
	_, err = known.decode(b[8:], nil)
	require.NoError(t, err, "another has the name")
	known.names = known.names[:1]
	_, err = known.decode(b[8:], nil)
	require.ErrorIs(t, err, errDamaged)

	// A text that is longer than what follows, though what follows would do without it, and a number that has no end.
	known.names = []string{""}
	b, err = (&names{number: map[string]uint64{"": 0}}).encode(&Entry{})
	require.NoError(t, err)
	_, err = known.decode(b[8:], nil)
	require.NoError(t, err)
	for at := 1; at < 4; at++ { // run, digest, reason
		long := bytes.Clone(b[8:])
		long[at] = 0x7f
		_, err = known.decode(long, nil)
		require.ErrorIs(t, err, errDamaged)
	}
	_, err = known.decode(append(bytes.Repeat([]byte{0xff}, 11), b[8:]...), nil)
	require.ErrorIs(t, err, errDamaged)
}

// A block may have 16 MiB.
func TestLargestBlock(t *testing.T) {
	for _, n := range []int{0, 1, 16 << 20} {
		body, err := readBlock(bufio.NewReader(bytes.NewReader(block(make([]byte, n)))), nil)
		require.NoError(t, err)
		require.Len(t, body, n)
	}
	_, err := readBlock(bufio.NewReader(bytes.NewReader(block(make([]byte, 16<<20+1)))), nil)
	require.ErrorIs(t, err, errDamaged)
	sound := block([]byte("body"))
	for n := range sound {
		_, err := readBlock(bufio.NewReader(bytes.NewReader(sound[:n])), nil)
		if n == 0 {
			require.Equal(t, io.EOF, err)
			continue
		}
		require.Equal(t, io.ErrUnexpectedEOF, err)
	}
	// The check value of CRC-32C in the catalogue of Rocksoft's model is e3069283.
	require.Equal(t, "09000000"+"839206e3"+"313233343536373839", hex.EncodeToString(block([]byte("123456789"))))
}

// An index has room for 2^20 names. What does not fit leaves none of its own names.
func TestMostNames(t *testing.T) {
	const most = 1 << 20
	e := Entry{Scenario: "scenario", Kernel: "kernel", Key: "key", Made: "made", Failure: Broke,
		Values: []Value{{"one", 1}}}
	own := names{number: make(map[string]uint64, most)}
	for i := range uint64(most - 6) {
		own.number[fmt.Sprint(i)] = i
	}
	_, err := own.encode(&e)
	require.NoError(t, err)
	require.Len(t, own.number, most)
	e.Values = append(e.Values, Value{"two", 2})
	_, err = own.encode(&e)
	require.ErrorIs(t, err, errLarge)
	require.Len(t, own.number, most, "two is forgotten")
	require.NotContains(t, own.number, "two")
	require.Contains(t, own.number, "one")

	// Nor are more names read.
	for more, want := range map[int]error{0: nil, 2: errDamaged} {
		body := binary.AppendUvarint(nil, uint64(most+more))
		body = append(body, make([]byte, most+more+16)...) // all of which are empty or zero
		_, err = new(known).decode(body, nil)
		require.ErrorIs(t, err, want)
	}
}

// open files of this process.
func openFiles(t *testing.T) int {
	list, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(list)
}

// A reader closes its files, also when it fails, and says what is damaged.
func TestReaderLetsGoAndTells(t *testing.T) {
	dir := t.TempDir()
	ends := fill(t, dir, 4)
	before := openFiles(t)
	r, err := Read(dir)
	require.NoError(t, err)
	require.NoError(t, r.Tell(func(text string) { require.Fail(t, text) }))
	require.NoError(t, r.Close())
	require.Equal(t, before, openFiles(t))

	f := load(t, dir)
	f.records[ends[1]+prefixSize] ^= 1
	f.records = append(f.records, prefix(make([]byte, 99))...) // half of one more
	f.store(t, dir)
	r, err = Read(dir)
	require.NoError(t, err)
	var told []string
	require.NoError(t, r.Tell(func(text string) { told = append(told, text) }))
	require.Equal(t,
		[]string{fmt.Sprintf("%d bytes at %d are damaged: the record in them is left out; a sweep makes its run again",
			ends[2]-ends[1], ends[1])}, told)
	require.NoError(t, r.Close())

	require.NoError(t, os.Remove(filepath.Join(dir, recordsFile)))
	_, err = Read(dir)
	require.Error(t, err)
	require.Equal(t, before, openFiles(t))
}

// An index that was made again is that of the records, to the byte.
func TestAnIndexIsMadeAgain(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, 6)
	want := load(t, dir)
	for name, change := range map[string]func(index []byte) []byte{
		"cut":   func(b []byte) []byte { return b[:len(b)/2] },
		"a bit": func(b []byte) []byte { b[len(b)/2] ^= 4; return b }, "empty": func([]byte) []byte { return nil },
		"another magic": func(b []byte) []byte { b[9] ^= 1; return b },
		"more":          func(b []byte) []byte { return append(b, 1, 2, 3) },
		"without its first entry": func(b []byte) []byte {
			first := 8 + len(indexMagic)
			return append(bytes.Clone(b[:first]), b[first+8+int(b[first])+int(b[first+1])<<8:]...)
		},
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, indexFile), change(bytes.Clone(want.index)), 0o644))
		a := open(t, dir)
		require.Empty(t, a.Damages, name)
		require.NoError(t, a.Close())
		require.Equal(t, want, load(t, dir), name)
	}
}
