package effect_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/report/effect"
	"github.com/ruleout/ruleout/harness/scenario"
)

// world is a run of 10 s, sampled every second, in which web's softirq was as given.
func world(t *testing.T, faults string, softirq []float64) []effect.Comparison {
	t.Helper()
	s, err := scenario.Parse("x.yaml", []byte(`
version: 1
name: x
duration: 10s
timeline: 1s
nodes: {client: {}, web: {service: {php: {}}}}
links: [{between: [client, web]}]
flows: {pages: {from: client, to: web}}
load:
  - {from: client, to: web, http: {rate: 1/s}}
`+faults), nil)
	require.NoError(t, err)
	return effect.Of(&result.Record{Timeline: result.Timeline{Interval: 1, Series: map[string][]float64{
		"web.cpu.softirq": softirq, "machine.cpu.softirq": softirq,
	}}}, s)
}

// at returns the value in a window; NaN when there is no such window.
func at(c *effect.Comparison, series, window string) float64 {
	for _, ch := range c.Changes {
		if ch.Series != series {
			continue
		}
		for i, w := range c.Windows {
			if w.Name == window {
				return float64(ch.Values[i])
			}
		}
	}
	return math.NaN()
}

var steps = []float64{.0, .1, .2, .3, .4, .5, .6, .7, .8, .9}

func TestWindows(t *testing.T) {
	none := math.NaN()
	for _, c := range []struct {
		name, faults                   string
		before, during, between, after float64
	}{
		{"in the middle", "faults: [{name: f, link: [client, web], at: 3s, for: 4s, do: drop}]", 0.1, 0.45, none, 0.8},
		{"to the end", "faults: [{name: f, link: [client, web], at: 3s, do: drop}]", 0.1, 0.6, none, none},
		{"samples in which it goes on or off belong to neither side",
			"faults: [{name: f, link: [client, web], at: 2600ms, for: 4s, do: drop}]", 0.05, 0.45, none, 0.8},
		{"again and again", "faults: [{name: f, link: [client, web], at: 2s, for: 1s, every: 3s, times: 2, do: drop}]", 0.05, 0.35, 0.35, 0.75},
		{"shorter than a sample", "faults: [{name: f, link: [client, web], at: 5200ms, for: 10ms, do: drop}]", 0.2, 0.5, none, 0.75},
		{"samples of which half is covered belong to it",
			"faults: [{name: f, link: [client, web], at: 2500ms, for: 3500ms, do: drop}]", 0.05, 0.35, none, 0.75},
		{"most of one sample and a bit of the next", "faults: [{name: f, link: [client, web], at: 5300ms, for: 900ms, do: drop}]", 0.2, 0.5, none, 0.8},
		{"half of one sample and a bit of the next", "faults: [{name: f, link: [client, web], at: 5500ms, for: 700ms, do: drop}]", 0.2, 0.5, none, 0.8},
		{"another one acts in nine samples, of one in a half",
			"faults: [{name: f, link: [client, web], at: 4s, for: 2s, do: drop, from: web}, " +
				"{name: g, link: [client, web], from: client, at: 1500ms, do: corrupt}]", 0.2, 0.45, none, 0.75},
		{"it goes off soon in a sample", "faults: [{name: f, link: [client, web], at: 2s, for: 3300ms, do: drop}]", 0.05, 0.3, none, 0.75},
		{"another one acts in eight samples of ten", "faults: [{name: f, link: [client, web], at: 4s, for: 2s, do: drop, " +
			"from: web}, {name: g, link: [client, web], from: client, at: 2s, do: corrupt}]", 0.05, 0.45, none, none},
		{"two in one sample", "faults: [{name: f, link: [client, web], at: 5s, for: 300ms, every: 500ms, times: 2, do: drop}]", 0.2, 0.5, none, 0.75},
		{"an injection takes no time", "faults: [{name: f, link: [client, web], " +
			"at: 4s, do: {inject: {flow: pages, segments: [{to: web}]}}}]", 0.15, none, none, 0.7},
		{"another one acts before", "faults: [{name: f, link: [client, web], at: 4s, for: 2s, do: drop}, " +
			"{name: g, link: [client, web], at: 0s, for: 4s, do: corrupt}]", none, 0.45, none, 0.75},
		{"another one acts all the time", "faults: [{name: f, link: [client, web], at: 4s, for: 2s, do: drop, from: web}, " +
			"{name: g, link: [client, web], from: client, do: corrupt}]", 0.15, 0.45, none, 0.75},
		{"another one acts most of the time", "faults: [{name: f, link: [client, web], at: 4s, for: 2s, do: drop, " +
			"from: web}, {name: g, link: [client, web], from: client, at: 1s, do: corrupt}]", 0.2, 0.45, none, 0.75},
		{"a load ends before the run", "  - {from: client, to: web, http: {rate: 1/s, at: 0s, for: 9s}}\n" +
			"faults: [{name: f, link: [client, web], at: 4s, for: 2s, do: drop}]", 0.15, 0.45, none, 0.7},
		{"an injection has gone before", "faults: [{name: f, link: [client, web], at: 6s, for: 2s, do: drop}, {name: i, " +
			"link: [client, web], at: 2s, do: {inject: {flow: pages, segments: [{to: web}]}}}]", 0.05, 0.65, none, none},
	} {
		t.Run(c.name, func(t *testing.T) {
			list := world(t, c.faults, steps)
			require.NotEmpty(t, list)
			f := list[0]
			require.Equal(t, []string{"f"}, f.Names)
			for window, want := range map[string]float64{effect.Before: c.before, effect.During: c.during,
				effect.Between: c.between, effect.After: c.after} {
				got := at(&f, "web.cpu.softirq", window)
				if math.IsNaN(want) {
					require.True(t, math.IsNaN(got), "%s: %v", window, got)
					continue
				}
				require.InDelta(t, want, got, 1e-9, window)
			}
		})
	}
}

