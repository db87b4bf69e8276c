package sweep

import (
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/ruleout/ruleout/harness/archive"
	"github.com/ruleout/ruleout/harness/campaign"
	"github.com/ruleout/ruleout/harness/judge"
	"github.com/ruleout/ruleout/harness/problem"
	"github.com/ruleout/ruleout/harness/result"
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
	// Kernels are the releases behind the plan's names of kernels.
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
	judge.Progress
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
	Bench *judge.Bench
	// OverBudget says that the budget was spent before everything was decided. Runs that were under way then are still made.
	OverBudget bool
	// Breaks are the runs that broke twice, with their last errors.
	Breaks []Break
	// Refusals are arms of which no run can be made, each with the first seed and the error: the kernel refuses a value of the scenario
	// (the error has a place, see [problem.PlaceOf]), and would at every seed.
	Refusals []Break
}

// Break is a run that could not be made.
type Break struct {
	Arm  int
	Seed uint64
	Err  error
}

// inARow is how many runs may break one after the other before the sweep gives up.
const inARow = 4

type sweep struct {
	Options
	mu      sync.Mutex
	idle    *sync.Cond
	bench   *judge.Bench
	queue   []judge.Need
	flying  map[flight]bool
	busy    int
	began   time.Time
	breaks  []Break
	row     int // breaks in a row
	refused map[int]Break
	running []string
	made    int
	kept    int
	over    bool
}

type flight struct {
	arm  int
	seed uint64
}

// Run sweeps. The result is there also with an error, and has what was reached. A context that was cancelled is returned as its cause,
// once the runs that were being made are given up.
func Run(ctx context.Context, o Options) (*Result, error) {
	b, err := judge.New(o.Plan)
	if err != nil {
		return nil, err
	}
	s := &sweep{Options: o, bench: b, flying: map[flight]bool{}, refused: map[int]Break{}, began: time.Now(), running: make([]string, max(o.Workers, 1))}
	s.idle = sync.NewCond(&s.mu)
	if o.Shards > 1 {
		b.Only(s.mine())
	}
	if err := Fill(b, o.Plan, o.Kernels, o.Archive.Entries); err != nil {
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
	r := &Result{State: s.state(), Bench: b, OverBudget: s.over && len(b.Needs(s.isFlying)) > 0, Breaks: s.breaks}
	for _, arm := range slices.Sorted(maps.Keys(s.refused)) {
		r.Refusals = append(r.Refusals, s.refused[arm])
	}
	if ctx.Err() != nil {
		return r, context.Cause(ctx)
	}
	return r, nil
}

// Fill gives a bench what is in an archive: entries is its Entries method, kernels the releases behind the plan's names.
func Fill(b *judge.Bench, p *campaign.Plan, kernels map[string]string, entries func(func(*archive.Entry) error) error) error {
	type place struct{ hash, release string }
	arms := map[place][]int{}
	for i, a := range p.Arms {
		at := place{a.Hash, kernels[a.Kernel]}
		arms[at] = append(arms[at], i)
	}
	return entries(func(e *archive.Entry) error {
		for _, i := range arms[place{e.Scenario, e.Kernel}] {
			b.Add(i, e.Seed, e)
		}
		return nil
	})
}

// mine returns whether a case belongs to this shard. Cases with a base arm in common stay together, so that it runs once, as
// long as there are base arms enough to share out; it runs in each shard otherwise.
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
			if ctx.Err() != nil || s.spent() || s.isRefused(n.Arm) {
				s.giveBack(n.Arm, n.Seeds[i:])
				break
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
func (s *sweep) take(ctx context.Context, worker int) (judge.Need, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if ctx.Err() != nil || s.over {
			return judge.Need{}, false
		}
		if s.Budget > 0 && time.Since(s.began) >= s.Budget {
			if len(s.bench.Needs(s.isFlying)) > 0 || s.busy > 0 {
				s.over = true
			}
			s.idle.Broadcast()
			return judge.Need{}, false
		}
		if len(s.queue) == 0 {
			s.queue = s.bench.Needs(s.isFlying)
		}
		if len(s.queue) > 0 {
			n := s.queue[0]
			s.queue = s.queue[1:]
			// When there is less to do than there are workers, they share an arm.
			if share := (len(n.Seeds) + s.spare()) / (s.spare() + 1); share < len(n.Seeds) {
				rest := n
				n.Seeds, rest.Seeds = n.Seeds[:share], n.Seeds[share:]
				s.queue = append([]judge.Need{rest}, s.queue...)
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
			return judge.Need{}, false
		}
		s.idle.Wait() // what the others are running may bring more
	}
}

// spare is how many workers would have nothing to do if each need in the queue took one.
func (s *sweep) spare() int { return max(0, len(s.running)-s.busy-1-len(s.queue)) }

func (s *sweep) isFlying(arm int, seed uint64) bool { return s.flying[flight{arm, seed}] }

// still drops seeds that another worker took since the queue was made.
func (s *sweep) still(n judge.Need) (seeds []uint64) {
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
		s.refuse(arm, seed, err)
		return nil
	case err != nil:
		return s.broke(arm, seed, err)
	}
	e, err := s.Archive.Append(record)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.flying, flight{arm, seed})
	s.bench.Add(arm, seed, &e)
	s.made, s.row = s.made+1, 0
	s.tell()
	return nil
}

// broke notes a run that could not be made, and gives up when it is not the only one.
func (s *sweep) broke(arm int, seed uint64, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.breaks = append(s.breaks, Break{arm, seed, err})
	if s.row++; s.row >= inARow {
		return fmt.Errorf("%d runs in a row broke, twice each; the last one, seed %d of %s: %w", s.row, seed, s.name(arm), err)
	}
	delete(s.flying, flight{arm, seed})
	s.bench.Break(arm, seed)
	s.tell()
	return nil
}

// refuse notes that no run of an arm can be made.
func (s *sweep) refuse(arm int, seed uint64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, again := s.refused[arm]; !again {
		s.refused[arm] = Break{arm, seed, err}
	}
	delete(s.flying, flight{arm, seed})
	s.bench.Refuse(arm)
	s.tell()
}

func (s *sweep) isRefused(arm int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, refused := s.refused[arm]
	return refused
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
