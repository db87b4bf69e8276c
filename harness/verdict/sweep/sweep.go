package sweep

import (
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/cases"
)

// Runner makes runs. It is called by several goroutines.
type Runner interface {
	Run(ctx context.Context, arm *campaign.Arm, seed uint64) (*result.Record, error)
}

// Options of a sweep. Plan, Archive and Runner have to be given.
type Options struct {
	Plan    *campaign.Plan
	Archive *archive.Archive
	Runner  Runner
	// Kernels are the releases for the plan's names of kernels.
	Kernels map[string]string
	// Workers at a time; 0 means 1.
	Workers int
	// Budget is the wall time after which no further run begins; 0 means none.
	Budget time.Duration
	// Shard of Shards, from 1, takes its part of the cases; 0 of 0 takes all.
	Shard, Shards int
	// Tell is called after each run and each change of what is running, by one goroutine at a time. It may be nil.
	Tell func(State)
}

// State is how far a sweep is.
type State struct {
	cases.Progress
	// Made is how many runs this sweep has made, Kept how many were in the archive when it began.
	Made, Kept int
	Broken     int
	// Remaining is an estimate of the runs to come; Left of the time, 0 while there is none.
	Remaining int
	Left      time.Duration
	Elapsed   time.Duration
	// Rate of runs a second in this sweep.
	Rate float64
	// Running says what is being run, worker by worker; empty for an idle one.
	Running []string
}

// Result is how a sweep ended.
type Result struct {
	State
	// Bench has what all runs showed, also those that were there before.
	Bench *cases.Bench
	// OverBudget says that the budget was spent before everything was decided. Runs that were under way then are still made.
	OverBudget bool
	// Breaks are the runs that broke twice, with their last errors, and those of an earlier sweep that were not made
	// again.
	Breaks []Break
	// GivenUp are the arms that broke [cases.InARow] times in a row, each with the last of them.
	GivenUp []Break
	// Refusals are arms of which no run can be made, each with the first seed and the error: the kernel refuses a value
	// of the scenario (the error has a place, see [problem.PlaceOf]), and would at every seed.
	Refusals []Break
}

// Break is a run that could not be made.
type Break struct {
	Arm  int
	Seed uint64
	Err  error
}

// inARow is how many arms may break, one after the other and without a run that is made in between, before it is asked
// whether it is the machine. inARowFirst is how many when no run was ever made, with which it could be asked.
const (
	inARow      = 4
	inARowFirst = 8
)

type sweep struct {
	Options
	mu     sync.Mutex
	idle   *sync.Cond
	bench  *cases.Bench
	queue  []cases.Need
	flying map[flight]bool
	busy   int
	began  time.Time
	breaks []Break
	// row are the breaks since the last run that was made. They are stored when another is made: it was not the
	// machine.
	row     []Break
	refused map[int]Break
	before  []failure // of earlier sweeps
	running []string
	made    int
	kept    int
	over    bool
}

type flight struct {
	arm  int
	seed uint64
}

