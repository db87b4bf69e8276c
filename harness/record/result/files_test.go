package result

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
)

func TestFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a[1]") // what a pattern would take for a class
	require.NoError(t, os.Mkdir(dir, 0o700))
	_, _, err := Files([]string{dir})
	require.Equal(t, problem.Usage, problem.KindOf(err))
	one, other := filepath.Join(dir, "one.json"), filepath.Join(dir, "other.txt")
	require.NoError(t, os.WriteFile(one, nil, 0o600))
	require.NoError(t, os.WriteFile(other, nil, 0o600))

	files, several, err := Files([]string{dir})
	require.NoError(t, err)
	require.Equal(t, []string{one}, files)
	require.True(t, several, "a directory may have more")
	files, several, err = Files([]string{other})
	require.NoError(t, err)
	require.Equal(t, []string{other}, files)
	require.False(t, several)
	files, several, err = Files([]string{"nowhere", dir})
	require.NoError(t, err)
	require.Equal(t, []string{"nowhere", one}, files)
	require.True(t, several)
}
