package plan_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/golden"
	"github.com/ruleout/ruleout/harness/run/plan"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/arrival"
	"github.com/ruleout/ruleout/harness/scenario/describe"
	"github.com/ruleout/ruleout/harness/scenario/expect"
)

func read(t *testing.T) *scenario.Scenario {
	t.Helper()
	s, err := expect.Load("testdata/everything.yaml", nil)
	require.NoError(t, err)
	return s
}

func parse(t *testing.T, faults string) *scenario.Scenario {
	t.Helper()
	s, err := scenario.Parse("x.yaml", []byte(`
version: 1
name: x
warmup: 1s
duration: 10s
nodes: {a: {}, b: {}}
links: [{between: [a, b]}]
faults:
`+faults), nil)
	require.NoError(t, err)
	return s
}

func TestPicture(t *testing.T) {
	p := plan.New(read(t), 1)
	for name, c := range map[string]plan.Canvas{"unicode.golden": {Width: 80}, "ascii.golden": {Width: 60, ASCII: true}} {
		lines := p.Picture(c)
		for _, l := range lines {
			require.LessOrEqual(t, utf8.RuneCountInString(l), c.Width, name)
			if c.ASCII {
				require.True(t, isASCII(l), l)
			}
		}
		golden.Equal(t, filepath.Join("testdata", name), strings.Join(lines, "\n")+"\n")
	}
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}

func TestMoments(t *testing.T) {
	var b strings.Builder
	for _, m := range describe.Moments(read(t)) {
		b.WriteString(m.At.String() + " " + m.Kind + " " + m.Text + "\n")
	}
	golden.Equal(t, filepath.Join("testdata", "moments.golden"), b.String())
}

func TestRepetitionsAreTold(t *testing.T) {
	for _, c := range []struct {
		name, fault string
		on, off     int
		last        string
	}{
		{"once", "{name: f, link: [a, b], do: drop, at: 1s, for: 1s}", 1, 1, "f"},
		{"to the end", "{name: f, link: [a, b], do: drop, at: 1s}", 1, 0, "f"},
		{"to the end, again and again", "{name: f, link: [a, b], do: drop, at: 1s, for: 1s, every: 3s}", 3, 3, "f (3 of 3)"},
		{"the last ends with the run", "{name: f, link: [a, b], do: drop, at: 1s, for: 2s, every: 4s}", 3, 2, "f (3 of 3)"},
		{"some", "{name: f, link: [a, b], do: drop, for: 1s, every: 3s, times: 2}", 2, 2, "f (2 of 2)"},
		{"too many", "{name: f, link: [a, b], do: drop, for: 1ms, every: 10ms}", 20, 20, "f: 980 times more, every 10 ms, not listed one by one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			moments := describe.Moments(parse(t, "  - "+c.fault))
			on, off := 0, 0
			for i, m := range moments {
				require.True(t, i == 0 || moments[i-1].At <= m.At)
				switch m.Kind {
				case describe.FaultOn:
					on++
				case describe.FaultOff:
					off++
				}
			}
			require.Equal(t, c.on, on)
			require.Equal(t, c.off, off)
			require.Equal(t, c.last, moments[len(moments)-1].Text)
		})
	}
}

func TestArrivalsAreThoseOfTheGenerator(t *testing.T) {
	s := read(t)
	p := plan.New(s, 7)
	for i := range s.Load {
		h := s.Load[i].HTTP
		from := -time.Duration(s.Warmup)
		if h.At != nil {
			from = time.Duration(*h.At)
		}
		want := arrival.Plan(arrival.Schedule{Arrivals: h.Arrivals, Rate: float64(h.Rate), From: from,
			To: from + time.Duration(h.For)}, 7, i)
		first, _ := slices.BinarySearch(want, 0)
		require.EqualValues(t, len(want), p.Load[i].Requests)
		require.EqualValues(t, len(want)-first, p.Load[i].Measured)
	}
	require.NotEqual(t, p.Load[0].Requests, plan.New(s, 8).Load[0].Requests, "Poisson arrivals are the seed's")
}

func TestRampSteps(t *testing.T) {
	p := plan.New(parse(t, `
  - {name: down, link: [a, b], do: {rate: 10mbit}, ramp: {over: 4s, steps: 5, rate: 2mbit}}
  - {name: up, link: [a, b], do: drop, select: {chance: 1%}, ramp: {over: 1s, steps: 2, chance: 50%}}`), 1)
	require.Equal(t, []plan.Step{{0, "10 Mbit/s"}, {1, "8 Mbit/s"}, {2, "6 Mbit/s"}, {3, "4 Mbit/s"}, {4, "2 Mbit/s"}},
		p.Faults[0].Ramp)
	require.Equal(t, []plan.Step{{0, "1 %"}, {1, "50 %"}}, p.Faults[1].Ramp)
}

