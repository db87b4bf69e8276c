package archive

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
)

// keep makes an archive of records, and another that has only its numbers.
func keep(t *testing.T, records []int) (dir string) {
	t.Helper()
	whole, dir := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "kept")
	a := open(t, whole)
	for _, i := range records {
		_, err := a.Append(record(i))
		require.NoError(t, err)
	}
	require.NoError(t, a.Close())
	r, err := Read(whole)
	require.NoError(t, err)
	runs, err := r.Keep(dir, []string{"http.latency.p99", "web.Tcp.InSegs", "web.Tcp.OutRsts"})
	require.NoError(t, err)
	require.Equal(t, len(records), runs)
	_, err = r.Keep(whole, nil)
	require.Equal(t, problem.Usage, problem.KindOf(err), "the records stay")
	require.NoError(t, r.Close())
	return dir
}

// What was kept reads as the index of the whole does, and has no record.
func TestKeep(t *testing.T) {
	r, err := Read(keep(t, count(40)))
	require.NoError(t, err)
	require.Equal(t, "acks", r.Identity.Campaign)
	var found []int
	require.NoError(t, r.Entries(func(e *Entry) error {
		want := entryOf(record(int(e.Seed)))
		require.Equal(t, &want, e)
		found = append(found, int(e.Seed))
		_, err := r.Record(e)
		require.ErrorContains(t, err, "only its numbers were kept")
		return nil
	}))
	require.ElementsMatch(t, count(40), found)
	require.NoError(t, r.Close())
}

// The same runs make the same file, in whatever order they came: a repository sees a change only where there is one.
func TestKeepIsRepeatable(t *testing.T) {
	a, err := os.ReadFile(filepath.Join(keep(t, count(10)), numbersFile))
	require.NoError(t, err)
	back := count(10)
	slices.Reverse(back)
	b, err := os.ReadFile(filepath.Join(keep(t, back), numbersFile))
	require.NoError(t, err)
	require.Equal(t, a, b)
}

func TestKeptIsNotWrittenTo(t *testing.T) {
	dir := keep(t, count(3))
	_, err := Open(dir, acks)
	require.ErrorContains(t, err, "only the numbers of a sweep were kept in "+dir)
	require.Equal(t, problem.Usage, problem.KindOf(err))
}

func TestKeptAndDamaged(t *testing.T) {
	dir := keep(t, count(40))
	path := filepath.Join(dir, numbersFile)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, whole[:len(whole)/2], 0o644))
	r, err := Read(dir)
	require.NoError(t, err)
	err = r.Entries(func(*Entry) error { return nil })
	require.ErrorContains(t, err, "read "+path)
	require.Equal(t, problem.Usage, problem.KindOf(err))
	require.NoError(t, r.Close())
}

// Kept numbers that this package did not write are an error before they take memory: a line of 1.5 GB in 150 kB, and
// lines without end.
func TestKeptBombs(t *testing.T) {
	for name, write := range map[string]func(w *zstd.Encoder){
		"a long line": func(w *zstd.Encoder) {
			_, _ = w.Write([]byte(`{"run":"`))
			repeat(w, "a", 1500<<20)
			_, _ = w.Write([]byte("\"}\n"))
		},
		"many lines": func(w *zstd.Encoder) { repeat(w, `{"run":"`+strings.Repeat("a", 4000)+"\"}\n", 1<<17) },
	} {
		dir := keep(t, count(3))
		f, err := os.Create(filepath.Join(dir, numbersFile))
		require.NoError(t, err)
		w, err := zstd.NewWriter(f, zstd.WithEncoderLevel(zstd.SpeedFastest))
		require.NoError(t, err)
		write(w)
		require.NoError(t, w.Close())
		require.NoError(t, f.Close())
		r, err := Read(dir)
		require.NoError(t, err)
		var before, after runtime.MemStats
		runtime.GC() // so that the heap may not grow by what earlier tests had in it
		runtime.ReadMemStats(&before)
		err = r.Entries(func(*Entry) error { return nil })
		runtime.ReadMemStats(&after)
		require.Equal(t, problem.Usage, problem.KindOf(err), name)
		require.Less(t, after.Sys, before.Sys+100<<20, name)
		require.NoError(t, r.Close())
	}
}
