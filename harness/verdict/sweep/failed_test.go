package sweep

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/verdict"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/cases"
	"github.com/ruleout/ruleout/harness/verdict/cases/casestest"
)

// world makes runs of the fake world, of which some break, each twice, some are invalid, and some arms are refused or
// never run. What becomes of a run depends on its arm and seed alone. It is safe for use by several goroutines.
type world struct {
	campaign        int
	breaks, invalid uint64 // of 1,000 runs
	never, refuses  uint64 // of 1,000 arms
	made            string // what all runs are made with
	factor          float64
}

// draw is a number below 1,000 for each of some names.
func draw(names ...any) uint64 {
	h := fnv.New64a()
	_, _ = fmt.Fprintln(h, names...)
	x := h.Sum64()
	x ^= x >> 33 // or the last letters hardly count
	x *= 0xff51afd7ed558ccd
	return (x ^ x>>33) % 1000
}

func (w *world) Run(_ context.Context, arm *campaign.Arm, seed uint64) (*result.Record, error) {
	switch {
	case draw(w.campaign, "refuse", arm.Hash) < w.refuses:
		return nil, &problem.Error{Kind: problem.Usage, Err: errors.New("invalid argument"), Place: "links.client-web.delay"}
	case draw(w.campaign, "never", arm.Hash) < w.never:
		return nil, errors.New("kernel panic")
	case draw(w.campaign, "break", arm.Hash, seed) < w.breaks:
		return nil, errors.New("the guest fell over")
	}
	r := casestest.Record(arm, seed)
	r.Provenance.QEMU = w.made
	if w.factor != 0 {
		m := r.Metrics["http.latency.p99"]
		m.Value *= w.factor
		r.Metrics["http.latency.p99"] = m
	}
	if draw(w.campaign, "invalid", arm.Hash, seed) < w.invalid {
		r.Valid, r.InvalidBecause = false,
			result.Reasons{{Kind: result.GeneratorLate, Place: "load[0] from client", Text: "fell behind its own plan"}}
	}
	return r, nil
}

// mixed has hypotheses of each kind.
const mixed = `version: 1
name: delays
scenario: shop.yaml
seeds: {least: 8, most: 150}
innocent: 30%
placebos: 5
controls:
  burn: {cause: {nodes.web.service.php.request.cpu: 5ms}}
hypotheses:
  - {name: copies slow it down, cause: {faults.acks.do: "{duplicate: 3}"}, metric: http.latency.p99, margin: 5%, dose: fault.acks.delivered, control: burn}
  - {name: watching slows it down, cause: {faults.acks.select.chance: 20%}, metric: http.latency.p99, margin: 5%, dose: fault.acks.chosen, control: burn}
  - {name: copies recover, kind: mechanism, in: every, cause: {faults.acks.do: "{duplicate: 3}"}, metric: web.TcpExt.TCPRenoRecovery}
  - {name: workers explain it, kind: explains, cause: {faults.acks.do: "{duplicate: 3}"}, relieved: {nodes.web.service.php.workers: 50}, metric: http.latency.p99, margin: 5%, dose: fault.acks.delivered, control: burn}
`

// said is what an analysis says of all cases, to the last digit.
func said(an *cases.Analysis) string {
	var out strings.Builder
	for _, v := range an.Verdicts(true) {
		fmt.Fprintf(&out, "%s in %s: %+v\n", v.Entry, v.Context, v.Verdict)
	}
	return out.String()
}

// judged is what ruleout verdict makes of a directory.
func judgedIn(t *testing.T, p *campaign.Plan, dir string) *cases.Analysis {
	t.Helper()
	r, err := archive.Read(dir)
	require.NoError(t, err)
	an, err := cases.New(p)
	require.NoError(t, err)
	require.NoError(t, Fill(an, p, kernels, r.Entries))
	require.NoError(t, r.Close())
	return an
}

// swept makes a sweep, or a part of one, in a directory of its own.
func swept(t *testing.T, p *campaign.Plan, w Runner, workers, shard, shards int) (dir string, r *Result) {
	t.Helper()
	dir = t.TempDir()
	a := open(t, dir)
	r, err := Run(context.Background(),
		Options{Loop: Loop{Archive: a, Runner: w, Workers: workers}, Plan: p, Kernels: kernels, Shard: shard, Shards: shards})
	require.NoError(t, err)
	require.NoError(t, a.Close())
	return dir, r
}

