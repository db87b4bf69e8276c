package compare

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/verdict/batch"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
)

// runner makes records without running anything; it breaks at some.
type runner struct {
	breaks map[string]bool // HASH SEED
}

func (r runner) Run(_ context.Context, arm *campaign.Arm, seed uint64) (*result.Record, error) {
	if r.breaks[fmt.Sprint(arm.Hash, " ", seed)] {
		return nil, errors.New("the guest fell over")
	}
	return &result.Record{
		Schema: 1, Run: fmt.Sprintf("%s %d", arm.Hash, seed), Digest: fmt.Sprint(seed), Seed: seed, Valid: true,
		Scenario: result.Scenario{Hash: arm.Hash, Canonical: []byte("{}")}, Provenance: result.Provenance{Kernel: "6.1.0"},
	}, nil
}

func TestMake(t *testing.T) {
	seeds := []uint64{1, 2, 3, 4, 5}
	job := func(side int, scenario, hash string) Job {
		return Job{side, batch.Job{Scenario: scenario, Arm: campaign.Arm{Hash: hash, Kernel: "6.1"}, Release: "6.1.0", Seeds: seeds}}
	}
	jobs := []Job{job(0, "one", "a"), job(1, "one", "b"), job(0, "two", "c"), job(1, "two", "c")}
	a, err := archive.Open(t.TempDir(), archive.Identity{Campaign: "diff"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, a.Close()) })

	// One that breaks is lost, and the rest is made.
	sides, made, err := Make(t.Context(), jobs, batch.Options{Archive: a, Runner: runner{map[string]bool{"b 3": true}}})
	require.NoError(t, err)
	require.Len(t, made.Broken, 1)
	for i, side := range sides {
		require.Equal(t, map[string]string{"6.1": "6.1.0"}, side.Kernels)
		require.Len(t, side.Runs, 2*len(seeds))
		require.Equal(t, []string{"one", "two"}, []string{side.Runs[0].Scenario, side.Runs[5].Scenario}, "side %d", i)
		require.Equal(t, uint64(3), side.Runs[2].Seed)
		require.True(t, side.Runs[3].Valid)
	}
	require.Equal(t, Run{Scenario: "one", Kernel: "6.1.0", Seed: 3, Because: "the run broke: the guest fell over"}, sides[1].Runs[2])
	c, err := Compare(sides[0], sides[1], Options{})
	require.NoError(t, err)
	require.Equal(t, 10, c.Pairs)
	require.Equal(t, 9, c.Identical)
	require.Equal(t, []Lost{{"one", 5, 1, "the run broke: the guest fell over", true}}, c.Lost)

	// The same again makes that one, and nothing twice.
	sides, made, err = Make(t.Context(), jobs, batch.Options{Archive: a, Runner: runner{map[string]bool{"a 1": true, "b 1": true, "c 5": true}}})
	require.NoError(t, err)
	require.Empty(t, made.Broken)
	c, err = Compare(sides[0], sides[1], Options{})
	require.NoError(t, err)
	require.Equal(t, "IDENTICAL, all 10 pairs of runs to the last bit", c.Heading())
}
