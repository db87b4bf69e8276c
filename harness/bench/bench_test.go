package bench

import (
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMet(t *testing.T) {
	require.True(t, Figure{Value: 5}.Met(), "no target")
	require.True(t, Figure{Value: 60, Better: AtMost, Target: 60}.Met())
	require.False(t, Figure{Value: 61, Better: AtMost, Target: 60}.Met())
	require.True(t, Figure{Value: 1.5, Better: AtLeast, Target: 1.5}.Met())
	require.False(t, Figure{Value: 1.4, Better: AtLeast, Target: 1.5}.Met())
}

func TestAtATimeCallsEachOnce(t *testing.T) {
	var seen [100]atomic.Int64
	var now, most atomic.Int64
	require.NoError(t, atATime(3, len(seen), func(i int) error {
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		defer now.Add(-1)
		seen[i].Add(1)
		return nil
	}))
	for i := range seen {
		require.EqualValues(t, 1, seen[i].Load())
	}
	require.LessOrEqual(t, most.Load(), int64(3))
}

func TestAtATimeStopsAtAnError(t *testing.T) {
	var calls atomic.Int64
	err := atATime(2, 1000, func(int) error { calls.Add(1); return errors.New("no") })
	require.EqualError(t, err, "no")
	require.LessOrEqual(t, calls.Load(), int64(2))
}

func TestQuantile(t *testing.T) {
	times := []time.Duration{5, 1, 4, 2, 3}
	require.EqualValues(t, 3, quantile(times, 0.5))
	require.EqualValues(t, 5, quantile(times, 0.9))
	require.EqualValues(t, 5, quantile(times, 1))
}

func TestPeakMemoryIsThatOfAGoProcess(t *testing.T) {
	peak, err := peakMemory()
	require.NoError(t, err)
	require.Greater(t, peak, 1e6)
	require.Less(t, peak, 10e9)
}

func TestBootTimeIsReadFromTheTemplate(t *testing.T) {
	cache := t.TempDir()
	_, err := bootTime(cache)
	require.ErrorContains(t, err, "made 0 templates")
	dir := filepath.Join(cache, "ruleout", "templates", "0123")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "meta.json"), []byte(`{"build": 2.5}`), 0o644))
	took, err := bootTime(cache)
	require.NoError(t, err)
	require.Equal(t, 2500*time.Millisecond, took)
}

func TestLeftoversAreOnlyOldOnes(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	cache := filepath.Join(os.Getenv("XDG_CACHE_HOME"), "ruleout")
	old, young, other := filepath.Join(cache, "bench-1"), filepath.Join(cache, "bench-2"), filepath.Join(cache, "kernels")
	for _, dir := range []string{old, young, other} {
		require.NoError(t, os.MkdirAll(dir, 0o755))
	}
	yesterday := time.Now().Add(-2 * longest)
	require.NoError(t, os.Chtimes(old, yesterday, yesterday))
	require.NoError(t, os.Chtimes(other, yesterday, yesterday))
	for _, dryRun := range []bool{true, false} {
		left, err := Leftovers(dryRun)
		require.NoError(t, err)
		require.Equal(t, []string{old}, left)
	}
	require.NoDirExists(t, old)
	require.DirExists(t, young)
	require.DirExists(t, other)
}
