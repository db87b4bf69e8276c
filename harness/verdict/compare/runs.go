package compare

import (
	"context"
	"fmt"

	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/verdict/batch"
)

// Job is one scenario on one side.
type Job struct {
	Side int // 0 or 1
	batch.Job
}

// Make makes the runs of all jobs, as far as the archive does not have them, and returns the two sides. A run that broke twice is part of its
// side, as one that is not valid, and Make goes on; see package batch.
func Make(ctx context.Context, jobs []Job, o batch.Options) (sides [2]Side, made *batch.Made, err error) {
	list := make([]batch.Job, len(jobs))
	for i := range jobs {
		list[i] = jobs[i].Job
	}
	if made, err = batch.Make(ctx, list, o); err != nil {
		return sides, made, err
	}
	all := Side{Name: "the archive of the runs"}
	err = o.Archive.Entries(func(e *archive.Entry) error { all.Runs = append(all.Runs, RunOf(e)); return nil })
	if err != nil {
		return sides, made, err
	}
	have, err := all.places()
	if err != nil {
		return sides, made, err
	}
	why := map[int]error{}
	for _, b := range made.Broken {
		why[b.Job] = b.Err
	}
	for i := range jobs {
		j := &jobs[i]
		side := &sides[j.Side]
		if side.Kernels == nil {
			side.Kernels = map[string]string{}
		}
		side.Kernels[j.Arm.Kernel] = j.Release
		for _, seed := range j.Seeds {
			r := Run{Kernel: j.Release, Seed: seed, Because: fmt.Sprintf("the run broke: %v", why[i])}
			if found := have[place{j.Arm.Hash, j.Release}][seed]; found != nil {
				r = *found
			}
			r.Scenario = j.Scenario
			side.Runs = append(side.Runs, r)
		}
	}
	return sides, made, nil
}
