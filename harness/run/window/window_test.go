package window

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ruleout/ruleout/harness/scenario"
)

// Each time of the window lies in one of its intervals, and no other time does.
func TestBin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := Window{time.Duration(rapid.IntRange(1, 1000).Draw(t, "duration")),
			time.Duration(rapid.IntRange(0, 300).Draw(t, "interval"))}
		at := rapid.Int64Range(-50, 1100).Draw(t, "at")
		i := w.Bin(at)
		if w.Interval == 0 {
			if i != -1 || w.Bins() != 0 {
				t.Fatal("no series")
			}
			return
		}
		if inside := at >= 0 && at < int64(w.Duration); inside != (i >= 0) || inside != w.Holds(at) || i >= w.Bins() {
			t.Fatalf("%d of %d", i, w.Bins())
		}
		if i >= 0 && (at < int64(i)*int64(w.Interval) || at >= int64(i+1)*int64(w.Interval)) {
			t.Fatalf("%d is not in interval %d", at, i)
		}
	})
}

func TestOf(t *testing.T) {
	timeline := scenario.Duration(100e6)
	require.Equal(t, Window{Duration: time.Second}, Of(&scenario.Scenario{Duration: 1e9}))
	require.Equal(t, Window{time.Second, 100 * time.Millisecond},
		Of(&scenario.Scenario{Duration: 1e9, Timeline: &timeline}))
}

func TestJoin(t *testing.T) {
	require.Equal(t, []int64{4, 2, 5}, Sum([]int64{1, 2}, []int64{3, 0, 5}))
	require.Equal(t, []int64{3, 2}, Highest([]int64{1, 2}, []int64{3}))
	require.Empty(t, Sum(nil, nil))
}
