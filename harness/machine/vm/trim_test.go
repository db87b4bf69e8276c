package vm

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestOnlyTheNewestPreparedTemplatesAreKept(t *testing.T) {
	parent := t.TempDir()
	now := time.Now()
	add := func(n int, meta string) string {
		dir := filepath.Join(parent, fmt.Sprintf("%024x", n))
		require.NoError(t, os.Mkdir(dir, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, metaFile), []byte(meta), 0o644))
		require.NoError(t, os.WriteFile(dir+".lock", nil, 0o644))
		used := now.Add(-time.Duration(n) * time.Minute)
		require.NoError(t, os.Chtimes(dir, used, used))
		return dir
	}
	base := add(100, `{"key":"x"}`)
	broken := add(101, `{`)
	var dirs []string
	for i := range MaxPrepared + 3 {
		dirs = append(dirs, add(i, `{"key":"x","prepared":{"base":"y"}}`))
	}
	oldest := dirs[len(dirs)-1]
	trim(parent, oldest)
	for i, dir := range dirs {
		if i < MaxPrepared-1 || dir == oldest {
			require.DirExists(t, dir)
			require.FileExists(t, dir+".lock")
		} else {
			require.NoDirExists(t, dir)
			require.NoFileExists(t, dir+".lock")
		}
	}
	require.DirExists(t, base)
	require.DirExists(t, broken, "of unknown kind: for GC")
}

func TestCopySparse(t *testing.T) {
	open := func(name string) *os.File {
		f, err := os.Create(filepath.Join(t.TempDir(), name))
		require.NoError(t, err)
		t.Cleanup(func() { f.Close() })
		return f
	}
	from, to := open("from"), open("to")
	const size = 64 << 20
	require.NoError(t, from.Truncate(size))
	for _, at := range []int64{0, 5 << 20, size - 4096} {
		_, err := from.WriteAt([]byte(fmt.Sprint("at ", at)), at)
		require.NoError(t, err)
	}
	require.NoError(t, copySparse(to, from))
	want, err := os.ReadFile(from.Name())
	require.NoError(t, err)
	got, err := os.ReadFile(to.Name())
	require.NoError(t, err)
	require.True(t, string(want) == string(got), "the bytes differ")
	require.Less(t, diskUsage(filepath.Dir(to.Name())), int64(1<<20), "holes stay holes")
}
