package cluster_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/verdict/cluster"
	"github.com/ruleout/ruleout/harness/verdict/cluster/wire"
)

func TestRunsOfThreeWorkersAreThoseOfOne(t *testing.T) {
	s := newSite(t, patient)
	list := arms(t, 6)
	fakes := []*fake{{takes: 2 * time.Millisecond}, {takes: 3 * time.Millisecond}, {takes: time.Millisecond}}
	var all sync.WaitGroup // each has begun a run
	for i, name := range []string{"a", "b", "c"} {
		all.Add(1)
		begun := sync.OnceFunc(all.Done)
		fakes[i].waits = func(context.Context) {
			begun()
			all.Wait()
		}
		s.work(name, 2, fakes[i])
	}
	require.Eventually(t, func() bool { n, _ := s.Slots(); return n == 6 }, long, time.Millisecond)
	digests, made, err := s.sweep(list, 10)
	require.NoError(t, err)
	require.Empty(t, made.Broken)
	require.Equal(t, alone(t, list, 10), digests)
	require.NoError(t, s.Settle(t.Context()))
	for i, f := range fakes {
		require.NotZero(t, f.made.Load(), "worker %d made nothing", i)
	}
	require.Contains(t, s.noted(), "worker a on host-a joins with 2 runs at a time (fake)")
}

// A worker that falls silent in the middle of a lease, and comes back with its result after the lease went to another.
func TestALeaseOfASilentWorkerGoesToAnother(t *testing.T) {
	s := newSite(t, nil)
	list := arms(t, 1)
	stuck := &fake{takes: time.Hour}
	stop := s.work("stuck", 1, stuck)
	require.Eventually(t, func() bool { n, _ := s.Slots(); return n == 1 }, long, time.Millisecond)
	done := make(chan error, 1)
	go func() {
		_, _, err := s.sweep(list, 3)
		done <- err
	}()
	s.holding("stuck")
	s.work("other", 1, &fake{})
	require.NoError(t, stop(), "a worker that is stopped has no error")
	require.NoError(t, <-done)
	require.Contains(t, s.noted(), "worker stuck on host-stuck leaves: it was stopped")
}

func TestABrokenRunIsMadeOnceMoreAndItsErrorKeepsKindHintAndPlace(t *testing.T) {
	s := newSite(t, nil)
	list := arms(t, 1)
	refused := &problem.Error{Kind: problem.Usage, Err: errors.New("no such queue"), Hint: "write fq", Place: "links[0]"}
	f := &fake{bend: func(_ *wire.Lease, seed uint64, _ *result.Record) error {
		if seed == 2 {
			return refused
		}
		return nil
	}}
	s.work("a", 1, f)
	digests, made, err := s.sweep(list, 3)
	require.NoError(t, err)
	require.Len(t, made.Broken, 1)
	broken := made.Broken[0].Err
	require.Equal(t, "on worker a: no such queue", broken.Error())
	require.Equal(t, problem.Usage, problem.KindOf(broken))
	require.Equal(t, "write fq", problem.HintOf(broken))
	require.Equal(t, "links[0]", problem.PlaceOf(broken))
	require.Len(t, digests, 1, "a refusal is of all seeds")
}

// One worker of three makes other results: it is named, and the sweep ends.
func TestAWorkerWithAWrongResultIsNamed(t *testing.T) {
	s := newSite(t, patient)
	bit := func(_ *wire.Lease, seed uint64, r *result.Record) error {
		r.Metrics["web.latency_p50"] = result.Metric{Value: float64(seed)*1.5 + 1e-12}
		return nil
	}
	s.work("good", 1, &fake{takes: time.Millisecond})
	s.work("fine", 1, &fake{takes: time.Millisecond})
	s.work("bent", 1, &fake{takes: time.Millisecond, bend: bit})
	require.Eventually(t, func() bool { n, _ := s.Slots(); return n == 3 }, long, time.Millisecond)
	_, _, err := s.sweep(arms(t, 8), 20)
	if err == nil {
		err = s.Settle(t.Context())
	}
	require.ErrorContains(t, err, "worker bent (on host-bent, fake")
	require.ErrorContains(t, err, "is wrong")
	require.Equal(t, problem.Invalid, problem.KindOf(err))
	require.NotContains(t, err.Error(), "worker good")
}

func TestWithTwoWorkersNobodyCanTellWhichIsWrong(t *testing.T) {
	s := newSite(t, patient)
	s.work("good", 1, &fake{takes: time.Millisecond})
	s.work("bent", 1, &fake{takes: time.Millisecond, bend: func(_ *wire.Lease, _ uint64, r *result.Record) error {
		r.Valid = false
		return nil
	}})
	require.Eventually(t, func() bool { n, _ := s.Slots(); return n == 2 }, long, time.Millisecond)
	_, _, err := s.sweep(arms(t, 8), 20)
	if err == nil {
		err = s.Settle(t.Context())
	}
	require.ErrorContains(t, err, "by bent")
	require.ErrorContains(t, err, "by good")
	require.Contains(t, problem.HintOf(err), "start with three or more")
}

// What cannot be compared does not take part.
func TestAWorkerOfAnotherBuildIsRefused(t *testing.T) {
	for name, of := range map[string]struct {
		change func(*cluster.Options)
		says   string
	}{
		"guest": {func(o *cluster.Options) { o.Guest = "sha256:another" }, "another guest program"},
		"qemu":  {func(o *cluster.Options) { o.QEMU = "sha256:another" }, "another QEMU"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, of.change)
			err := s.leaving("a", 1, &fake{})()
			require.ErrorContains(t, err, of.says)
			require.Equal(t, problem.Machine, problem.KindOf(err))
			require.NotEmpty(t, problem.HintOf(err))
		})
	}
}
