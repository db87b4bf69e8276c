package compare

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/scenario/metric"
	"github.com/ruleout/ruleout/harness/verdict"
)

// loud is the evidence of so many seeds that change by 20 and 21 margins in turn, written out: that of the side on
// which they are, as the other has next to none, and half of it, since either side would do.
func loud(n int) float64 {
	var mean, m2, bets float64
	for i := range n {
		mean += (20 + float64(i%2)) / float64(n)
	}
	for i := range n {
		m2 += (20 + float64(i%2) - mean) * (20 + float64(i%2) - mean)
	}
	for _, stake := range []float64{0.1, 0.3, 0.5, 0.7, 0.9} {
		product := 1.
		for i := range n {
			product *= 1 + stake*(19+float64(i%2))
		}
		bets += product / 5
	}
	q := float64(n) * (mean - 1) * (mean - 1) / m2
	ttest := math.Pow(float64(n+1), -0.5) * math.Pow((1+q)/(1+q/float64(n+1)), float64(n)/2)
	if n == 1 {
		ttest = 1
	}
	most := (math.Pow(2, float64(n+1)) - 1) / float64(n+1)
	return min(ttest, (most+bets)/2) / 2
}

// The number of pairs that it takes is that of the evidence, at any bar, and is not looked for beyond 200.
func TestAlone(t *testing.T) {
	o := Options{Margin: 0.05, Alpha: 0.05}
	for n := 8; n < 30; n++ { // with fewer the other side counts, too
		got, err := alone(loud(n)*0.9999, o)
		require.NoError(t, err)
		require.Equal(t, n, got)
		got, err = alone(loud(n)*1.01, o)
		require.NoError(t, err)
		require.Equal(t, n+1, got)
	}
	s, err := verdict.NewState(either("large", 0.05), verdict.Rule{})
	require.NoError(t, err)
	for n := 1; n < 12; n++ {
		s.Add(verdict.Pair{Base: 1, Treated: math.Pow(1.05, 20+float64((n+1)%2))})
		got, err := alone(s.Evidence().Confirm, o)
		require.NoError(t, err)
		require.LessOrEqual(t, got, n, "a bar that is just reached is enough")
	}
	n, err := alone(math.Inf(1), o)
	require.NoError(t, err)
	require.Equal(t, 200, n)
}

// How many pairs a lone change takes is said when there are fewer, and the bar is that of all numbers that there can
// be.
func TestTheBarIsThatOfAllNumbers(t *testing.T) {
	c, err := Compare(side("A", "k1", 1, 0), side("B", "k2", 1.3, 7), Options{})
	require.NoError(t, err)
	require.Zero(t, c.Alone)
	require.Len(t, c.Rows, 3)
	for _, r := range c.Rows {
		require.InEpsilon(t, float64(c.Compared)/(0.05*3), r.Bars.Confirm, 1e-12)
		require.InDelta(t, 0.05, r.Verdict.Rule.Alpha, 1e-12)
	}
	require.InDelta(t, 0.05, c.Rows[0].Hypothesis.Margin, 1e-12)

	few := func(s Side) Side { s.Runs = s.Runs[:3]; return s }
	c, err = Compare(few(side("A", "k1", 1, 0)), few(side("B", "k2", 1.3, 7)), Options{})
	require.NoError(t, err)
	want := 1
	for loud(want) < float64(c.Compared)/0.05 {
		want++
	}
	require.Equal(t, want, c.Alone)
	c, err = Compare(side("A", "k1", 1, 0), side("B", "k2", 1.3, 7), Options{Margin: 0.2, Alpha: 0.5})
	require.NoError(t, err)
	require.InDelta(t, 0.2, c.Rows[0].Hypothesis.Margin, 1e-12)
	require.InDelta(t, 0.5, c.Rows[0].Verdict.Rule.Alpha, 1e-12)
}

