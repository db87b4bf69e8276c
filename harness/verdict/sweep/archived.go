package sweep

import (
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/cases"
)

// Archived returns the cases of a plan with the evidence of all runs in an archive. run returns the first digits of the
// run of an arm with a seed, or nothing if the archive has no record of it.
func Archived(plan *campaign.Plan, r *archive.Reader) (an *cases.Analysis,
	run func(arm int, seed uint64) string, err error) {
	type place struct {
		scenario, kernel string
		seed             uint64
	}
	ids := map[place]string{}
	if an, err = cases.New(plan); err != nil {
		return nil, nil, err
	}
	err = Fill(an, plan, r.Identity.Kernels, func(add func(*archive.Entry) error) error {
		return r.Entries(func(e *archive.Entry) error {
			if e.Failure == "" { // there is nothing to show of the others
				ids[place{e.Scenario, e.Kernel, e.Seed}] = result.Short(e.Run)
			}
			return add(e)
		})
	})
	return an, func(arm int, seed uint64) string {
		a := &plan.Arms[arm]
		return ids[place{a.Hash, r.Identity.Kernels[a.Kernel], seed}]
	}, err
}
