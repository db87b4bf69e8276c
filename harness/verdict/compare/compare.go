package compare

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/scenario/metric"
	"github.com/ruleout/ruleout/harness/verdict"
)

// Margin and Alpha are what options have that do not say.
const (
	Margin = 0.05
	Alpha  = 0.05
)

// Options of a comparison.
type Options struct {
	// Margin is the smallest relative change that matters, a share of A; 0 means [Margin]. Where values are zero, the
	// smallest absolute change is that share of the mean, and at least 1 for counters, one point for shares and 1 ms for
	// times.
	Margin float64
	// Alpha is the share of false ones among the changes that is tolerated; 0 means [Alpha].
	Alpha float64
}

// Comparison is what was found.
type Comparison struct {
	A string `json:"a"`
	B string `json:"b"`
	// Kernels are those whose runs were paired.
	Kernels []KernelPair `json:"kernels"`
	// Settings are what is known to differ between the sides.
	Settings []Setting `json:"settings"`
	Pairs    int       `json:"pairs"`
	// Identical pairs have equal digests.
	Identical int `json:"identical"`
	// Alarms are pairs of equal provenance with unequal digests.
	Alarms []string `json:"alarms,omitempty"`
	// Unpaired runs have no partner, because the other side has fewer seeds, or neither the scenario nor the kernel.
	Unpaired int `json:"unpaired"`
	// Lost are the scenarios of which pairs were lost, because a run of them is invalid, broke or is missing.
	Lost []Lost `json:"lost,omitempty"`
	// Compared is how many numbers the runs can have, over all scenarios: false discovery is controlled over so many.
	// It follows from what there is to measure, not from what was measured. Moved is how many were not the same in all
	// pairs.
	Compared int `json:"compared"`
	Moved    int `json:"moved"`
	// Alone is how many pairs it takes before a number can be distinguished from chance, as far as it is more than
	// there are.
	Alone int   `json:"alone,omitempty"`
	Rows  []Row `json:"rows"`
}

// Lost says how many pairs of a scenario gave nothing to compare.
type Lost struct {
	Scenario string `json:"scenario"`
	Pairs    int    `json:"pairs"`
	Lost     int    `json:"lost"`
	// Because is the first reason.
	Because string `json:"because"`
	// TooMany says that nothing can be said of the scenario's numbers.
	TooMany bool `json:"too_many"`
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
	// A and B are the means over the seeds that have it; SeedsA and SeedsB are how many have. A metric that one side
	// has not has 0 there.
	A      float64 `json:"a"`
	B      float64 `json:"b"`
	SeedsA int     `json:"seeds_a"`
	SeedsB int     `json:"seeds_b"`
	verdict.Verdict

	spoilt int // pairs that were lost for all numbers of the scenario
}

// Worse reports whether the change is in the bad direction, as far as the metric has one.
func (r *Row) Worse() bool {
	if r.Outcome == verdict.Invalid {
		return false
	}
	return r.Better == metric.Lower && r.B > r.A || r.Better == metric.Higher && r.B < r.A
}

// pair is the two runs of a seed. One of them is nil where it is missing, though its side has later seeds.
type pair [2]*archive.Entry

// lost says why a pair gives nothing to compare, or is empty.
func (p pair) lost() string {
	for side, r := range p {
		switch {
		case r == nil:
			return fmt.Sprintf("seed %d has no run in one of the two", p[1-side].Seed)
		case !r.Valid:
			return cmp.Or(r.Because, "a run is invalid")
		}
	}
	return ""
}

// group is the pairs of one scenario on one pair of kernels.
type group struct {
	name  string
	pairs []pair
	lost  int
	named names
}

// Compare compares two sides. Runs are paired by scenario, kernel and seed; which kernels belong together, see
// [KernelPair]. Errors are of kind [problem.Usage].
func Compare(a, b Side, o Options) (*Comparison, error) {
	o.Margin, o.Alpha = cmp.Or(o.Margin, Margin), cmp.Or(o.Alpha, Alpha)
	c := &Comparison{A: a.Name, B: b.Name}
	left, err := a.places()
	if err != nil {
		return nil, err
	}
	right, err := b.places()
	if err != nil {
		return nil, err
	}
	if c.Kernels, err = pairKernels(&a, &b); err != nil {
		return nil, err
	}
	groups, paired := c.groups(left, right)
	c.Unpaired = len(a.Runs) + len(b.Runs) - paired
	if c.Identical == c.Pairs {
		c.Lost = nil // what is the same to the last bit is so whether it is valid or not
		return c, nil
	}
	var cases []verdict.Case
	most := 0
	for i := range groups {
		g := &groups[i]
		rows, states, err := g.compare(o)
		if err != nil {
			return nil, err
		}
		c.Rows = append(c.Rows, rows...)
		cases = append(cases, states...)
		c.Compared += g.named.hypotheses()
		most = max(most, len(g.pairs)-g.lost)
	}
	c.Moved = len(cases)
	if cases, err = upTo(c.Compared, cases, o); err != nil {
		return nil, err
	}
	for i, v := range verdict.Campaign(o.Alpha, cases)[:c.Moved] {
		c.Rows[i].Verdict = v
	}
	c.Rows = slices.DeleteFunc(c.Rows, func(r Row) bool { return !r.tells() })
	slices.SortStableFunc(c.Rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(rank(&a), rank(&b)), cmp.Compare(b.Size(), a.Size()))
	})
	if n, err := alone(float64(c.Compared)/o.Alpha, o); err != nil {
		return nil, err
	} else if n > most {
		c.Alone = n
	}
	return c, nil
}

