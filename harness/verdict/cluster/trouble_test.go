package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/verdict/cluster"
	"github.com/ruleout/ruleout/harness/verdict/cluster/wire"
)

func TestAWorkerThatCannotBeComparedIsRefused(t *testing.T) {
	s := newSite(t, nil)
	for name, of := range map[string]struct {
		change func(*wire.Hello)
		kind   problem.Kind
		says   string
	}{
		"protocol": {func(h *wire.Hello) { h.Number++ }, problem.Machine, fmt.Sprintf("speaks protocol %d", wire.Number+1)},
		"older":    {func(h *wire.Hello) { h.Number = 0 }, problem.Machine, "speaks protocol 0"},
		"name":     {func(h *wire.Hello) { h.Worker = "a.>" }, problem.Usage, "the worker's name"},
		"slots":    {func(h *wire.Hello) { h.Slots = 1 << 30 }, problem.Usage, "runs at a time"},
		"no slot":  {func(h *wire.Hello) { h.Slots = 0 }, problem.Usage, "runs at a time"},
		"escape":   {func(h *wire.Hello) { h.Host = "a\x1b[2J\nb" }, problem.Usage, "more than words"},
		"novel":    {func(h *wire.Hello) { h.CPU = strings.Repeat("x", 1000) }, problem.Usage, "more than words"},
	} {
		t.Run(name, func(t *testing.T) {
			h := hello("a", 1)
			of.change(&h)
			w := ask[wire.Welcome](s, "join", h)
			require.ErrorContains(t, w.Refused.Err(), of.says)
			require.Equal(t, of.kind, problem.KindOf(w.Refused.Err()))
			require.Empty(t, s.Workers())
		})
	}
	require.ErrorContains(t, ask[wire.Welcome](s, "join", []byte("{")).Refused.Err(), "not a message")
}

// A worker that serves another coordinator greets this one, too, whenever it has no work.
func TestThatAWorkerIsRefusedIsSaidOnce(t *testing.T) {
	s := newSite(t, nil)
	conn := s.connect()
	h := hello("old", 1)
	h.Number = 0
	text, err := wire.Pack(h)
	require.NoError(t, err)
	for range 5 {
		_, err := conn.Request(wire.HelloSubject, text, long)
		require.NoError(t, err)
	}
	require.Equal(t, 1, strings.Count(s.noted(), "worker old on host-old is refused"))
}

// A worker whose results are not what they say is named, and nothing more is taken from it. The others finish.
func TestAWorkerThatHandsInGarbageIsBanned(t *testing.T) {
	for name, of := range map[string]struct {
		bad  *fake
		says string
	}{
		"digest": {&fake{spoil: func(r *result.Record) {
			r.Digest = "sha256:" + strings.Repeat("0", 64)
		}}, "says that its digest"},
		"seed": {&fake{spoil: func(r *result.Record) {
			r.Seed++
			r.Run = result.RunID(r.Provenance.Key, r.Scenario.Hash, r.Seed)
			r.Digest, _ = r.ComputeDigest()
		}}, "the record is of seed"},
		"scenario": {&fake{bend: func(_ *wire.Lease, _ uint64, r *result.Record) error {
			r.Scenario.Hash = "sha256:other"
			r.Run = result.RunID(r.Provenance.Key, r.Scenario.Hash, r.Seed)
			return nil
		}}, "is not a run of lease"},
		"kernel": {&fake{bend: func(_ *wire.Lease, _ uint64, r *result.Record) error {
			r.Provenance.Kernel = "5.10.0"
			return nil
		}}, "is not a run of lease"},
		"guest": {&fake{bend: func(_ *wire.Lease, _ uint64, r *result.Record) error {
			r.Provenance.Guest = "sha256:other"
			return nil
		}}, "of guest program"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, nil)
			list := arms(t, 2)
			ended := s.leaving("bad", 1, of.bad)
			done := make(chan error, 1)
			go func() {
				digests, made, err := s.sweep(list, 5)
				if err == nil && (len(made.Broken) > 0 || len(digests) != 10) {
					err = fmt.Errorf("%d runs, broken: %v", len(digests), made.Broken)
				}
				done <- err
			}()
			s.says("what worker bad hands in cannot be read")
			s.work("good", 1, &fake{})
			require.NoError(t, <-done)
			require.ErrorContains(t, ended(), of.says)
			w := ask[wire.Welcome](s, "join", hello("bad", 1))
			require.ErrorContains(t, w.Refused.Err(), of.says, "it does not come back under its name")
		})
	}
}

