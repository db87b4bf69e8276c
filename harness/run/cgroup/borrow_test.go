package cgroup_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/run/cgroup"
)

// switchedOn are the controllers of the root's children, sorted.
func switchedOn(t *testing.T) []string {
	t.Helper()
	root, err := cgroup.Root()
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(root, "cgroup.subtree_control"))
	require.NoError(t, err)
	return slices.Sorted(slices.Values(strings.Fields(string(text))))
}

// switchOff is what a machine looks like on which no process uses the controllers; the guest's init has
// switched them on.
func switchOff(t *testing.T, controllers ...string) {
	t.Helper()
	root, err := cgroup.Root()
	require.NoError(t, err)
	for _, c := range controllers {
		require.NoError(t, os.WriteFile(filepath.Join(root, "cgroup.subtree_control"), []byte("-"+c), 0))
	}
}

func marks(t *testing.T) []string {
	t.Helper()
	root, err := cgroup.Root()
	require.NoError(t, err)
	list, err := filepath.Glob(filepath.Join(root, "ruleout-*"))
	require.NoError(t, err)
	return list
}

func TestControllersAreSwitchedOffAgain(t *testing.T) {
	require.Equal(t, []string{"cpu", "memory", "pids"}, switchedOn(t))
	switchOff(t, "cpu", "memory")
	require.Equal(t, []string{"pids"}, switchedOn(t))
	require.NoError(t, cgroup.Supported())
	require.Equal(t, []string{"pids"}, switchedOn(t), "to look changes nothing")
	require.Empty(t, marks(t))

	root, err := cgroup.Root()
	require.NoError(t, err)
	first, err := cgroup.Create(root, "first")
	require.NoError(t, err)
	second, err := cgroup.Create(root, "second")
	require.NoError(t, err)
	require.Equal(t, []string{"cpu", "memory", "pids"}, switchedOn(t))
	require.NoError(t, first.Close())
	require.Equal(t, []string{"cpu", "memory", "pids"}, switchedOn(t), "the second needs them")
	_, _, err = second.Memory()
	require.NoError(t, err)
	require.NoError(t, second.Close())
	require.Equal(t, []string{"pids"}, switchedOn(t))
	require.Empty(t, marks(t))

	// What was on before stays on.
	require.NoError(t, os.WriteFile(filepath.Join(root, "cgroup.subtree_control"), []byte("+cpu"), 0))
	require.NoError(t, cgroup.Supported())
	require.Equal(t, []string{"cpu", "pids"}, switchedOn(t))
}

func TestControllersOfAProcessThatWasKilled(t *testing.T) {
	switchOff(t, "cpu", "memory")
	c, path := start(t, nil, "abandon")
	require.NoError(t, c.Process.Kill())
	require.Error(t, c.Wait())
	require.Equal(t, []string{"cpu", "memory", "pids"}, switchedOn(t))
	left, err := cgroup.Leftovers()
	require.NoError(t, err)
	require.Len(t, left, 2, "the group and the mark")
	require.Equal(t, path, left[0])
	for _, path := range left {
		require.NoError(t, cgroup.Remove(path))
	}
	require.Equal(t, []string{"pids"}, switchedOn(t))
	require.Empty(t, marks(t))
}
