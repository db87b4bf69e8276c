package batch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
)

// runner makes records without running anything. hook may refuse the n-th call, from 1, for an arm and seed.
type runner struct {
	mu    sync.Mutex
	calls int
	tried []string // HASH SEED
	hook  func(n int, hash string, seed uint64) error
}

func (r *runner) Run(ctx context.Context, arm *campaign.Arm, seed uint64) (*result.Record, error) {
	r.mu.Lock()
	r.calls++
	n := r.calls
	r.tried = append(r.tried, fmt.Sprint(arm.Hash, " ", seed))
	r.mu.Unlock()
	if r.hook != nil {
		if err := r.hook(n, arm.Hash, seed); err != nil {
			return nil, err
		}
	}
	if ctx.Err() != nil {
		return nil, errors.New("given up")
	}
	return &result.Record{
		Schema: 1, Run: fmt.Sprintf("%s %s %d", arm.Hash, arm.Kernel, seed), Seed: seed, Valid: true,
		Scenario: result.Scenario{Hash: arm.Hash, Canonical: []byte("{}")}, Provenance: result.Provenance{Kernel: "6.1.0"},
	}, nil
}

func open(t *testing.T) *archive.Archive {
	t.Helper()
	a, err := archive.Open(t.TempDir(), archive.Identity{Campaign: "batch"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, a.Close()) })
	return a
}

func job(hash string, seeds int) Job {
	j := Job{Scenario: "the " + hash, Arm: campaign.Arm{Hash: hash, Kernel: "6.1"}, Release: "6.1.0"}
	for s := range seeds {
		j.Seeds = append(j.Seeds, uint64(s)+1)
	}
	return j
}

var errFell = errors.New("the guest fell over")

func TestARunThatBreaksIsMadeOnceMore(t *testing.T) {
	a := open(t)
	r := &runner{hook: func(n int, _ string, _ uint64) error {
		if n == 2 {
			return errFell
		}
		return nil
	}}
	var told []string
	made, err := Make(t.Context(), []Job{job("a", 3)}, Options{Archive: a, Runner: r, Tell: func(done, all int) { told = append(told, fmt.Sprint(done, " of ", all)) }})
	require.NoError(t, err)
	require.Equal(t, &Made{Runs: 3, All: 3}, made)
	require.Equal(t, []string{"a 1", "a 2", "a 2", "a 3"}, r.tried)
	require.Equal(t, []string{"1 of 3", "2 of 3", "3 of 3"}, told)
	require.Equal(t, 3, a.Len())
}

// One seed that always breaks costs that seed, and the next call tries it again.
func TestARunThatBreaksTwiceIsNotedAndTheRestGoesOn(t *testing.T) {
	a := open(t)
	broken := &runner{hook: func(_ int, hash string, seed uint64) error {
		if hash == "a" && seed == 2 {
			return errFell
		}
		return nil
	}}
	jobs := []Job{job("a", 3), job("b", 2)}
	made, err := Make(t.Context(), jobs, Options{Archive: a, Runner: broken})
	require.NoError(t, err)
	require.Equal(t, &Made{Runs: 4, All: 5, Broken: []Broken{{0, "the a", "6.1", 2, errFell, false}}}, made)
	require.Equal(t, []string{"a 1", "a 2", "a 2", "a 3", "b 1", "b 2"}, broken.tried)

	again := new(runner)
	made, err = Make(t.Context(), jobs, Options{Archive: a, Runner: again})
	require.NoError(t, err)
	require.Equal(t, &Made{Runs: 5, All: 5}, made)
	require.Equal(t, []string{"a 2"}, again.tried)
}

func TestAJobThatAlwaysBreaksIsGivenUpAndTheOthersAreMade(t *testing.T) {
	for _, workers := range []int{1, 3} {
		a := open(t)
		r := &runner{hook: func(_ int, hash string, _ uint64) error {
			if hash == "a" {
				return errFell
			}
			return nil
		}}
		made, err := Make(t.Context(), []Job{job("a", 50), job("b", 10), job("c", 10)}, Options{Archive: a, Runner: r, Workers: workers})
		require.NoError(t, err)
		require.Equal(t, 20, made.Runs)
		require.GreaterOrEqual(t, len(made.Broken), inARow)
		require.Less(t, len(made.Broken), inARow+workers, "those that were under way")
		given := 0
		for _, b := range made.Broken {
			require.Zero(t, b.Job)
			if b.GivenUp {
				given++
			}
		}
		require.Equal(t, 1, given)
	}
}

// Broken runs with good ones between them are not in a row.
func TestInARow(t *testing.T) {
	a := open(t)
	r := &runner{hook: func(_ int, _ string, seed uint64) error {
		if seed%4 != 0 {
			return errFell
		}
		return nil
	}}
	made, err := Make(t.Context(), []Job{job("a", 16)}, Options{Archive: a, Runner: r})
	require.NoError(t, err)
	require.Equal(t, 4, made.Runs)
	require.Len(t, made.Broken, 12)
}

// What the kernel refuses it would refuse at every seed.
func TestARefusalGivesTheJobUpAtOnce(t *testing.T) {
	a := open(t)
	refusal := &problem.Error{Kind: problem.Usage, Err: errors.New("the kernel refuses net.ipv4.x"), Place: "nodes.web.sysctls"}
	r := &runner{hook: func(_ int, hash string, _ uint64) error {
		if hash == "a" {
			return refusal
		}
		return nil
	}}
	made, err := Make(t.Context(), []Job{job("a", 9), job("b", 2)}, Options{Archive: a, Runner: r})
	require.NoError(t, err)
	require.Equal(t, &Made{Runs: 2, All: 11, Broken: []Broken{{0, "the a", "6.1", 1, refusal, true}}}, made)
	require.Equal(t, []string{"a 1", "b 1", "b 2"}, r.tried)
}

// Two jobs with the same runs make them once.
func TestWhatTwoJobsShareIsMadeOnce(t *testing.T) {
	a := open(t)
	r := new(runner)
	made, err := Make(t.Context(), []Job{job("a", 3), job("a", 4)}, Options{Archive: a, Runner: r, Workers: 3})
	require.NoError(t, err)
	require.Equal(t, 7, made.Runs)
	require.Len(t, r.tried, 4)
}

func TestInterrupted(t *testing.T) {
	a := open(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	r := &runner{hook: func(n int, _ string, _ uint64) error {
		if n == 4 {
			cancel(errors.New("interrupted"))
		}
		return nil
	}}
	made, err := Make(ctx, []Job{job("a", 50)}, Options{Archive: a, Runner: r, Workers: 3})
	require.EqualError(t, err, "interrupted")
	require.Empty(t, made.Broken, "what is given up has not broken")
	require.Less(t, r.calls, 8, "no more is begun")
}

func TestNothingBeginsBeyondTheBudget(t *testing.T) {
	a := open(t)
	r := new(runner)
	made, err := Make(t.Context(), []Job{job("a", 5)}, Options{Archive: a, Runner: r, Budget: 1})
	require.NoError(t, err)
	require.Equal(t, &Made{All: 5}, made)
	require.Zero(t, r.calls)
}
