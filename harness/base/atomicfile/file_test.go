package atomicfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFileReplacesWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	require.NoError(t, File(path, []byte("long before")))
	require.NoError(t, File(path, []byte("after")))
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "after", string(b))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o644), info.Mode())
}

// A directory in the file's place cannot be replaced by a file.
func TestWhatFailsLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "f", "g"), 0o755))
	require.Error(t, File(filepath.Join(dir, "f"), []byte("x")))
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 1)
}

func TestWhatFailsToWriteLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	wrong := errors.New("no page")
	require.ErrorIs(t, Write(filepath.Join(dir, "f"), func(w io.Writer) error {
		_, err := w.Write([]byte("half a pa"))
		return errors.Join(err, wrong)
	}), wrong)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

// What a killed process left goes, and nothing else, also in a directory whose name is a pattern.
func TestClean(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a[b]*?")
	require.NoError(t, os.Mkdir(dir, 0o755))
	for _, name := range []string{".unfinished-1", ".unfinished-23", "kept", ".kept"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600))
	}
	require.NoError(t, Clean(dir))
	left, err := filepath.Glob(filepath.Join(filepath.Dir(dir), "*", "*"))
	require.NoError(t, err)
	names := []string{filepath.Base(left[0]), filepath.Base(left[1])}
	require.ElementsMatch(t, []string{"kept", ".kept"}, names)
	require.NoError(t, Clean(filepath.Join(dir, "nowhere")), "nothing is left where nothing is")
}

func TestRename(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	require.NoError(t, os.WriteFile(from, []byte("x"), 0o600))
	require.NoError(t, Rename(from, to))
	require.NoFileExists(t, from)
	require.FileExists(t, to)
	require.ErrorIs(t, Rename(from, to), os.ErrNotExist)
	require.ErrorIs(t, SyncDir(filepath.Join(dir, "nowhere")), os.ErrNotExist)
}
