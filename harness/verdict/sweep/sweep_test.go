package sweep

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/guesttest"
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/verdict"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/cases/casestest"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Lookup("test.bench").Value.String() != "" {
		if _, err := guesttest.Build(); err != nil {
			panic(err)
		}
		os.Exit(m.Run()) // a benchmark compares with real runs: what starts their machines lives as long as the process
	}
	goleak.VerifyTestMain(m)
}

const suspicions = `version: 1
name: delays
scenario: shop.yaml
seeds: {least: 4, most: 90}
factors:
  - {name: workers, set: nodes.web.service.php.workers, values: [2, 5]}
  - {name: backlog, set: nodes.web.service.php.backlog, values: [10, 20, 30, 40]}
controls:
  burn: {cause: {nodes.web.service.php.request.cpu: 5ms}}
hypotheses:
  - {name: "{d} more", each: {d: [11ms, 15ms]}, cause: {links.client-web.delay: "{d}"}, metric: http.latency.p99, margin: 20%, control: burn, dose: web.Tcp.InSegs}
  - {name: a queue, cause: {links.client-web.queue: 500}, metric: http.latency.p99, margin: 20%, control: burn, dose: web.Tcp.InSegs}
`

func newPlan(t testing.TB) *campaign.Plan { return casestest.Plan(t, suspicions) }

var kernels = map[string]string{"": "6.1.0"}

// fake makes runs of a world without kernels: latency follows the delay, and every cause leaves a mark in InSegs.
type fake struct {
	plan  *campaign.Plan
	made  atomic.Int64
	twice sync.Map // what has been made, to find what is made again
	fail  func(seed uint64, attempt int64) error
	tries sync.Map
	after func(n int64)

	refuse   map[*campaign.Arm]error
	refusals atomic.Int64
}

func (f *fake) Run(ctx context.Context, arm *campaign.Arm, seed uint64) (*result.Record, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err := f.refuse[arm]; err != nil {
		f.refusals.Add(1)
		return nil, err
	}
	id := result.Sum(fmt.Appendf(nil, "%s %s %d", arm.Hash, arm.Kernel, seed))
	if f.fail != nil {
		n, _ := f.tries.LoadOrStore(id, new(atomic.Int64))
		if err := f.fail(seed, n.(*atomic.Int64).Add(1)); err != nil {
			return nil, err
		}
	}
	if _, again := f.twice.LoadOrStore(id, true); again {
		return nil, fmt.Errorf("run %s was made twice", id)
	}
	s := arm.Scenario
	noise := rand.New(rand.NewPCG(seed, 1)).NormFloat64()*0.2 +
		rand.New(rand.NewPCG(seed, uint64(s.Links[0].Delay)+uint64(s.Links[0].Queue))).NormFloat64()*0.01
	latency := 4*float64(s.Links[0].Delay)/1e9 + float64(*s.Nodes["web"].Service.PHP.Request.CPU)/1e9*5
	mark := int64(s.Links[0].Delay)/1e6 + int64(s.Links[0].Queue)
	if f.after != nil {
		f.after(f.made.Add(1))
	} else {
		f.made.Add(1)
	}
	return &result.Record{
		Schema: 1, Run: id, Digest: result.Sum([]byte(id)), Seed: seed, Valid: true,
		Scenario:   result.Scenario{Name: s.Name, Hash: arm.Hash, Canonical: []byte("{}")},
		Provenance: result.Provenance{Kernel: "6.1.0"},
		Metrics:    map[string]result.Metric{"http.latency.p99": {Value: latency * math.Exp(noise), Unit: "s"}},
		Counters:   map[string]map[string]int64{"web": {"Tcp.InSegs": mark}},
	}, nil
}

func open(t *testing.T, dir string) *archive.Archive {
	a, err := archive.Open(dir, archive.Identity{Campaign: "delays", Kernels: kernels})
	require.NoError(t, err)
	return a
}

// whole makes a sweep that runs undisturbed.
func whole(t *testing.T, p *campaign.Plan, workers int) (string, *Result, *fake) {
	dir := t.TempDir()
	a := open(t, dir)
	f := &fake{plan: p}
	r, err := Run(context.Background(),
		Options{Loop: Loop{Archive: a, Runner: f, Workers: workers}, Plan: p, Kernels: kernels})
	require.NoError(t, err)
	require.NoError(t, a.Close())
	return dir, r, f
}

func verdicts(r *Result) string { return fmt.Sprintf("%+v", r.Analysis.Verdicts(true)) }