// However runs break, are refused or are lost: the sweep, the archive that it leaves, shards that are merged and the
// numbers that are kept say the same, and so does the same sweep by other workers. 200 campaigns of a fake runner.
func TestAllSayTheSame(t *testing.T) {
	p := casestest.Plan(t, mixed)
	campaigns := 200
	if testing.Short() {
		campaigns = 20
	}
	tally := map[verdict.Outcome]int{}
	failed, givenUp := 0, 0
	for n := range campaigns {
		w := &world{campaign: n, breaks: draw(n, "breaks") / 50, invalid: draw(n, "invalid") / 100,
			never: draw(n, "never") / 20, refuses: draw(n, "refuses") / 25}
		dir, r := swept(t, p, w, 1+n%4, 0, 0)
		want := said(r.Analysis)
		for _, v := range r.Analysis.Verdicts(true) {
			tally[v.Outcome]++
		}
		failed, givenUp = failed+len(r.Breaks)+len(r.Refusals), givenUp+len(givenUpIn(r))
		require.Equal(t, len(p.Cases), r.Decided, "campaign %d", n)
		require.Equal(t, want, said(judgedIn(t, p, dir)), "campaign %d: the archive", n)

		from, err := archive.Read(dir)
		require.NoError(t, err)
		kept := filepath.Join(t.TempDir(), "kept")
		_, err = from.Keep(kept, p.Numbers())
		require.NoError(t, err)
		require.NoError(t, from.Close())
		require.Equal(t, want, said(judgedIn(t, p, kept)), "campaign %d: what is kept", n)

		if n%5 > 0 { // each sync takes its time
			continue
		}
		shards, merged := 2+n/5%3, t.TempDir()
		into := open(t, merged)
		for i := shards; i > 0; i-- {
			part, _ := swept(t, p, w, 1+i, i, shards)
			_, err := into.Merge(part)
			require.NoError(t, err)
		}
		require.NoError(t, into.Close())
		require.Equal(t, want, said(judgedIn(t, p, merged)), "campaign %d: %d shards", n, shards)
	}
	t.Logf("%d campaigns: %v; %d runs broke or were refused, %d arms were given up", campaigns, tally, failed, givenUp)
	for _, o := range []verdict.Outcome{verdict.Confirmed, verdict.RuledOut, verdict.Invalid} {
		require.Greater(t, tally[o], campaigns/20, "the worlds show %s", o)
	}
	require.Positive(t, givenUp)
}

// Called again, a sweep tries what broke once more; where it breaks again, nothing is another.
func TestBrokenRunsAreTriedAgain(t *testing.T) {
	p := casestest.Plan(t, mixed)
	bad := &world{campaign: 1, breaks: 40}
	dir, first := swept(t, p, bad, 2, 0, 0)
	require.NotEmpty(t, first.Breaks)
	again := func(w Runner, o Options) *Result {
		a := open(t, dir)
		o.Plan, o.Archive, o.Runner, o.Kernels = p, a, w, kernels
		r, err := Run(context.Background(), o)
		require.NoError(t, err)
		require.NoError(t, a.Close())
		require.Equal(t, said(r.Analysis), said(judgedIn(t, p, dir)))
		return r
	}
	r := again(bad, Options{})
	require.Zero(t, r.Made)
	require.Len(t, r.Breaks, len(first.Breaks))
	require.Equal(t, said(first.Analysis), said(r.Analysis))
	// With no time to try: what is known from before still counts.
	r = again(bad, Options{Loop: Loop{Budget: time.Nanosecond}})
	require.Len(t, r.Breaks, len(first.Breaks))
	require.Equal(t, said(first.Analysis), said(r.Analysis))
	require.False(t, r.OverBudget, "all is decided")
	// The machine is well again.
	r = again(&world{campaign: 1}, Options{})
	require.Empty(t, r.Breaks)
	require.NotZero(t, r.Made)
	_, well := swept(t, p, &world{campaign: 1}, 2, 0, 0)
	require.Equal(t, said(well.Analysis), said(r.Analysis))
}

const one = `version: 1
name: delays
scenario: shop.yaml
placebos: 0
hypotheses:
  - {name: much more, cause: {nodes.web.service.php.request.cpu: 5ms}, metric: http.latency.p99, margin: 1%}
`

