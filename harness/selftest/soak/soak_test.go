package soak_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/ruleout/ruleout/harness/machine"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/selftest/soak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// world is a backend whose runs are whatever the test says of the n-th one.
type world struct {
	made atomic.Int64
	run  func(n int64, seed uint64) (*result.Record, error)
}

func (w *world) Run(_ context.Context, r machine.Request) (*result.Record, error) {
	record, err := w.run(w.made.Add(1), r.Seed)
	if err != nil {
		return nil, err
	}
	record.Seed = r.Seed
	record.Digest, err = record.ComputeDigest()
	return record, err
}

func record(p99 float64) *result.Record {
	return &result.Record{Metrics: map[string]result.Metric{"http.latency.p99": {Value: p99, Unit: "s"}}}
}

func soaked(t *testing.T, run func(n int64, seed uint64) (*result.Record, error)) *soak.Result {
	t.Helper()
	r, err := soak.Run(t.Context(), &world{run: run}, soak.Options{Scenario: &scenario.Scenario{}, Seed: 1, Runs: 20, Jobs: 3})
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
	require.Equal(t, 1, r.Failed)
	require.Equal(t, "qemu died", r.Failure)
}

func TestASeedThatChangesNothingFails(t *testing.T) {
	r := soaked(t, func(int64, uint64) (*result.Record, error) { return record(0.1), nil })
	require.Equal(t, 20, r.Equal)
	require.NotEqual(t, r.Digest, r.OtherSeed, "the digest covers the seed itself")
	require.Zero(t, r.OtherSeedDiffers)
	require.False(t, r.Pass())
}

type runnerFunc func(context.Context, machine.Request) (*result.Record, error)

func (f runnerFunc) Run(ctx context.Context, r machine.Request) (*result.Record, error) {
	return f(ctx, r)
}

func TestCancelEndsASoak(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	_, err := soak.Run(ctx, runnerFunc(func(ctx context.Context, r machine.Request) (*result.Record, error) {
		cancel()
		return &result.Record{Seed: r.Seed}, nil
	}), soak.Options{Scenario: &scenario.Scenario{}, Runs: 1000, Jobs: 2})
	require.ErrorIs(t, err, context.Canceled)
}

func TestOneRunCannotBeCompared(t *testing.T) {
	_, err := soak.Run(t.Context(), &world{}, soak.Options{Runs: 1, Jobs: 1})
	require.Error(t, err)
}