// Who did not join, or is banned, has no say.
func TestNothingIsTakenFromAStranger(t *testing.T) {
	s := newSite(t, nil)
	runs, end := s.Lease(t.Context(), &arms(t, 1)[0], []uint64{1})
	defer end()
	o := wire.Outcome{Worker: "nobody", Lease: 1, Seed: 1, Trouble: &wire.Trouble{Kind: problem.Invalid, Text: "broke"}}
	codec, err := wire.NewCodec()
	require.NoError(t, err)
	text, _, err := codec.Outcome(&o, nil)
	require.NoError(t, err)
	require.True(t, ask[wire.Answer](s, "outcome", text).Unknown)
	require.True(t, ask[wire.Left](s, "begin", wire.Begin{Worker: "nobody", Lease: 1}).Unknown)
	require.True(t, ask[wire.Answer](s, "beat", wire.Beat{Worker: "nobody", Slots: 1}).Unknown)
	require.ErrorContains(t, ask[wire.Answer](s, "outcome", []byte{1, 2, 3}).Leave.Err(), "not an outcome")
	s.work("a", 1, &fake{})
	_, err = runs.Run(t.Context(), &arms(t, 1)[0], 1)
	require.NoError(t, err)
}

var noSpace = &problem.Error{Kind: problem.Machine, Err: errors.New("write template: no space left on device"),
	Hint: "make room"}

func TestAWorkerWhoseDiskIsFullLeavesAndTheOthersFinish(t *testing.T) {
	s := newSite(t, nil)
	list := arms(t, 4)
	ended := s.leaving("full", 2, &fake{bend: func(*wire.Lease, uint64, *result.Record) error { return noSpace }})
	done := make(chan error, 1)
	var digests map[string]string
	go func() {
		var err error
		digests, _, err = s.sweep(list, 5)
		done <- err
	}()
	s.says("worker full on host-full leaves: write template: no space left on device")
	s.work("a", 1, &fake{})
	s.work("b", 1, &fake{})
	require.NoError(t, <-done)
	require.Equal(t, alone(t, list, 5), digests)
	err := ended()
	require.ErrorContains(t, err, "no space left on device")
	require.Equal(t, problem.Machine, problem.KindOf(err))
	require.Equal(t, "make room", problem.HintOf(err))
}

func TestARunThatNoMachineCanMakeBreaksWithTheReason(t *testing.T) {
	s := newSite(t, nil)
	for _, name := range []string{"a", "b"} {
		s.work(name, 1, &fake{bend: func(*wire.Lease, uint64, *result.Record) error { return noSpace }})
	}
	require.Eventually(t, func() bool { n, _ := s.Slots(); return n == 2 }, long, time.Millisecond)
	_, err := s.Run(t.Context(), &arms(t, 1)[0], 1)
	require.Regexp(t, "^on worker [ab]: write template: no space left on device$", err.Error())
	require.Equal(t, problem.Machine, problem.KindOf(err))
	require.Equal(t, "make room", problem.HintOf(err))
}

