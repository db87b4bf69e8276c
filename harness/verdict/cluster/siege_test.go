package cluster_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/record/archive/archivetest"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/cases/casestest"
	"github.com/ruleout/ruleout/harness/verdict/cluster"
	"github.com/ruleout/ruleout/harness/verdict/cluster/hub"
	"github.com/ruleout/ruleout/harness/verdict/cluster/wire"
	"github.com/ruleout/ruleout/harness/verdict/cluster/worker"
	"github.com/ruleout/ruleout/harness/verdict/sweep"
)

// What the processes of a siege are told, in their environment.
const (
	roleOf   = "RULEOUT_TEST_ROLE" // coordinator or worker
	serverOf = "RULEOUT_TEST_SERVER"
	dirOf    = "RULEOUT_TEST_DIR"
	nameOf   = "RULEOUT_TEST_NAME"
)

// killsOfATest is how often a siege kills each worker, unless RULEOUT_KILLS says otherwise. The coordinator is killed
// two times for five of a worker.
const killsOfATest = 8

const suspicions = `version: 1
name: delays
scenario: shop.yaml
seeds: {least: 4, most: 90}
factors:
  - {name: workers, set: nodes.web.service.php.workers, values: [2, 5]}
  - {name: backlog, set: nodes.web.service.php.backlog, values: [10, 20]}
controls:
  burn: {cause: {nodes.web.service.php.request.cpu: 5ms}}
hypotheses:
  - name: "{d} more"
    each: {d: [11ms, 15ms]}
    cause: {links.client-web.delay: "{d}"}
    metric: http.latency.p99
    margin: 20%
    control: burn
    dose: web.Tcp.InSegs
  - name: a queue
    cause: {links.client-web.queue: 500}
    metric: http.latency.p99
    margin: 20%
    control: burn
    dose: web.Tcp.InSegs
`

// world is a fake one, without kernels, in which a run takes some time: latency follows the delay, and every cause
// leaves a mark in InSegs. It is the same in all processes.
type world struct{ takes time.Duration }

func (world) Lacks(*wire.Lease) ([]wire.Want, error) { return nil, nil }

func (world) Fetch(context.Context, wire.Want, string) error { return nil }

func (w world) Make(ctx context.Context, l *wire.Lease, seed uint64) (*result.Record, error) {
	select {
	case <-time.After(w.takes):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s, err := scenario.FromCanonical(l.Scenario)
	if err != nil {
		return nil, err
	}
	return w.record(s, seed)
}

func (world) record(s *scenario.Scenario, seed uint64) (*result.Record, error) {
	r := record(&wire.Lease{Hash: s.Hash(), Release: "6.1.0"}, seed)
	noise := rand.New(rand.NewPCG(seed, 1)).NormFloat64()*0.2 +
		rand.New(rand.NewPCG(seed, uint64(s.Links[0].Delay)+uint64(s.Links[0].Queue))).NormFloat64()*0.01
	latency := 4*float64(s.Links[0].Delay)/1e9 + float64(*s.Nodes["web"].Service.PHP.Request.CPU)/1e9*5
	r.Metrics = map[string]result.Metric{"http.latency.p99": {Value: latency * (1 + noise), Unit: "s"}}
	r.Counters = map[string]map[string]int64{
		"web": {"Tcp.InSegs": int64(s.Links[0].Delay)/1e6 + int64(s.Links[0].Queue)}}
	var err error
	r.Digest, err = r.ComputeDigest()
	return r, err
}

// Run makes runs without a queue.
func (w world) Run(_ context.Context, arm *campaign.Arm, seed uint64) (*result.Record, error) {
	return w.record(arm.Scenario, seed)
}

var kernels = map[string]string{"": "6.1.0"}

func openArchive(t *testing.T, dir string) *archive.Archive {
	a, err := archive.Open(dir, archive.Identity{Campaign: "delays", Kernels: kernels})
	require.NoError(t, err)
	return a
}

// TestRole is a process of a siege. Coordinator, queue, workers and archive are the real ones; only the runs are fake.
func TestRole(t *testing.T) {
	switch os.Getenv(roleOf) {
	case "coordinator":
		coordinate(t, os.Getenv(dirOf))
	case "worker":
		nc, err := hub.Connect(t.Context(), os.Getenv(serverOf), hub.Credentials{}, time.Minute)
		require.NoError(t, err)
		defer nc.Close()
		w := &worker.Worker{Conn: nc, Maker: world{takes: 40 * time.Millisecond}, Self: wire.Hello{
			Worker: os.Getenv(nameOf), Host: "fake", CPU: "fake", Guest: "sha256:guest", QEMU: "sha256:qemu", Slots: 2}}
		require.NoError(t, w.Run(t.Context()))
	case "crowd":
		n, err := strconv.Atoi(os.Getenv(nameOf))
		require.NoError(t, err)
		crowd(t, n)
	default:
		t.Skip("it is started by TestSiege, in a process of its own")
	}
}

func coordinate(t *testing.T, dir string) {
	plan := casestest.Plan(t, suspicions)
	a := openArchive(t, dir)
	h, err := hub.Open(hub.Options{Listen: os.Getenv(serverOf)[len("nats://"):]})
	require.NoError(t, err)
	defer h.Close()
	nc, err := h.Connect()
	require.NoError(t, err)
	defer nc.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	c, err := cluster.Open(ctx, cluster.Options{
		Conn: nc, Name: "siege", Guest: "sha256:guest", QEMU: "sha256:qemu", Silence: time.Second, Fail: cancel,
		Kernel: func(string) (string, string, bool) { return "sha256:kernel", "6.1.0", true },
		Images: func(context.Context, *scenario.Scenario) (map[string]string, error) { return nil, nil },
	})
	require.NoError(t, err)
	defer c.Close()
	r, err := sweep.Run(ctx, sweep.Options{Loop: sweep.Loop{Archive: a, Runner: c}, Plan: plan, Kernels: kernels})
	require.NoError(t, err)
	require.NoError(t, c.Settle(ctx))
	require.Empty(t, r.Breaks)
	require.NoError(t, a.Close())
	text, err := json.Marshal(r.Analysis.Verdicts(true))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "..", "verdicts"), text, 0o600))
}

