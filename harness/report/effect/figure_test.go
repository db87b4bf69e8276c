package effect_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/report/effect"
	"github.com/ruleout/ruleout/harness/scenario"
)

// halves is a run of 50 s in 100 samples, and a fault in its second half, so that both windows have 50
// samples and 25 s.
func halves(t *testing.T, series map[string][]float64) map[string]*effect.Change {
	t.Helper()
	s, err := scenario.Parse("x.yaml", []byte(`
version: 1
name: x
duration: 50s
timeline: 500ms
nodes: {client: {}, web: {service: {php: {}}}}
links: [{between: [client, web]}]
load: [{from: client, to: web, http: {rate: 1/s}}]
faults: [{name: f, link: [client, web], at: 25s, do: drop}]
`), nil)
	require.NoError(t, err)
	list := effect.Of(&result.Record{Timeline: result.Timeline{Interval: 0.5, Series: series}}, s)
	require.Len(t, list, 1)
	require.InDelta(t, 25, list[0].Windows[0].Seconds, 1e-9)
	changes := map[string]*effect.Change{}
	for i, c := range list[0].Changes {
		changes[c.Series] = &list[0].Changes[i]
	}
	return changes
}

// fill is 100 samples: one value before the fault and another while it acts.
func fill(before, during float64) []float64 {
	list := make([]float64, 100)
	for i := range list {
		list[i] = before
		if i >= 50 {
			list[i] = during
		}
	}
	return list
}

// What is notable is half as much again as the noise: for one that was nothing before, half of what counts as noise. Of
// that there are 3 % more than the floor for 50 samples, 3/50, or three events in 25 s where the floor is less.
func TestWhatIsNotable(t *testing.T) {
	for _, c := range []struct {
		series string
		from   float64 // in the unit of the figure
		per    float64 // samples in the unit: events are counted in half seconds
		share  bool
		text   string // of the value 1
	}{
		{"http.completed", 0.5, 0.5, false, "1.00/s"},
		{"http.errors", 0.06, 0.5, false, "1.00/s"},
		{"http.retried", 0.06, 0.5, false, "1.00/s"},
		{"http.latency.p99", 0.00265, 1, false, "1.00 s"},
		{"http.latency.max", 0.00265, 1, false, "1.00 s"},
		{"http.in_flight", 0.53, 1, false, "1"},
		{"web.cpu.softirq", 0.0106, 1, true, "100 %"},
		{"web.cpu.total", 0.0106, 1, true, "100 %"},
		{"web.runqueue", 0.053, 1, false, "1"},
		{"web.pressure.cpu", 0.0106, 1, true, "100 %"},
		{"web.packets", 10, 0.5, false, "1.00/s"},
		{"web.tcp.retrans", 0.5, 0.5, false, "1.00/s"},
		{"web.sql.reconnects", 0.06, 0.5, false, "1.00/s"},
		{"web.accept_queue", 1.59, 1, false, "1"},
		{"web.sockets.established", 1.06, 1, false, "1"},
	} {
		t.Run(c.series, func(t *testing.T) {
			with := func(before, during float64) *effect.Change {
				series := map[string][]float64{"http.completed": fill(10, 10)}
				series[c.series] = fill(before*c.per, during*c.per)
				if c.series == "http.latency.p99" || c.series == "http.latency.max" {
					series["http.completed"] = fill(10, 10)
				}
				return halves(t, series)[c.series]
			}
			require.False(t, with(0, 0.99*c.from).Notable())
			require.True(t, with(0, 1.01*c.from).Notable())
			require.True(t, with(1.01*c.from, 0).Notable(), "less is a change, too")
			require.Zero(t, with(0, 1).Factor, "of nothing there is no multiple")
			ch := with(1, 1)
			require.Equal(t, c.share, ch.Share)
			require.Equal(t, []effect.Value{1, 1}, ch.Values)
			require.Equal(t, c.text, ch.String(0))
			require.InDelta(t, 1, ch.Factor, 1e-9)
			require.NotEmpty(t, ch.Label)
			require.NotContains(t, ch.Label, "NODE")
			require.NotEmpty(t, ch.About)
		})
	}
}

