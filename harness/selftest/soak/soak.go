package soak

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/sweep"
)

// Options of a soak.
type Options struct {
	Runner sweep.Runner
	Arm    campaign.Arm
	Seed   uint64
	Runs   int // how often; at least 2
	Jobs   int // how many at a time; at least 1
	// Each is called after every run, one at a time, with the record, and whether its digest is the first one's; or
	// with the error. It may be nil.
	Each func(r *result.Record, equal bool, err error)
}

// Result of a soak.
type Result struct {
	Scenario string `json:"scenario"`
	Seed     uint64 `json:"seed"`
	Kernel   string `json:"kernel"`
	QEMU     string `json:"qemu"`
	Machine  string `json:"machine"`

	Runs   int `json:"runs"`   // asked for
	Equal  int `json:"equal"`  // with the digest of the first
	Failed int `json:"failed"` // that gave no record at the first attempt
	// NotMade is how many were given up, since several in a row broke.
	NotMade int    `json:"not_made,omitempty"`
	Digest  string `json:"digest"` // of the first
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

// Run carries out a soak. Runs that give no record are counted, also if they do when they are made once more: they do
// not repeat. The error is for a soak that could not be made at all, or was cancelled.
func Run(ctx context.Context, o Options) (*Result, error) {
	if o.Runs < 2 || o.Jobs < 1 {
		return nil, fmt.Errorf("soak of %d runs, %d at a time: one run has nothing to be compared with", o.Runs, o.Jobs)
	}
	if o.Each == nil {
		o.Each = func(*result.Record, bool, error) {}
	}
	began := time.Now()
	t := &tally{each: o.Each}
	// The first run is made alone: it makes the template if there is none.
	if err := o.make(ctx, o.Seed, 1, t.count); err != nil {
		return nil, err
	}
	if err := o.make(ctx, o.Seed, o.Runs-1, t.count); err != nil {
		return nil, err
	}
	r := &t.result
	r.Seed, r.Runs, r.NotMade = o.Seed, o.Runs, o.Runs-r.Equal-r.Failed
	for _, n := range r.Others {
		r.NotMade -= n
	}
	r.Wall = time.Since(began).Seconds()
	err := o.make(ctx, o.Seed+1, 1, func(_ *sweep.Made, run *sweep.Outcome) error {
		if run.First != nil {
			return fmt.Errorf("seed %d: %w", run.Seed, run.First)
		}
		r.OtherSeed = run.Record.Digest
		for _, d := range result.Compare(t.first, run.Record) {
			if d.Field != "seed" {
				r.OtherSeedDiffers++
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// make makes so many runs of a seed.
func (o *Options) make(ctx context.Context, seed uint64, runs int, each func(*sweep.Made, *sweep.Outcome) error) error {
	jobs := []sweep.Job{{Arm: o.Arm, Seeds: slices.Repeat([]uint64{seed}, runs)}}
	_, err := sweep.Loop{Runner: o.Runner, Workers: o.Jobs}.Make(ctx, jobs, each)
	return err
}

// tally adds up runs as they come in.
type tally struct {
	first  *result.Record
	each   func(*result.Record, bool, error)
	result Result
}

func (t *tally) count(_ *sweep.Made, run *sweep.Outcome) error {
	r := run.Record
	if t.first == nil {
		if run.Err != nil {
			return run.Err
		}
		t.first = r
		t.result = Result{
			Scenario: r.Scenario.Name, Kernel: r.Provenance.Kernel, QEMU: r.Provenance.QEMU, Machine: r.Provenance.Machine,
			Digest: r.Digest, Others: map[string]int{}, Differences: []result.Difference{}, Valid: r.Valid,
		}
	}
	switch {
	case run.First != nil:
		t.result.Failed++
		if t.result.Failure == "" {
			t.result.Failure = run.First.Error()
		}
		t.each(nil, false, run.First)
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
	return nil
}
