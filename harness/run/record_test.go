package run

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario/metric"
)

// As many gaps as there are between chosen packets, 8 at most; what there was not has no value that an
// expectation could be held against.
func TestGapsBetweenChosenPackets(t *testing.T) {
	times := []float64{0.1, 1.1, 3.100000001, 7.1, 15.1, 31.1, 63.1, 127.1, 255.1, 511.1}
	for n := range len(times) + 1 {
		got := faultMetrics([]result.Receipt{{Name: "syns", Chosen: int64(n), Times: times[:n]}})
		for name := range got {
			_, ok := metric.Lookup(name)
			require.True(t, ok, "%s is in the catalogue", name)
		}
		_, first := got["fault.syns.time1"]
		require.Equal(t, n > 0, first)
		for k := 1; k <= 9; k++ {
			gap, ok := got[fmt.Sprintf("fault.syns.gap%d", k)]
			require.Equal(t, k < n && k <= 8, ok, "gap %d of %d packets", k, n)
			if k == 2 && ok {
				require.Equal(t, 2.000000001, gap, "to the nanosecond")
			}
		}
	}
}
