package compare

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/kernel"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/expect"
	"github.com/ruleout/ruleout/harness/scenario/yamldoc"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/sweep"
)

// SideOf reads a side: the YAML file of a profile, or the name of a kernel.
func SideOf(arg string) (*Profile, error) {
	if strings.HasSuffix(arg, ".yaml") || strings.HasSuffix(arg, ".yml") {
		return LoadProfile(arg)
	}
	if info, err := os.Stat(arg); err == nil && info.IsDir() {
		return nil, problem.Wrap(problem.Usage, fmt.Errorf("%s is not an archive of a sweep", arg),
			"give the directory that was --out of ruleout sweep, a kernel or a profile")
	}
	return &Profile{Name: arg, Kernel: arg}, nil
}

// Jobs lists each scenario on all sides, next to each other, with seeds 1 to the given number. releases are those of
// the profiles' kernels.
func Jobs(
	profiles []*Profile, list []expect.Distinct, seeds int, releases map[string]string,
) ([]sweep.Job, error) {
	numbers := make([]uint64, seeds)
	for i := range numbers {
		numbers[i] = uint64(i) + 1
	}
	var jobs []sweep.Job
	for _, f := range list {
		p := f.Plain
		for _, profile := range profiles {
			set := profile.Settings(Hosts(p))
			s, err := f.With(set)
			if err != nil {
				return nil, err
			}
			values, err := yamldoc.Settings(set)
			if err != nil {
				return nil, err
			}
			jobs = append(jobs, sweep.Job{
				Name: p.Name, Release: releases[profile.Kernel], Seeds: numbers,
				Arm: campaign.Arm{Scenario: s, Hash: s.Hash(), Kernel: profile.Kernel, Set: values},
			})
		}
	}
	return jobs, nil
}

// Hosts are the nodes of a scenario on which the sysctls of a profile are set, in order: all but routers.
func Hosts(s *scenario.Scenario) (names []string) {
	for name, n := range s.Nodes {
		if n.Role != scenario.Router {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Differences lists the settings in which two profiles differ, and the facts in which their kernels do.
func Differences(profiles [2]*Profile) ([]Setting, error) {
	list := Profiles(profiles[0], profiles[1])
	if profiles[0].Kernel == profiles[1].Kernel {
		return list, nil
	}
	store, err := kernel.OpenDefault()
	if err != nil {
		return nil, err
	}
	var kernels [2]*kernel.Kernel
	for i, p := range profiles {
		if kernels[i], err = store.Choose(p.Kernel); err != nil {
			return nil, err
		}
	}
	more, err := Kernels(kernels[0], kernels[1])
	return append(list, more...), err
}
