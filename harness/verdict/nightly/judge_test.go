package nightly

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/verdict"
)

func TestTheSameProgramIsIdentical(t *testing.T) {
	c := nights(t, accepted(t, 40))
	r := c.next(world{build: "old"})
	require.Equal(t, Identical, r.Places[0].Outcome)
	require.Equal(t, 20, r.Places[0].Identical)
	require.Equal(t, "Night of 2026-01-02: IDENTICAL", r.Heading())
	require.Zero(t, r.Status())

	// Another build that does the same needs no statistics either.
	r = c.next(world{build: "new"})
	require.Equal(t, Identical, r.Places[0].Outcome)
	require.Empty(t, c.state.Places["small on 6.1"].Series)
}

// Builds that each shuffle the latency, and change nothing on the average: 300 nights, no two of them alike.
func TestQuietNights(t *testing.T) {
	for _, c := range []struct{ noise, most float64 }{
		{0.025, 1}, // half a margin
		{0.15, 20}, // three margins: then a night may speak for a change, but a bar of thousands is far off
	} {
		nights := nights(t, accepted(t, 40))
		var most float64
		different := map[float64]bool{}
		for day := range 300 {
			w := world{build: fmt.Sprint("build ", day), noise: c.noise}
			different[valueOf(t, w.runs("small", "6.1", 1).BySeed[1], "http.latency.p99")] = true
			r := nights.next(w)
			require.Equal(t, Compared, r.Places[0].Outcome)
			require.Zero(t, r.Status(), r.Heading())
			for _, e := range nights.state.Places["small on 6.1"].Series {
				most = max(most, e.R)
			}
		}
		t.Logf("noise of %v: largest R in 300 quiet nights: %.2g", c.noise, most)
		require.Len(t, different, 300)
		require.Less(t, most, c.most)
	}
}

func TestAShiftAlarmsInTwoNights(t *testing.T) {
	for _, c := range []struct {
		name   string
		world  world
		metric string
		nights int
		is     string
	}{
		{"latency up by two margins", world{latency: 1.10, noise: 0.01}, "http.latency.p99", 2, "worse"},
		{"latency up by half", world{latency: 1.5, noise: 0.02}, "http.latency.p99", 1, "worse"},
		{"latency down by two margins", world{latency: 0.9, noise: 0.01}, "http.latency.p99", 2, "better"},
		{"a counter up by a tenth", world{resent: 10}, "web.Tcp.RetransSegs", 2, "changed"},
		{"a counter down to nothing", world{resent: -100}, "web.Tcp.RetransSegs", 1, "changed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			nights := nights(t, accepted(t, 40))
			nights.next(world{build: "old"})
			c.world.build = "new"
			var r *Report
			n := 0
			for r == nil || len(r.Alarms) == 0 {
				r = nights.next(c.world)
				require.Less(t, n, 10)
				n++
			}
			require.LessOrEqual(t, n, c.nights)
			require.Equal(t, 1, r.Status())
			require.Len(t, r.Alarms, 1, "nothing else has changed")
			require.Equal(t, c.metric, r.Alarms[0].Metric)
			require.Equal(t, "2026-01-03", r.Alarms[0].Since)
			require.Contains(t, r.Alarms[0].change(), " "+c.is+", ")

			// Once it is mended, or accepted, it is over.
			require.Zero(t, nights.next(world{build: "mended"}).Status())
		})
	}
}

func TestAChangeWithinTheMarginIsNone(t *testing.T) {
	c := nights(t, accepted(t, 40))
	for range 100 {
		require.Zero(t, c.next(world{build: "new", latency: 1.03, noise: 0.01, resent: 3}).Status())
	}
}

// firstAlarm returns after how many nights of a pool, half of which is just beyond the margin, a detector alarms; or
// the limit.
func firstAlarm(t *testing.T, bar float64, limit int, draw func(night int) []uint64) (nights int) {
	var d verdict.Detector
	for ; nights < limit && !d.Alarm(bar); nights++ {
		s, err := verdict.NewState(verdict.Hypothesis{Name: "x", Kind: verdict.Effect, Metric: "x", Direction: verdict.Either,
			Scale: verdict.Difference, Margin: 1}, verdict.Rule{})
		require.NoError(t, err)
		for _, seed := range draw(nights) {
			s.Add(verdict.Pair{Base: 0, Treated: []float64{0.9, 1.1}[seed%2]})
		}
		d.Night(s.Evidence().Confirm)
	}
	return nights
}