// Run sweeps. The result is there also with an error, and has what was reached. A context that was cancelled is
// returned as its cause, once the runs that were being made are given up.
func Run(ctx context.Context, o Options) (*Result, error) {
	b, err := cases.New(o.Plan)
	if err != nil {
		return nil, err
	}
	s := &sweep{
		Options: o, bench: b, flying: map[flight]bool{}, refused: map[int]Break{}, began: time.Now(), running: make([]string, max(o.Workers, 1)),
	}
	s.idle = sync.NewCond(&s.mu)
	if o.Shards > 1 {
		b.Only(s.mine())
	}
	if err := s.fill(); err != nil {
		return nil, err
	}
	s.kept = b.Progress().Runs
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() { s.idle.Broadcast() })
	defer stop()
	var wg sync.WaitGroup
	for worker := range s.running {
		wg.Go(func() {
			if err := s.work(ctx, worker); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	err = context.Cause(ctx) // nil if nothing was wrong
	if err == nil {
		s.remember()
		err = s.store()
	}
	left := b.First(1, func(int, uint64) bool { return false })
	r := &Result{State: s.state(), Bench: b, OverBudget: s.over && len(left) > 0, Breaks: s.breaks, GivenUp: s.givenUp()}
	for _, arm := range slices.Sorted(maps.Keys(s.refused)) {
		r.Refusals = append(r.Refusals, s.refused[arm])
	}
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

// work takes an arm with some seeds after the other until there is nothing left to do.
func (s *sweep) work(ctx context.Context, worker int) error {
	for {
		n, ok := s.take(ctx, worker)
		if !ok {
			return nil
		}
		for i, seed := range n.Seeds {
			if ctx.Err() != nil || s.spent() {
				s.giveBack(n.Arm, n.Seeds[i:])
				break
			}
			if s.isGivenUp(n.Arm, seed) {
				s.giveBack(n.Arm, n.Seeds[i:i+1])
				continue
			}
			if err := s.run(ctx, n.Arm, seed); err != nil {
				s.giveBack(n.Arm, n.Seeds[i:])
				s.rest(worker)
				return err
			}
		}
		s.rest(worker)
	}
}

// take waits for work. It is false when nothing is left, or no more is to begin.
func (s *sweep) take(ctx context.Context, worker int) (cases.Need, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if ctx.Err() != nil || s.over {
			return cases.Need{}, false
		}
		if s.Budget > 0 && time.Since(s.began) >= s.Budget {
			s.over = true // unless nothing is wanted in the end
			s.idle.Broadcast()
			return cases.Need{}, false
		}
		if len(s.queue) == 0 {
			s.queue = s.bench.First(len(s.running)+1, s.isFlying)
		}
		if len(s.queue) > 0 {
			n := s.queue[0]
			s.queue = s.queue[1:]
			// When there is less to do than there are workers, they share an arm.
			if share := (len(n.Seeds) + s.spare()) / (s.spare() + 1); share < len(n.Seeds) {
				rest := n
				n.Seeds, rest.Seeds = n.Seeds[:share], n.Seeds[share:]
				s.queue = append([]cases.Need{rest}, s.queue...)
				s.idle.Broadcast()
			}
			n.Seeds = s.still(n)
			if len(n.Seeds) == 0 {
				continue
			}
			for _, seed := range n.Seeds {
				s.flying[flight{n.Arm, seed}] = true
			}
			s.busy++
			s.running[worker] = s.name(n.Arm)
			s.tell()
			return n, true
		}
		if s.busy == 0 {
			s.idle.Broadcast()
			return cases.Need{}, false
		}
		s.idle.Wait() // what the others are running may bring more
	}
}

// spare is how many workers would have nothing to do if each need in the queue took one.
func (s *sweep) spare() int { return max(0, len(s.running)-s.busy-1-len(s.queue)) }

func (s *sweep) isFlying(arm int, seed uint64) bool { return s.flying[flight{arm, seed}] }

// still drops seeds that another worker took since the queue was made.
func (s *sweep) still(n cases.Need) (seeds []uint64) {
	for _, seed := range n.Seeds {
		if !s.isFlying(n.Arm, seed) {
			seeds = append(seeds, seed)
		}
	}
	return seeds
}

func (s *sweep) giveBack(arm int, seeds []uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, seed := range seeds {
		delete(s.flying, flight{arm, seed})
	}
}

func (s *sweep) rest(worker int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy--
	s.running[worker] = ""
	s.queue = nil // what was learnt may have changed what is wanted
	s.tell()
	s.idle.Broadcast()
}

func (s *sweep) spent() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Budget > 0 && time.Since(s.began) >= s.Budget
}

// run makes one run, a second time if it breaks, and stores it.
func (s *sweep) run(ctx context.Context, arm int, seed uint64) error {
	a := &s.Plan.Arms[arm]
	record, err := s.Runner.Run(ctx, a, seed)
	if err != nil && ctx.Err() == nil && problem.PlaceOf(err) == "" {
		record, err = s.Runner.Run(ctx, a, seed)
	}
	switch { // a record that is there is kept, whatever else
	case err != nil && ctx.Err() != nil:
		return context.Cause(ctx)
	case problem.PlaceOf(err) != "":
		return s.refuse(arm, seed, err)
	case err != nil:
		return s.broke(ctx, arm, seed, err)
	}
	e, err := s.Archive.Append(record)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.flying, flight{arm, seed})
	s.bench.Add(arm, seed, &e)
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
		Progress: s.bench.Progress(), Made: s.made, Kept: s.kept, Broken: len(s.breaks), Remaining: s.bench.Remaining(),
		Elapsed: time.Since(s.began), Running: append([]string(nil), s.running...),
	}
	if s.made > 0 {
		st.Rate = float64(s.made) / st.Elapsed.Seconds()
		st.Left = time.Duration(float64(st.Remaining) / st.Rate * float64(time.Second))
	}
	return st
}
