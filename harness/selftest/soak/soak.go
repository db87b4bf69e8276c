package soak

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ruleout/ruleout/harness/machine"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario"
)

// Runner makes runs; [machine.VM] is one.
type Runner interface {
	Run(ctx context.Context, r machine.Request) (*result.Record, error)
}

// Options of a soak.
type Options struct {
	Scenario *scenario.Scenario
	Seed     uint64
	Runs     int // how often; at least 2
	Jobs     int // how many at a time; at least 1
	// Each is called for every run when it is done, one at a time: the record, and whether
	// its digest is the first one's; or the error. It may be nil.
	Each func(r *result.Record, equal bool, err error)
}

// Result of a soak.
type Result struct {
	Scenario string `json:"scenario"`
	Seed     uint64 `json:"seed"`
	Kernel   string `json:"kernel"`
	QEMU     string `json:"qemu"`
	Machine  string `json:"machine"`

	Runs   int    `json:"runs"`   // asked for
	Equal  int    `json:"equal"`  // with the digest of the first
	Failed int    `json:"failed"` // that gave no record
	Digest string `json:"digest"` // of the first
	// Others counts the digests that differ.
	Others map[string]int `json:"others"`
	// Differences between the first record and the first that differs.
	Differences []result.Difference `json:"differences"`
	// Failure is the first run's error that gave no record, as text.
	Failure string `json:"failure,omitempty"`
	// OtherSeed is the digest of the run with the next seed, and OtherSeedDiffers in how
	// many fields its record differs, the seed itself (which the digest covers) not counted.
	OtherSeed        string `json:"other_seed"`
	OtherSeedDiffers int    `json:"other_seed_differs"`

	Valid bool    `json:"valid"` // what the first record says of itself
	Wall  float64 `json:"wall"`  // s, for all runs
}

// Pass says whether every run was equal to the first, and the other seed's was not.
func (r *Result) Pass() bool { return r.Equal == r.Runs && r.OtherSeedDiffers > 0 }

// Run carries out a soak. Runs that give no record are counted; the error is for a
// soak that could not be made at all, or was cancelled.
func Run(ctx context.Context, runner Runner, o Options) (*Result, error) {
	if o.Runs < 2 || o.Jobs < 1 {
		return nil, fmt.Errorf("soak of %d runs, %d at a time: one run has nothing to be compared with", o.Runs, o.Jobs)
	}
	if o.Each == nil {
		o.Each = func(*result.Record, bool, error) {}
	}
	began := time.Now()
	// The first run is made alone: it makes the template if there is none.
	first, err := runner.Run(ctx, machine.Request{Scenario: o.Scenario, Seed: o.Seed})
	if err != nil {
		return nil, err
	}
	o.Each(first, true, nil)
	t := &tally{first: first, each: o.Each, result: &Result{
		Scenario: first.Scenario.Name, Seed: o.Seed, Kernel: first.Provenance.Kernel, QEMU: first.Provenance.QEMU,
		Machine: first.Provenance.Machine, Runs: o.Runs, Equal: 1, Digest: first.Digest,
		Others: map[string]int{}, Differences: []result.Difference{}, Valid: first.Valid,
	}}
	rest := make(chan struct{}, o.Runs-1)
	for range o.Runs - 1 {
		rest <- struct{}{}
	}
	close(rest)
	var workers sync.WaitGroup
	for range o.Jobs {
		workers.Go(func() {
			for range rest {
				if ctx.Err() != nil {
					return
				}
				t.count(runner.Run(ctx, machine.Request{Scenario: o.Scenario, Seed: o.Seed}))
			}
		})
	}
	workers.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	t.result.Wall = time.Since(began).Seconds()

	other, err := runner.Run(ctx, machine.Request{Scenario: o.Scenario, Seed: o.Seed + 1})
	if err != nil {
		return nil, fmt.Errorf("seed %d: %w", o.Seed+1, err)
	}
	t.result.OtherSeed = other.Digest
	for _, d := range result.Compare(first, other) {
		if d.Field != "seed" {
			t.result.OtherSeedDiffers++
		}
	}
	return t.result, nil
}

// tally adds up runs as they come in.
type tally struct {
	mu     sync.Mutex
	first  *result.Record
	each   func(*result.Record, bool, error)
	result *Result
}

func (t *tally) count(r *result.Record, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case errors.Is(err, context.Canceled):
		return
	case err != nil:
		t.result.Failed++
		if t.result.Failure == "" {
			t.result.Failure = err.Error()
		}
		t.each(nil, false, err)
	case r.Digest == t.first.Digest:
		t.result.Equal++
		t.each(r, true, nil)
	default:
		if len(t.result.Others) == 0 {
			t.result.Differences = result.Compare(t.first, r)
		}
		t.result.Others[r.Digest]++
		t.each(r, false, nil)
	}
}
