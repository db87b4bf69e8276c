package compare

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/sweep"
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
	job := func(scenario, hash string) sweep.Job {
		return sweep.Job{Name: scenario, Arm: campaign.Arm{Hash: hash, Kernel: "6.1"}, Release: "6.1.0", Seeds: seeds}
	}
	jobs := []sweep.Job{job("one", "a"), job("one", "b"), job("two", "c"), job("two", "c")}
	dir := t.TempDir()
	a, err := archive.Open(dir, archive.Identity{Campaign: "diff", Kernels: map[string]string{"6.1": "6.1.0"}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, a.Close()) })
	makes := func(breaks ...string) (sides []Side, made *sweep.Made, c *Comparison) {
		r := runner{map[string]bool{}}
		for _, run := range breaks {
			r.breaks[run] = true
		}
		sides, made, err := Make(t.Context(), sweep.Loop{Archive: a, Runner: r}, jobs, 2, nil)
		require.NoError(t, err)
		c, err = Compare(sides[0], sides[1], Options{})
		require.NoError(t, err)
		return sides, made, c
	}

	// One that breaks is lost, and the rest is made.
	sides, made, c := makes("b 3")
	require.Len(t, made.Broken, 1)
	for i, side := range sides {
		require.Equal(t, map[string]string{"6.1": "6.1.0"}, side.Kernels)
		require.Len(t, side.Runs, 2*len(seeds))
		require.Equal(t, []string{"one", "two"},
			[]string{side.Names[side.Runs[0].Scenario], side.Names[side.Runs[5].Scenario]}, "side %d", i)
		require.Equal(t, uint64(3), side.Runs[2].Seed)
		require.True(t, side.Runs[3].Valid)
	}
	require.Equal(t, archive.Broke, sides[1].Runs[2].Failure)
	require.Equal(t, 10, c.Pairs)
	require.Equal(t, 9, c.Identical)
	require.Equal(t, []Lost{{"one", 5, 1, "the run broke twice: the guest fell over", true}}, c.Lost)

	// The archive knows of it.
	require.NoError(t, a.Sync())
	r, err := archive.Read(dir)
	require.NoError(t, err)
	stored, err := Stored("stored", r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	c, err = Compare(stored, stored, Options{})
	require.NoError(t, err)
	require.Equal(t, 15, c.Pairs)
	require.Equal(t, 14, c.Identical, "one that broke is identical to nothing, not to itself either")
	require.Equal(t, []Lost{{"b", 5, 1, "the run broke twice: the guest fell over", true}}, c.Lost)

	// The same again makes that one, and nothing twice.
	_, made, c = makes("a 1", "b 1", "c 5")
	require.Empty(t, made.Broken)
	require.Equal(t, "IDENTICAL, all 10 pairs of runs to the last bit", c.Heading())

	// A side that always breaks is given up. All its pairs are lost, those that were not tried among them.
	jobs = []sweep.Job{job("one", "a"), job("one", "d")}
	_, made, c = makes("d 1", "d 2", "d 3", "d 4", "d 5")
	require.Len(t, made.Broken, 4)
	require.Equal(t, 5, c.Pairs)
	require.Equal(t, []Lost{{"one", 5, 5, "the run broke twice: the guest fell over", true}}, c.Lost)
	require.True(t, c.Undecided())
}
