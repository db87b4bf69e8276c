package compare

import (
	"cmp"
	"math"
	"slices"

	"github.com/ruleout/ruleout/harness/archive"
	"github.com/ruleout/ruleout/harness/metric"
	"github.com/ruleout/ruleout/harness/verdict"
)

// Run is what of a run is compared.
type Run struct {
	// Scenario names what is paired: runs of both sides with the same name and seed are a pair.
	Scenario string
	Seed     uint64
	Digest   string
	Key      string // of the provenance
	Valid    bool
	Because  string
	Values   []archive.Value
}

// Side is one of the two sets of runs.
type Side struct {
	Name string
	Runs []Run
}

// Options of a comparison.
type Options struct {
	// Margin is the smallest relative change that matters, a share of A; 0 means 5 %. Where values are zero, the smallest
	// absolute change is that share of the mean, and at least 1 for counters, one point for shares and 1 ms for times.
	Margin float64
	// Alpha is the share of false ones among the changes that is tolerated; 0 means 5 %.
	Alpha float64
}

// Comparison is what was found.
type Comparison struct {
	A string `json:"a"`
	B string `json:"b"`
	// Settings are what is known to differ between the sides.
	Settings []Setting `json:"settings"`
	Pairs    int       `json:"pairs"`
	// Identical pairs have equal digests.
	Identical int `json:"identical"`
	// Alarms are pairs of equal provenance with unequal digests.
	Alarms []string `json:"alarms,omitempty"`
	// Unpaired runs have no partner; Invalid pairs had an invalid run, with the first reason.
	Unpaired int    `json:"unpaired"`
	Invalid  int    `json:"invalid"`
	Because  string `json:"because,omitempty"`
	// Compared is how many metrics and counters moved in any pair, over all scenarios.
	Compared int   `json:"compared"`
	Rows     []Row `json:"rows"`
}

// Setting differs between the sides.
type Setting struct {
	Name string `json:"name"`
	A    string `json:"a"`
	B    string `json:"b"`
}

// Row is a metric or counter of one scenario.
type Row struct {
	Scenario string        `json:"scenario"`
	Metric   string        `json:"metric"`
	Unit     string        `json:"unit"`
	Better   metric.Better `json:"better"`
	// A and B are the means.
	A float64 `json:"a"`
	B float64 `json:"b"`
	verdict.Verdict
}

// Worse reports whether the change is in the bad direction, as far as the metric has one.
func (r *Row) Worse() bool {
	return r.Better == metric.Lower && r.B > r.A || r.Better == metric.Higher && r.B < r.A
}

type pairKey struct {
	scenario string
	seed     uint64
}

// Compare compares two sides.
func Compare(a, b Side, o Options) (*Comparison, error) {
	if o.Margin == 0 {
		o.Margin = 0.05
	}
	if o.Alpha == 0 {
		o.Alpha = 0.05
	}
	c := &Comparison{A: a.Name, B: b.Name}
	others := map[pairKey]*Run{}
	for i := range b.Runs {
		others[pairKey{b.Runs[i].Scenario, b.Runs[i].Seed}] = &b.Runs[i]
	}
	pairs := map[string][][2]*Run{}
	var scenarios []string
	for i := range a.Runs {
		x := &a.Runs[i]
		key := pairKey{x.Scenario, x.Seed}
		y := others[key]
		if y == nil {
			c.Unpaired++
			continue
		}
		delete(others, key)
		c.Pairs++
		switch {
		case x.Digest == y.Digest:
			c.Identical++
		case x.Key == y.Key && x.Key != "":
			c.Alarms = append(c.Alarms, key.scenario)
		}
		if !x.Valid || !y.Valid {
			c.Invalid++
			c.Because = cmp.Or(c.Because, x.Because, y.Because)
			continue
		}
		if pairs[x.Scenario] == nil {
			scenarios = append(scenarios, x.Scenario)
		}
		pairs[x.Scenario] = append(pairs[x.Scenario], [2]*Run{x, y})
	}
	c.Unpaired += len(others)
	if c.Identical == c.Pairs {
		return c, nil
	}
	var cases []verdict.Case
	for _, s := range scenarios {
		rows, states, err := compareScenario(s, pairs[s], o)
		if err != nil {
			return nil, err
		}
		c.Rows = append(c.Rows, rows...)
		cases = append(cases, states...)
	}
	c.Compared = len(cases)
	for i, v := range verdict.Campaign(o.Alpha, cases) {
		c.Rows[i].Verdict = v
	}
	c.Rows = slices.DeleteFunc(c.Rows, func(r Row) bool { return r.Outcome != verdict.Confirmed && !r.Real })
	slices.SortStableFunc(c.Rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(rank(&a), rank(&b)), cmp.Compare(b.size(), a.size()))
	})
	return c, nil
}