func TestNothingToCompareWith(t *testing.T) {
	require.Empty(t, world(t, "faults: [{name: f, link: [client, web], do: drop}]", steps), "all the time")
	require.Empty(t, world(t, "", steps))
	require.Empty(t, world(t, "faults: [{name: f, link: [client, web], at: 3s, do: watch}]", steps), "it does nothing")
	require.Empty(t, world(t, "faults: [{name: f, link: [client, web], at: 3s, do: drop}]", nil), "no timeline")
}

func TestALoadIsComparedWithTheUsualOne(t *testing.T) {
	require.Empty(t, world(t, "", steps))
	list := world(t, "  - {from: client, to: web, http: {rate: 9/s, at: 3s, for: 2s}}", steps)
	require.Len(t, list, 1)
	require.Equal(t, effect.Load, list[0].Kind)
	require.InDelta(t, 0.35, at(&list[0], "web.cpu.softirq", effect.During), 1e-9)

	s, err := scenario.Parse("x.yaml", []byte(`{version: 1, name: x, duration: 10s, nodes: {client: {}, web: {service: {php: {}}}}, links: [{between: [client, web]}],
load: [{from: client, to: web, http: {rate: 9/s, at: 3s, for: 2s}}]}`), nil)
	require.NoError(t, err)
	require.Empty(t,
		effect.Of(&result.Record{Timeline: result.Timeline{Interval: 1,
			Series: map[string][]float64{"web.cpu.softirq": steps}}}, s), "there is no other")
}

func TestFaultsOfTheSameTimesAreOne(t *testing.T) {
	list := world(t, "faults: [{name: f, link: [client, web], at: 3s, for: 1s, do: corrupt}, "+
		"{name: g, link: [client, web], at: 3s, for: 1s, do: drop}]", steps)
	require.Len(t, list, 1)
	require.Equal(t, []string{"f", "g"}, list[0].Names)
}

func TestOthersThatActAtTheSameTimeAreNamed(t *testing.T) {
	list := world(t, "faults: [{name: long, link: [client, web], at: 2s, for: 6s, do: corrupt}, "+
		"{name: short, link: [client, web], at: 4s, for: 2s, do: drop}]", steps)
	require.Len(t, list, 2)
	require.Empty(t, list[0].Also, "short acts in a third of it")
	require.Equal(t, []string{"long"}, list[1].Also)

	// Half of the time is enough, a third is not.
	list = world(t, "faults: [{name: one, link: [client, web], at: 3s, for: 4s, do: corrupt}, "+
		"{name: two, link: [client, web], at: 5s, for: 4s, do: drop}]", steps)
	require.Equal(t, []string{"two"}, list[0].Also)
	require.Equal(t, []string{"one"}, list[1].Also)
	list = world(t, "faults: [{name: one, link: [client, web], at: 3s, for: 3s, do: corrupt}, "+
		"{name: two, link: [client, web], at: 5s, for: 3s, do: drop}]", steps)
	require.Empty(t, list[0].Also)
	require.Empty(t, list[1].Also)
	// One sample is enough for one that is shorter; and an injection takes no time that others could share.
	list = world(t, "faults: [{name: short, link: [client, web], at: 5200ms, for: 10ms, do: drop}, "+
		"{name: long, link: [client, web], at: 4s, for: 3s, do: corrupt}]", steps)
	require.Equal(t, []string{"long"}, list[0].Also)
	list = world(t, "faults: [{name: i, link: [client, web], at: 4s, do: {inject: {flow: pages, "+
		"segments: [{to: web}]}}}, {name: g, link: [client, web], at: 6s, for: 2s, do: drop}]", steps)
	require.Equal(t, []string{"i"}, list[0].Names)
	require.Empty(t, list[0].Also)
	// What acts most of the time is no news.
	list = world(t, "faults: [{name: f, link: [client, web], at: 4s, for: 2s, do: drop, from: web}, "+
		"{name: g, link: [client, web], from: client, do: corrupt}]", steps)
	require.Empty(t, list[0].Also)
}

