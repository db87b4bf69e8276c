package nightly

import (
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario/metric"
	"github.com/ruleout/ruleout/harness/verdict"
)

// leastPool is the smallest number of valid seeds that can raise an alarm within a few nights: with 8 in favour of a
// change, a night's evidence is at most 57.
const leastPool = 8

// mostInvalid is the share of seeds that may be left out of a pool.
const mostInvalid = 0.2

// Accept makes a baseline of runs of one build and without settings of their own. Seeds whose runs are invalid, or
// broke, are left out of the pool, and named in Left. Errors are of kind [problem.Usage], and [problem.Invalid] where
// more than a fifth of the runs are invalid.
func Accept(runs *Runs) (*Baseline, error) {
	refuse := func(kind problem.Kind, hint, format string, args ...any) (*Baseline, error) {
		return nil, problem.Wrap(kind,
			fmt.Errorf("accept %s: %w", place(runs.Scenario, runs.Kernel), fmt.Errorf(format, args...)), hint)
	}
	if len(runs.Set) > 0 {
		return refuse(problem.Usage, "run it without --set, or put the settings into the scenario",
			"its runs have settings that the scenario has not")
	}
	b := &Baseline{Head: runs.Head}
	metrics := map[string]bool{}
	for _, r := range runs.BySeed {
		for _, name := range watched(r) {
			metrics[name] = true
		}
	}
	b.Metrics = slices.DeleteFunc(slices.Sorted(maps.Keys(metrics)), func(name string) bool { return idle(runs, name) })
	for _, seed := range slices.Sorted(maps.Keys(runs.BySeed)) {
		r := runs.BySeed[seed]
		switch {
		case !r.Valid:
			if b.Left = append(b.Left, seed); float64(len(b.Left)) > mostInvalid*float64(len(runs.BySeed)) {
				return refuse(problem.Invalid, "a baseline needs a system in good order: fix the scenario or the program first",
					"%d of %d seeds are invalid; seed %d because %s", len(b.Left), len(runs.BySeed), seed, r.Because)
			}
			continue
		case r.Key != b.Key:
			return refuse(problem.Usage, "run all seeds again with one build",
				"seed %d was run by another build, kernel or machine", seed)
		}
		row := Row{Seed: seed, Digest: r.Digest}
		for _, name := range b.Metrics {
			row.Values = append(row.Values, value(figure(r, name)))
		}
		b.Rows = append(b.Rows, row)
	}
	if len(b.Rows) < leastPool {
		return refuse(problem.Usage, "run it with --pool 20, or more",
			"%d of its %d seeds are valid, and fewer than %d cannot raise an alarm", len(b.Rows), len(runs.BySeed), leastPool)
	}
	return b, nil
}

// idle reports whether a metric is of the TCP of a node that has sent no segment in any run: a router, of which nothing
// else is to be expected.
func idle(runs *Runs, name string) bool {
	node, rest, _ := strings.Cut(name, ".")
	if rest != hostsHave && !slices.Contains(ofTCP, rest) {
		return false
	}
	for _, r := range runs.BySeed {
		if v, _ := r.Value(node + ".Tcp.OutSegs"); v != 0 {
			return false
		}
	}
	return true
}

// Write puts the baseline into its file in dir.
func (b *Baseline) Write(dir string) error {
	data, err := b.Encode()
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, FileName(b.Scenario, b.Kernel)), data)
}

// Change is how a baseline differs from the one before it.
type Change struct {
	Metric      string
	Before, Now string
}

// Changes lists what is different in a new baseline, for its review: how many of the seeds that both have differ in
// their digests, and the metrics whose means differ by the margin or more, or that one of the two has not. old may be
// nil.
func Changes(old, now *Baseline) (digests int, metrics []Change) {
	if old == nil {
		return 0, nil
	}
	for i := range now.Rows {
		if r := old.row(now.Rows[i].Seed); r != nil && r.Digest != now.Rows[i].Digest {
			digests++
		}
	}
	for i, name := range now.Metrics {
		m, _ := metric.Lookup(name)
		a, b := math.NaN(), mean(now.column(i))
		var pool []float64
		if j, found := slices.BinarySearch(old.Metrics, name); found {
			pool = old.column(j)
			a = mean(pool)
		}
		if math.IsNaN(a) && math.IsNaN(b) {
			continue
		}
		d, loss := hypothesis(name, pool).PairMargins(verdict.Pair{Base: a, Treated: b})
		if loss != "" || math.Abs(d) >= 1 {
			metrics = append(metrics, Change{name, m.Format(a), m.Format(b)})
		}
	}
	for j, name := range old.Metrics {
		if _, found := slices.BinarySearch(now.Metrics, name); !found {
			m, _ := metric.Lookup(name)
			metrics = append(metrics, Change{name, m.Format(mean(old.column(j))), metric.None})
		}
	}
	return digests, metrics
}

// mean of the numbers that there are; NaN if there is none.
func mean(list []float64) float64 {
	sum, n := 0., 0.
	for _, v := range list {
		if !math.IsNaN(v) {
			sum, n = sum+v, n+1
		}
	}
	return sum / n
}

// AcceptAll makes baselines of all runs, or of those of the scenarios that only names.
func AcceptAll(runs []*Runs, only []string) (accepted []*Baseline, err error) {
	for _, one := range runs {
		if len(only) > 0 && !slices.Contains(only, one.Scenario) {
			continue
		}
		b, err := Accept(one)
		if err != nil {
			return nil, err
		}
		accepted = append(accepted, b)
	}
	return accepted, nil
}

// Replace writes the baseline into a directory, in place of the one that is there, and says in what the two differ.
func (b *Baseline) Replace(dir string) (says string, err error) {
	file := filepath.Join(dir, FileName(b.Scenario, b.Kernel))
	says = "new"
	old, err := ReadBaseline(file)
	if err == nil {
		says = b.differsFrom(old)
	} else if _, gone := os.Stat(file); gone == nil {
		says = "replaces a damaged one"
	}
	if len(b.Left) > 0 {
		says += fmt.Sprintf("; seeds left out because their runs are invalid: %v", b.Left)
	}
	return says, b.Write(dir)
}

// differsFrom says in what a baseline differs from the one before.
func (b *Baseline) differsFrom(old *Baseline) string {
	digests, metrics := Changes(old, b)
	var parts []string
	if old.Hash != b.Hash {
		parts = append(parts, "the scenario changed")
	}
	switch digests {
	case 0:
		parts = append(parts, "no digest changed")
	case 1:
		parts = append(parts, "1 digest changed")
	default:
		parts = append(parts, fmt.Sprintf("%d digests changed", digests))
	}
	for _, m := range metrics {
		parts = append(parts, fmt.Sprintf("%s %s → %s", m.Metric, m.Before, m.Now))
	}
	return strings.Join(parts, "; ")
}
