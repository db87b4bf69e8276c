package archive

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/result"
)

// failed is the run of seed i that came to nothing.
func failed(i int) Failed {
	r := record(i)
	return Failed{Failure: Broke, Scenario: r.Scenario.Hash, Kernel: r.Provenance.Kernel, Seed: r.Seed,
		Because: "the guest fell over"}
}

type told struct {
	Seed    int
	Failure Failure
}

type entries interface {
	Entries(f func(e *Entry) error) error
}

func list(t *testing.T, a entries) (list []told) {
	t.Helper()
	require.NoError(t, a.Entries(func(e *Entry) error {
		if e.Failure != "" {
			require.False(t, e.Valid)
			require.Equal(t, "the guest fell over", e.Because)
			_, ok := e.Value("web.Tcp.InSegs")
			require.False(t, ok, "a counter of a run that was not is not 0")
		}
		list = append(list, told{int(e.Seed), e.Failure})
		return nil
	}))
	return list
}

// A run that broke is remembered, by every door, until it is made.
func TestFailedRuns(t *testing.T) {
	dir, merged, kept := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "kept")
	a := open(t, dir)
	_, err := a.Append(record(0))
	require.NoError(t, err)
	for range 2 { // once is enough
		_, err = a.Fail(failed(1))
		require.NoError(t, err)
	}
	_, err = a.Fail(failed(0)) // of which there is a record
	require.NoError(t, err)
	_, err = a.Append(record(2))
	require.NoError(t, err)
	want := []told{{0, ""}, {1, Broke}, {2, ""}}
	require.Equal(t, want, list(t, a))
	require.Equal(t, 2, a.Len(), "records")
	require.NoError(t, a.Close())

	check := func(dir string) {
		t.Helper()
		r, err := Read(dir)
		require.NoError(t, err)
		require.ElementsMatch(t, want, list(t, r))
		require.NoError(t, r.Entries(func(e *Entry) error {
			if e.Failure != "" {
				_, err := r.Record(e)
				require.Equal(t, problem.Usage, problem.KindOf(err))
			}
			return nil
		}))
		require.NoError(t, r.Close())
	}
	check(dir)
	require.NoError(t, os.Remove(filepath.Join(dir, indexFile)))
	check(dir)
	r, err := Read(dir)
	require.NoError(t, err)
	runs, err := r.Keep(kept, nil)
	require.NoError(t, err)
	require.Equal(t, 3, runs)
	require.NoError(t, r.Close())
	check(kept)
	into := open(t, merged)
	m, err := into.Merge(dir)
	require.NoError(t, err)
	require.Equal(t, Merged{Added: 2, Failed: 1}, m)
	require.NoError(t, into.Close())
	check(merged)

	// Made after all, in another shard.
	other := t.TempDir()
	b := open(t, other)
	_, err = b.Append(record(1))
	require.NoError(t, err)
	require.NoError(t, b.Close())
	want = []told{{0, ""}, {1, ""}, {2, ""}}
	into = open(t, merged)
	_, err = into.Merge(other)
	require.NoError(t, err)
	require.ElementsMatch(t, want, list(t, into))
	require.NoError(t, into.Close())
	check(merged)
}

func TestFailureIsShort(t *testing.T) {
	a := open(t, t.TempDir())
	f := failed(1)
	f.Because = strings.Repeat("é", 5000)
	e, err := a.Fail(f)
	require.NoError(t, err)
	require.LessOrEqual(t, len(e.Because), mostBecause)
	require.Equal(t, strings.Repeat("é", mostBecause/2), e.Because)
	require.NoError(t, a.Close())
}

// What made the runs has to be the same to the byte, both for a process that opens an archive and for one that merges.
func TestSoftware(t *testing.T) {
	id := acks
	id.Kernels = map[string]string{"": "6.1"}
	id.Software = Software{QEMU: "sha256:q1", Guest: "sha256:g1", Kernels: map[string]string{"": "sha256:k1"},
		Images: map[string]string{"site 1": "sha256:i1"}}
	dir := t.TempDir()
	fill(t, dir, 2) // an archive that says nothing of it takes it over
	a, err := Open(dir, id)
	require.NoError(t, err)
	require.NoError(t, a.Close())
	for want, change := range map[string]func(s *Software){
		"another QEMU":                 func(s *Software) { s.QEMU = "sha256:q2" },
		"another program in the guest": func(s *Software) { s.Guest = "sha256:g2" },
		`another build of kernel ""`:   func(s *Software) { s.Kernels = map[string]string{"": "sha256:k2"} },
		`another image "site 1"`:       func(s *Software) { s.Images = map[string]string{"site 1": "sha256:i2"} },
	} {
		other := id
		change(&other.Software)
		_, err := Open(dir, other)
		require.ErrorContains(t, err, want)
		require.Equal(t, problem.Usage, problem.KindOf(err))
		shard := t.TempDir()
		b, err := Open(shard, other)
		require.NoError(t, err)
		require.NoError(t, b.Close())
		a, err := Open(dir, id)
		require.NoError(t, err)
		_, err = a.Merge(shard)
		require.ErrorContains(t, err, want)
		require.NoError(t, a.Close())
	}
	// A shard with one image more: from then on that one is held against, too.
	more := id
	more.Software.Images = map[string]string{"data 1": "sha256:d1"}
	with := t.TempDir()
	b, err := Open(with, more)
	require.NoError(t, err)
	require.NoError(t, b.Close())
	a, err = Open(dir, id)
	require.NoError(t, err)
	_, err = a.Merge(with)
	require.NoError(t, err)
	require.NoError(t, a.Close())
	more.Software.Images = map[string]string{"data 1": "sha256:d2"}
	_, err = Open(dir, more)
	require.ErrorContains(t, err, `another image "data 1"`)
	// A shard on one kernel more.
	other := id
	other.Kernels, other.Software.Kernels = map[string]string{"6.12": "6.12.1"}, map[string]string{"6.12": "sha256:k3"}
	shard := t.TempDir()
	b, err = Open(shard, other)
	require.NoError(t, err)
	require.NoError(t, b.Close())
	a, err = Open(dir, id)
	require.NoError(t, err)
	_, err = a.Merge(shard)
	require.NoError(t, err)
	require.NoError(t, a.Close())
	r, err := Read(dir)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"": "6.1", "6.12": "6.12.1"}, r.Identity.Kernels)
	require.Equal(t, map[string]string{"": "sha256:k1", "6.12": "sha256:k3"}, r.Identity.Software.Kernels)
	require.NoError(t, r.Close())
}

