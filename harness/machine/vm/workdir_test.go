package vm

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSweepRemovesWhatIsLeft(t *testing.T) {
	parent := t.TempDir()
	alive, err := newWorkDir(parent)
	require.NoError(t, err)
	dead, err := newWorkDir(parent)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(dead.path("ram"), []byte("much"), 0o600))
	require.NoError(t, dead.lock.Close()) // as when the process is killed

	require.Equal(t, 1, sweep(parent))
	require.NoDirExists(t, dead.dir)
	require.DirExists(t, alive.dir)
	alive.remove()
	entries, err := os.ReadDir(parent)
	require.NoError(t, err)
	require.Empty(t, entries)
}

// A process that is killed while it publishes leaves a directory whose lock is gone, and one that is killed earlier a
// directory that has none yet.
func TestSweepRemovesWhatHasNoLock(t *testing.T) {
	parent := t.TempDir()
	for _, name := range []string{"work-1", "new-work-2"} {
		require.NoError(t, os.Mkdir(filepath.Join(parent, name), 0o700))
	}
	require.Zero(t, sweep(parent), "somebody may be at it")
	old := time.Now().Add(-2 * time.Hour)
	for _, name := range []string{"work-1", "new-work-2"} {
		require.NoError(t, os.Chtimes(filepath.Join(parent, name), old, old))
	}
	require.Equal(t, 2, sweep(parent))
	entries, err := os.ReadDir(parent)
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestPublishReplacesWhatCouldNotBeLoaded(t *testing.T) {
	parent := t.TempDir()
	final := filepath.Join(parent, "final")
	require.NoError(t, os.Mkdir(final, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(final, "half"), nil, 0o600))
	w, err := newWorkDir(parent)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(w.path("whole"), nil, 0o600))
	require.NoError(t, w.publish(final))
	w.remove()
	entries, err := os.ReadDir(final)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.Equal(t, "whole", entries[0].Name())
}

func TestLockIsWaitedForAsLongAsTheContextAllows(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	unlock, err := lockFile(t.Context(), name, func() { t.Error("nobody has it") })
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	waited := false
	_, err = lockFile(ctx, name, func() { waited = true })
	require.ErrorIs(t, err, context.Canceled)
	require.True(t, waited)
	unlock()
	again, err := lockFile(t.Context(), name, func() {})
	require.NoError(t, err)
	again()
}
