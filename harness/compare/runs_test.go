package compare

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/archive"
	"github.com/ruleout/ruleout/harness/campaign"
	"github.com/ruleout/ruleout/harness/result"
)

// runner makes records without running anything. made counts them, from 1; hook may refuse.
type runner struct {
	made atomic.Int64
	hook func(n int64) error
}

func (r *runner) Run(ctx context.Context, arm *campaign.Arm, seed uint64) (*result.Record, error) {
	n := r.made.Add(1)
	if r.hook != nil {
		if err := r.hook(n); err != nil {
			return nil, err
		}
	}
	if ctx.Err() != nil {
		return nil, errors.New("given up")
	}
	return &result.Record{
		Schema: 1, Run: fmt.Sprintf("%s %d", arm.Hash, seed), Seed: seed, Valid: true,
		Scenario: result.Scenario{Hash: arm.Hash, Canonical: []byte("{}")}, Provenance: result.Provenance{Kernel: "6.1.0"},
	}, nil
}

func TestMake(t *testing.T) {
	jobs := []Job{
		{Side: 0, Scenario: "one", Arm: campaign.Arm{Hash: "a"}, Release: "6.1.0"}, {Side: 1, Scenario: "one", Arm: campaign.Arm{Hash: "b"}, Release: "6.1.0"},
		{Side: 0, Scenario: "two", Arm: campaign.Arm{Hash: "c"}, Release: "6.1.0"}, {Side: 1, Scenario: "two", Arm: campaign.Arm{Hash: "d"}, Release: "6.1.0"},
	}
	const seeds = 5
	a, err := archive.Open(t.TempDir(), archive.Identity{Campaign: "diff"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, a.Close()) })
	do := func(ctx context.Context, r *runner, workers int) (sides [2]Side, last int, err error) {
		sides, err = Make(ctx, jobs, 1, seeds, workers, a, r, func(done, all int) {
			require.Equal(t, len(jobs)*seeds, all)
			require.Greater(t, done, last)
			last = done
		})
		return sides, last, err
	}

	// One that breaks ends it; what was made before is kept.
	_, last, err := do(t.Context(), &runner{hook: func(n int64) error {
		if n == 8 {
			return errors.New("the guest fell over")
		}
		return nil
	}}, 1)
	require.ErrorContains(t, err, "one, seed 3: the guest fell over")
	require.Equal(t, 7, last)

	// Interrupted, it says by what.
	ctx, cancel := context.WithCancelCause(t.Context())
	r := &runner{hook: func(n int64) error {
		if n == 4 {
			cancel(errors.New("interrupted"))
		}
		return nil
	}}
	_, _, err = do(ctx, r, 3)
	require.EqualError(t, err, "interrupted")
	require.Less(t, r.made.Load(), int64(8), "no more is begun")
	kept := a.Len()

	// Called again, it makes what is left, and nothing twice.
	r = new(runner)
	sides, last, err := do(t.Context(), r, 3)
	require.NoError(t, err)
	require.Equal(t, len(jobs)*seeds, last)
	require.Equal(t, len(jobs)*seeds-kept, int(r.made.Load()))
	for i, side := range sides {
		require.Len(t, side.Runs, 2*seeds)
		require.Equal(t, []string{"one", "two"}, []string{side.Runs[0].Scenario, side.Runs[seeds].Scenario}, "side %d", i)
		require.Equal(t, uint64(3), side.Runs[2].Seed)
	}
	r = new(runner)
	again, last, err := do(t.Context(), r, 2)
	require.NoError(t, err)
	require.Zero(t, r.made.Load())
	require.Zero(t, last, "nothing to tell of")
	require.Equal(t, sides, again)
}