func TestSweep(t *testing.T) {
	p := newPlan(t)
	_, one, f := whole(t, p, 1)
	require.Equal(t, len(p.Cases), one.Decided)
	require.Equal(t, int(f.made.Load()), one.Made)
	require.Zero(t, one.Remaining)
	got := map[string]int{}
	for _, v := range one.Analysis.Verdicts(true) {
		got[v.Entry+": "+string(v.Outcome)]++
	}
	require.Equal(t, map[string]int{"11ms more: ruled out": 8, "15ms more: confirmed": 8, "a queue: ruled out": 8,
		"placebo: inconclusive": 2}, got)
	_, two, _ := whole(t, p, 3)
	require.Equal(t, verdicts(one), verdicts(two), "however many workers")
	require.Equal(t, one.Made, two.Made)
}

// Interrupted at any moment and called again until it ends, a sweep makes each run once and comes to the same verdicts.
func TestInterruptAndResume(t *testing.T) {
	p := newPlan(t)
	_, want, _ := whole(t, p, 2)
	dir, f := t.TempDir(), &fake{plan: p}
	interruptions := 0
	for {
		ctx, cancel := context.WithCancelCause(context.Background())
		left := int64(rand.New(rand.NewPCG(uint64(interruptions), 3)).IntN(60))
		f.after = func(int64) {
			if atomic.AddInt64(&left, -1) == 0 {
				cancel(errors.New("interrupted"))
			}
		}
		a := open(t, dir)
		r, err := Run(ctx, Options{Loop: Loop{Archive: a, Runner: f, Workers: 2}, Plan: p, Kernels: kernels})
		require.NoError(t, a.Close())
		cancel(nil)
		if err == nil {
			require.Equal(t, verdicts(want), verdicts(r))
			require.Equal(t, want.Made, r.Runs)
			break
		}
		require.ErrorContains(t, err, "interrupted")
		interruptions++
	}
	require.Greater(t, interruptions, 10)
	require.Equal(t, want.Made, int(f.made.Load()), "nothing was made twice, or in vain")
}

func TestShards(t *testing.T) {
	p := newPlan(t)
	_, want, _ := whole(t, p, 2)
	all := t.TempDir()
	into := open(t, all)
	sum := 0
	for shard := 1; shard <= 2; shard++ {
		dir := t.TempDir()
		a := open(t, dir)
		r, err := Run(context.Background(),
			Options{Loop: Loop{Archive: a, Runner: &fake{plan: p}}, Plan: p, Kernels: kernels, Shard: shard, Shards: 2})
		require.NoError(t, err)
		require.NoError(t, a.Close())
		require.Positive(t, r.Made)
		require.Less(t, r.Made, want.Made)
		sum += r.Made
		_, err = into.Merge(dir)
		require.NoError(t, err)
	}
	require.Equal(t, want.Made, sum, "8 base arms for 2 shards: none runs in both")
	r, err := Run(context.Background(),
		Options{Loop: Loop{Archive: into, Runner: &fake{plan: p}}, Plan: p, Kernels: kernels})
	require.NoError(t, err)
	require.Zero(t, r.Made, "merged, nothing is left to do")
	require.Equal(t, verdicts(want), verdicts(r))
	require.NoError(t, into.Close())
}

func TestARunThatBreaks(t *testing.T) {
	p := newPlan(t)
	dir := t.TempDir()
	a := open(t, dir)
	f := &fake{plan: p, fail: func(seed uint64, attempt int64) error {
		if seed == 3 && attempt == 1 || seed == 5 {
			return fmt.Errorf("the guest fell over (attempt %d)", attempt)
		}
		return nil
	}}
	r, err := Run(context.Background(), Options{Loop: Loop{Archive: a, Runner: f, Workers: 2}, Plan: p, Kernels: kernels})
	require.NoError(t, err)
	require.NoError(t, a.Close())
	require.Len(t, r.Breaks, len(p.Arms), "seed 5 of each arm; seed 3 went well the second time")
	require.ErrorContains(t, r.Breaks[0].Err, "attempt 2")

	// When everything breaks, it is not the runs.
	b := open(t, t.TempDir())
	f = &fake{plan: p, fail: func(uint64, int64) error { return errors.New("no QEMU") }}
	r, err = Run(context.Background(), Options{Loop: Loop{Archive: b, Runner: f, Workers: 2}, Plan: p, Kernels: kernels})
	require.ErrorContains(t, err, "runs in a row broke, of several arms and twice each")
	require.ErrorContains(t, err, "no QEMU")
	require.Zero(t, r.Made)
	require.NoError(t, b.Close())
}

