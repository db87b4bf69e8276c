package nightly

import "github.com/ruleout/ruleout/harness/verdict/batch"

// Turn orders jobs so that a budget which is too small does not leave out the same ones every night.
func Turn(night string, jobs []batch.Job) []batch.Job {
	if len(jobs) == 0 {
		return nil
	}
	pool := make([]uint64, len(jobs))
	for i := range pool {
		pool[i] = uint64(i)
	}
	turned := make([]batch.Job, 0, len(jobs))
	for _, i := range Draw(night, "turn", pool, len(pool)) {
		turned = append(turned, jobs[i])
	}
	return turned
}

// Shard returns the part of the jobs that is for shard i of n, from 1: whole jobs, so that each is prepared once.
func Shard(jobs []batch.Job, i, n int) []batch.Job {
	var mine []batch.Job
	for k, j := range jobs {
		if n < 2 || k%n == i-1 {
			mine = append(mine, j)
		}
	}
	return mine
}
