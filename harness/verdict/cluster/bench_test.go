package cluster_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/cluster"
	"github.com/ruleout/ruleout/harness/verdict/cluster/hub"
	"github.com/ruleout/ruleout/harness/verdict/cluster/wire"
	"github.com/ruleout/ruleout/harness/verdict/cluster/worker"
	"github.com/ruleout/ruleout/harness/verdict/sweep"
)

// Size of the benchmark, and of one that only shows that it works.
const (
	crowdOf   = 1000
	runsOf    = 100_000
	runTakes  = time.Second
	fewOf     = 20
	fewRunsOf = 1000
)

// crowd is so many workers in a process of their own, each with its connection, whose runs take a second and cost
// nothing.
func crowd(t *testing.T, workers int) {
	var wait sync.WaitGroup
	for i := range workers {
		wait.Go(func() {
			nc, err := hub.Connect(t.Context(), os.Getenv(serverOf), hub.Credentials{}, time.Minute)
			if err != nil {
				t.Error(err)
				return
			}
			defer nc.Close()
			w := &worker.Worker{Conn: nc, Maker: &fake{takes: runTakes}, Self: wire.Hello{Worker: fmt.Sprint("w", i),
				Host: "fake", CPU: "fake", Guest: "sha256:guest", QEMU: "sha256:qemu", Slots: 1}}
			_ = w.Run(t.Context())
		})
	}
	wait.Wait()
}

// BenchmarkThousand has 1,000 workers make 100,000 runs of a second, and says what that costs the coordinator's
// process: queue, coordinator, loop and archive. RULEOUT_CROWD=few is a short form. The targets are a tenth of a core
// and 300 MB.
func BenchmarkThousand(b *testing.B) {
	workers, runs := crowdOf, runsOf
	if os.Getenv("RULEOUT_CROWD") == "few" {
		workers, runs = fewOf, fewRunsOf
	}
	b.Setenv("XDG_CACHE_HOME", b.TempDir())
	for b.Loop() {
		thousand(b, workers, runs)
	}
}

func thousand(b *testing.B, workers, runs int) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	address := l.Addr().String()
	require.NoError(b, l.Close())
	h, err := hub.Open(hub.Options{Listen: address})
	require.NoError(b, err)
	defer h.Close()
	nc, err := h.Connect()
	require.NoError(b, err)
	defer nc.Close()
	ctx, cancel := context.WithCancelCause(b.Context())
	defer cancel(nil)
	c, err := cluster.Open(ctx, cluster.Options{
		Conn: nc, Name: "thousand", Guest: "sha256:guest", QEMU: "sha256:qemu", Fail: cancel,
		Kernel: func(string) (string, string, bool) { return "sha256:kernel", "6.1.0", true },
		Images: func(context.Context, *scenario.Scenario) (map[string]string, error) { return nil, nil },
	})
	require.NoError(b, err)
	defer c.Close()
	cmd := exec.Command(os.Args[0], "-test.run", "^TestRole$", "-test.timeout", "20m")
	cmd.Env = append(os.Environ(), roleOf+"=crowd", serverOf+"=nats://"+address, nameOf+"="+strconv.Itoa(workers))
	require.NoError(b, cmd.Start())
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	for n := 0; n < workers; {
		var changed <-chan struct{}
		if n, changed = c.Slots(); n < workers {
			<-changed
		}
	}
	var jobs []sweep.Job
	for arm := 0; len(jobs)*10 < runs; arm++ {
		s, err := scenario.Parse("fake.yaml", fmt.Appendf(nil, text, arm), nil)
		require.NoError(b, err)
		j := sweep.Job{Arm: campaign.Arm{Scenario: s, Hash: s.Hash()}, Release: "6.1.0", Together: true}
		for seed := range 10 {
			j.Seeds = append(j.Seeds, uint64(seed+1))
		}
		jobs = append(jobs, j)
	}
	a, err := archive.Open(b.TempDir(), archive.Identity{Campaign: "thousand", Kernels: kernels})
	require.NoError(b, err)
	runtime.GC()
	before, began := cpuTime(b), time.Now()
	made, err := sweep.Loop{Runner: c, Archive: a}.Make(ctx, jobs, nil)
	require.NoError(b, err)
	took, used := time.Since(began), cpuTime(b)-before
	require.Equal(b, runs, made.Runs)
	require.NoError(b, a.Close())
	b.ReportMetric(float64(used.Microseconds())/float64(runs), "µs-CPU/run")
	b.ReportMetric(100*used.Seconds()/took.Seconds(), "%-of-a-core")
	b.ReportMetric(float64(runs)/took.Seconds(), "runs/s")
	b.ReportMetric(float64(peak(b)), "MB-peak")
}