// Only latencies are left out of intervals in which nothing was answered.
func TestIntervalsWithoutAnAnswer(t *testing.T) {
	for series, leaves := range map[string]bool{
		"http.errors": false, "http.latency.p99": true, "http.latency.max": true, "http.in_flight": false,
		"web.cpu.softirq": false, "web.cpu.total": false, "web.runqueue": false,
		"http.retried": false, "web.sql.reconnects": false,
		"web.pressure.cpu": false, "web.packets": false, "web.tcp.retrans": false, "web.accept_queue": false,
		"web.sockets.established": false,
	} {
		t.Run(series, func(t *testing.T) {
			values, answered := fill(1, 1), fill(10, 10)
			for i := range answered {
				if i%5 != 0 { // so that the median would be another one
					values[i], answered[i] = 1000, 0
				}
			}
			v := float64(halves(t, map[string][]float64{series: values, "http.completed": answered})[series].Values[0])
			require.Equal(t, leaves, v < 10, v)
		})
	}
	// Series that end early, and a run without a load.
	short := halves(t, map[string][]float64{"http.completed": fill(10, 10)[:60], "http.latency.p99": fill(0.1, 0.3),
		"web.runqueue": fill(1, 3)[:70]})
	require.InDelta(t, 0.3, float64(short["http.latency.p99"].Values[1]), 1e-9)
	require.InDelta(t, 3, float64(short["web.runqueue"].Values[1]), 1e-9)
	none := halves(t, map[string][]float64{"http.latency.p99": fill(0.1, 0.3)})["http.latency.p99"]
	require.True(t, math.IsNaN(float64(none.Values[0])))
	require.Equal(t, "–", none.String(0))
	require.False(t, none.Notable())
	require.Zero(t, none.Factor)
	// Answers before it, and none while it acts: nothing can be said of how much longer they took.
	gone := halves(t, map[string][]float64{"http.completed": fill(10, 0),
		"http.latency.p99": fill(0.1, 0.3)})["http.latency.p99"]
	require.Equal(t, []string{"100 ms", "–"}, []string{gone.String(0), gone.String(1)})
	require.False(t, gone.Notable())
	require.Zero(t, gone.Factor)
}

// Means, the worst and the median of known numbers: 1 to 50 before, 2 to 100 in steps of 2 while it acts.
func TestValues(t *testing.T) {
	list := make([]float64, 100)
	for i := range 50 {
		list[(i*7)%50] = float64(i + 1) // in another order
		list[50+(i*7)%50] = 2 * float64(i+1)
	}
	all := map[string][]float64{"http.completed": list, "http.latency.p99": list, "http.latency.max": list,
		"web.accept_queue": list, "web.runqueue": list}
	for series, want := range map[string][2]effect.Value{
		"http.completed": {51, 102}, "http.latency.p99": {25.5, 51}, "http.latency.max": {50, 100},
		"web.accept_queue": {50, 100}, "web.runqueue": {25.5, 51},
	} {
		c := halves(t, all)[series]
		require.InDelta(t, float64(want[0]), float64(c.Values[0]), 1e-9, series)
		require.InDelta(t, float64(want[1]), float64(c.Values[1]), 1e-9, series)
		require.InDelta(t, 2, c.Factor, 1e-9, series)
	}
	third := fill(3, 1)
	require.InDelta(t, 0.33, halves(t, map[string][]float64{"web.runqueue": third})["web.runqueue"].Factor,
		1e-9, "to two digits")
}

func TestStringOfAValue(t *testing.T) {
	for _, c := range []struct {
		change effect.Change
		want   string
	}{
		{effect.Change{Unit: "1/s", Values: []effect.Value{0}}, "0/s"},
		{effect.Change{Unit: "1/s", Values: []effect.Value{2.5}}, "2.50/s"},
		{effect.Change{Unit: "1", Values: []effect.Value{1234}}, "1,234"},
		{effect.Change{Unit: "1", Values: []effect.Value{2.25}}, "2.25"},
		{effect.Change{Unit: "1", Share: true, Values: []effect.Value{0.5}}, "50.0 %"},
		{effect.Change{Unit: "s", Values: []effect.Value{0.25}}, "250 ms"},
	} {
		require.Equal(t, c.want, c.change.String(0))
	}
}