// groups pairs the runs, and returns how many runs are in pairs.
func (c *Comparison) groups(left, right map[place]map[uint64]*archive.Entry) (groups []group, paired int) {
	scenarios := map[string]bool{}
	for at := range left {
		scenarios[at.scenario] = true
	}
	for _, s := range slices.Sorted(maps.Keys(scenarios)) {
		for _, k := range c.Kernels {
			x, y := left[place{s, k.A}], right[place{s, k.B}]
			if len(x) == 0 || len(y) == 0 {
				continue
			}
			g := group{name: s, named: names{}}
			if len(c.Kernels) > 1 {
				g.name += " on " + k.String()
			}
			because := ""
			for _, p := range pairsOf(x, y) {
				n, why := c.count(&g, p)
				paired += n
				because = cmp.Or(because, why)
			}
			if g.lost > 0 {
				many := float64(g.lost) > verdict.Rule{}.Defaults().Lost*float64(len(g.pairs))
				c.Lost = append(c.Lost, Lost{g.name, len(g.pairs), g.lost, because, many})
			}
			groups = append(groups, g)
		}
	}
	return groups, paired
}

// pairsOf lists the pairs of a group by their seeds, up to the last seed that both sides have.
func pairsOf(x, y map[uint64]*archive.Entry) (list []pair) {
	seeds := maps.Clone(x)
	maps.Copy(seeds, y)
	for _, seed := range slices.Sorted(maps.Keys(seeds)) {
		list = append(list, pair{x[seed], y[seed]})
	}
	whole := len(list)
	for whole > 0 && (list[whole-1][0] == nil || list[whole-1][1] == nil) {
		whole--
	}
	return list[:whole]
}

// count adds a pair to its group, and returns the number of its runs, and why it is lost.
func (c *Comparison) count(g *group, p pair) (runs int, lost string) {
	g.pairs = append(g.pairs, p)
	c.Pairs++
	for _, r := range p {
		if r != nil {
			runs++
			g.named.add(r.Values)
		}
	}
	if lost = p.lost(); lost != "" {
		g.lost++
	}
	if runs < 2 || p[0].Failure != "" || p[1].Failure != "" {
		return runs, lost
	}
	switch x, y := p[0], p[1]; {
	case x.Digest == y.Digest:
		c.Identical++
	case x.Key == y.Key && x.Key != "" && x.Scenario == y.Scenario && x.Kernel == y.Kernel:
		c.Alarms = append(c.Alarms, fmt.Sprintf("%s, seed %d", g.name, x.Seed))
	}
	return runs, lost
}

// tells says whether a row is one for the table: what changed, what is real, and what could not be compared for a
// reason of its own.
func (r *Row) tells() bool {
	return r.Outcome == verdict.Confirmed || r.Outcome == verdict.Invalid && r.Lost > r.spoilt ||
		r.Outcome != verdict.Invalid && r.Real
}

// rank puts what changed before what could not be compared, then what is only real; and metrics before counters.
func rank(r *Row) int {
	n := 0
	switch r.Outcome {
	case verdict.Confirmed:
	case verdict.Invalid:
		n += 2
	default:
		n += 4
	}
	if metric.IsCounter(r.Metric) {
		n++
	}
	return n
}

// Size is the change in margins.
func (r *Row) Size() float64 {
	margin := r.Hypothesis.Margin
	if r.Hypothesis.Scale == verdict.Ratio {
		margin *= 100
	}
	return math.Abs(r.Estimate.Value) / margin
}

// compare makes a row and a case of each metric and counter that is not the same in all pairs.
func (g *group) compare(o Options) (rows []Row, cases []verdict.Case, err error) {
	values := map[string][][2]float64{}
	n := len(g.pairs) - g.lost
	i := 0
	for _, p := range g.pairs {
		if p.lost() != "" {
			continue
		}
		for side, r := range p {
			for _, v := range r.Values {
				if values[v.Name] == nil {
					values[v.Name] = blank(n, metric.IsCounter(v.Name))
				}
				values[v.Name][i][side] = v.Value
			}
		}
		i++
	}
	names := make([]string, 0, len(values))
	for n, list := range values {
		if slices.ContainsFunc(list, func(p [2]float64) bool {
			return p[0] != p[1] && !(math.IsNaN(p[0]) && math.IsNaN(p[1]))
		}) {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	for _, n := range names {
		row := Row{Scenario: g.name, Metric: n, Unit: metric.One, Better: metric.Neither, spoilt: g.lost}
		m, known := metric.Lookup(n)
		if known {
			row.Unit, row.Better = m.Unit, m.Better
		}
		row.A, row.SeedsA = mean(values[n], 0)
		row.B, row.SeedsB = mean(values[n], 1)
		h := either(n, o.Margin)
		if slices.ContainsFunc(values[n], func(p [2]float64) bool { return p[0] <= 0 || p[1] <= 0 }) {
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
			if math.IsNaN(p[0]) && math.IsNaN(p[1]) {
				p = [2]float64{} // neither has it, and so there is no difference
			}
			s.Add(verdict.Pair{Base: p[0], Treated: p[1]})
		}
		for range g.lost {
			s.Lose(verdict.Broken)
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

// mean of a side over the seeds that have a number, and how many have.
func mean(list [][2]float64, side int) (m float64, n int) {
	for _, p := range list {
		if !math.IsNaN(p[side]) {
			m, n = m+p[side], n+1
		}
	}
	return m / float64(max(n, 1)), n
}

// Least is the smallest absolute change of a metric that matters: a point of a share, 1 ms, or one of what is counted.
func Least(m metric.Metric) float64 {
	switch {
	case m.Share:
		return 0.01
	case m.Unit == metric.Seconds:
		return 1e-3
	}
	return 1
}
