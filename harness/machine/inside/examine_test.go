package inside

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestNamespacesAreGone counts this process's namespaces before and after.
func TestNamespacesAreGone(t *testing.T) {
	before, err := os.Readlink("/proc/self/ns/net")
	require.NoError(t, err)
	e := new(examination)
	e.namespaces(t.Context())
	e.userNamespaces(t.Context())
	tasks, err := filepath.Glob("/proc/self/task/*/ns/net")
	require.NoError(t, err)
	for _, task := range tasks {
		if after, err := os.Readlink(task); err == nil {
			require.Equal(t, before, after)
		}
	}
	require.Equal(t, os.Geteuid(), os.Getuid())
}
