package archive

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/result"
)

var acks = Identity{Campaign: "acks"}

// record is a small one of its own for each i.
func record(i int) *result.Record {
	return &result.Record{
		Schema: 1, Run: result.Sum(fmt.Append(nil, "run", i)), Digest: result.Sum(fmt.Append(nil, "digest", i)),
		Seed: uint64(i), Valid: i%10 != 9,
		Scenario: result.Scenario{Name: "small", Hash: result.Sum(fmt.Append(nil, i%3)),
			Canonical: json.RawMessage(`{"name":"small"}`)},
		Provenance: result.Provenance{Kernel: "6.1.0", Key: result.Sum([]byte("key"))},
		Metrics:    map[string]result.Metric{"http.latency.p99": {Value: float64(i) / 1000, Unit: "s", Better: "lower"}},
		Counters:   map[string]map[string]int64{"web": {"Tcp.InSegs": int64(i), "Tcp.OutRsts": 0}},
		Time:       result.Time{Wall: 0.5, Virtual: 2},
	}
}

func open(t *testing.T, dir string) *Archive {
	t.Helper()
	a, err := Open(dir, acks)
	require.NoError(t, err)
	return a
}

// fill makes an archive of n records and returns where each ends.
func fill(t *testing.T, dir string, n int) (ends []int64) {
	t.Helper()
	a := open(t, dir)
	for i := range n {
		_, err := a.Append(record(i))
		require.NoError(t, err)
		ends = append(ends, a.end)
	}
	require.NoError(t, a.Close())
	return ends
}

// seeds in the archive, in order, each checked against its whole record.
func seeds(t *testing.T, a *Archive) (list []int) {
	t.Helper()
	require.NoError(t, a.Entries(func(e *Entry) error {
		r, err := a.Record(e)
		require.NoError(t, err)
		want := record(int(e.Seed))
		require.Equal(t, want, r)
		fresh := entryOf(want)
		fresh.offset, fresh.length = e.offset, e.length
		require.Equal(t, &fresh, e)
		list = append(list, int(e.Seed))
		return nil
	}))
	return list
}

func count(n int) (list []int) {
	for i := range n {
		list = append(list, i)
	}
	return list
}

func TestAppendAndReadBack(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, 20)
	a := open(t, dir)
	require.Empty(t, a.Damages)
	require.Equal(t, 20, a.Len())
	_, err := a.Append(record(7)) // again
	require.NoError(t, err)
	require.Equal(t, count(20), seeds(t, a))
	require.True(t, a.Has(record(3).Run))
	require.False(t, a.Has(record(20).Run))
	require.NoError(t, a.Close())

	r, err := Read(dir)
	require.NoError(t, err)
	got, err := r.Find(record(5).Digest[len("sha256:") : len("sha256:")+12])
	require.NoError(t, err)
	require.Equal(t, record(5), got)
	_, err = r.Find("nothing")
	require.Equal(t, problem.Usage, problem.KindOf(err))
	require.NoError(t, r.Close())
}

func TestValues(t *testing.T) {
	e := entryOf(record(7))
	for name, want := range map[string]float64{"http.latency.p99": 0.007, "web.Tcp.InSegs": 7, "web.Tcp.OutRsts": 0,
		"web.TcpExt.TCPTimeouts": 0} {
		v, ok := e.Value(name)
		require.True(t, ok, name)
		require.InDelta(t, want, v, 1e-12, name)
	}
	_, ok := e.Value("http.latency.p50")
	require.False(t, ok, "a metric that was not recorded is not 0")
}

// The usual tools can read the file.
func TestRecordsAreJSONLinesInZstd(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, 5)
	b, err := os.ReadFile(filepath.Join(dir, recordsFile))
	require.NoError(t, err)
	dec, err := zstd.NewReader(bytes.NewReader(b))
	require.NoError(t, err)
	defer dec.Close()
	lines := json.NewDecoder(dec)
	for i := range 5 {
		var r result.Record
		require.NoError(t, lines.Decode(&r))
		require.Equal(t, uint64(i), r.Seed)
	}
	require.False(t, lines.More())
}