// Entries tell runs apart by what made them, also where versions are equal.
func TestMade(t *testing.T) {
	one, two := record(1), record(1)
	one.Provenance.QEMU, two.Provenance.QEMU = "7.2.22", "7.2.22"
	require.Equal(t, entryOf(one).Made, entryOf(two).Made)
	two.Provenance.Software = "sha256:patched"
	require.NotEqual(t, entryOf(one).Made, entryOf(two).Made)
	two.Provenance.Software = one.Provenance.Software
	require.Equal(t, entryOf(one).Made, entryOf(two).Made)
	two.Provenance.Images = map[string]string{"site": "sha256:other"}
	require.NotEqual(t, entryOf(one).Made, entryOf(two).Made)
}

// Removing the file of the lock lets no other process in.
func TestLockThatWasRemoved(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir)
	for _, name := range []string{lockFile, recordsFile} {
		require.NoError(t, os.Remove(filepath.Join(dir, name)))
		_, err := Open(dir, acks)
		require.ErrorContains(t, err, "is open in another process")
	}
	require.NoError(t, a.Close())
	// And an earlier build, which has that lock only, keeps this one out.
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE, 0o644)
	require.NoError(t, err)
	require.NoError(t, unix.Flock(int(f.Fd()), unix.LOCK_EX))
	_, err = Open(dir, acks)
	require.ErrorContains(t, err, "is open in another process")
	require.NoError(t, f.Close())
}

// A record is stored although the disk does not confirm it. It is the next call that says so, before it stores
// anything.
func TestSyncThatFails(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir)
	_, err := a.Append(record(0))
	require.NoError(t, err)
	read, write, err := os.Pipe() // which cannot be synced
	require.NoError(t, err)
	records := a.records
	a.records = write
	require.Error(t, a.Sync())
	a.records = records
	_, err = a.Append(record(1))
	require.ErrorContains(t, err, "sync archive")
	require.Equal(t, []int{0}, seeds(t, a))
	require.ErrorContains(t, a.Close(), "sync archive")
	require.NoError(t, read.Close())
	require.NoError(t, write.Close())
	a = open(t, dir)
	require.Equal(t, []int{0}, seeds(t, a))
	require.NoError(t, a.Close())
}

// Why a run is invalid is known by every door, to people and to programs; a plain text of an early build has no kind.
func TestReasons(t *testing.T) {
	dir, kept := t.TempDir(), filepath.Join(t.TempDir(), "kept")
	r := record(0)
	r.Valid = false
	r.InvalidBecause.Add(result.NoConnection, "fault psh", "the flow %s had no open connection", "api")
	r.InvalidBecause = append(r.InvalidBecause, result.Reason{Text: "said long ago"})
	a := open(t, dir)
	for _, r := range []*result.Record{r, record(1)} {
		_, err := a.Append(r)
		require.NoError(t, err)
	}
	look := func(a entries) {
		t.Helper()
		n := 0
		require.NoError(t, a.Entries(func(e *Entry) error {
			if n++; e.Seed != r.Seed {
				require.Nil(t, e.Kinds)
				return nil
			}
			require.Equal(t, "fault psh: the flow api had no open connection; said long ago", e.Because)
			require.Equal(t, []result.Kind{result.NoConnection}, e.Kinds)
			return nil
		}))
		require.Equal(t, 2, n)
	}
	look(a)
	require.NoError(t, a.Close())
	from, err := Read(dir)
	require.NoError(t, err)
	look(from)
	_, err = from.Keep(kept, nil)
	require.NoError(t, err)
	require.NoError(t, from.Close())
	from, err = Read(kept)
	require.NoError(t, err)
	look(from)
	require.NoError(t, from.Close())
}
