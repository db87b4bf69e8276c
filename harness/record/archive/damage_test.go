package archive

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/result"
)

// files of an archive.
type files struct{ records, index, identity []byte }

func load(t *testing.T, dir string) files {
	t.Helper()
	var f files
	for name, to := range map[string]*[]byte{recordsFile: &f.records, indexFile: &f.index, identityFile: &f.identity} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		*to = b
	}
	return f
}

func (f files) store(t *testing.T, dir string) {
	t.Helper()
	for name, b := range map[string][]byte{recordsFile: f.records, indexFile: f.index, identityFile: f.identity} {
		if b != nil {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), b, 0o644))
		}
	}
}

// readSeeds reads an archive as a verdict does. Each entry has to be that of the record of its seed.
func readSeeds(t *testing.T, dir string) (list []int, damages []Damage) {
	t.Helper()
	r, err := Read(dir)
	require.NoError(t, err)
	require.NoError(t, r.Entries(func(e *Entry) error {
		got, err := r.Record(e)
		require.NoError(t, err, "an entry without its record")
		require.Equal(t, record(int(e.Seed)), got)
		want := entryOf(got)
		want.offset, want.length = e.offset, e.length
		require.Equal(t, &want, e)
		list = append(list, int(e.Seed))
		return nil
	}))
	require.NoError(t, r.Close())
	return list, r.Damages
}

// Every bit of the file of records counts: whichever is flipped, it is noticed, with an index and without, by readers
// and by writers. At most the record that the bit is in is lost.
func TestEveryBitFlipIsNoticed(t *testing.T) {
	source, indexed, bare, written := t.TempDir(), t.TempDir(), t.TempDir(), t.TempDir()
	ends := fill(t, source, 6)
	whole := load(t, source)
	whole.store(t, indexed)
	files{whole.records, nil, whole.identity}.store(t, bare)
	step := 7 // which meets each bit of a byte
	if os.Getenv("RULEOUT_TEST_EVERY_BIT") != "" {
		step = 1
	}
	flips := 0
	for bit := 0; bit < 8*len(whole.records); bit += step {
		flips++
		at, right := int64(bit/8), whole.records[bit/8]
		wrong := right ^ 1<<(bit%8)
		hit := slices.IndexFunc(ends, func(end int64) bool { return at < end })
		rest := slices.Delete(count(6), hit, hit+1)
		for _, dir := range []string{indexed, bare} {
			poke(t, dir, at, wrong)
			list, damages := readSeeds(t, dir)
			require.NotEmpty(t, damages, "bit %d in %s", bit, dir)
			require.Equal(t, rest, list, "bit %d in %s", bit, dir)
			poke(t, dir, at, right)
		}
		if bit%91 != 0 { // opening syncs directories, which takes its time
			continue
		}
		whole.store(t, written)
		poke(t, written, at, wrong)
		a := open(t, written)
		require.Len(t, a.Damages, 1, "bit %d", bit)
		require.Equal(t, rest, seeds(t, a), "bit %d", bit)
		require.NoError(t, a.Close())
	}
	t.Logf("%d bits flipped, each noticed", flips)
}

// poke changes a byte of the file of records.
func poke(t *testing.T, dir string, at int64, b byte) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, recordsFile), os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte{b}, at)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

// An index is never believed against the records: flipped, cut or removed, all six runs are read.
func TestWhateverTheIndexIs(t *testing.T) {
	source, dir := t.TempDir(), t.TempDir()
	fill(t, source, 6)
	whole := load(t, source)
	for bit := 0; bit < 8*len(whole.index); bit += 11 {
		f := whole
		f.index = bytes.Clone(whole.index)
		f.index[bit/8] ^= 1 << (bit % 8)
		f.store(t, dir)
		list, damages := readSeeds(t, dir)
		require.Equal(t, count(6), list, "bit %d", bit)
		require.Empty(t, damages)
	}
	for cut := 0; cut < len(whole.index); cut += 5 {
		f := whole
		f.index = whole.index[:cut]
		f.store(t, dir)
		list, damages := readSeeds(t, dir)
		require.Equal(t, count(6), list, "cut at %d", cut)
		require.Empty(t, damages)
	}
}

// A file of records that lost its end is noticed by its index, also where it ends with a whole record.
func TestCutRecordsAreRead(t *testing.T) {
	dir := t.TempDir()
	ends := fill(t, dir, 6)
	require.NoError(t, os.Truncate(filepath.Join(dir, recordsFile), ends[3]))
	list, damages := readSeeds(t, dir)
	require.Equal(t, count(4), list)
	require.Equal(t, []Damage{{Offset: ends[3], Gone: 2}}, damages)
	require.Contains(t, damages[0].String(), "2 records after it, which the index lists, are missing")
}