// The coordinator's own disk is full when it packs a kernel for those that lack it.
func TestAKernelThatCannotBePackedBreaksTheRunWithTheReason(t *testing.T) {
	s := newSite(t, func(o *cluster.Options) {
		o.Parcel = func(string, string) (string, func(), error) { return "", nil, noSpace }
	})
	for _, name := range []string{"a", "b"} {
		s.work(name, 1, &fake{lacks: []wire.Want{{Kind: wire.Kernel, Hash: "sha256:kernel"}}})
	}
	require.Eventually(t, func() bool { n, _ := s.Slots(); return n == 2 }, long, time.Millisecond)
	_, err := s.Run(t.Context(), &arms(t, 1)[0], 1)
	require.ErrorContains(t, err, "no space left on device")
	require.Equal(t, "make room", problem.HintOf(err))
}

// never is a maker whose runs end with the worker only.
func never() *fake { return &fake{takes: 1000 * time.Hour} }

func TestARunThatTakesDownItsWorkersIsBroken(t *testing.T) {
	s := newSite(t, nil)
	arm := &arms(t, 1)[0]
	runs, end := s.Lease(t.Context(), arm, []uint64{1, 2})
	defer end()
	for _, name := range []string{"a", "b", "c"} {
		conn := s.connect()
		stop, _ := s.workBy(conn, name, 1, never())
		s.holding(name)
		conn.Close() // it says nothing any more
		_ = stop()
	}
	s.work("d", 1, &fake{})
	_, err := runs.Run(t.Context(), arm, 1)
	require.EqualError(t, err, "workers began the run of seed 1 3 times and did not come to its end: a, b, c")
	require.Equal(t, problem.Invalid, problem.KindOf(err))
	_, err = runs.Run(t.Context(), arm, 2)
	require.NoError(t, err)
}

// Whoever stops a worker has a reason that is not the run.
func TestWorkersThatAreStoppedDoNotBreakARun(t *testing.T) {
	s := newSite(t, nil)
	arm := &arms(t, 1)[0]
	runs, end := s.Lease(t.Context(), arm, []uint64{1})
	defer end()
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		stop := s.work(name, 1, never())
		s.holding(name)
		require.NoError(t, stop())
	}
	s.work("f", 1, &fake{})
	_, err := runs.Run(t.Context(), arm, 1)
	require.NoError(t, err)
}

// An answer that does not arrive is asked for again, which is no second try.
func TestAQuestionThatIsAskedAgainCountsOnce(t *testing.T) {
	s := newSite(t, nil)
	arm := &arms(t, 1)[0]
	runs, end := s.Lease(t.Context(), arm, []uint64{1})
	defer end()
	require.Nil(t, ask[wire.Welcome](s, "join", hello("a", 1)).Refused)
	for range 10 {
		left := ask[wire.Left](s, "begin", wire.Begin{Worker: "a", Lease: 1, Try: "same"})
		require.Equal(t, []int{0}, left.Seeds)
	}
	s.work("b", 1, &fake{})
	_, err := runs.Run(t.Context(), arm, 1)
	require.NoError(t, err)
	for i := range 10 { // all came, and the lease has not ended yet
		left := ask[wire.Left](s, "begin", wire.Begin{Worker: "a", Lease: 1, Try: fmt.Sprint(i)})
		require.Empty(t, left.Seeds)
	}
}

// A worker that is asked to make a run of another one, too, and cannot: nobody waits for it.
func TestAComparisonThatCannotBeMadeIsGivenUp(t *testing.T) {
	s := newSite(t, patient)
	arm := &arms(t, 1)[0]
	s.work("a", 1, &fake{})
	_, err := s.Run(t.Context(), arm, 1)
	require.NoError(t, err)
	var asked atomic.Int64
	s.work("b", 1, &fake{bend: func(*wire.Lease, uint64, *result.Record) error {
		asked.Add(1)
		return noSpace
	}})
	require.Eventually(t, func() bool { n, _ := s.Slots(); return n == 2 }, long, time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	require.NoError(t, s.Settle(ctx))
	require.EqualValues(t, 1, asked.Load())
}
