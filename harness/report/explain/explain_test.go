package explain_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/report/effect"
	"github.com/ruleout/ruleout/harness/report/explain"
	"github.com/ruleout/ruleout/harness/scenario"
)

const network = `
version: 1
name: world
duration: 6s
nodes: {client: {}, web: {service: {php: {}}}}
links: [{between: [client, web]}]
load:
  - {from: client, to: web, http: {rate: 20/s}}
`

const acks = "faults: [{name: acks, link: [client, web], from: client, select: {packets: pure-ack}, " +
	"do: {duplicate: 3}, at: 3s, for: 2s}]"

func parse(t *testing.T, text string) *scenario.Scenario {
	t.Helper()
	s, err := scenario.Parse("world.yaml", []byte(text), nil)
	require.NoError(t, err)
	return s
}

// samples of the timeline, which has ten a second.
const samples = 60

// calm is a run in which nothing happens but what the seed says.
func calm(seed uint64) *result.Record {
	random := rand.New(rand.NewPCG(seed, 1))
	r := &result.Record{
		Seed: seed, Valid: true, Scenario: result.Scenario{Name: "world"},
		Timeline: result.Timeline{Interval: 0.1, Series: map[string][]float64{}},
		Metrics: map[string]result.Metric{
			"http.latency.max": {Value: 0.1 + 0.01*random.Float64(), Unit: "s"},
			"web.cpu.user":     {Value: 0.1 + 0.01*random.Float64(), Unit: "1"},
		},
		Counters: map[string]map[string]int64{"web": {
			"Tcp.InSegs": 1000 + random.Int64N(100), "TcpExt.TCPRenoRecovery": 0, "TcpExt.DelayedACKs": random.Int64N(10),
			"Tcp.RtoMin": 200,
		}},
	}
	draw := func(name string, one func() float64) {
		for range samples {
			r.Timeline.Series[name] = append(r.Timeline.Series[name], one())
		}
	}
	draw("http.completed", func() float64 { return float64(random.IntN(5)) })
	draw("http.latency.max", func() float64 { return 0.1 + 0.02*random.Float64() })
	draw("web.cpu.softirq", func() float64 { return 0.1 * random.Float64() })
	draw("http.errors", func() float64 { return 0 })
	draw("web.tcp.retrans", func() float64 { return 0 })
	draw("web.runqueue", func() float64 { return 0 })
	// Once in each run many tasks wait, at another time in each.
	r.Timeline.Series["web.runqueue"][10+5*(seed%8)] = 8
	return r
}

// calms are the twin of seed 1 and further runs.
func calms() (list []explain.Run) {
	for seed := range uint64(6) {
		list = append(list, explain.NewRun(calm(seed+1), ""))
	}
	return list
}

// series are the events about series, in their order.
func series(e *explain.Explanation) (list []explain.Event) {
	for _, x := range e.Events {
		if x.Kind == explain.Series {
			list = append(list, x)
		}
	}
	return list
}

func names(e *explain.Explanation) (list []string) {
	for _, x := range series(e) {
		list = append(list, x.Series)
	}
	return list
}

func TestARunWithoutAnythingUnusualHasNothingToTell(t *testing.T) {
	e := explain.New(calm(1), parse(t, network+acks), calms(), "")
	require.Empty(t, series(e))
	require.Empty(t, e.Totals)
	require.Equal(t, 0, e.Chance.Here)
	require.Equal(t, 6+2+3, e.Chance.Figures, "settings among the counters do not count")
}