// A writer that dies leaves the files cut anywhere. Whatever is whole before the cut stays.
func TestCutAnywhere(t *testing.T) {
	full := t.TempDir()
	ends := fill(t, full, 6)
	records, err := os.ReadFile(filepath.Join(full, recordsFile))
	require.NoError(t, err)
	index, err := os.ReadFile(filepath.Join(full, indexFile))
	require.NoError(t, err)
	for cut := 0; cut <= len(records); cut += 61 {
		for _, cutIndex := range []int{0, 5, len(index) / 2, len(index) - 3, len(index)} {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, recordsFile), records[:cut], 0o644))
			require.NoError(t, os.WriteFile(filepath.Join(dir, indexFile), index[:cutIndex], 0o644))
			whole := 0
			for _, end := range ends {
				if int64(cut) >= end {
					whole++
				}
			}
			a := open(t, dir)
			require.Equal(t, count(whole), seeds(t, a), "records cut at %d, index at %d", cut, cutIndex)
			torn, gone := 0, 0
			for _, d := range a.Damages {
				if d.Length > 0 {
					require.Equal(t, int64(cut), d.Offset+d.Length)
					torn++
				}
				gone += d.Gone
			}
			half := cut > 0 && !slices.Contains(ends, int64(cut))
			require.Equal(t, half, torn == 1)
			if cutIndex == len(index) { // it knows of all six: none is missed in silence
				require.Equal(t, 6, whole+torn+gone)
			}
			for i := range 6 { // goes on as if nothing had been
				_, err := a.Append(record(i))
				require.NoError(t, err)
			}
			require.NoError(t, a.Close())
			a = open(t, dir)
			require.Empty(t, a.Damages)
			require.Equal(t, count(6), seeds(t, a))
			require.NoError(t, a.Close())
		}
	}
}

// Damage in the middle costs that record and no other, once the index is made again.
func TestDamageInTheMiddle(t *testing.T) {
	for _, where := range []struct {
		what string
		at   func(ends []int64) int64
	}{
		{"the record", func(ends []int64) int64 { return ends[2] + prefixSize + 20 }},
		{"its length", func(ends []int64) int64 { return ends[2] + headSize + 2 }},
		{"its magic", func(ends []int64) int64 { return ends[2] }},
		{"its checksum", func(ends []int64) int64 { return ends[2] + headSize + 9 }},
	} {
		t.Run(where.what, func(t *testing.T) {
			dir := t.TempDir()
			ends := fill(t, dir, 6)
			f, err := os.OpenFile(filepath.Join(dir, recordsFile), os.O_RDWR, 0)
			require.NoError(t, err)
			var b [1]byte
			_, err = f.ReadAt(b[:], where.at(ends))
			require.NoError(t, err)
			b[0] ^= 0x40
			_, err = f.WriteAt(b[:], where.at(ends))
			require.NoError(t, err)
			require.NoError(t, f.Close())
			require.NoError(t, os.Remove(filepath.Join(dir, indexFile)))

			a := open(t, dir)
			require.Equal(t, []int{0, 1, 2, 4, 5}, seeds(t, a))
			require.Equal(t, []Damage{{Offset: ends[2], Length: ends[3] - ends[2]}}, a.Damages)
			require.NoError(t, a.Close())
		})
	}
}

func TestIndexThatDoesNotFit(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, 6)
	other := t.TempDir()
	fill(t, other, 2)
	index, err := os.ReadFile(filepath.Join(dir, indexFile))
	require.NoError(t, err)
	// More entries than records, and a flipped bit.
	require.NoError(t, os.WriteFile(filepath.Join(other, indexFile), index, 0o644))
	a := open(t, other)
	require.Equal(t, count(2), seeds(t, a))
	require.NoError(t, a.Close())
	index[len(index)/2] ^= 1
	require.NoError(t, os.WriteFile(filepath.Join(dir, indexFile), index, 0o644))
	a = open(t, dir)
	require.Equal(t, count(6), seeds(t, a))
	require.NoError(t, a.Close())
}

