package whole

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
