package nightly

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/ruleout/ruleout/harness/archive"
	"github.com/ruleout/ruleout/harness/campaign"
	"github.com/ruleout/ruleout/harness/result"
)

// Runner makes runs.
type Runner interface {
	Run(ctx context.Context, arm *campaign.Arm, seed uint64) (*result.Record, error)
}

// Job is the runs of one scenario on one kernel.
type Job struct {
	Scenario string // its name
	Arm      campaign.Arm
	Release  string // of the kernel
	// Seeds in the order in which they are run.
	Seeds []uint64
}

// Broken is a run that left no record, twice.
type Broken struct {
	Scenario, Kernel string
	Seed             uint64
	Err              error
}

// inARow is how many runs of a job may break one after the other before the rest of it is left alone: it will be the kernel.
const inARow = 4

// MakeOptions say how runs are made.
type MakeOptions struct {
	Workers int
	// Budget is the time after which no run begins; 0 is no limit.
	Budget  time.Duration
	Archive *archive.Archive
	Runner  Runner
	// Tell is called after each run, or nil.
	Tell func(done, all int)
}

// Made says what Make made.
type Made struct {
	// Runs there are now, of All.
	Runs, All int
	Broken    []Broken
}

// maker makes runs: a worker takes a seed of the first job that has one left, so that a job's seeds are made in their order.
type maker struct {
	MakeOptions
	began time.Time

	mu     sync.Mutex
	jobs   []Job
	have   map[run]bool
	row    map[int]int // by job: how many broke in a row
	at     int         // the job whose turn it is
	next   int         // its next seed
	result Made
}

type run struct {
	hash, release string
	seed          uint64
}

// Make makes the runs that the archive does not have. A run that breaks is made once more, and what breaks again is noted. The error
// is for what stops all of them: a full disk, an interrupt.
func Make(ctx context.Context, jobs []Job, o MakeOptions) (*Made, error) {
	m := &maker{MakeOptions: o, began: time.Now(), jobs: jobs, have: map[run]bool{}, row: map[int]int{}}
	err := o.Archive.Entries(func(e *archive.Entry) error {
		m.have[run{e.Scenario, e.Kernel, e.Seed}] = true
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, j := range jobs {
		m.result.All += len(j.Seeds)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for range max(o.Workers, 1) {
		wg.Go(func() {
			for ctx.Err() == nil {
				job, seed, ok := m.take()
				if !ok {
					return
				}
				if err := m.make(ctx, job, seed); err != nil {
					cancel(err)
				}
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return &m.result, context.Cause(ctx)
	}
	return &m.result, nil
}

// take returns the next run that is wanted.
func (m *maker) take() (job int, seed uint64, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for ; m.at < len(m.jobs); m.at, m.next = m.at+1, 0 {
		j := &m.jobs[m.at]
		for m.next < len(j.Seeds) && m.row[m.at] < inARow {
			seed := j.Seeds[m.next]
			there := m.have[run{j.Arm.Hash, j.Release, seed}]
			if !there && m.Budget > 0 && time.Since(m.began) >= m.Budget {
				return 0, 0, false
			}
			m.next++
			if !there {
				return m.at, seed, true
			}
			m.result.Runs++
		}
	}
	return 0, 0, false
}

func (m *maker) make(ctx context.Context, job int, seed uint64) error {
	j := &m.jobs[job]
	record, err := m.Runner.Run(ctx, &j.Arm, seed)
	if err != nil && ctx.Err() == nil {
		record, err = m.Runner.Run(ctx, &j.Arm, seed)
	}
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	broken := err
	if broken == nil {
		if _, err := m.Archive.Append(record); err != nil {
			return fmt.Errorf("%s, seed %d: %w", place(j.Scenario, j.Arm.Kernel), seed, err)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if broken != nil {
		m.row[job]++
		m.result.Broken = append(m.result.Broken, Broken{j.Scenario, j.Arm.Kernel, seed, broken})
	} else {
		m.row[job] = 0
		m.result.Runs++
	}
	if m.Tell != nil {
		m.Tell(m.result.Runs, m.result.All)
	}
	return nil
}

// Turn orders jobs so that a budget which is too small does not leave out the same ones every night.
func Turn(night string, jobs []Job) []Job {
	if len(jobs) == 0 {
		return nil
	}
	pool := make([]uint64, len(jobs))
	for i := range pool {
		pool[i] = uint64(i)
	}
	turned := make([]Job, 0, len(jobs))
	for _, i := range Draw(night, "turn", pool, len(pool)) {
		turned = append(turned, jobs[i])
	}
	return turned
}

// Shard returns the part of the jobs that is for shard i of n, from 1: whole jobs, so that each is prepared once.
func Shard(jobs []Job, i, n int) []Job {
	var mine []Job
	for k, j := range jobs {
		if n < 2 || k%n == i-1 {
			mine = append(mine, j)
		}
	}
	return mine
}
