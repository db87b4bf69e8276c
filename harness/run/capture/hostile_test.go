package capture_test

import (
	"encoding/json"
	"math"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/run/capture"
	"github.com/ruleout/ruleout/harness/run/capture/pcapng"
	"github.com/ruleout/ruleout/harness/scenario"
)

// What a guest says of its rings is only said.
func TestCountsThatCannotBeTrue(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*capture.Taken)
		says   string
	}{
		{"no counts", func(t *capture.Taken) { t.Wires[0].Seen, t.Wires[0].Lost = nil, nil }, "counts of 0 and 0 points, and the link has 7"},
		{"too few", func(t *capture.Taken) { t.Wires[0].Seen = t.Wires[0].Seen[:6] }, "counts of 6 and 7 points"},
		{"too many", func(t *capture.Taken) { t.Wires[0].Lost = make([]int64, 1000) }, "counts of 7 and 1000 points"},
		{"less than nothing", func(t *capture.Taken) { t.Wires[0].Seen[2] = -1 }, "claims -1 packets"},
		{"more lost than seen", func(t *capture.Taken) { t.Wires[0].Lost[1] = 5 }, "claims 0 packets, 5 of them lost"},
		{"a negative size", func(t *capture.Taken) { t.Wires[0].Size = -1 }, "claims -1 bytes"},
		{"another number of links", func(t *capture.Taken) { t.Wires = t.Wires[:1] }, "the run has left none"},
		{"the window starts before time does", func(t *capture.Taken) { t.Begin = math.MinInt64 }, "an event at"},
		{"the window starts in 292 years", func(t *capture.Taken) { t.Begin = math.MaxInt64 }, "an event at"},
	} {
		t.Run(c.name, func(t *testing.T) {
			first, second := newRing(7), newRing(6)
			first.add(0, time.Second, 1, 0, 20, "a packet")
			taken := &capture.Taken{Begin: begin, Wires: []capture.Wire{first.wire(), second.wire()}}
			c.change(taken)
			dir := t.TempDir()
			_, err := spooled(t, dir, wiredScenario(t), taken, first.Bytes(), second.Bytes())
			require.ErrorContains(t, err, c.says)
			requireEmpty(t, dir)
		})
	}
}

func spooled(t *testing.T, dir string, s *scenario.Scenario, taken *capture.Taken,
	rings ...[]byte) ([]pcapng.File, error) {
	t.Helper()
	spool, err := pcapng.Open(dir, 64)
	require.NoError(t, err)
	defer spool.Close()
	for i, r := range rings {
		w, err := spool.Ring(i)
		require.NoError(t, err)
		_, err = w.Write(r)
		require.NoError(t, err)
	}
	spool.Take(taken)
	return spool.Write(t.Context(), s, pcapng.Origin{})
}

func TestARingIsHandedOverOnce(t *testing.T) {
	spool, err := pcapng.Open(t.TempDir(), 64)
	require.NoError(t, err)
	defer spool.Close()
	_, err = spool.Ring(0)
	require.NoError(t, err)
	for _, link := range []int{0, -1, 4096, math.MaxInt} {
		_, err = spool.Ring(link)
		require.ErrorContains(t, err, "there is no link", link)
	}
}

func FuzzWrite(f *testing.F) {
	first, second := newRing(7), newRing(6)
	first.add(0, time.Second, 1, 0, 20, "a packet")
	first.add(2, time.Second, 1, 3, 20, "a packet")
	second.add(1, time.Second, 1, 0, 20, "a packet")
	taken, err := json.Marshal(capture.Taken{Begin: begin, Wires: []capture.Wire{first.wire(), second.wire()}})
	require.NoError(f, err)
	f.Add(taken, first.Bytes(), second.Bytes())
	f.Add([]byte(`{"begin":-9223372036854775808,"wires":[{"size":9223372036854775807},{}]}`), []byte("x"), []byte{})
	s, err := scenario.Parse("wired.yaml", []byte(wired), nil)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, said, a, b []byte) {
		var taken capture.Taken
		if json.Unmarshal(said, &taken) != nil {
			return
		}
		dir, err := os.MkdirTemp(t.TempDir(), "")
		require.NoError(t, err)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		files, err := spooled(t, dir, s, &taken, a, b)
		runtime.ReadMemStats(&after)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(50<<20))
		if err != nil {
			requireEmpty(t, dir)
			return
		}
		require.Len(t, files, 2)
	})
}