// One run on either side is a pair. Of several that are lost, the first reason is reported.
func TestOnePair(t *testing.T) {
	one := func(s Side) Side { s.Runs = s.Runs[:1]; return s }
	c, err := Compare(one(side("A", "k1", 1, 0)), one(side("B", "k2", 1.3, 7)), Options{})
	require.NoError(t, err)
	require.Equal(t, []int{1, 0, 0, 3}, []int{c.Pairs, c.Identical, c.Unpaired, c.Moved})

	a, b := side("A", "k1", 1, 0), side("B", "k2", 1.3, 7)
	b.Runs[4].Valid, b.Runs[4].Because = false, "the first"
	a.Runs[6].Valid, a.Runs[6].Because = false, "the second"
	b.Runs[8].Valid = false
	b.Runs = append(b.Runs[:9:9], b.Runs[10:]...)
	c, err = Compare(a, b, Options{})
	require.NoError(t, err)
	require.Equal(t, []Lost{{"small", 30, 4, "the first", true}}, c.Lost)
	require.Equal(t, "a run is invalid", pair{&a.Runs[8], &b.Runs[8]}.lost())
	require.Equal(t, "seed 9 has no run in one of the two", pair{&a.Runs[9], nil}.lost())
	require.Equal(t, "seed 9 has no run in one of the two", pair{nil, &a.Runs[9]}.lost())
}

// The seeds of both sides are paired up to the last that both have.
func TestPairsOf(t *testing.T) {
	of := func(seeds ...uint64) map[uint64]*archive.Entry {
		m := map[uint64]*archive.Entry{}
		for _, seed := range seeds {
			m[seed] = &archive.Entry{Seed: seed}
		}
		return m
	}
	for _, c := range []struct {
		x, y []uint64
		want string // what is there on both sides
	}{
		{nil, nil, ""}, {[]uint64{1}, nil, ""}, {[]uint64{1}, []uint64{2}, ""}, {[]uint64{1}, []uint64{1}, "1 1,"},
		{[]uint64{1, 2, 3}, []uint64{1}, "1 1,"},
		{[]uint64{2}, []uint64{1, 2, 3, 4}, "- 1,2 2,"}, {[]uint64{1, 2, 5}, []uint64{1, 3, 5, 6}, "1 1,2 -,- 3,5 5,"},
	} {
		got := ""
		for _, p := range pairsOf(of(c.x...), of(c.y...)) {
			of := func(r *archive.Entry) any {
				if r == nil {
					return "-"
				}
				return r.Seed
			}
			got += fmt.Sprint(of(p[0]), " ", of(p[1]), ",")
		}
		require.Equal(t, c.want, got, "%+v", c)
	}
}

// A run without a record is identical to none, on either side. An error about two runs of one seed has the beginnings
// of their names.
func TestRunsWithoutARecord(t *testing.T) {
	with, without := archive.Entry{Run: "x", Digest: "d", Valid: true}, archive.Entry{Failure: archive.Broke, Digest: "d",
		Because: "it broke"}
	for _, c := range []struct {
		p    pair
		want int
	}{{pair{&with, &with}, 1}, {pair{&with, &without}, 0}, {pair{&without, &with}, 0}, {pair{&without, &without}, 0},
		{pair{&with, nil}, 0}} {
		var found Comparison
		found.count(&group{named: names{}}, c.p)
		require.Equal(t, c.want, found.Identical)
	}
	first, second := with, with
	first.Run, second.Run, first.Scenario, second.Scenario = "sha256:0123456789abcdef", "sha256:fedcba9876543210", "s",
		"s"
	_, err := (&Side{Name: "A", Runs: []archive.Entry{first, second}}).places()
	require.EqualError(t, err, "A has two runs of scenario s on kernel  with seed 0: 0123456789ab and fedcba987654")
}

