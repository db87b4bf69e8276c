package sweep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/report/board"
	"github.com/ruleout/ruleout/harness/report/findings"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/cases"
	"github.com/ruleout/ruleout/harness/verdict/cases/casestest"
)

// What BenchmarkGrowth starts this program for: which work, on so many records, in which directory.
const (
	growBy = "RULEOUT_TEST_GROW_BY"
	growTo = "RULEOUT_TEST_GROW_TO"
	growIn = "RULEOUT_TEST_GROW_IN"
)

// grown is what a process of BenchmarkGrowth says of itself.
type grown struct {
	Cases, Records, Told int
	CPU, Wall            float64 // s, without working out the plan
	Peak                 float64 // MB
	Size                 int64   // of the archive, in bytes
}

// wide is a plan of some two thousand cases in six contexts, which takes more than 100,000 runs.
func wide(t testing.TB) *campaign.Plan { return casestest.Plan(t, casestest.Many(300)) }

// instant makes runs of the fake world at once, with records as large as real ones: 400 counters that moved.
type instant struct{}

func (instant) Run(_ context.Context, arm *campaign.Arm, seed uint64) (*result.Record, error) {
	r := casestest.Record(arm, seed)
	r.Counters = map[string]map[string]int64{"web": {}, "client": {}}
	random := rand.New(rand.NewPCG(seed, 7))
	for i := range 200 {
		r.Counters["web"]["TcpExt.Some"+strconv.Itoa(i)] = random.Int64N(1e6) + 1
		r.Counters["client"]["TcpExt.Some"+strconv.Itoa(i)] = random.Int64N(1e6) + 1
	}
	return r, nil
}

// until ends a sweep after so many runs.
type until struct {
	Runner
	left   int
	cancel context.CancelCauseFunc
}

var errEnough = errors.New("enough")

func (u *until) Run(ctx context.Context, arm *campaign.Arm, seed uint64) (*result.Record, error) {
	if u.left--; u.left < 0 {
		u.cancel(errEnough)
		return nil, errEnough
	}
	return u.Runner.Run(ctx, arm, seed)
}

// cpu is how many seconds of processors this process has had, or its children that have ended.
func cpu(t testing.TB, who int) float64 {
	var u unix.Rusage
	require.NoError(t, unix.Getrusage(who, &u))
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// growths are the works that are measured.
var growths = map[string]func(t *testing.T, p *campaign.Plan, dir string, g *grown){
	"sweeping": func(t *testing.T, p *campaign.Plan, dir string, g *grown) {
		a := open(t, dir)
		ctx, cancel := context.WithCancelCause(t.Context())
		r, err := Run(ctx, Options{Loop: Loop{Archive: a, Runner: &until{instant{}, g.Records, cancel}}, Plan: p,
			Kernels: kernels, Tell: func(State) { g.Told++ }})
		require.ErrorIs(t, err, errEnough)
		require.Equal(t, g.Records, r.Made)
		require.Equal(t, g.Told, r.Made)
		require.NoError(t, a.Close())
	},
	"judging": func(t *testing.T, p *campaign.Plan, dir string, g *grown) {
		require.Len(t, judged(t, p, dir, g).Verdicts(true), len(p.Cases))
	},
	"reporting": func(t *testing.T, p *campaign.Plan, dir string, g *grown) {
		an := judged(t, p, dir, g)
		f := findings.Of(p, an, true)
		require.NoError(t, f.Text(io.Discard, 120, true))
		require.NoError(t, f.Markdown(io.Discard, findings.MarkdownLimit))
		require.NoError(t, f.JUnit(io.Discard))
		pages := 0
		s := &board.Source{Plan: p, Analysis: an, Findings: f, Final: true, Kernels: kernels,
			Run: func(int, uint64) string { return "0123456789ab" }}
		require.NoError(t, board.Pages(s, func(_ string, write func(io.Writer) error) error {
			pages++
			return write(io.Discard)
		}))
		require.Greater(t, pages, 300) // one for each hypothesis, and the index
	},
}

// judged is an analysis with what is in the archive.
func judged(t *testing.T, p *campaign.Plan, dir string, g *grown) *cases.Analysis {
	a, err := archive.Read(dir)
	require.NoError(t, err)
	an, err := cases.New(p)
	require.NoError(t, err)
	require.NoError(t, Fill(an, p, kernels, a.Entries))
	require.Equal(t, g.Records, an.Progress().Runs)
	require.NoError(t, a.Close())
	return an
}

// TestGrower is a process of BenchmarkGrowth.
func TestGrower(t *testing.T) {
	work, dir := growths[os.Getenv(growBy)], os.Getenv(growIn)
	if work == nil {
		t.Skip("it is started by BenchmarkGrowth, in a process of its own")
	}
	n, err := strconv.Atoi(os.Getenv(growTo))
	require.NoError(t, err)
	p := wide(t)
	g := grown{Cases: len(p.Cases), Records: n}
	before, began := cpu(t, unix.RUSAGE_SELF), time.Now()
	work(t, p, dir, &g)
	g.CPU, g.Wall = cpu(t, unix.RUSAGE_SELF)-before, time.Since(began).Seconds()
	g.Size = size(filepath.Join(dir, "records.zst"))
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); f[0] == "VmHWM:" {
			kB, err := strconv.ParseFloat(f[1], 64)
			require.NoError(t, err)
			g.Peak = kB * 1024 / 1e6
		}
	}
	require.NotZero(t, g.Peak)
	out, err := json.Marshal(g)
	require.NoError(t, err)
	fmt.Printf("\ngrown %s\n", out)
}