// losing breaks some seeds of an arm.
type losing struct {
	world
	arm  *campaign.Arm
	lost map[uint64]bool
}

func (l *losing) Run(ctx context.Context, arm *campaign.Arm, seed uint64) (*result.Record, error) {
	if arm == l.arm && l.lost[seed] {
		return nil, errors.New("the guest fell over")
	}
	return l.world.Run(ctx, arm, seed)
}

// A broken seed among the first eight does not end a case: it goes on until enough others are there.
func TestOneBrokenSeedIsMadeUpFor(t *testing.T) {
	p := casestest.Plan(t, one)
	for _, lost := range []map[uint64]bool{{}, {3: true}, {3: true, 30: true}} {
		_, r := swept(t, p, &losing{arm: &p.Arms[1], lost: lost}, 1, 0, 0)
		v := r.Analysis.Verdicts(true)[0]
		require.Equal(t, verdict.Confirmed, v.Outcome, "lost %v: %v", lost, v.Verdict)
		require.LessOrEqual(t, float64(v.Lost), 0.05*float64(v.Seeds+v.Lost))
	}
	// The sweep ends when too many are lost for all seeds that there could be.
	lost := map[uint64]bool{}
	for seed := uint64(1); seed <= 200; seed += 2 {
		lost[seed] = true
	}
	_, r := swept(t, p, &losing{arm: &p.Arms[1], lost: lost}, 1, 0, 0)
	require.Equal(t, verdict.Invalid, r.Analysis.Verdicts(true)[0].Outcome)
	require.Less(t, r.Made, 50)
}

// An arm that always breaks is given up, with its reason. All other cases come to the verdicts that they have without
// it.
func TestAnArmThatAlwaysBreaks(t *testing.T) {
	p := newPlan(t)
	_, want, _ := whole(t, p, 1)
	bad := p.Cases[0].Treated
	for _, workers := range []int{1, 2, 4} {
		f := &fake{plan: p}
		tries := 0
		runner := runnerOf(func(ctx context.Context, arm *campaign.Arm, seed uint64) (*result.Record, error) {
			if arm == &p.Arms[bad] {
				tries++
				return nil, errors.New("kernel panic")
			}
			return f.Run(ctx, arm, seed)
		})
		_, r := swept(t, p, runner, workers, 0, 0)
		require.Equal(t, len(p.Cases), r.Decided)
		require.Len(t, givenUpIn(r), 1)
		require.Equal(t, bad, givenUpIn(r)[0].Arm)
		require.ErrorContains(t, givenUpIn(r)[0].Err, "kernel panic")
		require.LessOrEqual(t, len(r.Breaks), cases.InARow+workers)
		for i, v := range r.Analysis.Verdicts(true) {
			if uses(v.Case, bad) {
				require.Equal(t, verdict.Invalid, v.Outcome)
				require.True(t, v.Has(verdict.RunsBroken))
			} else {
				require.Equal(t, want.Analysis.Verdicts(true)[i].Outcome, v.Outcome, v.Entry)
			}
		}
	}
}

// givenUpIn lists the breaks for which an arm was given up.
func givenUpIn(r *Result) (list []Break) {
	for _, b := range r.Breaks {
		if b.GivenUp {
			list = append(list, b)
		}
	}
	return list
}

func uses(c *campaign.Case, arm int) bool {
	for _, a := range c.Arms() {
		if a == arm {
			return true
		}
	}
	return false
}

type runnerOf func(ctx context.Context, arm *campaign.Arm, seed uint64) (*result.Record, error)

func (f runnerOf) Run(ctx context.Context, arm *campaign.Arm, seed uint64) (*result.Record, error) {
	return f(ctx, arm, seed)
}

// When every run breaks from some moment on, it is the machine: the sweep ends, and remembers none of it.
func TestAMachineThatFails(t *testing.T) {
	p := newPlan(t)
	dir := t.TempDir()
	a := open(t, dir)
	n := 0
	runner := runnerOf(func(_ context.Context, arm *campaign.Arm, seed uint64) (*result.Record, error) {
		if n++; n > 100 {
			return nil, errors.New("no QEMU any more")
		}
		return casestest.Record(arm, seed), nil
	})
	_, err := Run(context.Background(), Options{Loop: Loop{Archive: a, Runner: runner}, Plan: p, Kernels: kernels})
	require.ErrorContains(t, err, "which was made before, breaks now, too: no QEMU any more")
	require.Equal(t, problem.Invalid, problem.KindOf(err))
	require.NoError(t, a.Close())
	r, err := archive.Read(dir)
	require.NoError(t, err)
	require.NoError(t, r.Entries(func(e *archive.Entry) error {
		require.Empty(t, e.Failure)
		return nil
	}))
	require.NoError(t, r.Close())
}