// What a kernel refuses it refuses at every seed: the arm is given up at once, and the others go on.
func TestARunThatIsRefused(t *testing.T) {
	p := newPlan(t)
	dir := t.TempDir()
	a := open(t, dir)
	refused := p.Cases[0].Treated
	said := &problem.Error{Kind: problem.Usage, Err: errors.New("invalid argument"), Place: "links.client-web.delay"}
	f := &fake{plan: p, refuse: map[*campaign.Arm]error{&p.Arms[refused]: fmt.Errorf("build network: %w", said)}}
	r, err := Run(context.Background(), Options{Loop: Loop{Archive: a, Runner: f, Workers: 3}, Plan: p, Kernels: kernels})
	require.NoError(t, err)
	require.NoError(t, a.Close())
	require.Empty(t, r.Breaks)
	require.Len(t, r.Refusals, 1)
	require.Equal(t, refused, r.Refusals[0].Arm)
	require.ErrorIs(t, r.Refusals[0].Err, said)
	require.LessOrEqual(t, f.refusals.Load(), int64(3), "once for each worker that shared the arm")
	require.Equal(t, len(p.Cases), r.Decided)
	require.Zero(t, r.Remaining)
	for _, v := range r.Analysis.Verdicts(true) {
		if slices.Contains(v.Case.Arms(), refused) {
			require.Equal(t, verdict.Invalid, v.Outcome, v.Entry)
		} else {
			require.NotEqual(t, verdict.Invalid, v.Outcome, v.Entry)
		}
	}
}

func TestBudget(t *testing.T) {
	p := newPlan(t)
	a := open(t, t.TempDir())
	f := &fake{plan: p, after: func(n int64) {
		if n == 40 {
			time.Sleep(200 * time.Millisecond) // spends the budget; nothing is waited for
		}
	}}
	r, err := Run(context.Background(),
		Options{Loop: Loop{Archive: a, Runner: f, Budget: 150 * time.Millisecond}, Plan: p, Kernels: kernels})
	require.NoError(t, err)
	require.NoError(t, a.Close())
	require.True(t, r.OverBudget)
	require.Less(t, r.Decided, len(p.Cases))
	require.Positive(t, r.Remaining)
}

// runnerFunc makes runs.
type runnerFunc func(ctx context.Context, arm *campaign.Arm, seed uint64) (*result.Record, error)

func (f runnerFunc) Run(ctx context.Context, arm *campaign.Arm, seed uint64) (*result.Record, error) {
	return f(ctx, arm, seed)
}

// The budget ends while the last runs are under way. They are all that was missing, so that nothing is left over it.
func TestABudgetThatEndsDuringTheLastRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := casestest.Plan(t, `version: 1
name: two-arms
scenario: shop.yaml
placebos: 0
seeds: {least: 4, most: 4}
hypotheses:
  - {name: further away, cause: {links.client-web.delay: 30ms}, metric: http.latency.p99, margin: 5%}
`)
		a := open(t, t.TempDir())
		all := make(chan struct{})
		var begun atomic.Int64
		slow := runnerFunc(func(_ context.Context, arm *campaign.Arm, seed uint64) (*result.Record, error) {
			if begun.Add(1) == 8 {
				close(all)
			}
			<-all
			time.Sleep(time.Second) // of the clock of the test, which no work delays
			return casestest.Record(arm, seed), nil
		})
		r, err := Run(context.Background(),
			Options{Loop: Loop{Archive: a, Runner: slow, Workers: 8, Budget: time.Second / 2}, Plan: p, Kernels: kernels})
		require.NoError(t, err)
		require.NoError(t, a.Close())
		require.Equal(t, 1, r.Decided)
		require.False(t, r.OverBudget)
	})
}

func TestTell(t *testing.T) {
	p := newPlan(t)
	a := open(t, t.TempDir())
	var last State
	told := 0
	_, err := Run(context.Background(),
		Options{Loop: Loop{Archive: a, Runner: &fake{plan: p}, Workers: 2}, Plan: p, Kernels: kernels, Tell: func(s State) {
			require.GreaterOrEqual(t, s.Made, last.Made)
			last, told = s, told+1
		}})
	require.NoError(t, err)
	require.NoError(t, a.Close())
	require.Equal(t, told, last.Made)
	require.Equal(t, len(p.Cases), last.Decided)
}

// What is not a run: judging, storing and scheduling. Named in microseconds a run, to be compared with the
// hundreds of milliseconds of one.
func BenchmarkOverhead(b *testing.B) {
	p := newPlan(b)
	runs := 0
	for b.Loop() {
		a, err := archive.Open(b.TempDir(), archive.Identity{Campaign: "delays", Kernels: kernels})
		require.NoError(b, err)
		r, err := Run(context.Background(),
			Options{Loop: Loop{Archive: a, Runner: &fake{plan: p}}, Plan: p, Kernels: kernels})
		require.NoError(b, err)
		require.NoError(b, a.Close())
		runs += r.Made
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(runs), "µs/run")
}
