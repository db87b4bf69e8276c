package compare

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/ruleout/ruleout/harness/archive"
	"github.com/ruleout/ruleout/harness/campaign"
	"github.com/ruleout/ruleout/harness/result"
)

// Runner makes runs.
type Runner interface {
	Run(ctx context.Context, arm *campaign.Arm, seed uint64) (*result.Record, error)
}

// Job is one scenario on one side.
type Job struct {
	Side     int // 0 or 1
	Scenario string
	Arm      campaign.Arm
	Release  string // of the kernel
}

// Make makes the runs of all jobs with seeds from first on, as far as the archive does not have them, and returns the two sides. The
// two sides of a scenario and seed are made one after the other. tell is called after each run.
func Make(ctx context.Context, jobs []Job, first uint64, seeds, workers int, a *archive.Archive, runner Runner, tell func(done, all int)) (sides [2]Side, err error) {
	type place struct {
		hash, release string
		seed          uint64
	}
	have := map[place]*Run{}
	note := func(e *archive.Entry) *Run {
		r := RunOf(e)
		have[place{e.Scenario, e.Kernel, e.Seed}] = &r
		return &r
	}
	if err := a.Entries(func(e *archive.Entry) error { note(e); return nil }); err != nil {
		return sides, err
	}
	var mu sync.Mutex
	done, all := 0, len(jobs)*seeds
	work, running := errgroup.WithContext(ctx)
	work.SetLimit(max(workers, 1))
	for i := range jobs {
		job := &jobs[i]
		for s := range seeds {
			seed := first + uint64(s)
			mu.Lock()
			_, there := have[place{job.Arm.Hash, job.Release, seed}]
			if there {
				done++
			}
			mu.Unlock()
			if there || running.Err() != nil {
				continue
			}
			work.Go(func() error {
				if running.Err() != nil {
					return context.Cause(running)
				}
				record, err := runner.Run(running, &job.Arm, seed)
				var e archive.Entry
				if err == nil {
					e, err = a.Append(record)
				}
				if err != nil {
					return fmt.Errorf("%s, seed %d: %w", job.Scenario, seed, err)
				}
				mu.Lock()
				defer mu.Unlock()
				note(&e)
				done++
				tell(done, all)
				return nil
			})
		}
	}
	err = work.Wait()
	if ctx.Err() != nil { // what the runs say then is only that they were given up
		err = context.Cause(ctx)
	}
	if err != nil {
		return sides, err
	}
	for i := range jobs {
		j := &jobs[i]
		for s := range seeds {
			if r := have[place{j.Arm.Hash, j.Release, first + uint64(s)}]; r != nil {
				named := *r
				named.Scenario = j.Scenario
				sides[j.Side].Runs = append(sides[j.Side].Runs, named)
			}
		}
	}
	return sides, nil
}

// RunOf takes from an archive's entry what is compared. The scenario's hash stands for its name.
func RunOf(e *archive.Entry) Run {
	return Run{
		Scenario: e.Scenario, Seed: e.Seed, Digest: e.Digest, Key: e.Key, Valid: e.Valid, Because: e.Because,
		Values: append([]archive.Value(nil), e.Values...),
	}
}

// Stored returns an archive's runs as a side.
func Stored(name string, r *archive.Reader) (Side, error) {
	s := Side{Name: name}
	err := r.Entries(func(e *archive.Entry) error { s.Runs = append(s.Runs, RunOf(e)); return nil })
	return s, err
}