func grow(b *testing.B, by, dir string, records int) (g grown) {
	cmd := exec.Command(os.Args[0], "-test.run", "^TestGrower$", "-test.timeout", "1h")
	cmd.Env = append(os.Environ(), growBy+"="+by, growIn+"="+dir, growTo+"="+strconv.Itoa(records))
	out, err := cmd.CombinedOutput()
	require.NoError(b, err, "%s", out)
	_, said, ok := strings.Cut(string(out), "\ngrown ")
	require.True(b, ok, "%s", out)
	said, _, _ = strings.Cut(said, "\n")
	require.NoError(b, json.Unmarshal([]byte(said), &g))
	return g
}

// What the design promises. Time is that of processors, which is the same on a busy machine.
const (
	mostShare = 2.   // % of a run
	mostPeak  = 200. // MB
	mostJudge = 10.  // s for 100,000 records
	// mostGrowth is how much more memory 100,000 records may take than 1,000. It would be 100 times as much if it grew
	// with them; what verdicts rest on is kept, some ten numbers a run.
	mostGrowth = 2.
)

// BenchmarkGrowth measures what is not a run, as the records of a campaign grow: sweeping, with all that reports it,
// judging, and all reports. Runs are a fake's, whose records are as large as real ones; what a real one costs is
// measured beside them. Each figure is of a process of its own. A promise that is not kept fails it.
func BenchmarkGrowth(b *testing.B) {
	for b.Loop() { // it is measured once, below, in processes of its own; here, since the first call forgets all metrics
	}
	peaks, worst := map[string][]float64{}, 0.
	for _, records := range []int{1_000, 10_000, 100_000} {
		dir := b.TempDir()
		sweep, judging, reporting := grow(b, "sweeping", dir, records), grow(b, "judging", dir, records),
			grow(b, "reporting", dir, records)
		each := sweep.CPU / float64(records)
		worst = max(worst, each)
		b.Logf("%7d records of %d cases, %d bytes each: sweeping %.2f ms of CPU a record, %.0f MB at most; "+
			"judging %.2f s of CPU, %.0f MB; all reports %.1f s, %.0f MB",
			records, sweep.Cases, sweep.Size/int64(records), each*1e3, sweep.Peak, judging.CPU, judging.Peak,
			reporting.CPU, reporting.Peak)
		for work, g := range map[string]grown{"sweeping": sweep, "judging": judging, "reporting": reporting} {
			peaks[work] = append(peaks[work], g.Peak)
		}
		if judging.CPU > mostJudge {
			b.Errorf("judging %d records took %.1f s: %g s at most", records, judging.CPU, mostJudge)
		}
		b.ReportMetric(each*1e6, fmt.Sprintf("µs/record-of-%d", records))
	}
	for work, p := range peaks {
		if most := slices.Max(p); most > mostPeak || most > mostGrowth*p[0] {
			b.Errorf("%s took %.0f MB of memory: %g MB at most, and %g times what 1,000 records take", work, p, mostPeak,
				mostGrowth)
		}
	}
	real := realRun(b)
	share := 100 * worst / real
	b.Logf("a real run takes %.0f ms of CPU: %.2f %% of it is what sweeping takes", 1000*real, share)
	if share > mostShare {
		b.Errorf("overhead of %.2f %%: %g %% at most", share, mostShare)
	}
}

// realRun returns the seconds of CPU that a real run of the scenario takes in a machine that is prepared, those of QEMU
// included: the median of five.
func realRun(b *testing.B) float64 {
	p := newPlan(b)
	f, err := OpenFleet(b.Context(), p.Kernels())
	require.NoError(b, err)
	var times []float64
	for seed := range uint64(6) { // the first prepares
		before := cpu(b, unix.RUSAGE_SELF) + cpu(b, unix.RUSAGE_CHILDREN)
		_, err := f.Run(b.Context(), &p.Arms[0], seed+1)
		require.NoError(b, err)
		if seed > 0 {
			times = append(times, cpu(b, unix.RUSAGE_SELF)+cpu(b, unix.RUSAGE_CHILDREN)-before)
		}
	}
	slices.Sort(times)
	return times[2]
}