// Where a value is nothing or less there is no ratio, and what matters is a share of the mean, or the least
// change that matters.
func TestDifferencesWhereThereIsNoRatio(t *testing.T) {
	for _, c := range []struct {
		metric string
		a, b   float64
		scale  verdict.Scale
		margin float64
		unit   string
	}{
		{"http.latency.p99", 2, 3, verdict.Ratio, 0.05, ""},
		{"http.latency.p99", 2, 0, verdict.Difference, 0.1, metric.Seconds},
		{"http.latency.p99", 0.01, 0, verdict.Difference, 0.001, metric.Seconds},
		{"http.latency.p99", 0, 2, verdict.Difference, 0.001, metric.Seconds},
		{"web.cpu.total", 0, 0.5, verdict.Difference, 0.01, ""},
		{"web.cpu.total", 0.8, 0, verdict.Difference, 0.04, ""},
		{"web.Tcp.InSegs", 10, 0, verdict.Difference, 1, ""},
		{"web.Tcp.InSegs", 100, 0, verdict.Difference, 5, ""},
	} {
		g := group{name: "g", named: names{}}
		for seed := range uint64(3) {
			value := func(v float64) *archive.Entry {
				return &archive.Entry{Seed: seed, Valid: true, Values: []archive.Value{{Name: c.metric, Value: v}}}
			}
			g.pairs = append(g.pairs, pair{value(c.a), value(c.b)})
		}
		rows, cases, err := g.compare(Options{Margin: 0.05, Alpha: 0.05})
		require.NoError(t, err)
		require.Len(t, rows, 1)
		require.Equal(t, []int{3, 3}, []int{rows[0].SeedsA, rows[0].SeedsB})
		require.InDelta(t, c.a, rows[0].A, 1e-12)
		require.InDelta(t, c.b, rows[0].B, 1e-12)
		h := cases[0].State.Hypothesis()
		require.Equal(t, c.scale, h.Scale, "%+v", c)
		require.InDelta(t, c.margin, h.Margin, 1e-12, "%+v", c)
		require.Equal(t, c.unit, h.Unit, "%+v", c)
		require.Equal(t, []int{3, 0}, []int{cases[0].State.N(), cases[0].State.Lost()}, "%+v", c)
	}
	m, n := mean([][2]float64{{4, math.NaN()}, {math.NaN(), math.NaN()}}, 0)
	require.Equal(t, []float64{4, 1}, []float64{m, float64(n)})
	m, n = mean([][2]float64{{4, math.NaN()}, {6, math.NaN()}}, 1)
	require.Equal(t, []float64{0, 0}, []float64{m, float64(n)})
	require.Equal(t, []float64{0.01, 0.001, 1, 1}, []float64{
		Least(metric.Metric{Share: true, Unit: metric.One}), Least(metric.Metric{Unit: metric.Seconds}),
		Least(metric.Metric{Unit: metric.One}), Least(metric.Metric{}),
	})
}

// Changes come first, then what could not be compared, then what is only real, and in each metrics before counters, the
// largest first.
func TestOrderOfRows(t *testing.T) {
	row := func(name string, o verdict.Outcome) *Row {
		return &Row{Metric: name, Verdict: verdict.Verdict{Outcome: o}}
	}
	last := -1
	for _, o := range []verdict.Outcome{verdict.Confirmed, verdict.Invalid, verdict.Inconclusive} {
		for _, name := range []string{"http.latency.p99", "web.Tcp.InSegs"} {
			require.Greater(t, rank(row(name, o)), last, "%s, %s", name, o)
			last = rank(row(name, o))
		}
	}
	sized := func(value, margin float64, s verdict.Scale) float64 {
		return (&Row{Verdict: verdict.Verdict{Estimate: verdict.Estimate{Value: value},
			Hypothesis: verdict.Hypothesis{Margin: margin, Scale: s}}}).Size()
	}
	require.InDelta(t, 3, sized(15, 0.05, verdict.Ratio), 1e-12)
	require.InDelta(t, 3, sized(-15, 0.05, verdict.Ratio), 1e-12)
	require.InDelta(t, 300, sized(-15, 0.05, verdict.Difference), 1e-9)

	for _, c := range []struct {
		better  metric.Better
		a, b    float64
		outcome verdict.Outcome
		worse   bool
	}{
		{metric.Lower, 1, 2, verdict.Confirmed, true}, {metric.Lower, 2, 1, verdict.Confirmed, false}, {metric.Lower,
			2, 2, verdict.Confirmed, false},
		{metric.Higher, 1, 2, verdict.Confirmed, false}, {metric.Higher, 2, 1, verdict.Confirmed, true},
		{metric.Higher, 2, 2, verdict.Confirmed, false},
		{metric.Neither, 1, 2, verdict.Confirmed, false}, {metric.Neither, 2, 1, verdict.Confirmed, false},
		{metric.Lower, 1, 2, verdict.Invalid, false},
	} {
		require.Equal(t, c.worse, (&Row{Better: c.better, A: c.a, B: c.b,
			Verdict: verdict.Verdict{Outcome: c.outcome}}).Worse(), "%+v", c)
	}
}