// The promise, at the worst of the quiet truths: half of the pool is just beyond the margin. Seeds are drawn from the
// same pool again and again, with the same values, and still the first false alarm comes no sooner than it may. That is
// the draw's doing: with a few seeds that are the same every night it would come at once.
func TestTheFirstFalseAlarmOfAPool(t *testing.T) {
	const bar, repeats, limit = 10, 40, 150
	for _, size := range []uint64{40, 400} {
		pool := make([]uint64, size)
		for i := range pool {
			pool[i] = uint64(i)
		}
		sum := 0
		for repeat := range repeats {
			sum += firstAlarm(t, bar, limit, func(night int) []uint64 {
				return Draw(fmt.Sprint(repeat, " ", night), "here", pool, 20)
			})
		}
		t.Logf("pool of %d, bar of %d: first false alarm after %d nights or more on the average", size, bar, sum/repeats)
		require.GreaterOrEqual(t, sum/repeats, bar)
	}
	unlucky := Draw("any", "here", []uint64{1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31, 0, 2, 4, 6}, 20)
	require.Less(t, firstAlarm(t, bar, limit, func(int) []uint64 { return unlucky }), bar)
}

func TestADifferenceUnderTheSameKeyIsADeterminismAlarm(t *testing.T) {
	t.Run("from the baseline", func(t *testing.T) {
		c := nights(t, accepted(t, 40))
		r := c.next(world{build: "old", resent: 1})
		require.Equal(t, Unstable, r.Places[0].Outcome)
		require.Len(t, r.Differences, 20)
		require.Equal(t, "the baseline", r.Differences[0].From)
		require.Equal(t, 4, r.Status())
		require.Empty(t, r.Alarms, "no statistics of what does not repeat")
	})
	t.Run("from last night", func(t *testing.T) {
		c := nights(t, accepted(t, 20)) // all of which are drawn every night
		require.Zero(t, c.next(world{build: "new"}).Status())
		r := c.next(world{build: "new", resent: 1})
		require.Len(t, r.Differences, 20)
		require.Equal(t, "the night of 2026-01-02", r.Differences[0].From)
		require.Equal(t, 4, r.Status())
	})
}

func TestJudgingANightAgainCountsItOnce(t *testing.T) {
	c := nights(t, accepted(t, 40))
	shift := world{build: "new", latency: 1.08, noise: 0.02}
	c.next(shift)
	once := c.state.Places["small on 6.1"].Series["http.latency.p99"]
	require.Greater(t, once.R, 1.)
	for range 5 {
		c.again(shift)
	}
	require.Equal(t, once, c.state.Places["small on 6.1"].Series["http.latency.p99"])
	c.day--
	r := c.again(shift)
	require.False(t, r.Places[0].Counted, "a night before the last one")
	require.Equal(t, once, c.state.Places["small on 6.1"].Series["http.latency.p99"])
}

func TestAnotherBaselineBeginsAnew(t *testing.T) {
	c := nights(t, accepted(t, 40))
	shift := world{build: "new", latency: 1.3, noise: 0.01}
	for range 3 {
		c.next(shift)
	}
	require.NotEmpty(t, c.state.Places["small on 6.1"].Series)
	b, err := Accept(shift.runs("small", "6.1", 40))
	require.NoError(t, err)
	data, err := b.Encode()
	require.NoError(t, err)
	c.b = written(t, data)
	require.Equal(t, "IDENTICAL", c.next(shift).Heading()[len("Night of 2026-01-05: "):])
	require.Empty(t, c.state.Places["small on 6.1"].Series)
}