func cpuTime(b *testing.B) time.Duration {
	var u unix.Rusage
	require.NoError(b, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// peak is the most memory that the process ever had, in MB.
func peak(b *testing.B) int {
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(b, err)
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
			require.NoError(b, err)
			return kb / 1000
		}
	}
	b.Fatal("no VmHWM")
	return 0
}

// BenchmarkQueue is what the queue costs a run on one machine: its record goes from a worker in the process to the
// loop. What a run takes stands in docs/architecture/vm.md; the target is a hundredth of it.
func BenchmarkQueue(b *testing.B) {
	b.Setenv("XDG_CACHE_HOME", b.TempDir())
	h, err := hub.Open(hub.Options{})
	require.NoError(b, err)
	defer h.Close()
	nc, err := h.Connect()
	require.NoError(b, err)
	defer nc.Close()
	record := recorded(b)
	c, err := cluster.Open(b.Context(), cluster.Options{
		Conn: nc, Name: "queue", Guest: record.Provenance.Guest, QEMU: "sha256:qemu", Fail: func(err error) { b.Error(err) },
		Kernel: func(string) (string, string, bool) { return "sha256:kernel", record.Provenance.Kernel, true },
		Images: func(context.Context, *scenario.Scenario) (map[string]string, error) { return nil, nil },
		Local:  "w",
	})
	require.NoError(b, err)
	defer c.Close()
	ctx, cancel := context.WithCancel(b.Context())
	own, err := h.Connect()
	require.NoError(b, err)
	defer own.Close()
	w := &worker.Worker{Conn: own, Only: c.Session(), Maker: only{record}, Self: wire.Hello{Worker: "w", Host: "here",
		CPU: "fake", Guest: record.Provenance.Guest, QEMU: "sha256:qemu", Slots: 1}}
	var wait sync.WaitGroup
	wait.Go(func() { _ = w.Run(ctx) })
	defer wait.Wait()
	defer cancel()
	s, err := scenario.FromCanonical(record.Scenario.Canonical)
	require.NoError(b, err)
	arm := campaign.Arm{Scenario: s, Hash: s.Hash()}
	_, err = c.Run(ctx, &arm, record.Seed)
	require.NoError(b, err)
	for b.Loop() {
		_, err := c.Run(ctx, &arm, record.Seed)
		require.NoError(b, err)
	}
	text, err := json.Marshal(record)
	require.NoError(b, err)
	b.ReportMetric(float64(len(text))/1000, "kB/record")
}

// only makes one and the same record, at no cost.
type only struct{ record *result.Record }

func (only) Lacks(*wire.Lease) ([]wire.Want, error) { return nil, nil }

func (only) Fetch(context.Context, wire.Want, string) error { return nil }

func (o only) Make(context.Context, *wire.Lease, uint64) (*result.Record, error) {
	return o.record, nil
}

// recorded is the record of a run, a small one; RULEOUT_RECORD names another.
func recorded(b *testing.B) *result.Record {
	path := os.Getenv("RULEOUT_RECORD")
	if path == "" {
		path = "../../record/result/testdata/early.json"
	}
	r, err := result.Read(path)
	require.NoError(b, err)
	return r
}
