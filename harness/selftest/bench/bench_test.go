package bench

import (
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/machine/vm"
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

// One seed that goes another way moves the mean by its part, and is seen in the range.
func TestRecordedTakesTheMeanOfSeeds(t *testing.T) {
	off := []map[string]float64{{"web": 0.2, "db": 0.1}, {"web": 0.4, "db": 0.1}}
	on := []map[string]float64{{"web": 0.202, "db": 0.101}, {"web": 0.392, "db": 0.103}}
	figures := recorded("x", on, off)
	require.InDelta(t, 0, figures[0].Value, 1e-9, "1 % up and 1 % down")
	require.Contains(t, figures[0].Note, "mean of 2 seeds, -1.00 to +1.00; x: 40.000 % of a CPU")
	require.InDelta(t, 0.5, figures[1].Value, 1e-9)
	require.Contains(t, figures[1].Note, "-2.00 to +1.00; web: 30.000 % without")
}

func TestPeakMemoryIsThatOfAGoProcess(t *testing.T) {
	peak, err := peakMemory()
	require.NoError(t, err)
	require.Greater(t, peak, 1e6)
	require.Less(t, peak, 10e9)
}

func TestColdTimesTellTheTwoMachinesApart(t *testing.T) {
	base := vm.Stored{Key: "b", Build: 2500 * time.Millisecond}
	prepared := vm.Stored{Key: "p", Base: "b", Build: 300 * time.Millisecond}
	for _, c := range []struct {
		name   string
		stored []vm.Stored
		fails  bool
	}{
		{"in order", []vm.Stored{base, prepared}, false},
		{"the other way round", []vm.Stored{prepared, base}, false},
		{"none", nil, true},
		{"not prepared", []vm.Stored{base}, true},
		{"two that were booted", []vm.Stored{base, {Key: "c"}}, true},
		{"two that were prepared", []vm.Stored{prepared, prepared}, true},
		{"prepared from something else", []vm.Stored{base, {Key: "p", Base: "c"}}, true},
		{"one too many", []vm.Stored{base, prepared, prepared}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			boot, prepare, err := coldTimes(c.stored)
			if c.fails {
				require.ErrorContains(t, err, "a cold run left")
				return
			}
			require.NoError(t, err)
			require.Equal(t, base.Build, boot)
			require.Equal(t, prepared.Build, prepare)
		})
	}
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
