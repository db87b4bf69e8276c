package soak_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/selftest/soak"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// world is a backend whose runs are whatever the test says of the n-th one.
type world struct {
	made atomic.Int64
	run  func(n int64, seed uint64) (*result.Record, error)
}

func (w *world) Run(_ context.Context, _ *campaign.Arm, seed uint64) (*result.Record, error) {
	record, err := w.run(w.made.Add(1), seed)
	if err != nil {
		return nil, err
	}
	record.Seed = seed
	record.Digest, err = record.ComputeDigest()
	return record, err
}

func record(p99 float64) *result.Record {
	return &result.Record{Metrics: map[string]result.Metric{"http.latency.p99": {Value: p99, Unit: "s"}}}
}

func soaked(t *testing.T, run func(n int64, seed uint64) (*result.Record, error)) *soak.Result {
	t.Helper()
	r, err := soak.Run(t.Context(), soak.Options{Runner: &world{run: run}, Seed: 1, Runs: 20, Jobs: 3})
	require.NoError(t, err)
	return r
}

func TestRunsThatRepeatPass(t *testing.T) {
	r := soaked(t, func(_ int64, seed uint64) (*result.Record, error) { return record(float64(seed)), nil })
	require.True(t, r.Pass())
	require.Equal(t, 20, r.Equal)
	require.Empty(t, r.Others)
}

func TestOneRunThatDiffersFailsAndIsShown(t *testing.T) {
	r := soaked(t, func(n int64, seed uint64) (*result.Record, error) {
		if n == 13 {
			return record(0.5), nil
		}
		return record(float64(seed)), nil
	})
	require.False(t, r.Pass())
	require.Equal(t, 19, r.Equal)
	require.Len(t, r.Others, 1)
	require.Equal(t, "metrics.http.latency.p99.value", r.Differences[0].Field)
}

func TestARunWithoutARecordFails(t *testing.T) {
	r := soaked(t, func(n int64, seed uint64) (*result.Record, error) {
		if n == 5 {
			return nil, errors.New("qemu died")
		}
		return record(float64(seed)), nil
	})
	require.False(t, r.Pass())
	require.Equal(t, 1, r.Failed, "that it leaves one when it is made once more does not make it repeatable")
	require.Equal(t, 19, r.Equal)
	require.Equal(t, "qemu died", r.Failure)
}

func TestRunsThatAlwaysBreakAreGivenUp(t *testing.T) {
	w := &world{run: func(n int64, seed uint64) (*result.Record, error) {
		if n > 1 && seed == 1 {
			return nil, errors.New("qemu died")
		}
		return record(float64(seed)), nil
	}}
	r, err := soak.Run(t.Context(), soak.Options{Runner: w, Seed: 1, Runs: 200, Jobs: 1})
	require.NoError(t, err)
	require.False(t, r.Pass())
	require.Equal(t, 4, r.Failed)
	require.Equal(t, 195, r.NotMade)
	require.EqualValues(t, 1+4*2+1, w.made.Load())
}

func TestASeedThatChangesNothingFails(t *testing.T) {
	r := soaked(t, func(int64, uint64) (*result.Record, error) { return record(0.1), nil })
	require.Equal(t, 20, r.Equal)
	require.NotEqual(t, r.Digest, r.OtherSeed, "the digest covers the seed itself")
	require.Zero(t, r.OtherSeedDiffers)
	require.False(t, r.Pass())
}

type runnerFunc func(ctx context.Context, seed uint64) (*result.Record, error)

func (f runnerFunc) Run(ctx context.Context, _ *campaign.Arm, seed uint64) (*result.Record, error) {
	return f(ctx, seed)
}

func TestCancelEndsASoak(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	_, err := soak.Run(ctx, soak.Options{Runs: 1000, Jobs: 2,
		Runner: runnerFunc(func(_ context.Context, seed uint64) (*result.Record, error) {
			cancel()
			return &result.Record{Seed: seed}, nil
		})})
	require.ErrorIs(t, err, context.Canceled)
}

func TestOneRunCannotBeCompared(t *testing.T) {
	_, err := soak.Run(t.Context(), soak.Options{Runner: &world{}, Runs: 1, Jobs: 1})
	require.Error(t, err)
}
