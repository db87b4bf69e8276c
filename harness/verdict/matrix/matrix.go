package matrix

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/scenario/metric"
	"github.com/ruleout/ruleout/harness/verdict"
	"github.com/ruleout/ruleout/harness/verdict/compare"
)

// Options of a matrix; zero values have the defaults of [compare.Options].
type Options struct {
	// Margin is the smallest change that matters, as a share of the value on the earlier kernel.
	Margin float64
	// Alpha bounds the expected share of false changes among those that the whole matrix reports.
	Alpha float64
}

// Matrix is what changed.
type Matrix struct {
	// Kernels as they were named, and Releases of them.
	Kernels  []string `json:"kernels"`
	Releases []string `json:"releases"`
	Seeds    int      `json:"seeds"` // of each scenario on each kernel
	Margin   float64  `json:"margin"`
	// Steps are the comparisons of each kernel with the one before it: one less than there are kernels.
	Steps []*compare.Comparison `json:"steps"`
	// Rows are the scenarios, in the order in which they were named.
	Rows []Row `json:"rows"`
}

// Row is a scenario.
type Row struct {
	Scenario string `json:"scenario"`
	// Cells are what happened at each step.
	Cells []Cell `json:"cells"`
	// Lines are the numbers that changed at one step at least: metrics before counters, and the largest change first.
	Lines []Line `json:"lines"`
}

// Cell is a scenario at one step.
type Cell struct {
	Pairs     int `json:"pairs"`
	Identical int `json:"identical"` // pairs, to the last bit
	Lost      int `json:"lost"`      // pairs
	Changed   int `json:"changed"`   // numbers, by the margin or more
	Metrics   int `json:"metrics"`   // of these, without counters
	Worse     int `json:"worse"`     // of these
	// Undecided says that too many pairs were lost to compare the numbers.
	Undecided bool `json:"undecided,omitempty"`
}

// Line is a number that changed.
type Line struct {
	Metric string        `json:"metric"`
	Unit   string        `json:"unit"`
	Better metric.Better `json:"better"`
	// Means are those over the valid runs on each kernel that have the number; nil where none has.
	Means []*float64 `json:"means"`
	// Changes are those at each step, nil where there was none.
	Changes []*compare.Row `json:"changes"`
}

// size is the largest change, in margins.
func (l *Line) size() (most float64) {
	for _, c := range l.Changes {
		if c != nil {
			most = max(most, c.Size())
		}
	}
	return most
}

// Check says whether the names of kernels are two or more, and different. The error is of kind [problem.Usage].
func Check(kernels []string) error {
	if len(kernels) < 2 {
		return problem.Wrap(problem.Usage, fmt.Errorf("%s alone has nothing to be compared with", strings.Join(kernels, "")),
			"name two kernels or more, such as --matrix 6.1,6.12")
	}
	for i, k := range kernels {
		if slices.Contains(kernels[:i], k) {
			return problem.Wrap(problem.Usage, fmt.Errorf("kernel %s is named twice", k), "")
		}
	}
	return nil
}

// New compares each side with the one before it. There are two or more; each has one kernel, and names for
// its scenarios, see [compare.Make]. scenarios are the names in order.
func New(sides []compare.Side, scenarios []string, seeds int, o Options) (*Matrix, error) {
	m := &Matrix{Seeds: seeds, Margin: cmp.Or(o.Margin, compare.Margin)}
	for i := range sides {
		m.Kernels = append(m.Kernels, sides[i].Name)
		release := ""
		for _, r := range sides[i].Kernels {
			release = r
		}
		m.Releases = append(m.Releases, release)
	}
	part := compare.Options{Margin: m.Margin, Alpha: cmp.Or(o.Alpha, compare.Alpha) / float64(len(sides)-1)}
	for i := range sides[1:] {
		c, err := compare.Compare(sides[i], sides[i+1], part)
		if err != nil {
			return nil, err
		}
		m.Steps = append(m.Steps, c)
	}
	runs := make([]map[string][]*archive.Entry, len(sides))
	for i := range sides {
		runs[i] = byScenario(&sides[i])
	}
	for _, name := range scenarios {
		of := make([][]*archive.Entry, len(sides))
		for i := range runs {
			of[i] = runs[i][name]
		}
		m.Rows = append(m.Rows, m.row(name, of))
	}
	return m, nil
}

