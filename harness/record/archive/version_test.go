package archive

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
)

// testdata/v1 is an archive of three records as version 1 wrote it. It is never written again: a version that
// writes another format reads this one still, or says why not.
func TestVersion1IsRead(t *testing.T) {
	r, err := Read("testdata/v1")
	require.NoError(t, err)
	n := 0
	require.NoError(t, r.Entries(func(e *Entry) error {
		got, err := r.Record(e)
		require.NoError(t, err)
		require.Equal(t, record(n), got)
		n++
		return nil
	}))
	require.Equal(t, 3, n)
	require.NoError(t, r.Close())

	// It is added to, and an index is made of its records, also for one in an unknown layout.
	own, err := os.ReadFile(filepath.Join("testdata/v1", indexFile))
	require.NoError(t, err)
	for name, index := range map[string][]byte{"its index": own, "no index": nil,
		"another index": block([]byte("ruleout index 7\n"))} {
		dir := t.TempDir()
		require.NoError(t, os.CopyFS(dir, os.DirFS("testdata/v1")))
		require.NoError(t, os.WriteFile(filepath.Join(dir, indexFile), index, 0o644))
		a := open(t, dir)
		require.Empty(t, a.Damages, name)
		_, err := a.Append(record(3))
		require.NoError(t, err)
		require.Equal(t, count(4), seeds(t, a), name)
		require.NoError(t, a.Close())
		// The index is that of an archive which was never of another version.
		fresh := t.TempDir()
		fill(t, fresh, 4)
		require.Equal(t, load(t, fresh).index, load(t, dir).index, name)
	}
}

// What a later version wrote is refused, and nothing of it is lost.
func TestLaterVersionsAreRefused(t *testing.T) {
	const hint = "a newer ruleout wrote it: read it with that one"
	dir := t.TempDir()
	fill(t, dir, 2)
	a := open(t, dir)
	later := record(2)
	later.Schema = 2
	e, err := a.Append(later)
	require.NoError(t, err)
	_, err = a.Record(&e)
	require.ErrorContains(t, err, "seed 2: record has schema 2, this build reads 1")
	require.Equal(t, hint, problem.HintOf(err))
	require.NoError(t, a.Close())
	before, err := os.ReadFile(filepath.Join(dir, recordsFile))
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(dir, indexFile)))
	_, err = Open(dir, acks)
	require.ErrorContains(t, err, "record has schema 2, this build reads 1")
	require.Equal(t, problem.Usage, problem.KindOf(err))
	require.Equal(t, hint, problem.HintOf(err))
	after, err := os.ReadFile(filepath.Join(dir, recordsFile))
	require.NoError(t, err)
	require.Equal(t, before, after)

	for text, want := range map[string][2]string{
		`{"format": 3, "campaign": {"name": "acks"}}`: {"it has format 3, this build reads 2", hint},
		`{"campaign": "acks"}`:                        {"no format", "this is not an archive of ruleout, or it is damaged"},
		`{"format": 1`: {"unexpected end",
			"this is not an archive of ruleout, or it is damaged"},
	} {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, identityFile), []byte(text), 0o644))
		for _, open := range []func() error{
			func() error { _, err := Open(dir, acks); return err },
			func() error { _, err := Read(dir); return err },
		} {
			err := open()
			require.ErrorContains(t, err, want[0])
			require.Equal(t, want[1], problem.HintOf(err))
			require.Equal(t, problem.Usage, problem.KindOf(err))
		}
	}
}
