package nightly

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/kernel"
	"github.com/ruleout/ruleout/harness/scenario/expect"
	"github.com/ruleout/ruleout/harness/scenario/yamldoc"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/sweep"
)

// Kernels returns the kernels to run on: the asked ones, or those of the baselines, or else the series of the default
// one. Those that are not in the store are left out, noted, and reported as missing; without any there is an error.
func Kernels(asked []string, baselines []*Baseline, note func(string)) (there []string, missing bool, err error) {
	store, err := kernel.OpenDefault()
	if err != nil {
		return nil, false, err
	}
	asked = slices.Clone(asked)
	if len(asked) == 0 {
		for _, b := range baselines {
			asked = append(asked, b.Kernel)
		}
	}
	if len(asked) == 0 {
		k, err := store.Default()
		if err != nil {
			return nil, false, err
		}
		asked = []string{Series(k.Release)}
	}
	slices.Sort(asked)
	var all error
	for _, name := range slices.Compact(asked) {
		if _, err := store.Get(name); err != nil {
			note(fmt.Sprintf("not run on %s: %v", name, err))
			missing, all = true, errors.Join(all, err)
			continue
		}
		there = append(there, name)
	}
	if len(there) == 0 {
		return nil, missing, all
	}
	return there, missing, nil
}

// JobOptions say what is run in a night.
type JobOptions struct {
	Files    []string          // of scenarios
	Kernels  []string          // names in the store
	Releases map[string]string // by these names
	Set      []string          // arguments PATH=VALUE of an experiment
	// Baselines from whose pools Seeds seeds are drawn for this Night; with a Pool above zero, seeds 1 to Pool are run
	// instead.
	Baselines   []*Baseline
	Night       string
	Seeds, Pool int
	// Note reports which scenarios cannot be compared.
	Note func(text string)
}

// Jobs lists what is to be run, and the files of the scenarios by their names. A scenario without a comparable baseline
// is run with seed 1, unless Set makes it an experiment: then it is an error.
func Jobs(o JobOptions) (jobs []sweep.Job, files map[string]string, err error) {
	set, err := yamldoc.Settings(o.Set)
	if err != nil {
		return nil, nil, err
	}
	list, err := expect.OpenDistinct(o.Files)
	if err != nil {
		return nil, nil, err
	}
	files = map[string]string{}
	for _, f := range list {
		p, s := f.Plain, f.Plain
		files[p.Name] = f.Path
		if len(o.Set) > 0 {
			if s, err = f.With(o.Set); err != nil {
				return nil, nil, err
			}
		}
		for _, name := range o.Kernels {
			j := sweep.Job{Name: p.Name, Release: o.Releases[name],
				Arm: campaign.Arm{Scenario: s, Hash: s.Hash(), Kernel: name, Set: set}}
			if j.Seeds, err = o.seeds(p.Name, p.Hash(), name); err != nil {
				return nil, nil, err
			}
			jobs = append(jobs, j)
		}
	}
	return jobs, files, nil
}

// seeds of a scenario on a kernel.
func (o *JobOptions) seeds(scenario, hash, kernel string) (seeds []uint64, err error) {
	if o.Pool > 0 {
		for s := range o.Pool {
			seeds = append(seeds, uint64(s)+1)
		}
		return seeds, nil
	}
	i := slices.IndexFunc(o.Baselines, func(b *Baseline) bool { return b.Scenario == scenario && b.Kernel == kernel })
	why := "no baseline"
	if i >= 0 {
		b := o.Baselines[i]
		if b.Hash == hash {
			return Draw(o.Night, b.Place(), b.Pool(), o.Seeds), nil
		}
		why = "scenario changed since the baseline"
	}
	if len(o.Set) > 0 {
		return nil, problem.Wrap(problem.Usage, fmt.Errorf("%s on %s: %s, so an experiment cannot be compared", scenario,
			kernel, why), "accept a baseline first: ruleout nightly accept --help")
	}
	o.Note(fmt.Sprintf("%s on %s: %s; running one seed", scenario, kernel, why))
	return []uint64{1}, nil
}

// Part returns the baselines of the scenarios that are part of the night, and the names of the others.
func (p Plan) Part(baselines []*Baseline) (part []*Baseline, others []string) {
	for _, b := range baselines {
		if _, ok := p.Files[b.Scenario]; ok {
			part = append(part, b)
		} else {
			others = append(others, b.Place())
		}
	}
	return part, others
}
