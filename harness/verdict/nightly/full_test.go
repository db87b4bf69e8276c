package nightly

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// mountFull mounts a file system without room for a baseline.
func mountFull(t *testing.T, dir string) {
	t.Helper()
	require.NoError(t, os.Mkdir(dir, 0o755))
	if err := unix.Mount("ruleout-test", dir, "tmpfs", 0, "size=8k"); err != nil {
		if errors.Is(err, unix.EPERM) {
			t.Skip("root in here may not mount: ", err)
		}
		require.NoError(t, err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	require.NoError(t, os.WriteFile(filepath.Join(dir, "filler"), make([]byte, 8<<10), 0o644))
}