// How many numbers there can be follows from which nodes, faults and links there are: by the lists of package metric,
// and 64 more counters for each node.
func TestHypotheses(t *testing.T) {
	per := func(nodes, faults, links []string) int { return len(metric.Names(nodes, faults, links)) }
	none := per(nil, nil, nil)
	node, fault, link := per([]string{"x"}, nil, nil)-none, per(nil, []string{"x"}, nil)-none, per(nil, nil,
		[]string{"x"})-none
	require.NotEqual(t, fault, link)
	for _, c := range []struct {
		names []string
		want  int
	}{
		{nil, none},
		{[]string{"http.latency.p99", "machine.cpu.total", "udp.lost", "dns.lookups", "bulk.goodput"}, none},
		{[]string{"load.shop.http.errors", "load.calls.udp.lost"}, none + 2*(none-len(metric.Machine()))},
		{[]string{"udp.cpu.total"}, none + node + 64}, // a node of that name
		{[]string{"web.cpu.total", "web.Tcp.InSegs", "db.cpu.total"}, none + 2*(node+64)},
		{[]string{"fault.acks.chosen", "fault.acks.delivered", "fault.ecn.chosen", "fault.more.chosen"},
			none + 3*fault},
		{[]string{"link.client-web.from.client.lost", "link.client-web.from.client.packets.max",
			"link.client-web.from.web.lost"}, none + 2*link},
		{[]string{"link.cpu.total"}, none + node + 64}, // a node of that name
		{[]string{"link.a-b.from.a.lost", "fault.f.chosen", "web.cpu.total"}, none + link + fault + node + 64},
		{[]string{"web.exec.shop.exit", "web.exec.shop.seconds", "web.exec.nginx.restarts"}, none + node + 64 + 2*3},
	} {
		n := names{}
		for _, name := range c.names {
			n.add([]archive.Value{{Name: name}})
		}
		require.Equal(t, c.want, n.hypotheses(), "%q", c.names)
	}
	n := names{}
	for i := range 2 * none {
		n.add([]archive.Value{{Name: fmt.Sprintf("http.more%d", i)}})
	}
	require.Equal(t, 2*none, n.hypotheses(), "of another version, which had more")
}

// A side of an archive has all of its runs.
func TestStored(t *testing.T) {
	dir := t.TempDir()
	a, err := archive.Open(dir, archive.Identity{Campaign: "diff", Kernels: map[string]string{"6.1": "6.1.0"}})
	require.NoError(t, err)
	for seed := range uint64(3) {
		_, err := a.Fail(archive.Failed{Failure: archive.Broke, Scenario: "s", Kernel: "6.1.0", Seed: seed,
			Because: "it broke"})
		require.NoError(t, err)
	}
	require.NoError(t, a.Close())
	r, err := archive.Read(dir)
	require.NoError(t, err)
	s, err := Stored("A", r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.Equal(t, "A", s.Name)
	require.Equal(t, map[string]string{"6.1": "6.1.0"}, s.Kernels)
	require.Len(t, s.Runs, 3)
	for i, run := range s.Runs {
		require.Equal(t, []any{"s", "6.1.0", uint64(i), false, "it broke"}, []any{run.Scenario,
			run.Kernel, run.Seed, run.Valid, run.Because})
	}
}