// siege kills processes, each of which is started again.
type siege struct {
	t      *testing.T
	server string
	dir    string
	over   chan struct{}
	wait   sync.WaitGroup
	kills  atomic.Int64
	held   atomic.Int64 // stopped for longer than the silence, and let go on
}

func (s *siege) start(role, name string) (*exec.Cmd, *bytes.Buffer, chan error) {
	cmd := exec.Command(os.Args[0], "-test.run", "^TestRole$", "-test.timeout", "10m")
	cmd.Env = append(os.Environ(), roleOf+"="+role, serverOf+"="+s.server, dirOf+"="+s.dir, nameOf+"="+name)
	out := new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = out, out
	require.NoError(s.t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	return cmd, out, ended
}

// worker kills a worker so often, and then lets it live until the siege is over.
func (s *siege) worker(name string, kills int, random *rand.Rand) {
	for n := 0; ; n++ {
		cmd, _, ended := s.start("worker", name)
		if n >= kills {
			<-s.over
			_ = cmd.Process.Kill()
			<-ended
			return
		}
		pause(s.over, time.Duration(random.Int64N(int64(1500*time.Millisecond))))
		if n%4 == 3 { // cut off for longer than the silence, and back
			_ = cmd.Process.Signal(syscall.SIGSTOP)
			pause(s.over, 1300*time.Millisecond)
			_ = cmd.Process.Signal(syscall.SIGCONT)
			s.held.Add(1)
			pause(s.over, time.Duration(random.Int64N(int64(time.Second))))
		}
		_ = cmd.Process.Kill()
		<-ended
		s.kills.Add(1)
	}
}

func pause(over chan struct{}, d time.Duration) {
	select {
	case <-over:
	case <-time.After(d):
	}
}

// Three workers and the coordinator are killed again and again, and workers are cut off and come back: the sweep ends
// with the verdicts, the digests and the records of one that nobody disturbed.
func TestSiege(t *testing.T) {
	kills := killsOfATest
	if n, err := strconv.Atoi(os.Getenv("RULEOUT_KILLS")); err == nil {
		kills = n
	}
	plan := casestest.Plan(t, suspicions)
	calm := filepath.Join(t.TempDir(), "calm")
	a := openArchive(t, calm)
	want, err := sweep.Run(t.Context(), sweep.Options{Loop: sweep.Loop{Archive: a, Runner: world{}, Workers: 1},
		Plan: plan, Kernels: kernels})
	require.NoError(t, err)
	require.NoError(t, a.Close())
	verdicts, err := json.Marshal(want.Analysis.Verdicts(true))
	require.NoError(t, err)

	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &siege{t: t, server: "nats://" + l.Addr().String(), dir: filepath.Join(t.TempDir(), "sweep"),
		over: make(chan struct{})}
	require.NoError(t, l.Close())
	for i, name := range []string{"one", "two", "three"} {
		s.wait.Go(func() { s.worker(name, kills, rand.New(rand.NewPCG(uint64(i), 7))) })
	}
	random := rand.New(rand.NewPCG(3, 7))
	began := time.Now()
	killed := 0
	for {
		cmd, out, ended := s.start("coordinator", "")
		var after <-chan time.Time
		if killed < kills*2/5 {
			after = time.After(500*time.Millisecond + time.Duration(random.Int64N(int64(4*time.Second))))
		}
		select {
		case <-after:
			_ = cmd.Process.Kill()
			<-ended
			killed++
			continue
		case err := <-ended:
			require.NoError(t, err, "%s", out)
		}
		break
	}
	close(s.over)
	s.wait.Wait()
	t.Logf("%d workers and %d coordinators were killed in %s, and workers were cut off %d times", s.kills.Load(), killed,
		time.Since(began).Round(time.Second), s.held.Load())

	got, err := os.ReadFile(filepath.Join(s.dir, "..", "verdicts"))
	require.NoError(t, err)
	require.JSONEq(t, string(verdicts), string(got))
	have, err := archivetest.Lines(s.dir)
	require.NoError(t, err)
	undisturbed, err := archivetest.Lines(calm)
	require.NoError(t, err)
	slices.Sort(have)
	require.Len(t, slices.Compact(slices.Clone(have)), len(have), "a record is there twice")
	for _, line := range undisturbed {
		_, ok := slices.BinarySearch(have, line)
		require.True(t, ok, "lost: %.300s", line)
	}
	t.Logf("%d records, %d of a sweep on one machine", len(have), len(undisturbed))
	left, err := filepath.Glob(filepath.Join(cache, "ruleout", "queues", ".download-*"))
	require.NoError(t, err)
	require.Empty(t, left, "files of a queue")
	require.Positive(t, s.kills.Load(), fmt.Sprint("nobody was killed in ", time.Since(began)))
}