// The run that is made again to see whether it is the machine may be of an arm that was given up meanwhile.
func TestTheOnlyKnownRunsAreOfAnArmThatIsGivenUp(t *testing.T) {
	p := newPlan(t)
	a := open(t, t.TempDir())
	for seed := uint64(5); seed < 8; seed++ {
		_, err := a.Append(casestest.Record(&p.Arms[0], seed))
		require.NoError(t, err)
	}
	runner := runnerOf(func(context.Context, *campaign.Arm, uint64) (*result.Record, error) {
		return nil, errors.New("no QEMU")
	})
	_, err := Run(context.Background(), Options{Loop: Loop{Archive: a, Runner: runner}, Plan: p, Kernels: kernels})
	require.ErrorContains(t, err, "seed 5 of arm 1 of ")
	require.ErrorContains(t, err, "which was made before, breaks now, too: no QEMU")
	require.Empty(t, failures(t, a))
	require.NoError(t, a.Close())
}

// A run that is made a second time, and is another then, is a determinism alarm.
func TestAlarm(t *testing.T) {
	p := newPlan(t)
	a := open(t, t.TempDir())
	n := 0
	runner := runnerOf(func(_ context.Context, arm *campaign.Arm, seed uint64) (*result.Record, error) {
		if n++; n > 100 && !(arm == &p.Arms[0] && seed == 1) {
			return nil, errors.New("fell over")
		}
		r := casestest.Record(arm, seed)
		if n > 100 {
			r.Digest = result.Sum([]byte("another"))
		}
		return r, nil
	})
	_, err := Run(context.Background(), Options{Loop: Loop{Archive: a, Runner: runner}, Plan: p, Kernels: kernels})
	require.ErrorContains(t, err, "determinism alarm")
	require.Equal(t, problem.Invalid, problem.KindOf(err))
	require.NoError(t, a.Close())
}

// Runs of two QEMUs are not compared. A sweep that goes on under one that is 8 % slower, with a hypothesis more,
// confirms nothing: where the archive cannot tell, since it is of an earlier build, each pair is lost, and says why.
func TestAnotherQEMUConfirmsNothing(t *testing.T) {
	text := func(more string) string {
		return "version: 1\nname: delays\nscenario: shop.yaml\nplacebos: 0\nseeds: {least: 8, most: 100}\n" +
			"controls:\n  burn: {cause: {nodes.web.service.php.request.cpu: 5ms}}\nhypotheses:\n" +
			"  - {name: harmless, cause: {faults.acks.select.chance: 20%}, metric: http.latency.p99, " +
			"margin: 5%, dose: fault.acks.chosen, control: burn}\n" + more
	}
	monday := casestest.Plan(t, text(""))
	tuesday := casestest.Plan(t, text("  - {name: harmless too, cause: {faults.acks.select.chance: 30%}, "+
		"metric: http.latency.p99, margin: 5%, dose: fault.acks.chosen, control: burn}\n"))
	dir, r := swept(t, monday, &world{made: "7.2"}, 1, 0, 0)
	require.Equal(t, verdict.RuledOut, r.Analysis.Verdicts(true)[0].Outcome)
	a := open(t, dir)
	r, err := Run(context.Background(),
		Options{Loop: Loop{Archive: a, Runner: &world{made: "7.2 patched", factor: 1.08}}, Plan: tuesday, Kernels: kernels})
	require.NoError(t, err)
	require.NoError(t, a.Close())
	got := r.Analysis.Verdicts(true)
	require.NotEqual(t, verdict.Confirmed, got[0].Outcome)
	require.Equal(t, verdict.Invalid, got[1].Outcome, "%v", got[1].Verdict)
	require.True(t, got[1].Has(verdict.RunsDiffer))
	require.Contains(t, got[1].Reasons[0].Text, "its runs were made with different QEMU, kernel or program in ")
}
