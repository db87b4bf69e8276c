package golden

import (
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// recorder is a test that fails without failing.
type recorder struct {
	testing.TB
	failed string
}

func (r *recorder) Helper()                           {}
func (r *recorder) Errorf(format string, args ...any) { r.failed = format }

func TestEqual(t *testing.T) {
	path := filepath.Join(t.TempDir(), "docs", "made.md")
	_, err := keep(path, []byte("one\n"), false)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "-update")
	kept, err := keep(path, []byte("one\n"), true)
	require.NoError(t, err)
	require.Equal(t, "one\n", string(kept))
	for made, fails := range map[string]bool{"one\n": false, "two\n": true, "one": true, "": true} {
		r := &recorder{TB: t}
		Equal(r, path, made)
		require.Equal(t, fails, r.failed != "", "%q", made)
	}
	r := &recorder{TB: t}
	Equal(r, filepath.Join(path, "below a file"), "")
	require.NotEmpty(t, r.failed)
}
