package compare

import (
	"context"
	"fmt"

	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/verdict/sweep"
)

// Make makes the runs of jobs, as far as the loop's archive does not have them, and returns the sides, which are as
// many as asked for. Jobs are as [Jobs] lists them: one of each side, in turn. each is called after each run, see
// [sweep.Loop.Make]. A run that failed is part of its side, and so is one that was not tried since its job was given
// up: both are not valid.
func Make(
	ctx context.Context, l sweep.Loop, jobs []sweep.Job, n int, each func(*sweep.Made, *sweep.Outcome) error,
) (sides []Side, made *sweep.Made, err error) {
	sides = make([]Side, n)
	made, err = l.Make(ctx, jobs, each)
	if err != nil {
		return sides, made, err
	}
	all := Side{Name: "the archive of the runs"}
	err = l.Archive.Entries(func(e *archive.Entry) error { all.Runs = append(all.Runs, e.Clone()); return nil })
	if err != nil {
		return sides, made, err
	}
	have, err := all.places()
	if err != nil {
		return sides, made, err
	}
	why := map[int]error{}
	for _, b := range made.Broken {
		why[b.Arm] = b.Err
	}
	for i := range sides {
		sides[i].Kernels, sides[i].Names = map[string]string{}, map[string]string{}
	}
	for i := range jobs {
		j, side := &jobs[i], &sides[i%n]
		side.Kernels[j.Arm.Kernel], side.Names[j.Arm.Hash] = j.Release, j.Name
		for _, seed := range j.Seeds {
			r := have[place{j.Arm.Hash, j.Release}][seed]
			if r == nil {
				r = &archive.Entry{
					Scenario: j.Arm.Hash, Kernel: j.Release, Seed: seed,
					Failure: archive.Broke, Because: fmt.Sprintf("given up: %v", why[i]),
				}
			}
			side.Runs = append(side.Runs, *r)
		}
	}
	return sides, made, nil
}