// Zeros where a power cut left no data cost what was there and nothing else, and are told.
func TestHoles(t *testing.T) {
	dir := t.TempDir()
	ends := fill(t, dir, 6)
	f := load(t, dir)
	clear(f.records[ends[3]:ends[4]])
	f.store(t, dir)
	a := open(t, dir)
	require.Equal(t, []Damage{{Offset: ends[3], Length: ends[4] - ends[3]}}, a.Damages)
	require.Equal(t, []int{0, 1, 2, 3, 5}, seeds(t, a))
	_, err := a.Append(record(4))
	require.NoError(t, err)
	require.NoError(t, a.Close())
	list, _ := readSeeds(t, dir)
	require.Equal(t, []int{0, 1, 2, 3, 5, 4}, list)
}

func TestMergeOfADamagedShard(t *testing.T) {
	shard := t.TempDir()
	ends := fill(t, shard, 6)
	f := load(t, shard)
	f.records[ends[2]+80] ^= 4
	f.store(t, shard)
	for range 2 { // before and after the shard was opened for writing
		into := open(t, t.TempDir())
		m, err := into.Merge(shard)
		require.NoError(t, err)
		require.Equal(t, 5, m.Added)
		require.Equal(t, []Damage{{Offset: ends[2], Length: ends[3] - ends[2]}}, m.Damages)
		require.Equal(t, []int{0, 1, 2, 4, 5}, seeds(t, into))
		require.NoError(t, into.Close())
		require.NoError(t, open(t, shard).Close())
	}
}

// An identity that a power cut left empty counts as missing, as it does when it was removed.
func TestEmptyIdentity(t *testing.T) {
	for name, content := range map[string][]byte{"empty": {}, "zeros": make([]byte, 300)} {
		dir := t.TempDir()
		fill(t, dir, 3)
		require.NoError(t, os.WriteFile(filepath.Join(dir, identityFile), content, 0o644))
		_, err := Read(dir)
		require.ErrorContains(t, err, "is not an archive of a sweep", name)
		a := open(t, dir)
		require.Equal(t, count(3), seeds(t, a), name)
		require.NoError(t, a.Close())
		list, damages := readSeeds(t, dir)
		require.Equal(t, count(3), list)
		require.Empty(t, damages)
	}
}

// bomb adds a frame to an archive of three records, of what write gives, and returns what opening and reading it comes
// to.
func bomb(t *testing.T, write func(w *zstd.Encoder)) (list []int, damages []Damage, err error) {
	t.Helper()
	dir := t.TempDir()
	fill(t, dir, 3)
	var z bytes.Buffer
	w, err := zstd.NewWriter(&z, zstd.WithEncoderLevel(zstd.SpeedFastest))
	require.NoError(t, err)
	write(w)
	require.NoError(t, w.Close())
	f := load(t, dir)
	f.records = append(f.records, append(prefix(z.Bytes()), z.Bytes()...)...)
	f.store(t, dir)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	began := time.Now()
	a, err := Open(dir, acks)
	if err == nil {
		require.NoError(t, a.Entries(func(e *Entry) error {
			list = append(list, int(e.Seed))
			return nil
		}))
		damages = a.Damages
		require.NoError(t, a.Close())
	}
	runtime.ReadMemStats(&after)
	t.Logf("%d bytes: %v, %d MB allocated in all", z.Len(), time.Since(began).Round(time.Millisecond),
		(after.TotalAlloc-before.TotalAlloc)>>20)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(300<<20))
	return list, damages, err
}

func repeat(w *zstd.Encoder, s string, n int) {
	chunk := []byte(strings.Repeat(s, 1<<16))
	for ; n > 0; n -= 1 << 16 {
		_, _ = w.Write(chunk[:len(s)*min(n, 1<<16)])
	}
}

