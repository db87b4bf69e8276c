// Package clock holds what a sweep makes of a wall clock that is set while it runs. The clock is a real one,
// that of a guest.
package clock

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/machine/vm/vmtest"
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/record/archive/archivetest"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/cases/casestest"
	"github.com/ruleout/ruleout/harness/verdict/sweep"
)

func TestMain(m *testing.M) { vmtest.Main(m) }

var kernels = map[string]string{"": "6.1.0"}

// each is how long a run takes.
const each = 100 * time.Millisecond

// runner makes runs of the fake world, and sets the clock by the next of its steps after each.
type runner struct {
	t     *testing.T
	steps []time.Duration
	made  int
}

func (r *runner) Run(_ context.Context, arm *campaign.Arm, seed uint64) (*result.Record, error) {
	time.Sleep(each)
	if len(r.steps) > 0 {
		set(r.t, r.steps[r.made%len(r.steps)])
	}
	r.made++
	return casestest.Record(arm, seed), nil
}

// set sets the guest's clock by so much, and checks that it went there.
func set(t *testing.T, by time.Duration) {
	var ts unix.Timespec
	require.NoError(t, unix.ClockGettime(unix.CLOCK_REALTIME, &ts))
	before := time.Unix(ts.Unix())
	ts = unix.NsecToTimespec(before.Add(by).UnixNano())
	require.NoError(t, unix.ClockSettime(unix.CLOCK_REALTIME, &ts))
	require.WithinDuration(t, before.Add(by), time.Now().Round(0), time.Second)
}

// swept makes a sweep, and checks at each step what it tells.
func swept(t *testing.T, budget time.Duration, steps ...time.Duration) (*sweep.Result, []string) {
	text := strings.Replace(casestest.Campaign, "{least: 8, most: 200}", "{least: 2, most: 4}", 1)
	p := casestest.Plan(t, strings.Replace(text, "placebos: 20", "placebos: 2", 1))
	dir := t.TempDir()
	a, err := archive.Open(dir, archive.Identity{Campaign: p.Campaign.Name, Kernels: kernels})
	require.NoError(t, err)
	var last sweep.State
	made := &runner{t: t, steps: steps}
	r, err := sweep.Run(t.Context(), sweep.Options{Loop: sweep.Loop{Archive: a, Runner: made, Budget: budget}, Plan: p,
		Kernels: kernels, Tell: func(s sweep.State) {
			require.GreaterOrEqual(t, s.Elapsed, last.Elapsed)
			require.GreaterOrEqual(t, s.Elapsed, time.Duration(s.Made)*each)
			require.Less(t, s.Elapsed, time.Duration(s.Made+1)*5*each)
			require.GreaterOrEqual(t, s.Left, time.Duration(0))
			if s.Made > 0 {
				require.InDelta(t, 1/each.Seconds(), s.Rate, 0.8/each.Seconds())
			}
			last = s
		}})
	require.NoError(t, err)
	require.Equal(t, made.made, r.Made)
	require.Greater(t, r.Made, 0)
	require.NoError(t, a.Close())
	lines, err := archivetest.Lines(dir)
	require.NoError(t, err)
	return r, lines
}

// hours are longer than any sweep of these tests, back and forth.
var hours = []time.Duration{-time.Hour, 48 * time.Hour, -72 * time.Hour, -time.Second, 25 * time.Hour}

// The wall clock that is set back, or ahead, after each run changes nothing: neither what is told, nor records and
// verdicts.
func TestSet(t *testing.T) {
	r, records := swept(t, 0)
	require.Greater(t, r.Made, 50)
	require.Len(t, records, r.Made)
	again, same := swept(t, 0, hours...)
	require.Equal(t, records, same)
	require.Equal(t, r.Analysis.Verdicts(true), again.Analysis.Verdicts(true))
}

// A budget is time that has passed: it is not spent when the clock is set ahead, and not longer when it is set back.
func TestBudget(t *testing.T) {
	for name, step := range map[string]time.Duration{"ahead": 2 * time.Hour, "back": -2 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			r, _ := swept(t, 20*each, step)
			require.True(t, r.OverBudget)
			require.LessOrEqual(t, r.Made, 20)
			require.Greater(t, r.Made, 5)
		})
	}
}
