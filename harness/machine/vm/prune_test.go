package vm

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPruneRemovesTheLongestUnused(t *testing.T) {
	dir := t.TempDir()
	name := func(c string) string { return filepath.Join(dir, strings.Repeat(c, 24)) }
	now := time.Now()
	for c, age := range map[string]time.Duration{"a": time.Minute, "b": 3 * time.Hour, "c": 2 * time.Hour,
		"d": 30 * time.Minute} {
		require.NoError(t, os.Mkdir(name(c), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(name(c), ramFile), make([]byte, 1<<20), 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(name(c), metaFile), nil, 0o600))
		require.NoError(t, os.WriteFile(name(c)+".lock", nil, 0o600))
		require.NoError(t, os.Chtimes(name(c), now, now.Add(-age)))
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "work-1"), 0o755))

	require.NoError(t, prune(dir, 7<<19, time.Hour), "room for three and a half")
	require.NoDirExists(t, name("b"))
	require.NoFileExists(t, name("b")+".lock")
	require.DirExists(t, name("c"))

	require.NoError(t, prune(dir, 0, time.Hour), "room for none, but two are young")
	require.NoDirExists(t, name("c"))
	require.DirExists(t, name("a"))
	require.DirExists(t, name("d"))
	require.DirExists(t, filepath.Join(dir, "work-1"))
}