// rank puts what changed before what is only real, and metrics before counters.
func rank(r *Row) int {
	n := 0
	if r.Outcome != verdict.Confirmed {
		n += 2
	}
	if metric.IsCounter(r.Metric) {
		n++
	}
	return n
}

// size is the change in margins.
func (r *Row) size() float64 {
	margin := r.Hypothesis.Margin
	if r.Hypothesis.Scale == verdict.Ratio {
		margin *= 100
	}
	return math.Abs(r.Estimate.Value) / margin
}

// compareScenario makes a row and a case of each metric and counter that is not the same in all pairs.
func compareScenario(name string, pairs [][2]*Run, o Options) (rows []Row, cases []verdict.Case, err error) {
	values := map[string][][2]float64{}
	for i, p := range pairs {
		for side, r := range p {
			for _, v := range r.Values {
				if values[v.Name] == nil {
					values[v.Name] = blank(len(pairs), metric.IsCounter(v.Name))
				}
				values[v.Name][i][side] = v.Value
			}
		}
	}
	names := make([]string, 0, len(values))
	for n, list := range values {
		if slices.ContainsFunc(list, func(p [2]float64) bool { return p[0] != p[1] && !(math.IsNaN(p[0]) && math.IsNaN(p[1])) }) {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	for _, n := range names {
		row := Row{Scenario: name, Metric: n, Unit: metric.One, Better: metric.Neither}
		m, known := metric.Lookup(n)
		if known {
			row.Unit, row.Better = m.Unit, m.Better
		}
		row.A, row.B = means(values[n])
		h := verdict.Hypothesis{Name: n, Kind: verdict.Effect, Metric: n, Direction: verdict.Either, Scale: verdict.Ratio, Margin: o.Margin}
		if slices.ContainsFunc(values[n], func(p [2]float64) bool { return !(p[0] > 0 && p[1] > 0) }) {
			h.Scale, h.Unit = verdict.Difference, row.Unit
			if h.Unit == metric.One {
				h.Unit = ""
			}
			h.Margin = max(o.Margin*math.Abs(row.A), Least(m))
		}
		s, err := verdict.NewState(h, verdict.Rule{Alpha: o.Alpha})
		if err != nil {
			return nil, nil, err
		}
		for _, p := range values[n] {
			s.Add(verdict.Pair{Base: p[0], Treated: p[1]})
		}
		rows, cases = append(rows, row), append(cases, verdict.Case{State: s})
	}
	return rows, cases, nil
}

// blank is what there is before a run says anything: counters that are absent are 0, metrics were not recorded.
func blank(n int, zero bool) [][2]float64 {
	list := make([][2]float64, n)
	if !zero {
		for i := range list {
			list[i] = [2]float64{math.NaN(), math.NaN()}
		}
	}
	return list
}

func means(list [][2]float64) (a, b float64) {
	n := 0.
	for _, p := range list {
		if !math.IsNaN(p[0] + p[1]) {
			a, b, n = a+p[0], b+p[1], n+1
		}
	}
	return a / max(n, 1), b / max(n, 1)
}

// Least is the smallest absolute change of a metric that could matter to anybody: a point of a share, 1 ms, or one of what is counted.
func Least(m metric.Metric) float64 {
	switch {
	case m.Share:
		return 0.01
	case m.Unit == metric.Seconds:
		return 1e-3
	}
	return 1
}