func TestWhatCannotBeCompared(t *testing.T) {
	b := accepted(t, 40)
	same := world{build: "old"}
	other := same.runs("small", "6.1", 1)
	other.Hash = "sha256:another"
	fresh := same.runs("new", "6.1", 1)
	both := []*Runs{other, same.runs("small", "6.1", 40)}
	for _, c := range []struct {
		name   string
		runs   []*Runs
		want   []Outcome
		status int
		says   string
	}{
		{"the scenario has changed", []*Runs{other}, []Outcome{Changed}, 2, "Scenario changed since the baseline: not compared"},
		{"it has changed, and the runs of the old one are there, too", both, []Outcome{Identical}, 0, "IDENTICAL"},
		{"the kernel is missing", nil, []Outcome{Missing}, 3, "Not run: the kernel is missing"},
		{"a scenario without a baseline", []*Runs{same.runs("small", "6.1", 40), fresh}, []Outcome{Identical, Unknown}, 2, "No baseline: not compared"},
	} {
		t.Run(c.name, func(t *testing.T) {
			state := &State{Places: map[string]*Memory{"small on 6.1": {Baseline: b.Sum, Night: "2025-12-31",
				Series: map[string]Evidence{"http.errors": {R: 7}}}}}
			r, err := Judge(Night{Plan: Plan{Night: "2026-01-01", Seeds: 20}, Baselines: []*Baseline{b},
				Runs: c.runs, State: state})
			require.NoError(t, err)
			var got []Outcome
			for _, p := range r.Places {
				got = append(got, p.Outcome)
			}
			require.Equal(t, c.want, got)
			require.Equal(t, c.status, r.Status())
			require.Contains(t, text(t, r, false), c.says)
			if got[0] != Identical {
				require.InDelta(t, 7, state.Places["small on 6.1"].Series["http.errors"].R, 0,
					"what was not looked at keeps its evidence")
			}
		})
	}
}

func TestRunsThatSayNothing(t *testing.T) {
	seeds := Draw("2026-01-02", "small on 6.1", accepted(t, 40).Pool(), 20)
	t.Run("broken", func(t *testing.T) {
		c := nights(t, accepted(t, 40))
		r := c.next(world{build: "new", latency: 1.01, broken: map[uint64]bool{seeds[3]: true, seeds[19]: true}})
		require.Equal(t, 19, r.Places[0].Seeds, "what is behind the last run had no time")
		require.Equal(t, 1, r.Places[0].Broken)
		require.Equal(t, 4, r.Status())
		require.Contains(t, text(t, r, false), "- small on 6.1: 1 run left no record\n")
	})
	t.Run("invalid", func(t *testing.T) {
		c := nights(t, accepted(t, 40))
		r := c.next(world{build: "new", latency: 1.01, invalid: map[uint64]bool{seeds[3]: true}})
		require.Equal(t, 4, r.Status())
		require.Contains(t, text(t, r, false), "- small on 6.1: 1 run of 20 invalid: x was late\n")
		require.Empty(t, r.Lost)
	})
	t.Run("many are invalid", func(t *testing.T) {
		c := nights(t, accepted(t, 40))
		r := c.next(world{build: "new", latency: 1.01,
			invalid: map[uint64]bool{seeds[3]: true, seeds[4]: true, seeds[5]: true}})
		require.Equal(t, 3, r.Places[0].Invalid)
		require.Empty(t, r.Lost, "told once, not for each series")
	})
	t.Run("a metric that was not recorded", func(t *testing.T) {
		b := accepted(t, 40)
		runs := world{build: "new", latency: 1.01}.runs("small", "6.1", 40)
		for _, run := range runs.BySeed {
			without(run, "http.latency.p99")
		}
		r, err := Judge(Night{Plan: Plan{Night: "2026-01-02", Seeds: 20}, Baselines: []*Baseline{b}, Runs: []*Runs{runs},
			State: &State{Places: map[string]*Memory{}}})
		require.NoError(t, err)
		require.Len(t, r.Lost, 1)
		require.Equal(t, 4, r.Status())
		require.Contains(t, text(t, r, false),
			"- small on 6.1: http.latency.p99 could not be compared: the metric was not measured in 20 of 20 seeds\n")
		data, err := json.Marshal(r)
		require.NoError(t, err)
		require.Contains(t, string(data), `"tonight":null`, "there is no mean of nothing")
		require.InDelta(t, 0.2, float64(r.Lost[0].Base), 0.05)
	})
}

func TestDraw(t *testing.T) {
	pool := make([]uint64, 40)
	for i := range pool {
		pool[i] = rand.Uint64()
	}
	one := Draw("2026-01-01", "a", pool, 20)
	require.Equal(t, one, Draw("2026-01-01", "a", pool, 20), "all shards draw the same")
	require.Len(t, one, 20)
	require.NotEqual(t, one, Draw("2026-01-02", "a", pool, 20))
	require.NotEqual(t, one, Draw("2026-01-01", "b", pool, 20))
	require.ElementsMatch(t, pool, Draw("2026-01-01", "a", pool, 100), "no more than there are, and none twice")
	counts := map[uint64]int{}
	for night := range 1000 {
		for _, s := range Draw(fmt.Sprint(night), "a", pool, 20) {
			counts[s]++
		}
	}
	for _, n := range counts {
		assert.InDelta(t, 500, n, 80) // 5 standard deviations
	}
}
