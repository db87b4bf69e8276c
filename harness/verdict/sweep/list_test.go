package sweep

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/cases"
)

// recorder makes records without running anything. hook may refuse the n-th call, from 1, for an arm and seed.
type recorder struct {
	mu    sync.Mutex
	calls int
	tried []string // HASH SEED
	hook  func(n int, hash string, seed uint64) error
}

func (r *recorder) Run(ctx context.Context, arm *campaign.Arm, seed uint64) (*result.Record, error) {
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

func emptyArchive(t *testing.T) *archive.Archive {
	t.Helper()
	a, err := archive.Open(t.TempDir(), archive.Identity{Campaign: "list"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, a.Close()) })
	return a
}

func job(hash string, seeds int) Job {
	j := Job{Name: "the " + hash, Arm: campaign.Arm{Hash: hash, Kernel: "6.1"}, Release: "6.1.0"}
	for s := range seeds {
		j.Seeds = append(j.Seeds, uint64(s)+1)
	}
	return j
}

var errFell = errors.New("the guest fell over")

func TestARunThatBreaksIsMadeOnceMore(t *testing.T) {
	a := emptyArchive(t)
	r := &recorder{hook: func(n int, _ string, _ uint64) error {
		if n == 2 {
			return errFell
		}
		return nil
	}}
	var told []string
	var again []uint64 // the second attempts
	made, err := Loop{Archive: a, Runner: r}.Make(t.Context(), []Job{job("a", 3)}, func(m *Made, o *Outcome) error {
		told = append(told, fmt.Sprint(m.Runs, " of ", m.All))
		if o.First != nil {
			again = append(again, o.Seed)
		}
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, &Made{Runs: 3, All: 3}, made)
	require.Equal(t, []string{"a 1", "a 2", "a 2", "a 3"}, r.tried)
	require.Equal(t, []string{"1 of 3", "2 of 3", "3 of 3"}, told)
	require.Equal(t, []uint64{2}, again)
	require.Equal(t, 3, a.Len())
}

// failures of an archive.
func failures(t *testing.T, a *archive.Archive) (list []string) {
	require.NoError(t, a.Entries(func(e *archive.Entry) error {
		if e.Failure != "" {
			list = append(list, fmt.Sprintf("%s of %s on %s, seed %d: %s", e.Failure, e.Scenario, e.Kernel, e.Seed, e.Because))
		}
		return nil
	}))
	return list
}

// One seed that always breaks costs that seed, and the next call tries it again.
func TestARunThatBreaksTwiceIsStoredAndTheRestGoesOn(t *testing.T) {
	a := emptyArchive(t)
	broken := &recorder{hook: func(_ int, hash string, seed uint64) error {
		if hash == "a" && seed == 2 {
			return errFell
		}
		return nil
	}}
	jobs := []Job{job("a", 3), job("b", 2)}
	made, err := Loop{Archive: a, Runner: broken}.Make(t.Context(), jobs, nil)
	require.NoError(t, err)
	require.Equal(t, &Made{Runs: 4, All: 5, Broken: []Break{{0, 2, errFell, false}}}, made)
	require.Equal(t, []string{"a 1", "a 2", "a 2", "a 3", "b 1", "b 2"}, broken.tried)
	require.Equal(t, []string{"broke of a on 6.1.0, seed 2: the run broke twice: the guest fell over"}, failures(t, a))

	again := new(recorder)
	made, err = Loop{Archive: a, Runner: again}.Make(t.Context(), jobs, nil)
	require.NoError(t, err)
	require.Equal(t, &Made{Runs: 5, All: 5}, made)
	require.Equal(t, []string{"a 2"}, again.tried)
	require.Empty(t, failures(t, a))
}

func TestAJobThatAlwaysBreaksIsGivenUpAndTheOthersAreMade(t *testing.T) {
	for _, workers := range []int{1, 3} {
		a := emptyArchive(t)
		r := &recorder{hook: func(_ int, hash string, _ uint64) error {
			if hash == "a" {
				return errFell
			}
			return nil
		}}
		made, err := Loop{Archive: a, Runner: r, Workers: workers}.Make(t.Context(),
			[]Job{job("a", 50), job("b", 10), job("c", 10)}, nil)
		require.NoError(t, err)
		require.Equal(t, 20, made.Runs)
		require.GreaterOrEqual(t, len(made.Broken), cases.InARow)
		require.Less(t, len(made.Broken), cases.InARow+workers, "those that were under way")
		given := 0
		for _, b := range made.Broken {
			require.Zero(t, b.Arm)
			if b.GivenUp {
				given++
			}
		}
		require.Equal(t, 1, given)
	}
}

// Broken runs with good ones between them are not in a row.
func TestInARow(t *testing.T) {
	a := emptyArchive(t)
	r := &recorder{hook: func(_ int, _ string, seed uint64) error {
		if seed%4 != 0 {
			return errFell
		}
		return nil
	}}
	made, err := Loop{Archive: a, Runner: r}.Make(t.Context(), []Job{job("a", 16)}, nil)
	require.NoError(t, err)
	require.Equal(t, 4, made.Runs)
	require.Len(t, made.Broken, 12)
}

// What the kernel refuses it would refuse at every seed.
func TestARefusalGivesTheJobUpAtOnce(t *testing.T) {
	a := emptyArchive(t)
	refusal := &problem.Error{Kind: problem.Usage, Err: errors.New("the kernel refuses net.ipv4.x"),
		Place: "nodes.web.sysctls"}
	r := &recorder{hook: func(_ int, hash string, _ uint64) error {
		if hash == "a" {
			return refusal
		}
		return nil
	}}
	made, err := Loop{Archive: a, Runner: r}.Make(t.Context(), []Job{job("a", 9), job("b", 2)}, nil)
	require.NoError(t, err)
	require.Equal(t, &Made{Runs: 2, All: 11, Broken: []Break{{0, 1, refusal, true}}}, made)
	require.Equal(t, []string{"a 1", "b 1", "b 2"}, r.tried)
	require.Equal(t, []string{"refused of a on 6.1.0, seed 1: refused for every seed: the kernel refuses net.ipv4.x"},
		failures(t, a))
}

// Two jobs with the same runs make them once.
func TestWhatTwoJobsShareIsMadeOnce(t *testing.T) {
	a := emptyArchive(t)
	r := new(recorder)
	made, err := Loop{Archive: a, Runner: r, Workers: 3}.Make(t.Context(), []Job{job("a", 3), job("a", 4)}, nil)
	require.NoError(t, err)
	require.Equal(t, &Made{Runs: 4, All: 4}, made)
	require.Len(t, r.tried, 4)
}

// Runs begin in the order of jobs and seeds. A worker that has a job to itself makes all of it, while the others go on.
func TestOrder(t *testing.T) {
	r := new(recorder)
	made, err := Loop{Runner: r}.Make(t.Context(), []Job{job("b", 2), job("a", 2)}, nil)
	require.NoError(t, err)
	require.Equal(t, &Made{Runs: 4, All: 4}, made)
	require.Equal(t, []string{"b 1", "b 2", "a 1", "a 2"}, r.tried)

	for _, together := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			jobs := []Job{job("a", 3), job("b", 3)}
			jobs[0].Together, jobs[1].Together = together, together
			running, most := map[string]int{}, 0
			var mu sync.Mutex
			slow := runnerFunc(func(ctx context.Context, arm *campaign.Arm, seed uint64) (*result.Record, error) {
				mu.Lock()
				running[arm.Hash]++
				most = max(most, running[arm.Hash])
				mu.Unlock()
				time.Sleep(time.Second)
				mu.Lock()
				defer mu.Unlock()
				running[arm.Hash]--
				return r.Run(ctx, arm, seed)
			})
			began := time.Now()
			_, err := Loop{Runner: slow, Workers: 2}.Make(t.Context(), jobs, func(_ *Made, o *Outcome) error {
				require.Equal(t, time.Second, o.Took)
				return nil
			})
			require.NoError(t, err)
			require.Equal(t, 3*time.Second, time.Since(began), "both workers are busy all the time")
			require.Equal(t, map[bool]int{false: 2, true: 1}[together], most)
		})
	}
}

