package netem

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var tables = map[string]struct {
	table           func() Table
	mean, deviation float64
	hash            string // of iproute2 6.1's table
}{
	"normal":       {Normal, -.00078, 1.00005, "4f71ba4302d52798"},
	"pareto":       {Pareto, -.03349, .81968, "289b5943eaa2dd20"},
	"paretonormal": {ParetoNormal, -.02530, .83394, "c607cf39ce25225b"},
}

func TestTablesAreThoseOfIproute2(t *testing.T) {
	for name, c := range tables {
		t.Run(name, func(t *testing.T) {
			table := c.table()
			require.Len(t, table, 4096)
			require.InDelta(t, c.mean, table.Mean(), 5e-6)
			require.InDelta(t, c.deviation, table.Deviation(), 5e-6)
			h := sha256.New()
			for _, v := range table {
				h.Write([]byte(strconv.Itoa(int(v)) + "\n"))
			}
			require.Equal(t, c.hash, hex.EncodeToString(h.Sum(nil)[:8]))
			t.Run("as installed here", func(t *testing.T) {
				files, err := filepath.Glob("/usr/lib*/**/tc/" + name + ".dist")
				require.NoError(t, err)
				more, err := filepath.Glob("/usr/lib*/tc/" + name + ".dist")
				require.NoError(t, err)
				files = append(files, more...)
				if len(files) == 0 {
					t.Skip("iproute2 is not installed: its own tables are not at hand")
				}
				b, err := os.ReadFile(files[0])
				require.NoError(t, err)
				var want Table
				for line := range strings.Lines(string(b)) {
					if strings.HasPrefix(line, "#") {
						continue
					}
					for _, f := range strings.Fields(line) {
						v, err := strconv.ParseInt(f, 10, 16)
						require.NoError(t, err)
						want = append(want, int16(v))
					}
				}
				require.Equal(t, want, table)
			})
		})
	}
}

// tabledist as the kernel computes it, in integers.
func tabledist(q *Qdisc, v int16) time.Duration {
	x := int64(q.Jitter) % tableScale * int64(v)
	if x >= 0 {
		x += tableScale / 2
	} else {
		x -= tableScale / 2
	}
	return time.Duration(x/tableScale+int64(q.Jitter)/tableScale*int64(v)) + q.Latency
}

func TestTheMeanIsTheOneThatIsAskedFor(t *testing.T) {
	for name, c := range tables {
		for _, jitter := range []time.Duration{time.Microsecond, ms, 5 * ms, 10 * ms} { // the last as long as the delay
			q := Qdisc{Jitter: jitter, Table: c.table()}
			q.Latency = q.Table.WithMean(10*ms, jitter)
			sum := 0.
			for _, v := range q.Table {
				d := max(tabledist(&q, v), 0)
				require.LessOrEqual(t, d, q.Longest()+1)
				sum += float64(d)
			}
			require.InEpsilon(t, float64(10*ms), sum/float64(len(q.Table)), 1e-6, "%s, jitter %v", name, jitter)
		}
	}
}

func TestATableOfOnesOwnHasItsDelays(t *testing.T) {
	check := func(t require.TestingT, delays []time.Duration) {
		var q Qdisc
		q.Limit = 1
		q.Latency, q.Jitter, q.Table = Empirical(delays)
		require.NoError(t, q.check())
		least, most := delays[0], delays[0]
		for _, d := range delays {
			least, most = min(least, d), max(most, d)
		}
		for i, d := range delays {
			require.InDelta(t, float64(d), float64(tabledist(&q, q.Table[i])), float64(most-least)/131070+2)
		}
	}
	check(t, []time.Duration{0, 1})
	check(t, []time.Duration{ms, 2 * ms, 40 * ms, 2 * ms})
	check(t, []time.Duration{43 * time.Second, 60 * time.Second})
	rapid.Check(t, func(t *rapid.T) {
		base := rapid.Int64Range(0, int64(43*time.Second)).Draw(t, "base")
		width := rapid.Int64Range(1, int64(WidestTable)).Draw(t, "width")
		delays := []time.Duration{time.Duration(base), time.Duration(base + width)}
		for range rapid.IntRange(0, 100).Draw(t, "more") {
			delays = append(delays, time.Duration(base+rapid.Int64Range(0, width).Draw(t, "delay")))
		}
		check(t, delays)
	})
}

func TestTablesThatTheKernelRefuses(t *testing.T) {
	for name, q := range map[string]Qdisc{
		"empty":          {Limit: 1, Jitter: 1, Table: Table{}},
		"too long":       {Limit: 1, Jitter: 1, Table: make(Table, mostValues+1)},
		"without jitter": {Limit: 1, Table: Table{1}},
	} {
		require.Error(t, q.check(), name)
	}
	require.NoError(t, (&Qdisc{Limit: 1, Jitter: math.MaxInt32, Table: make(Table, mostValues)}).check())
}