func TestAnInjectionIsComparedWithWhatCameBefore(t *testing.T) {
	list := world(t,
		"faults: [{name: f, link: [client, web], at: 4s, do: {inject: {flow: pages, segments: [{to: web}]}}}]", steps)
	require.Len(t, list, 1)
	require.Equal(t, effect.Injection, list[0].Kind)
	c := list[0].Changes[0]
	require.Len(t, c.Values, 2)
	require.InDelta(t, 4.67, c.Factor, 1e-9) // 0.7 against 0.15
	require.True(t, c.Notable())
}

// Windows say how long they are, without the dust of adding up tenths.
func TestSecondsOfAWindow(t *testing.T) {
	s, err := scenario.Parse("x.yaml", []byte(`{version: 1, name: x, duration: 2s, timeline: 100ms, nodes: {client: {}, web: {service: {php: {}}}}, links: [{between: [client, web]}],
load: [{from: client, to: web, http: {rate: 1/s}}], faults: [{name: f, link: [client, web], at: 800ms, for: 500ms, do: drop}]}`), nil)
	require.NoError(t, err)
	values := make([]float64, 20)
	r := &result.Record{Timeline: result.Timeline{Interval: 0.1,
		Series: map[string][]float64{"web.runqueue": values, "web.cpu.total": values, "web.cpu.softirq": values}}}
	list := effect.Of(r, s)
	require.Len(t, list, 1)
	var got []any
	for _, w := range list[0].Windows {
		got = append(got, w.Name, w.Seconds)
	}
	require.Equal(t, []any{effect.Before, 0.8, effect.During, 0.5, effect.After, 0.7}, got)
	require.Equal(t, []string{"web: CPU in all", "web: CPU in softirq", "web: run queue"},
		[]string{list[0].Changes[0].Label, list[0].Changes[1].Label, list[0].Changes[2].Label}, "equal ones by name")

	r.Timeline.Interval = 0
	require.Empty(t, effect.Of(r, s), "a timeline without an interval says nothing")
}

func TestTheLargestChangeComesFirst(t *testing.T) {
	s, err := scenario.Parse("x.yaml", []byte(`
version: 1
name: x
duration: 4s
nodes: {client: {}, web: {service: {php: {}}}}
links: [{between: [client, web]}]
load: [{from: client, to: web, http: {rate: 1/s}}]
faults: [{name: f, link: [client, web], at: 2s, do: drop}]
`), nil)
	require.NoError(t, err)
	list := effect.Of(&result.Record{Timeline: result.Timeline{Interval: 1, Series: map[string][]float64{
		"web.cpu.softirq": {0.02, 0.02, 0.97, 0.97}, "web.cpu.total": {0.2, 0.2, 0.99, 0.99}, "web.tcp.retrans": {0, 0, 0, 0},
		"http.completed": {10, 0, 5, 0}, "http.latency.max": {0.1, 0, 0.2, 0}, "http.latency.p99": {0.1, 0, 0.2, 0},
	}}}, s)
	require.Len(t, list, 1)
	changes := list[0].Changes
	require.Equal(t, "web.cpu.softirq", changes[0].Series, "%+v", changes)
	require.True(t, changes[0].Notable())
	require.InDelta(t, 48.5, changes[0].Factor, 1e-9)
	require.Equal(t, "2.0 %", changes[0].String(0))
	require.Equal(t, "97.0 %", changes[0].String(1))
	last := changes[len(changes)-1]
	require.Equal(t, "web.tcp.retrans", last.Series)
	require.False(t, last.Notable())
	require.InDelta(t, 0.1, at(&list[0], "http.latency.p99", effect.Before), 1e-9,
		"an interval without an answer has no latency")
	require.InDelta(t, 5, at(&list[0], "http.completed", effect.Before), 1e-9)
}

func TestAValueThatIsNotThereIsNull(t *testing.T) {
	b, err := json.Marshal([]effect.Value{1.5, effect.Value(math.NaN())})
	require.NoError(t, err)
	require.JSONEq(t, `[1.5, null]`, string(b))
}

func TestOneSampleIsNotMuch(t *testing.T) {
	f := func(softirq ...float64) bool {
		list := world(t, "faults: [{name: f, link: [client, web], at: 5s, for: 1s, do: drop}]",
			append([]float64{0.02, 0.02, 0.02, 0.02, 0.02}, softirq...))
		require.Len(t, list, 1)
		return list[0].Changes[0].Notable()
	}
	require.False(t, f(0.06, 0.02, 0.02, 0.02, 0.02), "one sample at 6 % among those at 2 % is noise")
	require.True(t, f(0.97, 0.02, 0.02, 0.02, 0.02))
}