func TestOthers(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir)
	_, err := Open(dir, acks)
	require.Equal(t, problem.Machine, problem.KindOf(err))
	require.ErrorContains(t, err, "is open in another process")
	require.NoError(t, a.Close())
	_, err = Open(dir, Identity{Campaign: "synack"})
	require.Equal(t, problem.Usage, problem.KindOf(err))
	require.ErrorContains(t, err, "belongs to the campaign acks, not to synack")
	_, err = Open(dir, Identity{Campaign: "acks", Tool: "another"})
	require.ErrorContains(t, err, "has runs of another guest program")
	b := open(t, dir)
	require.NoError(t, b.Close())
	c, err := Open(dir, Identity{Campaign: "acks", Kernels: map[string]string{"": "6.1"}})
	require.NoError(t, err)
	require.NoError(t, c.Close())
	_, err = Open(dir, Identity{Campaign: "acks", Kernels: map[string]string{"": "6.12"}})
	require.ErrorContains(t, err, `has runs on kernel 6.1, and "" is 6.12 now`)
	require.False(t, Is(t.TempDir()))
	_, err = Read(t.TempDir())
	require.ErrorContains(t, err, "is not an archive of a sweep")
	require.NoError(t, os.WriteFile(filepath.Join(dir, identityFile), []byte("{}"), 0o644))
	_, err = Open(dir, acks)
	require.ErrorContains(t, err, "campaign.json: no format")
}

// A sweep that was killed while it wrote what its archive is of leaves half of a file, which goes with the next.
func TestHalfAnIdentity(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, open(t, dir).Close())
	half := filepath.Join(dir, ".unfinished-123")
	require.NoError(t, os.WriteFile(half, []byte("{"), 0o644))
	require.NoError(t, open(t, dir).Close())
	require.NoFileExists(t, half)
}

func TestMerge(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	fill(t, a, 4)
	fill(t, b, 6)
	into := open(t, a)
	m, err := into.Merge(b)
	require.NoError(t, err)
	require.Equal(t, Merged{Added: 2}, m)
	require.Equal(t, count(6), seeds(t, into))
	require.NoError(t, into.Close())
}

// A disk that is full in the middle of a record keeps what was whole.
func TestFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can mount the small file system that this test fills")
	}
	dir := t.TempDir()
	require.NoError(t, unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"))
	t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, 0)) })
	a := open(t, dir)
	n, failed := 0, error(nil)
	for ; failed == nil; n++ {
		require.Less(t, n, 1000, "the disk was never full")
		_, failed = a.Append(record(n))
	}
	n--
	require.ErrorIs(t, failed, unix.ENOSPC)
	require.Equal(t, problem.Machine, problem.KindOf(failed))
	require.Equal(t, count(n), seeds(t, a))
	require.NoError(t, a.Close())
	a = open(t, dir)
	require.Empty(t, a.Damages)
	require.Equal(t, count(n), seeds(t, a))
	require.NoError(t, a.Close())
}

func BenchmarkEntries(b *testing.B) {
	dir := b.TempDir()
	a, err := Open(dir, acks)
	require.NoError(b, err)
	for i := range 1000 {
		r := record(i)
		for j := range 150 {
			r.Counters["web"][fmt.Sprint("TcpExt.C", j)] = int64(i + j)
		}
		_, err := a.Append(r)
		require.NoError(b, err)
	}
	for b.Loop() {
		n := 0
		require.NoError(b, a.Entries(func(*Entry) error { n++; return nil }))
		require.Equal(b, 1000, n)
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/1000, "µs/record")
	require.NoError(b, a.Close())
}