// Bytes that this package did not write take neither memory nor time of the reader, and cost no other record.
func TestHostileRecords(t *testing.T) {
	for name, write := range map[string]func(w *zstd.Encoder){
		"deep":             func(w *zstd.Encoder) { repeat(w, "[", 100_000); repeat(w, "]", 100_000) },
		"500 MB of blanks": func(w *zstd.Encoder) { repeat(w, " ", 500<<20) },
		"a string of 400 MB": func(w *zstd.Encoder) {
			_, _ = w.Write([]byte(`{"schema":1,"run":"`))
			repeat(w, "a", 400<<20)
			_, _ = w.Write([]byte("\"}\n"))
		},
		"10 million empty receipts": func(w *zstd.Encoder) {
			_, _ = w.Write([]byte(`{"schema":1,"run":"sha256:y","faults":[{}`))
			repeat(w, ",{}", 10_000_000)
			_, _ = w.Write([]byte("]}\n"))
		},
		"2 million counters": func(w *zstd.Encoder) {
			_, _ = w.Write([]byte(`{"schema":1,"run":"sha256:y","counters":{"web":{"a":1`))
			for i := range 2_000_000 {
				_, _ = fmt.Fprintf(w, `,"c%d":1`, i)
			}
			_, _ = w.Write([]byte("}}}\n"))
		},
		"a number that is none": func(w *zstd.Encoder) {
			_, _ = w.Write([]byte(`{"schema":1,"run":"sha256:y","metrics":{"http.latency.p99":{"value":1e999}}}` + "\n"))
		},
		"two in one": func(w *zstd.Encoder) {
			_, _ = w.Write([]byte(`{"schema":1,"run":"sha256:y"}` + "\n" + `{"schema":1,"run":"sha256:z"}` + "\n"))
		},
		"something else": func(w *zstd.Encoder) { _, _ = w.Write([]byte("{}\n")) },
		"a reason of 20 MB": func(w *zstd.Encoder) {
			_, _ = w.Write([]byte(`{"schema":1,"run":"sha256:y","invalid_because":["`))
			repeat(w, "a", 20<<20)
			_, _ = w.Write([]byte("\"]}\n"))
		},
		"a name that leads elsewhere": func(w *zstd.Encoder) {
			_, _ = w.Write([]byte(`{"schema":1,"run":"sha256:y","scenario":{"name":"../../etc/x"}}` + "\n"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			list, damages, err := bomb(t, write)
			require.NoError(t, err)
			require.Equal(t, count(3), list)
			require.Len(t, damages, 1)
		})
	}
	_, _, err := bomb(t, func(w *zstd.Encoder) { _, _ = w.Write([]byte(`{"failure":"melted","schema":1}` + "\n")) })
	require.Equal(t, problem.Usage, problem.KindOf(err), "of a later version")
}

// A file of nothing but beginnings of frames, each of which says that much follows, is given up.
func TestBeginningsOfFrames(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, 1)
	f := load(t, dir)
	head := prefix(nil)
	head[headSize+3] = 1 // 16 MiB follow
	f.records = append(f.records, bytes.Repeat(head, (20<<20)/len(head))...)
	f.store(t, dir)
	before := len(f.records)
	_, err := Open(dir, acks)
	require.ErrorContains(t, err, "damaged beyond repair")
	info, err := os.Stat(filepath.Join(dir, recordsFile))
	require.NoError(t, err)
	require.Equal(t, int64(before), info.Size(), "nothing of it is cut off")
}

// A record that could not be read back is not stored, and the archive goes on.
func TestTooLargeARecord(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, 2)
	a := open(t, dir)
	for name, grow := range map[string]func(r *result.Record){
		"counters": func(r *result.Record) {
			for i := range 600_000 {
				r.Counters["web"][fmt.Sprintf("TcpExt.SomeLongName%d", i)] = int64(i)
			}
		},
		"bytes": func(r *result.Record) {
			r.Scenario.Canonical = json.RawMessage(`"` + strings.Repeat("a", result.MostBytes) + `"`)
		},
		"the index": func(r *result.Record) { r.InvalidBecause = result.Reasons{{Text: strings.Repeat("b", largestBlock)}} },
	} {
		r := record(2)
		grow(r)
		_, err := a.Append(r)
		require.Equal(t, problem.Usage, problem.KindOf(err), name)
		require.Equal(t, count(2), seeds(t, a), name)
	}
	_, err := a.Append(record(2))
	require.NoError(t, err)
	require.NoError(t, a.Close())
	a = open(t, dir)
	require.Empty(t, a.Damages)
	require.Equal(t, count(3), seeds(t, a))
	require.NoError(t, a.Close())
}

// One run with two digests is a determinism alarm wherever the two meet, and the first stays.
func TestConflicts(t *testing.T) {
	other := record(1)
	other.Digest = result.Sum([]byte("another"))
	want := Conflict{Run: other.Run, Have: record(1).Digest, Other: other.Digest, Seed: 1}

	into, shard := t.TempDir(), t.TempDir()
	fill(t, into, 2)
	a := open(t, into)
	_, err := a.Append(other)
	require.Equal(t, problem.Invalid, problem.KindOf(err))
	var c *Conflict
	require.ErrorAs(t, err, &c)
	require.Equal(t, want, *c)

	b := open(t, shard)
	for _, r := range []*result.Record{other, record(2)} {
		_, err := b.Append(r)
		require.NoError(t, err)
	}
	require.NoError(t, b.Close())
	m, err := a.Merge(shard)
	require.NoError(t, err)
	require.Equal(t, 1, m.Added, "the others are merged all the same")
	require.Equal(t, problem.Invalid, problem.KindOf(m.Err()))
	require.ErrorAs(t, m.Err(), &c)
	require.Equal(t, want, *c)
	require.Equal(t, count(3), seeds(t, a))
	require.NoError(t, a.Close())

	// Joined by hand, as cat does it.
	f := load(t, into)
	f.records = append(f.records, load(t, shard).records...)
	f.store(t, into)
	r, err := Read(into)
	require.NoError(t, err)
	require.Equal(t, []*Conflict{&want}, r.Conflicts)
	var told []string
	require.Equal(t, problem.Invalid, problem.KindOf(r.Tell(func(text string) { told = append(told, text) })))
	require.Equal(t, []string{want.Error()}, told)
	require.NoError(t, r.Close())
	a = open(t, into)
	require.Equal(t, []*Conflict{&want}, a.Conflicts)
	require.Equal(t, count(3), seeds(t, a))
	require.NoError(t, a.Close())
}
