package stamp

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// hashes counts how often a file is read in truth.
type hashes struct {
	*Cache
	read int
}

func (h *hashes) of(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	v, err := h.Value("content", f, func(f *os.File) ([]byte, error) {
		h.read++
		return os.ReadFile(f.Name())
	})
	require.NoError(t, err)
	return string(v)
}

// later is a cache whose clock is ahead, so that files that were just made have settled.
func later(dir string, by time.Duration) *hashes {
	c := Open(dir)
	c.now = func() time.Time { return time.Now().Add(by) }
	return &hashes{Cache: c}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
}

func TestAFileIsReadOnceUntilItIsChanged(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	put(t, path, "one")
	c := later(dir, time.Hour)
	require.Equal(t, "one", c.of(t, path))
	require.Equal(t, "one", c.of(t, path))
	require.Equal(t, 1, c.read)
	again := later(dir, time.Hour) // another process
	require.Equal(t, "one", again.of(t, path))
	require.Zero(t, again.read)

	for name, change := range map[string]func(){
		"written": func() { put(t, path, "two") },
		"written, with the old time set": func() {
			info, err := os.Stat(path)
			require.NoError(t, err)
			put(t, path, "two")
			require.NoError(t, os.Chtimes(path, info.ModTime(), info.ModTime()))
		},
		"replaced by one of equal size and time": func() {
			info, err := os.Stat(path)
			require.NoError(t, err)
			put(t, path+".new", "two")
			require.NoError(t, os.Chtimes(path+".new", info.ModTime(), info.ModTime()))
			require.NoError(t, os.Rename(path+".new", path))
		},
		"truncated": func() { require.NoError(t, os.Truncate(path, 2)) },
	} {
		t.Run(name, func(t *testing.T) {
			put(t, path, "one")
			require.Equal(t, "one", c.of(t, path))
			tick(t, path)
			change()
			now, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NotEqual(t, "one", string(now))
			require.Equal(t, string(now), c.of(t, path))
		})
	}
}

// tick waits until the file system's clock has moved on, by making files.
func tick(t *testing.T, path string) {
	t.Helper()
	changed := func(path string) int64 {
		var s unix.Stat_t
		require.NoError(t, unix.Stat(path, &s))
		return s.Ctim.Nano()
	}
	for at := changed(path); ; {
		put(t, path+".tick", "")
		if changed(path+".tick") > at {
			return
		}
	}
}

// Two writes within one step of the clock leave equal stamps. The second is made to be so by a clock of
// the test: what counts is that a young file is never kept.
func TestAYoungFileIsReadEachTime(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	put(t, path, "one")
	for _, age := range []time.Duration{-time.Hour, 0, step - 100*time.Millisecond} {
		c := later(dir, age)
		require.Equal(t, "one", c.of(t, path))
		require.Equal(t, "one", c.of(t, path))
		require.Equal(t, 2, c.read, age)
	}
	// An entry that another process noted too early is not believed either.
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	s, err := Of(f)
	require.NoError(t, err)
	c := later(dir, time.Hour)
	c.put(entry{Kind: "content", Stamp: s, Noted: s.Changed + int64(step), Value: []byte("wrong")})
	require.Equal(t, "one", c.of(t, path))
}

// No bit of the cache's file may change what it says of a file.
func TestADamagedCacheIsNotBelieved(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	put(t, path, "one")
	later(dir, time.Hour).of(t, path)
	store := filepath.Join(dir, "stamps.json")
	sound, err := os.ReadFile(store)
	require.NoError(t, err)
	for at := range sound {
		damaged := bytes.Clone(sound)
		damaged[at] ^= 1 << (at % 8)
		require.NoError(t, os.WriteFile(store, damaged, 0o644))
		require.Equal(t, "one", later(dir, time.Hour).of(t, path), "a bit of byte %d", at)
	}
	require.NoError(t, os.Truncate(store, largest+1))
	require.Equal(t, "one", later(dir, time.Hour).of(t, path))
}

func TestForgetAndHash(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	put(t, path, "content")
	c := later(dir, time.Hour)
	require.NoError(t, c.Forget(), "nothing is known yet")
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	for range 2 {
		sum, err := c.Hash(f)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("sha256:%x", sha256.Sum256([]byte("content"))), sum)
	}
	_, ok := c.find("sha256", must(Of(f)))
	require.True(t, ok)
	require.NoError(t, c.Forget())
	_, ok = c.find("sha256", must(Of(f)))
	require.False(t, ok)
}

func must(s Stamp, err error) Stamp {
	if err != nil {
		panic(err)
	}
	return s
}

func TestAFileThatChangesWhileItIsReadIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	put(t, path, "one")
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	_, err = later(t.TempDir(), time.Hour).Value("content", f, func(*os.File) ([]byte, error) {
		return nil, os.WriteFile(path, []byte("longer"), 0o644)
	})
	require.ErrorContains(t, err, "it was changed meanwhile")
}

func TestOnlyTheLastValuesAreKept(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	put(t, path, "one")
	c := later(dir, time.Hour)
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	for i := range most + 5 {
		_, err := c.Value(fmt.Sprint(i), f, func(*os.File) ([]byte, error) { return []byte{1}, nil })
		require.NoError(t, err)
	}
	list := c.entries()
	require.Len(t, list, most)
	require.Equal(t, fmt.Sprint(most+4), list[most-1].Kind)
}
