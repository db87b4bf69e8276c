package sweep

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/cases"
)

// Options of a sweep. Plan, Archive and Runner have to be given.
type Options struct {
	Loop
	Plan *campaign.Plan
	// Kernels are the releases of the plan's kernels, by their names.
	Kernels map[string]string
	// Shard of Shards, from 1, takes its part of the cases; 0 of 0 takes all.
	Shard, Shards int
	// Tell is called after each run, by one goroutine at a time. It may be nil.
	Tell func(State)
}

// State is how far a sweep is.
type State struct {
	cases.Progress
	// Made is how many runs this sweep has made, Broken how many broke twice.
	Made, Broken int
	// Remaining is an estimate of the runs to come; Left of the time, 0 while there is none.
	Remaining int
	Left      time.Duration
	Elapsed   time.Duration
	// Rate of runs a second in this sweep.
	Rate float64
}

// Result is how a sweep ended.
type Result struct {
	State
	// Analysis has what all runs showed, also those that were there before.
	Analysis *cases.Analysis
	// OverBudget says that the budget was spent before everything was decided. Runs that were under way then are
	// still made.
	OverBudget bool
	// Breaks are the runs that broke twice, with their last errors, and those of an earlier sweep that were not made
	// again.
	Breaks []Break
	// Refusals are arms of which no run can be made, each with the first seed and the error: the kernel refuses a value
	// of the scenario (the error has a place, see [problem.PlaceOf]), and would at every seed.
	Refusals []Break
}

// inARow is how many arms may break, one after the other and without a run that is made in between, before it is asked
// whether it is the machine. inARowFirst is how many when no run was ever made, with which it could be asked.
const (
	inARow      = 4
	inARowFirst = 8
)

// sweep is a source with the runs that the cases of a plan want.
type sweep struct {
	Options
	analysis *cases.Analysis
	flying   map[flight]bool
	began    time.Time
	made     int
	before   []failure // of earlier sweeps
	breaks   []Break
	// row are the breaks since the last run that was made. They are stored when another is made: it was not the
	// machine.
	row []Break
	// doubted are the breaks for which a run that was made before is made again.
	doubted  []Break
	refusals []Break // one for each arm
}

type flight struct {
	arm  int
	seed uint64
}

// Run sweeps. The result is there also with an error, and has what was reached. A context that was cancelled is
// returned as its cause, once the runs that were being made are given up.
func Run(ctx context.Context, o Options) (*Result, error) {
	an, err := cases.New(o.Plan)
	if err != nil {
		return nil, err
	}
	o.Workers = max(o.Workers, 1)
	s := &sweep{Options: o, analysis: an, flying: map[flight]bool{}, began: time.Now()}
	if o.Shards > 1 {
		an.Only(s.mine())
	}
	if err := s.fill(); err != nil {
		return nil, err
	}
	over, err := s.run(ctx, s)
	if err == nil {
		s.remember()
		err = s.store()
	}
	left := an.First(1, func(int, uint64) bool { return false })
	slices.SortFunc(s.refusals, func(a, b Break) int { return a.Arm - b.Arm })
	r := &Result{State: s.state(), Analysis: an, OverBudget: over && len(left) > 0, Breaks: s.breaks, Refusals: s.refusals}
	return r, err
}

// mine returns whether a case belongs to this shard. Cases with a base arm in common stay together, so that it runs
// once, as long as there are base arms enough to share out; it runs in each shard otherwise.
func (s *sweep) mine() func(*campaign.Case) bool {
	bases := map[int]bool{}
	for i := range s.Plan.Cases {
		bases[s.Plan.Cases[i].Base] = true
	}
	together := len(bases) >= 4*s.Shards
	return func(c *campaign.Case) bool {
		arm := c.Treated
		if together {
			arm = c.Base
		}
		h := fnv.New32a()
		_, _ = h.Write([]byte(s.Plan.Arms[arm].Hash + s.Plan.Arms[arm].Kernel))
		return int(h.Sum32()%uint32(s.Shards)) == s.Shard-1
	}
}

// next returns the most urgent arm with the seeds that are wanted of it.
func (s *sweep) next(idle int) (lease, bool) {
	var n cases.Need
	if arm, seed, ok := s.check(); ok {
		n = cases.Need{Arm: arm, Seeds: []uint64{seed}}
	} else if list := s.analysis.First(idle+1, s.isFlying); len(list) > 0 {
		// When there is less to do than there are workers, they share an arm.
		n = list[0]
		workers := idle + 2 - len(list)
		n.Seeds = n.Seeds[:(len(n.Seeds)+workers-1)/workers]
	} else {
		return lease{}, false
	}
	for _, seed := range n.Seeds {
		s.flying[flight{n.Arm, seed}] = true
	}
	return lease{n.Arm, &s.Plan.Arms[n.Arm], n.Seeds}, true
}

func (s *sweep) isFlying(arm int, seed uint64) bool { return s.flying[flight{arm, seed}] }

func (s *sweep) wanted(arm int, seed uint64) bool {
	return !s.analysis.GivenUp(arm, seed) || s.analysis.Made(arm, seed) // which is asked for when the machine is in doubt
}

// done takes what came of a run.
func (s *sweep) done(o *Outcome) error {
	delete(s.flying, flight{o.Job, o.Seed})
	again := s.analysis.Made(o.Job, o.Seed)
	switch {
	case again && o.Err != nil:
		why := fmt.Errorf("seed %d of %s, which was made before, breaks now, too: %w", o.Seed, s.name(o.Job), o.Err)
		return s.failing(s.doubted, why)
	case again:
		s.doubted = nil
		return s.store()
	case o.Refused():
		return s.refuse(o)
	case o.Err != nil:
		return s.broke(o)
	}
	s.analysis.Add(o.Job, o.Seed, &o.entry)
	s.made++
	s.tell()
	return s.store()
}

// name says which arm it is.
func (s *sweep) name(arm int) string {
	a := &s.Plan.Arms[arm]
	name := fmt.Sprintf("arm %d of %d", arm+1, len(s.Plan.Arms))
	if a.Kernel != "" {
		name += " on " + a.Kernel
	}
	return name
}

func (s *sweep) tell() {
	if s.Tell != nil {
		s.Tell(s.state())
	}
}

func (s *sweep) state() State {
	st := State{
		Progress: s.analysis.Progress(), Made: s.made, Broken: len(s.breaks), Remaining: s.analysis.Remaining(),
		Elapsed: time.Since(s.began),
	}
	if s.made > 0 {
		st.Rate = float64(s.made) / st.Elapsed.Seconds()
		st.Left = time.Duration(float64(st.Remaining) / st.Rate * float64(time.Second))
	}
	return st
}
