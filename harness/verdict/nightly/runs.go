package nightly

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/scenario/metric"
)

// Plan is what the runs in an archive were made for. The archive keeps it, so that merged shards agree, and so do the
// commands that judge them.
type Plan struct {
	Night string `json:"night"`
	// Seeds is how many are drawn of each pool. 0 says that these are the seeds of a new pool.
	Seeds int `json:"seeds"`
	// Files of the scenarios, by their names.
	Files map[string]string `json:"files"`
	// Set are settings that tonight's runs have and the baseline has not: an experiment, which does not count as a night.
	Set []string `json:"set,omitempty"`
}

// planFile stands where the archive of a sweep has the name of the campaign's file.
const planFile = "nightly"

// Source returns the name and the source of the night's archive. Shards on different kernels go together.
func (p Plan) Source() (name string, source archive.Source, err error) {
	text, err := json.Marshal(p)
	if err != nil {
		return "", source, fmt.Errorf("encode plan of the night: %w", err)
	}
	// Each part of the name keeps apart what must not be merged.
	name = fmt.Sprintf("nightly %s, %d seeds", p.Night, p.Seeds)
	if len(p.Set) > 0 {
		name += fmt.Sprintf(", set %q", p.Set)
	}
	return name, archive.Source{File: planFile, Text: string(text)}, nil
}

// PlanOf returns the plan of a night's archive.
func PlanOf(id archive.Identity) (Plan, error) {
	var p Plan
	if id.Source.File != planFile {
		return p, problem.Wrap(problem.Usage, fmt.Errorf("the archive belongs to %s, not to a night", id.Campaign),
			"give the directory that was --out of ruleout nightly run")
	}
	if err := strict([]byte(id.Source.Text), &p); err != nil {
		return p, problem.Wrap(problem.Usage, fmt.Errorf("read plan of the night: %w", err), "this archive is damaged")
	}
	return p, CheckNight(p.Night)
}

// Runs are those of one scenario on one kernel. If all of them failed, nothing but hash and release is known of what
// made them.
type Runs struct {
	Head
	Set    map[string]string
	BySeed map[uint64]*archive.Entry
}

// of reports whether the runs are of the baseline's scenario, or of one of that name, on its kernel.
func (r *Runs) of(b *Baseline) bool {
	return r.Kernel == b.Kernel && (r.Scenario == b.Scenario || r.Hash == b.Hash)
}

// figure is what is compared of a run's metric or counter, NaN if it was not recorded.
func figure(e *archive.Entry, name string) float64 {
	node, _, _ := strings.Cut(name, ".")
	_, host := e.Value(node + "." + hostsHave)
	if v, ok := e.Value(name); ok && (host || !metric.IsCounter(name)) {
		return v
	}
	return math.NaN()
}

// Load reads the runs of an archive, by the name of the scenario and that of the kernel. Those that failed are among
// them.
func Load(r *archive.Reader) ([]*Runs, error) {
	type at struct{ hash, release string }
	found := map[at]*Runs{}
	var list []*Runs
	err := r.Entries(func(e *archive.Entry) error {
		runs := found[at{e.Scenario, e.Kernel}]
		if runs == nil {
			runs = &Runs{Head: Head{Hash: e.Scenario, Release: e.Kernel}, BySeed: map[uint64]*archive.Entry{}}
			found[at{e.Scenario, e.Kernel}] = runs
			list = append(list, runs)
		}
		if e.Failure == "" && runs.Scenario == "" {
			record, err := r.Record(e)
			if err != nil {
				return err
			}
			p := record.Provenance
			runs.Head = Head{
				Scenario: record.Scenario.Name, Hash: e.Scenario, Release: e.Kernel, Tool: p.Program(), QEMU: p.QEMU,
				Netem: p.Netem, Key: p.Key,
			}
			runs.Set = record.Scenario.Set
		}
		if other := runs.BySeed[e.Seed]; other != nil && other.Failure == "" && e.Failure == "" { // a run may fail twice
			return problem.Wrap(problem.Usage, fmt.Errorf("two runs of %s, seed %d: %s and %s", place(runs.Scenario, e.Kernel),
				e.Seed, short(other.Run), short(e.Run)),
				"they come from two builds, machines or versions of QEMU: run the night with one, in its own directory")
		}
		run := e.Clone()
		runs.BySeed[e.Seed] = &run
		return nil
	})
	if err != nil {
		return nil, err
	}
	return named(list, r.Identity.Kernels), nil
}

// named gives the runs the names by which their kernels were asked for: one release may have several.
func named(list []*Runs, kernels map[string]string) (all []*Runs) {
	for _, runs := range list {
		runs.Scenario = cmp.Or(runs.Scenario, short(runs.Hash)) // of runs that all failed there is no name
		for name, release := range kernels {
			if release == runs.Release && name != "" {
				one := *runs
				one.Kernel = name
				all = append(all, &one)
			}
		}
	}
	slices.SortFunc(all, func(a, b *Runs) int {
		return cmp.Or(cmp.Compare(a.Scenario, b.Scenario), cmp.Compare(a.Kernel, b.Kernel), cmp.Compare(a.Hash, b.Hash))
	})
	return all
}
