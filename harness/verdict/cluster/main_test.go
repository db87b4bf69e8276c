package cluster_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/cluster"
	"github.com/ruleout/ruleout/harness/verdict/cluster/hub"
	"github.com/ruleout/ruleout/harness/verdict/cluster/wire"
	"github.com/ruleout/ruleout/harness/verdict/cluster/worker"
	"github.com/ruleout/ruleout/harness/verdict/sweep"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// text is a small scenario. The number of its name makes arms of different hashes.
const text = `version: 1
name: fake-%d
duration: 1s
nodes: {a: {}, b: {}}
links: [{between: [a, b], delay: 1ms}]
`

// arms returns scenarios that no kernel runs: the runs of these tests are made by a fake.
func arms(t *testing.T, n int) (list []campaign.Arm) {
	for i := range n {
		s, err := scenario.Parse(fmt.Sprintf("fake-%d.yaml", i), []byte(fmt.Sprintf(text, i)), nil)
		require.NoError(t, err)
		list = append(list, campaign.Arm{Scenario: s, Hash: s.Hash(), Kernel: "k"})
	}
	return list
}

// fake makes records of no run, the same for the same lease and seed.
type fake struct {
	takes time.Duration
	// bend may change a record, as a broken machine would; or say that there is none.
	bend func(l *wire.Lease, seed uint64, r *result.Record) error
	made atomic.Int64
}

func (f *fake) Lacks(*wire.Lease) ([]wire.Want, error) { return nil, nil }

func (f *fake) Fetch(context.Context, wire.Want, string) error { return nil }

func (f *fake) Make(ctx context.Context, l *wire.Lease, seed uint64) (*result.Record, error) {
	select {
	case <-time.After(f.takes):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	f.made.Add(1)
	r := record(l, seed)
	if f.bend != nil {
		if err := f.bend(l, seed, r); err != nil {
			return nil, err
		}
	}
	digest, err := r.ComputeDigest()
	r.Digest = digest
	return r, err
}

func record(l *wire.Lease, seed uint64) *result.Record {
	r := &result.Record{Schema: result.Schema, Seed: seed, Backend: "vm", Valid: true,
		Scenario:   result.Scenario{Name: "fake", Hash: l.Hash, Canonical: json.RawMessage(`{}`)},
		Provenance: result.Provenance{Guest: "sha256:guest", Kernel: l.Release, Key: "sha256:key"},
		Metrics:    map[string]result.Metric{"web.latency_p50": {Value: float64(seed) * 1.5}}}
	r.Run = result.RunID(r.Provenance.Key, r.Scenario.Hash, seed)
	return r
}

// site is a server with a coordinator.
type site struct {
	*cluster.Coordinator
	t    *testing.T
	hub  *hub.Hub
	fail chan error

	mu    sync.Mutex
	notes []string
}

// silence is short, so that tests see what happens after it.
const silence = 600 * time.Millisecond

func newSite(t *testing.T, change func(*cluster.Options)) *site {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	h, err := hub.Open(hub.Options{})
	require.NoError(t, err)
	s := &site{t: t, hub: h, fail: make(chan error, 100)}
	t.Cleanup(h.Close)
	s.Coordinator = s.open(change)
	return s
}

func (s *site) open(change func(*cluster.Options)) *cluster.Coordinator {
	conn := s.connect()
	o := cluster.Options{
		Conn: conn, Name: "test", Guest: "sha256:guest", QEMU: "sha256:qemu", Silence: silence,
		Kernel: func(string) (string, string, bool) { return "sha256:kernel", "6.1.0", true },
		Images: func(context.Context, *scenario.Scenario) (map[string]string, error) { return nil, nil },
		Fail:   func(err error) { s.fail <- err },
		Note: func(text string) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.notes = append(s.notes, text)
		},
	}
	if change != nil {
		change(&o)
	}
	c, err := cluster.Open(s.t.Context(), o)
	require.NoError(s.t, err)
	s.t.Cleanup(c.Close)
	return c
}

func (s *site) connect() *nats.Conn {
	c, err := s.hub.Connect()
	require.NoError(s.t, err)
	s.t.Cleanup(c.Close)
	return c
}

func (s *site) noted() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprint(s.notes)
}

// work starts a worker. The function that it returns stops it, and returns its error.
func (s *site) work(name string, slots int, f worker.Maker) (stop func() error) {
	ctx, cancel := context.WithCancel(s.t.Context())
	w := &worker.Worker{Conn: s.connect(), Maker: f,
		Self: wire.Hello{Worker: name, Host: "host-" + name, CPU: "fake", Guest: "sha256:guest", QEMU: "sha256:qemu", Slots: slots}}
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	stop = sync.OnceValue(func() error { cancel(); return <-ended })
	s.t.Cleanup(func() { _ = stop() })
	return stop
}

// sweep makes runs of arms with seeds, and returns their digests.
func (s *site) sweep(list []campaign.Arm, seeds int) (digests map[string]string, made *sweep.Made, err error) {
	var jobs []sweep.Job
	for i := range list {
		j := sweep.Job{Arm: list[i], Release: "6.1.0", Together: true}
		for seed := range seeds {
			j.Seeds = append(j.Seeds, uint64(seed+1))
		}
		jobs = append(jobs, j)
	}
	ctx, cancel := context.WithCancelCause(s.t.Context())
	defer cancel(nil)
	go func() {
		select {
		case err := <-s.fail:
			cancel(err)
		case <-ctx.Done():
		}
	}()
	digests = map[string]string{}
	made, err = sweep.Loop{Runner: s}.Make(ctx, jobs, func(_ *sweep.Made, o *sweep.Outcome) error {
		if o.Err == nil {
			key := fmt.Sprint(o.Job, " ", o.Seed)
			require.NotContains(s.t, digests, key, "a run came twice")
			digests[key] = o.Record.Digest
		}
		return nil
	})
	return digests, made, err
}

// alone returns the digests of the same runs without any queue.
func alone(t *testing.T, list []campaign.Arm, seeds int) map[string]string {
	f := &fake{}
	digests := map[string]string{}
	for i := range list {
		for seed := range seeds {
			l := &wire.Lease{Hash: list[i].Hash, Release: "6.1.0"}
			r, err := f.Make(t.Context(), l, uint64(seed+1))
			require.NoError(t, err)
			digests[fmt.Sprint(i, " ", seed+1)] = r.Digest
		}
	}
	return digests
}