func TestWhatWasPlantedIsFoundInOrderOfTime(t *testing.T) {
	r := calm(1)
	at := r.Timeline.Series
	at["web.tcp.retrans"][31], at["web.tcp.retrans"][40] = 2, 7
	at["http.latency.max"][34] = 0.35
	at["http.errors"][47] = 1
	at["http.completed"][34] = 1
	for i := 36; i < 50; i++ { // no sample of it is unusual: some have no answer in a calm run, too
		at["http.completed"][i] = 0
	}
	at["web.runqueue"][33] = 8.5 // calm runs have such a peak, elsewhere
	r.Counters["web"]["TcpExt.TCPRenoRecovery"] = 3
	r.Counters["web"]["Tcp.InSegs"] = 1170
	r.Metrics["http.latency.max"] = result.Metric{Value: 0.35, Unit: "s"}
	r.Faults = []result.Receipt{{Name: "acks", Matched: 40, Chosen: 30, Delivered: 90, Times: []float64{3.05, 3.2}}}

	e := explain.New(r, parse(t, network+acks), calms(), "")
	var story []string
	for _, x := range e.Events {
		what := x.Text
		if x.Kind == explain.Series {
			what = x.Series
		}
		story = append(story, what)
	}
	require.Equal(t, []string{
		"fault acks begins", "fault acks: first packet", "web.tcp.retrans", "http.latency.max",
		"http.errors", "http.completed", "fault acks ends",
	}, story)

	retrans := series(e)[0]
	require.Equal(t, []float64{3.1, 3.2}, []float64{retrans.From, retrans.To})
	require.Equal(t, "segments sent again in 100 ms", retrans.Text)
	require.Equal(t, []effect.Value{2, 0, 0, 0, 7},
		[]effect.Value{retrans.Value, retrans.Twin, retrans.Low, retrans.High, retrans.Extreme})
	require.Equal(t, []int{2, samples}, []int{retrans.Out, retrans.Of})
	require.Equal(t, []float64{4, 4.1}, []float64{retrans.ExtremeAt, retrans.Until})

	require.Len(t, e.Totals, 3)
	for _, total := range e.Totals {
		switch total.Name {
		case "TcpExt.TCPRenoRecovery":
			require.Equal(t, []float64{3, 0, 0, 0}, []float64{total.Value, total.Twin, total.Low, total.High})
			require.Contains(t, total.About, "three duplicate ACKs")
			require.Contains(t, total.From, "net/ipv4/tcp_input.c")
			require.False(t, total.Everyday)
		case "Tcp.InSegs":
			require.True(t, total.Everyday)
		default:
			require.Equal(t, "http.latency.max", total.Name)
		}
	}
	before := func(name string) int {
		return slices.IndexFunc(e.Totals, func(t explain.Total) bool { return t.Name == name })
	}
	require.Less(t, before("TcpExt.TCPRenoRecovery"), before("Tcp.InSegs"), "what never happens otherwise comes first")
	require.Equal(t, 4+3, e.Chance.Here)
	require.LessOrEqual(t, e.Chance.Most, 1)
	require.Zero(t, e.Chance.Least)
}

func TestADeviationBeginsWithTheSampleInWhichItDoes(t *testing.T) {
	for _, first := range []int{0, 1, 29, 30, 31, 59} {
		r := calm(1)
		for i := first; i < samples; i++ {
			r.Timeline.Series["web.cpu.softirq"][i] = 0.9
		}
		e := explain.New(r, parse(t, network+acks), calms(), "")
		require.Len(t, series(e), 1)
		x := series(e)[0]
		require.InDelta(t, float64(first)/10, x.From, 1e-9)
		require.InDelta(t, float64(first+1)/10, x.To, 1e-9)
		require.Equal(t, samples-first, x.Out)
		require.InDelta(t, 6, x.Until, 1e-9)
	}
}

func TestWhatIsALittleHigherAllTheTimeShowsInBlocks(t *testing.T) {
	r := calm(1)
	for i := 34; i < samples; i++ {
		r.Timeline.Series["web.cpu.softirq"][i] = 0.098 // within the range of each sample
	}
	e := explain.New(r, parse(t, network+acks), calms(), "")
	require.Equal(t, []string{"web.cpu.softirq"}, names(e))
	x := series(e)[0]
	require.Equal(t, "CPU in softirq, mean of 1 s", x.Text)
	require.Contains(t, []float64{3, 4}, x.From, "blocks begin with the fault")
	require.InDelta(t, 1, x.To-x.From, 1e-9)
}

func TestBlocksBeginWithTheFaultAndAddUpEvents(t *testing.T) {
	r := calm(1)
	for i := 35; i < 55; i++ {
		r.Timeline.Series["http.completed"][i] = 0
	}
	e := explain.New(r, parse(t, network+strings.Replace(acks, "at: 3s", "at: 3500ms", 1)), calms(), "")
	x := series(e)[0]
	require.Equal(t, []string{"http.completed"}, names(e))
	require.Equal(t, []float64{3.5, 4.5}, []float64{x.From, x.To})
	twin := 0.
	for _, v := range calm(1).Timeline.Series["http.completed"][35:45] {
		twin += v
	}
	require.Equal(t, []effect.Value{0, effect.Value(twin)}, []effect.Value{x.Value, x.Twin})
}

func TestWhatIsHardlyOutIsNotTold(t *testing.T) {
	r := calm(1)
	r.Timeline.Series["web.cpu.softirq"][33] = 0.125 // calm runs go up to 0.1
	require.Empty(t, series(explain.New(r, parse(t, network+acks), calms(), "")))
}