func TestCellsCoverWhatHappens(t *testing.T) {
	p := plan.New(parse(t, `
  - {name: short, link: [a, b], do: drop, at: 5s, for: 1us}
  - {name: last, link: [a, b], do: drop, at: 9999ms}
  - {name: always, link: [a, b], from: a, do: drop}
  - {name: often, link: [a, b], from: a, select: {packets: syn}, do: watch, for: 10us, every: 20us}`), 1)
	const columns = 110 // ten to the second
	tracks := p.Tracks(columns)
	covered := func(t plan.Track) (list []int) {
		for i, c := range t.Cells {
			if c.Cover > 0 {
				list = append(list, i)
			}
		}
		return list
	}
	require.Equal(t, []int{60}, covered(tracks[0]), "a microsecond can be seen")
	require.Equal(t, []int{109}, covered(tracks[1]))
	require.Len(t, covered(tracks[2]), 100, "and not in the warm-up")
	require.Len(t, covered(tracks[3]), 100)
	require.InDelta(t, 0.5, tracks[3].Cells[50].Cover, 0.01)
	require.InDelta(t, 1, tracks[2].Cells[50].Cover, 1e-9)
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		from, to float64
		most     int
		want     []float64
	}{
		{-1, 12, 7, []float64{0, 2, 4, 6, 8, 10, 12}},
		{-1, 30, 7, []float64{0, 5, 10, 15, 20, 25, 30}},
		{0, 0.01, 5, []float64{0, 0.002, 0.004, 0.006, 0.008, 0.01}},
		{0, 100, 7, []float64{0, 15, 30, 45, 60, 75, 90}},
		{0, 600, 6, []float64{0, 120, 240, 360, 480, 600}},
		{0, 86400, 4, []float64{0, 21600, 43200, 64800, 86400}},
	} {
		got := plan.Ticks(c.from, c.to, c.most)
		require.InDeltaSlice(t, c.want, got, 1e-9)
	}
}

// TestEstimateOfScenarios holds the estimate of how busy the guest is against what runs measured
// (machine.cpu.total times the window), with the commands in docs/architecture/plan.md.
func TestEstimateOfScenarios(t *testing.T) {
	for _, c := range []struct {
		file     string
		set      []string
		busy     float64 // s
		virtual  float64 // s
		accurate float64
	}{
		{"calm.yaml", nil, 1.11, 13.61, 0.15},
		{"loss.yaml", nil, 1.00, 14.33, 0.15},
		{"reorder.yaml", nil, 1.04, 13.58, 0.15},
		{"bench/hundred.yaml", nil, 0.16, 16.44, 0.15},
		{"dup-ack.yaml", nil, 1.32, 13.63, 0.3}, // retransmissions are not in the estimate
		{"dup-ack.yaml", []string{"machine.speed=1000mips"}, 0.77, 13.51, 0.3},
		{"dup-ack.yaml", []string{"machine.speed=250mips"}, 2.42, 13.84, 0.3},
		{"backlog.yaml", nil, 0.89, 11.53, 0.35}, // nor are SYNs that are sent again
	} {
		s, err := expect.Load("../../../scenarios/"+c.file, c.set)
		require.NoError(t, err)
		cost := plan.New(s, 1).Cost
		require.InEpsilon(t, c.busy, cost.Busy, c.accurate, c.file)
		require.InEpsilon(t, c.virtual, cost.Virtual, 0.05, c.file)
		require.Less(t, cost.WallLeast, cost.WallMost)
	}
}

// TestEstimateOfPrograms holds the estimate against the CPU of nodes in docs/fidelity.md: nginx, PHP-FPM and MariaDB.
func TestEstimateOfPrograms(t *testing.T) {
	const real = "../../selftest/fidelity/testdata/real.yaml"
	s, err := expect.Load(real, nil)
	require.NoError(t, err)
	cost := plan.New(s, 1).Cost
	require.Greater(t, cost.Busy, 327*(5.34e-3+1.03e-3), "packets of the link in the middle are not in those")
	require.Less(t, cost.Busy, 1.6*327*(5.34e-3+1.03e-3))
	require.InDelta(t, 14, cost.Prepare, 0, "four programs, the database's tables among them")
	require.Less(t, cost.WallLeast, cost.WallMost)

	// A proxy asks its servers by turns, and the shop's page a database and a cache.
	shop, err := expect.Load("../../../scenarios/real/shop.yaml", []string{"load[0].http.arrivals=constant"})
	require.NoError(t, err)
	requests := 240.
	packets := requests * (2*27 + 27 + 21 + 10)
	require.InEpsilon(t, requests*(.6e-3+.6e-3+4.8e-3+1.2e-3)+packets*25e-6+6.7*.005, plan.New(shop, 1).Cost.Busy, .02)

	// A service of the user's, on which nothing is known.
	own, err := expect.Load("../../../scenarios/real/service.yaml", []string{"load[0].http.arrivals=constant"})
	require.NoError(t, err)
	require.InEpsilon(t, 300*1e-3+300*27*25e-6+6.7*.005, plan.New(own, 1).Cost.Busy, .02)
	require.InDelta(t, 8, plan.New(own, 1).Cost.Prepare, 0)
	calm, err := expect.Load("../../../scenarios/calm.yaml", nil)
	require.NoError(t, err)
	require.Zero(t, plan.New(calm, 1).Cost.Prepare)
}

// TestEstimateGoesThroughRoutersOnly has a host with two links in the way: packets go around it, over three links.
func TestEstimateGoesThroughRoutersOnly(t *testing.T) {
	const text = `
version: 1
name: around
warmup: 0s
duration: 10s
nodes:
  client: {}
  host: {}
  one: {role: router}
  two: {role: router}
  web: {service: {php: {request: {cpu: 0ms, response: 1kB}}}}
links:
  - {between: [client, host]}
  - {between: [host, web]}
  - {between: [client, one]}
  - {between: [one, two]}
  - {between: [two, web]}
load:
  - {from: client, to: web, http: {arrivals: constant, rate: 10/s, keepalive: true}}
`
	s, err := expect.Parse("around.yaml", []byte(text), nil)
	require.NoError(t, err)
	// 100 exchanges over 3 links, each a request, its answer and 1.5 ACKs, at 25 us a packet; and 0.5 % of 10.7 s.
	require.InDelta(t, 100*3*(2+1.5)*25e-6+10.7*.005, plan.New(s, 1).Cost.Busy, .006)
}
