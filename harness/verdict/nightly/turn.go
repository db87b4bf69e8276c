package nightly

import "github.com/ruleout/ruleout/harness/verdict/sweep"

// Turn orders jobs so that a budget which is too small does not leave out the same ones every night.
func Turn(night string, jobs []sweep.Job) []sweep.Job {
	pool := make([]uint64, len(jobs))
	for i := range pool {
		pool[i] = uint64(i)
	}
	turned := make([]sweep.Job, len(jobs))
	for to, from := range Draw(night, "turn", pool, len(pool)) {
		turned[to] = jobs[from]
	}
	return turned
}

// Shard returns the part of the jobs that is for shard i of n, from 1: whole jobs, so that each is prepared once.
func Shard(jobs []sweep.Job, i, n int) []sweep.Job {
	var mine []sweep.Job
	for k, j := range jobs {
		if n < 2 || k%n == i-1 {
			mine = append(mine, j)
		}
	}
	return mine
}
