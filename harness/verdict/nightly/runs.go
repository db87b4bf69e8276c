package nightly

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/record/result"
)

// Plan is what the runs in an archive were made for. The archive keeps it, so that shards that are merged, and whoever judges them, agree.
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

// Identity is that of the night's archive. Shards on different kernels go together.
func (p Plan) Identity(tool string, kernels map[string]string) (archive.Identity, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return archive.Identity{}, fmt.Errorf("encode plan of the night: %w", err)
	}
	// Each part of the name keeps apart what must not be merged.
	name := fmt.Sprintf("nightly %s, %d seeds", p.Night, p.Seeds)
	if len(p.Set) > 0 {
		name += fmt.Sprintf(", set %q", p.Set)
	}
	return archive.Identity{Campaign: name, Tool: tool, Kernels: kernels, Source: archive.Source{File: planFile, Text: string(text)}}, nil
}

// PlanOf returns the plan of a night's archive.
func PlanOf(id archive.Identity) (Plan, error) {
	var p Plan
	if id.Source.File != planFile {
		return p, problem.Wrap(problem.Usage, fmt.Errorf("the archive belongs to %s, not to a night", id.Campaign), "give the directory that was --out of ruleout nightly run")
	}
	if err := strict([]byte(id.Source.Text), &p); err != nil {
		return p, problem.Wrap(problem.Usage, fmt.Errorf("read plan of the night: %w", err), "this archive is damaged")
	}
	return p, CheckNight(p.Night)
}

// Runs are those of one scenario on one kernel.
type Runs struct {
	Head
	Set    map[string]string
	BySeed map[uint64]*Run
}

// Run is what is compared of a run.
type Run struct {
	ID, Digest, Key string
	Valid           bool
	Because         string
	Values          map[string]float64
}

// value of a metric, NaN if it was not recorded.
func (r *Run) value(name string) float64 {
	if v, ok := r.Values[name]; ok {
		return v
	}
	return math.NaN()
}

// Load reads the runs of an archive, by the name of the scenario and that of the kernel.
func Load(r *archive.Reader) ([]*Runs, error) {
	type at struct{ hash, release string }
	found := map[at]*Runs{}
	var list []*Runs
	err := r.Entries(func(e *archive.Entry) error {
		if e.Failure != "" {
			return nil // there is nothing to compare
		}
		runs := found[at{e.Scenario, e.Kernel}]
		if runs == nil {
			record, err := r.Record(e)
			if err != nil {
				return err
			}
			runs = runsOf(record)
			found[at{e.Scenario, e.Kernel}] = runs
			list = append(list, runs)
		}
		names := make([]string, len(e.Values))
		for i, v := range e.Values {
			names[i] = v.Name
		}
		run := &Run{ID: e.Run, Digest: e.Digest, Key: e.Key, Valid: e.Valid, Because: e.Because, Values: map[string]float64{}}
		for _, name := range watched(names) {
			if v, ok := e.Value(name); ok {
				run.Values[name] = v
			}
		}
		if other := runs.BySeed[e.Seed]; other != nil {
			return problem.Wrap(problem.Usage, fmt.Errorf("two runs of %s, seed %d: %s and %s", place(runs.Scenario, e.Kernel), e.Seed, short(other.ID), short(run.ID)),
				"they come from two builds, machines or versions of QEMU: run the night with one, in its own directory")
		}
		runs.BySeed[e.Seed] = run
		return nil
	})
	if err != nil {
		return nil, err
	}
	return named(list, r.Identity.Kernels), nil
}

func runsOf(r *result.Record) *Runs {
	p := r.Provenance
	return &Runs{
		Head: Head{Scenario: r.Scenario.Name, Hash: r.Scenario.Hash, Release: p.Kernel, Tool: p.Program(), QEMU: p.QEMU, Netem: p.Netem, Key: p.Key},
		Set:  r.Scenario.Set, BySeed: map[uint64]*Run{},
	}
}

// named gives the runs the names by which their kernels were asked for: one release may have several.
func named(list []*Runs, kernels map[string]string) (all []*Runs) {
	for _, runs := range list {
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