func TestRangesDoNotReachFar(t *testing.T) {
	r, runs := calm(1), calms()
	r.Timeline.Series["web.tcp.retrans"][33] = 5
	other := calm(4)
	other.Timeline.Series["web.tcp.retrans"][45] = 1
	runs[3] = explain.NewRun(other, "")
	x := series(explain.New(r, parse(t, network+acks), runs, ""))[0]
	require.Equal(t, []effect.Value{0, 0}, []effect.Value{x.Low, x.High})
}

func TestOrderAtOneTime(t *testing.T) {
	r := calm(1)
	r.Timeline.Series["web.tcp.retrans"][29] = 2 // over when the fault begins
	r.Timeline.Series["http.errors"][33], r.Timeline.Series["web.cpu.softirq"][33] = 1, 0.9
	e := explain.New(r, parse(t, network+acks), calms(), "")
	require.Equal(t, "web.tcp.retrans", e.Events[0].Series)
	require.Equal(t, "fault acks begins", e.Events[1].Text)
	require.Equal(t, []string{"web.tcp.retrans", "web.cpu.softirq", "http.errors"}, names(e),
		"what is farther out is first")
	require.Contains(t, text(t, e, explain.Options{}), "First out of the calm range, between 3.3 and 3.4 s: web: CPU in "+
		"softirq; clients: errors in 100 ms.")
}

func TestATotalHasTheTwinAndTheRange(t *testing.T) {
	r := calm(1)
	r.Counters["web"]["TcpExt.DelayedACKs"] = 100
	e := explain.New(r, parse(t, network+acks), calms(), "")
	low, high := math.Inf(1), math.Inf(-1)
	for seed := range uint64(6) {
		n := float64(calm(seed + 1).Counters["web"]["TcpExt.DelayedACKs"])
		low, high = min(low, n), max(high, n)
	}
	require.Len(t, e.Totals, 1)
	x := e.Totals[0]
	twin := float64(calm(1).Counters["web"]["TcpExt.DelayedACKs"])
	require.Equal(t, []float64{100, twin, low, high}, []float64{x.Value, x.Twin, x.Low, x.High})
	require.False(t, x.Everyday, "it moved more than threefold")
}

func TestSamplesWithoutAnswersHaveNoLatency(t *testing.T) {
	r := calm(1)
	for i := 30; i < 35; i++ {
		r.Timeline.Series["http.completed"][i], r.Timeline.Series["http.latency.max"][i] = 0, 0
	}
	e := explain.New(r, parse(t, network+acks), calms(), "")
	require.NotContains(t, names(e), "http.latency.max")
}

func TestWithoutATwinTheTimeBeforeStandsIn(t *testing.T) {
	r := calm(1)
	r.Timeline.Series["web.runqueue"] = make([]float64, samples)
	r.Timeline.Series["web.tcp.retrans"][33] = 2
	r.Counters["web"]["TcpExt.TCPRenoRecovery"] = 3
	e := explain.New(r, parse(t, network+acks), nil, "the kernel is gone")
	require.Equal(t, explain.WithBefore, e.Compared.With)
	require.InDelta(t, 3, e.Compared.Until, 1e-9)
	require.Contains(t, names(e), "web.tcp.retrans")
	require.Empty(t, e.Totals, "they have no time")
	require.Nil(t, e.Chance)
	page := text(t, e, explain.Options{})
	require.Contains(t, page, "cannot be made: the kernel is gone.")
	require.Contains(t, page, "weaker")

	e = explain.New(r, parse(t, network+strings.Replace(acks, "at: 3s", "at: 300ms", 1)), nil, "the kernel is gone")
	require.Equal(t, explain.WithNothing, e.Compared.With)
	require.Empty(t, series(e))
	require.Contains(t, text(t, e, explain.Options{}), "nothing to compare it with")
}