// How few samples there are in a window, and how short it is, makes more of a change noise.
func TestShortWindowsAreNoisier(t *testing.T) {
	for _, c := range []struct {
		at       int // s, of 10, in samples of a second
		softirq  float64
		answered float64
	}{
		// 1 and 9 samples: 0.02 × (1 + 3/1), and 3 events in 1 s; half of that is notable.
		{1, 0.04, 1.5},
		{9, 0.04, 1.5},
		// 2 and 8: 0.02 × (1 + 3/2), and 3 in 2 s.
		{2, 0.025, 0.75},
		{8, 0.025, 0.75},
		// 5 and 5: 0.02 × (1 + 3/5), and the floor of one a second.
		{5, 0.016, 0.5},
	} {
		for _, more := range []float64{0.98, 1.02} {
			s, err := scenario.Parse("x.yaml",
				fmt.Appendf(nil, `{version: 1, name: x, duration: 10s, timeline: 1s, nodes: {client: {}, web: {service: {php: {}}}},
links: [{between: [client, web]}], load: [{from: client, to: web, http: {rate: 1/s}}], faults: [{name: f, link: [client, web], at: %ds, do: drop}]}`, c.at), nil)
			require.NoError(t, err)
			softirq, answered := make([]float64, 10), make([]float64, 10)
			for i := c.at; i < 10; i++ {
				softirq[i], answered[i] = more*c.softirq, more*c.answered
			}
			list := effect.Of(&result.Record{Timeline: result.Timeline{Interval: 1,
				Series: map[string][]float64{"web.cpu.softirq": softirq, "http.completed": answered}}}, s)
			require.Len(t, list, 1)
			for _, ch := range list[0].Changes {
				require.Equal(t, more > 1, ch.Notable(), "%s at %d, times %v", ch.Series, c.at, more)
			}
		}
	}
}

// spread is a run of 10 s in samples of half a second, with those of a series 1 to 20, and answers in all of them.
func spread(t *testing.T, faults string, series ...string) []effect.Comparison {
	t.Helper()
	s, err := scenario.Parse("x.yaml",
		[]byte("{version: 1, name: x, duration: 10s, timeline: 500ms, nodes: {client: {}, web: {service: {php: {}}}},\n"+
			"links: [{between: [client, web]}], load: [{from: client, to: web, http: {rate: 1/s}}], faults: "+faults+"}"), nil)
	require.NoError(t, err)
	r := &result.Record{Timeline: result.Timeline{Interval: 0.5,
		Series: map[string][]float64{"http.completed": make([]float64, 20)}}}
	for i := range 20 {
		r.Timeline.Series["http.completed"][i] = 1
		for _, name := range series {
			r.Timeline.Series[name] = append(r.Timeline.Series[name], float64(i+1))
		}
	}
	return effect.Of(r, s)
}

// Windows of one sample, and of an odd number, have a median and a worst value, too.
func TestWindowsOfOneSample(t *testing.T) {
	values := func(faults, series string) []effect.Value {
		for _, c := range spread(t, faults, series)[0].Changes {
			if c.Series == series {
				return c.Values
			}
		}
		return nil
	}
	for _, series := range []string{"http.latency.p99", "http.latency.max", "web.accept_queue", "web.runqueue"} {
		last := values("[{name: f, link: [client, web], at: 9500ms, do: drop}]", series)
		require.InDelta(t, 20, float64(last[1]), 1e-9, series)
		first := values("[{name: f, link: [client, web], at: 500ms, do: drop}]", series)
		require.InDelta(t, 1, float64(first[0]), 1e-9, series)
	}
	odd := values("[{name: f, link: [client, web], at: 2500ms, for: 1500ms, do: drop}]", "http.latency.p99")
	require.Equal(t, []effect.Value{3, 7, 14.5}, odd)
}

// Nine samples of ten, and not a bit less.
func TestWhatActsMostOfTheTime(t *testing.T) {
	for at, before := range map[string]float64{"1s": 3, "1500ms": 1.5} { // 18 samples of 20, and 17
		list := spread(t, "[{name: f, link: [client, web], at: 4s, for: 2s, do: drop, from: web}, "+
			"{name: g, link: [client, web], from: client, at: "+at+", do: corrupt}]", "web.runqueue")
		require.Equal(t, []string{"f"}, list[0].Names)
		require.Equal(t, effect.Before, list[0].Windows[0].Name)
		require.InDelta(t, before, list[0].Windows[0].Seconds, 1e-9, at)
	}
}
