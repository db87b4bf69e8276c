package compare

import (
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/scenario/metric"
	"github.com/ruleout/ruleout/harness/verdict"
)

// names are those of the numbers that the runs of a scenario have.
type names map[string]bool

func (n names) add(values []archive.Value) {
	for _, v := range values {
		n[v.Name] = true
	}
}

// unlisted is how many counters a node may have that package metric does not list: of another kernel, or of a group in
// which names depend on what happened, such as IcmpMsg.
const unlisted = 64

// hypotheses is how many numbers runs like these can have: the whole catalogue for the load, the machine, and each
// node, fault, link, program and load with a name. Were it how many moved, it would follow from the data: a counter
// that rarely moves would be tested only where it does, and called a change too often. Which nodes, faults, links and
// programs there are follows from the scenario, since a run records metrics of all of them.
func (n names) hypotheses() int {
	ofLoad := len(metric.HTTP()) + len(metric.UDP()) + len(metric.DNS()) + len(metric.Bulk())
	nodes, faults, links, programs := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	loads := map[string]bool{}
	for name := range n {
		first, rest, _ := strings.Cut(name, ".")
		parts := strings.SplitN(name, ".", 5)
		switch {
		case first == "load" && metric.OfLoads(name):
			loads[parts[1]] = true
		case first == "fault":
			fault, _, _ := strings.Cut(rest, ".")
			faults[fault] = true
		case first == "link" && len(parts) == 5 && parts[2] == "from":
			links[strings.Join(parts[:4], ".")] = true
		case len(parts) > 2 && parts[1] == "exec":
			nodes[first], programs[strings.Join(parts[:3], ".")] = true, true
		default:
			if node, ok := metric.NodeOf(name); ok {
				nodes[node] = true
			}
		}
	}
	list := func(set map[string]bool) []string { return slices.Collect(maps.Keys(set)) }
	k := len(metric.Names(list(nodes), list(faults), list(links))) + len(nodes)*unlisted
	k += len(programs)*len(metric.Program()) + len(loads)*ofLoad
	return max(k, len(n)) // an archive of another version may have more
}

// upTo adds cases without any seed until there are k. They stand for the numbers that were the same in all pairs, which
// cannot be confirmed either.
func upTo(k int, cases []verdict.Case, o Options) ([]verdict.Case, error) {
	s, err := verdict.NewState(either("nothing", o.Margin), verdict.Rule{Alpha: o.Alpha})
	if err != nil {
		return nil, err
	}
	for len(cases) < k {
		cases = append(cases, verdict.Case{State: s})
	}
	return cases, nil
}

// either is the hypothesis that a metric changes by a share, up or down.
func either(name string, margin float64) verdict.Hypothesis {
	return verdict.Hypothesis{Name: name, Kind: verdict.Effect, Metric: name, Direction: verdict.Either,
		Scale: verdict.Ratio, Margin: margin}
}

// mostAlone is where alone gives up.
const mostAlone = 200

// alone is how many pairs a number needs to reach the bar if it changes a lot in every seed.
func alone(bar float64, o Options) (n int, err error) {
	s, err := verdict.NewState(either("large", o.Margin), verdict.Rule{Alpha: o.Alpha})
	if err != nil {
		return 0, err
	}
	for n < mostAlone && s.Evidence().Confirm < bar {
		s.Add(verdict.Pair{Base: 1, Treated: math.Pow(1+o.Margin, 20+float64(n%2))})
		n++
	}
	return n, nil
}