func TestProgramsThatEndedOtherwise(t *testing.T) {
	one, two, soon := 1., 4.2, 4.25
	program := func(name string, ended *float64, exit int, lines ...result.Line) result.Program {
		return result.Program{Node: "web", Name: name, Started: &one, Ended: ended, Exit: exit, Output: lines}
	}
	r, runs := calm(1), calms()
	r.Programs = []result.Program{
		program("server", &two, 3, result.Line{At: 1, Text: "old"}, result.Line{At: 4, Text: "a"},
			result.Line{At: 4.1, Text: "b"}, result.Line{At: 4.2, Text: "no more memory"}),
		program("same", &two, 0), program("calm", nil, 0), program("later", &two, 0),
	}
	twin := calm(1)
	twin.Programs = []result.Program{
		program("server", nil, 0), program("same", &soon, 0), program("calm", nil, 0), program("later", &one, 0),
	}
	runs[0] = explain.NewRun(twin, "")
	e := explain.New(r, parse(t, network+acks), runs, "")
	var list []explain.Event
	for _, x := range e.Events {
		if x.Kind == explain.Program {
			list = append(list, x)
		}
	}
	require.Len(t, list, 2)
	require.Equal(t, "server ended with status 3 (calm: ran to the end)", list[0].Text)
	require.InDelta(t, 4.2, list[0].From, 1e-9)
	require.Len(t, list[0].Output, 3)
	require.Equal(t, "later ended with status 0 (calm: at 1 s)", list[1].Text)
	require.Contains(t, text(t, e, explain.Options{}), "4.2 no more memory")
}

func TestRangesAreThoseOfTheSamplesAround(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		reach := random.IntN(8)
		runs := make([][]float64, 1+random.IntN(4))
		for i := range runs {
			runs[i] = make([]float64, 1+random.IntN(30))
			for j := range runs[i] {
				runs[i][j] = float64(random.IntN(20))
				if random.IntN(3) == 0 {
					runs[i][j] = math.NaN()
				}
			}
		}
		low, high := explain.Range(runs, reach)
		for i := range low {
			wantLow, wantHigh := math.Inf(1), math.Inf(-1)
			for _, r := range runs {
				for j := max(i-reach, 0); j <= min(i+reach, len(r)-1); j++ {
					if !math.IsNaN(r[j]) {
						wantLow, wantHigh = min(wantLow, r[j]), max(wantHigh, r[j])
					}
				}
			}
			if math.IsInf(wantLow, 1) {
				require.True(t, math.IsNaN(low[i]) && math.IsNaN(high[i]))
				continue
			}
			require.Equal(t, []float64{wantLow, wantHigh}, []float64{low[i], high[i]})
		}
	}
}

// Loads of each kind have their times, and are named by all that they send.
func TestLoadsWithTimes(t *testing.T) {
	s := parse(t, strings.Replace(network, "{service: {php: {}}}", "{service: {php: {}, udp: {}, bulk: {}}}", 1)+
		"  - {from: client, to: web, http: {rate: 30/s, batch: 10, at: 1s, for: 1s}}\n"+
		"  - {from: client, to: web, http: {times: [2s], batch: 10, at: 2s, for: 1s}}\n"+
		"  - {from: client, to: web, udp: {rate: 50/s, at: 3s}}\n"+
		"  - {from: client, to: web, bulk: {at: 4s, for: 1s}}\n")
	var story []string
	for _, x := range explain.New(calm(1), s, calms(), "").Events {
		if x.Kind == explain.Mark {
			story = append(story, x.Text)
		}
	}
	require.Equal(t, []string{
		"the load client → web, 300/s, begins", "the load client → web, 300/s, ends",
		"the load client → web, 10 pages, begins", "the load client → web, 10 pages, ends",
		"the load client → web, 50/s, begins",
		"client sends web as much as it can over 1 connection, begins",
		"client sends web as much as it can over 1 connection, ends",
	}, story)
}

func TestCalmIsWithoutWhatActs(t *testing.T) {
	s := parse(t, network+acks+"\nexpect: [fault.acks.chosen > 0]")
	c, without := explain.Calm(s)
	require.Equal(t, []string{"acks"}, without)
	require.Equal(t, parse(t, network).Hash(), c.Hash(), "nothing else is changed")
	require.Len(t, s.Faults, 1, "the scenario itself stays")

	peak := "  - {from: client, to: web, http: {rate: 300/s, at: 3s, for: 1s}}\n"
	c, without = explain.Calm(parse(t, network+peak))
	require.Equal(t, []string{"the load client → web, 300/s"}, without)
	require.Equal(t, parse(t, network).Hash(), c.Hash())

	c, without = explain.Calm(parse(t, network+peak+acks))
	require.Equal(t, []string{"acks"}, without, "of a scenario with faults, loads stay")
	require.Equal(t, parse(t, network+peak).Hash(), c.Hash())

	c, without = explain.Calm(parse(t, network))
	require.Empty(t, without)
	require.Equal(t, parse(t, network).Hash(), c.Hash())
}
