package batch

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
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

// String names the job to a person: "dup-ack on 6.1".
func (j *Job) String() string {
	if j.Arm.Kernel == "" {
		return j.Scenario
	}
	return j.Scenario + " on " + j.Arm.Kernel
}

// Broken is a run that left no record, twice, or that the kernel refused.
type Broken struct {
	// Job is its place in the list.
	Job              int
	Scenario, Kernel string
	Seed             uint64
	Err              error
	// GivenUp says that the job's other runs were not tried any more.
	GivenUp bool
}

// inARow is how many runs of a job may break one after the other before the rest of it is given up: it will be the scenario or the kernel.
const inARow = 4

// Options say how runs are made. Archive and Runner have to be given.
type Options struct {
	// Workers at a time; 0 means 1.
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
	// Broken are in the order in which they broke.
	Broken []Broken
}

// maker makes runs: a worker takes a seed of the first job that has one left, so that a job's seeds are made in their order.
type maker struct {
	Options
	began time.Time

	mu     sync.Mutex
	jobs   []Job
	have   map[run]bool // runs that there are, or that are being made
	row    map[int]int  // by job: how many broke in a row
	gone   map[int]bool // jobs that were given up
	at     int          // the job whose turn it is
	next   int          // its next seed
	result Made
}

type run struct {
	hash, release string
	seed          uint64
}

// Make makes the runs that the archive does not have. A run that breaks is made once more, and what breaks again is noted. The error
// is for what stops all of them: a full disk, an interrupt.
func Make(ctx context.Context, jobs []Job, o Options) (*Made, error) {
	m := &maker{Options: o, began: time.Now(), jobs: jobs, have: map[run]bool{}, row: map[int]int{}, gone: map[int]bool{}}
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
		for m.next < len(j.Seeds) && !m.gone[m.at] {
			seed := j.Seeds[m.next]
			at := run{j.Arm.Hash, j.Release, seed}
			there := m.have[at]
			if !there && m.Budget > 0 && time.Since(m.began) >= m.Budget {
				return 0, 0, false
			}
			m.next++
			if !there {
				m.have[at] = true
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
	if err != nil && ctx.Err() == nil && problem.PlaceOf(err) == "" {
		record, err = m.Runner.Run(ctx, &j.Arm, seed)
	}
	refused := problem.PlaceOf(err) != "" // as it would be at every seed
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	broken := err
	if broken == nil {
		if _, err := m.Archive.Append(record); err != nil {
			return fmt.Errorf("%v, seed %d: %w", j, seed, err)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if broken != nil {
		m.row[job]++
		delete(m.have, run{j.Arm.Hash, j.Release, seed})
		now := (refused || m.row[job] >= inARow) && !m.gone[job]
		m.gone[job] = m.gone[job] || now
		m.result.Broken = append(m.result.Broken, Broken{job, j.Scenario, j.Arm.Kernel, seed, broken, now})
	} else {
		m.row[job] = 0
		m.result.Runs++
	}
	if m.Tell != nil {
		m.Tell(m.result.Runs, m.result.All)
	}
	return nil
}
