package kernel

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
)

func TestVerifyNoticesAChangedBit(t *testing.T) {
	s := newStore(t)
	k, err := s.Add(t.Context(), pkg{entries: kernelEntries()}.write(t))
	require.NoError(t, err)
	require.NoError(t, k.Verify())
	var files []string
	require.NoError(t, filepath.WalkDir(filepath.Join(k.Dir, moduleDir),
		func(path string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				files = append(files, path)
			}
			return err
		}))
	require.NotEmpty(t, files)
	for _, name := range append(files, k.Image(), k.ConfigFile()) {
		sound, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, at := range []int{len(sound) / 3, len(sound) / 2, len(sound) - 1} {
			require.NoError(t, os.WriteFile(name, flip(sound, at), 0o644))
			err := k.Verify()
			require.ErrorContains(t, err, "is damaged", "%s, byte %d", name, at)
			require.Equal(t, problem.Machine, problem.KindOf(err))
		}
		require.NoError(t, os.WriteFile(name, sound, 0o644))
		require.NoError(t, k.Verify())
	}
}

// The kernels of this machine were imported by other versions of this code too.
func TestVerifyOfRealKernels(t *testing.T) {
	s, err := OpenDefault()
	require.NoError(t, err)
	all, err := s.List()
	require.NoError(t, err)
	for _, k := range all {
		t.Run(k.Name, func(t *testing.T) { require.NoError(t, k.Verify()) })
	}
}