// byScenario sorts the runs of a side by the names of their scenarios.
func byScenario(s *compare.Side) map[string][]*archive.Entry {
	runs := map[string][]*archive.Entry{}
	for i := range s.Runs {
		name := s.Names[s.Runs[i].Scenario]
		runs[name] = append(runs[name], &s.Runs[i])
	}
	return runs
}

// row collects what the steps say of a scenario, and the means over its runs on each kernel.
func (m *Matrix) row(name string, runs [][]*archive.Entry) Row {
	r := Row{Scenario: name, Lines: []Line{}}
	lines := map[string]*Line{}
	for i, c := range m.Steps {
		r.Cells = append(r.Cells, m.cell(c, name, runs[i], runs[i+1]))
		for j := range c.Rows {
			change := &c.Rows[j]
			if change.Scenario != name || change.Outcome != verdict.Confirmed {
				continue
			}
			l := lines[change.Metric]
			if l == nil {
				l = &Line{Metric: change.Metric, Unit: change.Unit, Better: change.Better,
					Changes: make([]*compare.Row, len(m.Steps))}
				lines[change.Metric] = l
			}
			l.Changes[i] = change
		}
	}
	for _, l := range lines {
		for _, list := range runs {
			l.Means = append(l.Means, mean(list, l.Metric))
		}
		r.Lines = append(r.Lines, *l)
	}
	slices.SortFunc(r.Lines, func(a, b Line) int {
		return cmp.Or(cmp.Compare(rank(a.Metric), rank(b.Metric)), cmp.Compare(b.size(), a.size()),
			cmp.Compare(a.Metric, b.Metric))
	})
	return r
}

// rank puts metrics before counters.
func rank(name string) int {
	if metric.IsCounter(name) {
		return 1
	}
	return 0
}

// cell counts what a step says of a scenario.
func (m *Matrix) cell(c *compare.Comparison, name string, a, b []*archive.Entry) (cell Cell) {
	digests := map[uint64]string{}
	for _, r := range a {
		digests[r.Seed] = r.Digest
	}
	for _, r := range b {
		if d, there := digests[r.Seed]; there {
			cell.Pairs++
			if d == r.Digest && d != "" {
				cell.Identical++
			}
		}
	}
	for _, l := range c.Lost {
		if l.Scenario == name {
			cell.Lost, cell.Undecided = l.Lost, l.TooMany
		}
	}
	for i := range c.Rows {
		r := &c.Rows[i]
		if r.Scenario != name || r.Outcome != verdict.Confirmed {
			continue
		}
		cell.Changed++
		if !metric.IsCounter(r.Metric) {
			cell.Metrics++
			if r.Worse() {
				cell.Worse++
			}
		}
	}
	return cell
}

// mean of a number over the valid runs that have it; nil where none has.
func mean(runs []*archive.Entry, name string) *float64 {
	sum, n := 0.0, 0
	for _, r := range runs {
		if !r.Valid || r.Failure != "" {
			continue
		}
		if v, there := r.Value(name); there && !math.IsNaN(v) {
			sum, n = sum+v, n+1
		}
	}
	if n == 0 {
		return nil
	}
	sum /= float64(n)
	return &sum
}

// Changed reports how many scenarios have a number that changed at some step.
func (m *Matrix) Changed() (n int) {
	for i := range m.Rows {
		if len(m.Rows[i].Lines) > 0 {
			n++
		}
	}
	return n
}

// Undecided reports whether of some scenario nothing can be said at some step.
func (m *Matrix) Undecided() bool {
	return slices.ContainsFunc(m.Steps, func(c *compare.Comparison) bool { return c.Undecided() })
}

// Alarms are all determinism alarms.
func (m *Matrix) Alarms() (list []string) {
	for _, c := range m.Steps {
		list = append(list, c.Alarms...)
	}
	return list
}