// Without an archive a run is made as often as it is asked for.
func TestTheSameRunAgain(t *testing.T) {
	r := new(recorder)
	j := job("a", 0)
	j.Seeds = []uint64{7, 7, 7}
	made, err := Loop{Runner: r, Workers: 2}.Make(t.Context(), []Job{j}, nil)
	require.NoError(t, err)
	require.Equal(t, &Made{Runs: 3, All: 3}, made)
	require.Equal(t, []string{"a 7", "a 7", "a 7"}, r.tried)
}

// What the caller makes of a run can end the loop.
func TestAnErrorOfTheCallerEndsIt(t *testing.T) {
	r := new(recorder)
	enough := errors.New("enough")
	made, err := Loop{Runner: r}.Make(t.Context(), []Job{job("a", 5)}, func(m *Made, _ *Outcome) error {
		if m.Runs == 2 {
			return enough
		}
		return nil
	})
	require.ErrorIs(t, err, enough)
	require.Equal(t, 2, made.Runs)
	require.Len(t, r.tried, 2)
}

func TestInterrupted(t *testing.T) {
	a := emptyArchive(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	r := &recorder{hook: func(n int, _ string, _ uint64) error {
		if n == 4 {
			cancel(errors.New("interrupted"))
		}
		return nil
	}}
	made, err := Loop{Archive: a, Runner: r, Workers: 3}.Make(ctx, []Job{job("a", 50)}, nil)
	require.EqualError(t, err, "interrupted")
	require.Empty(t, made.Broken, "what is given up has not broken")
	require.Less(t, r.calls, 8, "no more is begun")
}

func TestNothingBeginsBeyondTheBudget(t *testing.T) {
	a := emptyArchive(t)
	r := new(recorder)
	made, err := Loop{Archive: a, Runner: r, Budget: 1}.Make(t.Context(), []Job{job("a", 5)}, nil)
	require.NoError(t, err)
	require.Equal(t, &Made{All: 5}, made)
	require.Zero(t, r.calls)
}
