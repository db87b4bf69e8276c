package cluster_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
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

func TestMain(m *testing.M) {
	// nats.go 1.55.0 starts this when an object is stored, and takes the channel away that it waits for when that is done
	// (cleanupReplySub in jetstream/jetstream.go): if the object is stored before it runs, it waits for ever.
	goleak.VerifyTestMain(m,
		goleak.IgnoreTopFunction("github.com/nats-io/nats.go/jetstream.(*jetStream).resetPendingAcksOnReconnect"))
}

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
	// spoil changes a record that has its digest.
	spoil func(r *result.Record)
	// waits keeps a run waiting.
	waits func(ctx context.Context)
	// lacks is what it has to fetch.
	lacks []wire.Want
	made  atomic.Int64
}

func (f *fake) Lacks(*wire.Lease) ([]wire.Want, error) { return f.lacks, nil }

func (f *fake) Fetch(context.Context, wire.Want, string) error { return nil }

func (f *fake) Make(ctx context.Context, l *wire.Lease, seed uint64) (*result.Record, error) {
	select {
	case <-time.After(f.takes):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if f.waits != nil {
		f.waits(ctx)
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
	if f.spoil != nil {
		f.spoil(r)
	}
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
	url  string // by which all connect; empty for a server that does not listen
	fail chan error

	mu    sync.Mutex
	notes []string
}

// silence is short, so that tests see what happens after it.
const silence = 600 * time.Millisecond

// patient is for tests in which no worker falls silent, however busy the machine is.
func patient(o *cluster.Options) { o.Silence = 20 * time.Second }

func newSite(t *testing.T, change func(*cluster.Options)) *site {
	return newSiteOf(t, hub.Options{}, change)
}

// newSiteOf has a server with these options.
func newSiteOf(t *testing.T, o hub.Options, change func(*cluster.Options)) *site {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	h, err := hub.Open(o)
	require.NoError(t, err)
	s := &site{t: t, hub: h, url: h.URL(), fail: make(chan error, 100)}
	t.Cleanup(func() { s.hub.Close() })
	s.Coordinator = s.open(change)
	return s
}

// another is a second coordinator at the same server.
func (s *site) another(change func(*cluster.Options)) *site {
	o := &site{t: s.t, hub: s.hub, url: s.url, fail: make(chan error, 100)}
	o.Coordinator = o.open(change)
	return o
}

// restart ends the server, with all that it had, and starts another one at its address.
func (s *site) restart() {
	at := strings.TrimPrefix(s.url, "nats://")
	s.hub.Close()
	require.Eventually(s.t, func() bool {
		h, err := hub.Open(hub.Options{Listen: at})
		if err == nil {
			s.hub = h
		}
		return err == nil
	}, long, 10*time.Millisecond)
}

// long is how long a fact is waited for before it counts as not coming. It is no part of any measurement.
const long = time.Minute

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
	if s.url != "" {
		return s.dial(s.url)
	}
	c, err := s.hub.Connect()
	require.NoError(s.t, err)
	s.t.Cleanup(c.Close)
	return c
}

func (s *site) dial(url string) *nats.Conn {
	c, err := hub.Connect(s.t.Context(), url, hub.Credentials{}, 0, nats.Timeout(long))
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
	stop, _ = s.workBy(s.connect(), name, slots, f)
	return stop
}

// leaving starts a worker that ends by itself. The function that it returns waits for that, and returns its error.
func (s *site) leaving(name string, slots int, f worker.Maker) (ended func() error) {
	_, ended = s.workBy(s.connect(), name, slots, f)
	return ended
}

func (s *site) workBy(c *nats.Conn, name string, slots int, f worker.Maker) (stop, ended func() error) {
	ctx, cancel := context.WithCancel(s.t.Context())
	w := &worker.Worker{Conn: c, Maker: f, Self: hello(name, slots)}
	end := make(chan error, 1)
	go func() { end <- w.Run(ctx) }()
	ended = sync.OnceValue(func() error { return <-end })
	stop = func() error { cancel(); return ended() }
	s.t.Cleanup(func() { _ = stop() })
	return stop, ended
}

func hello(name string, slots int) wire.Hello {
	return wire.Hello{Number: wire.Number, Worker: name, Host: "host-" + name, CPU: "fake", Guest: "sha256:guest",
		QEMU: "sha256:qemu", Slots: slots}
}

// ask asks the coordinator as a worker would.
func ask[A any](s *site, kind string, question any) (answer A) {
	text, ok := question.([]byte)
	if !ok {
		var err error
		text, err = wire.Pack(question)
		require.NoError(s.t, err)
	}
	m, err := s.connect().Request(s.Session().Subject(kind), text, long)
	require.NoError(s.t, err)
	require.NoError(s.t, wire.Unpack(m.Data, &answer))
	return answer
}

// holding waits until a worker has a lease.
func (s *site) holding(name string) {
	require.Eventually(s.t, func() bool {
		return slices.ContainsFunc(s.Workers(), func(w cluster.Worker) bool { return w.ID == name && w.Holds > 0 })
	}, long, time.Millisecond)
}

// says waits until the coordinator says something.
func (s *site) says(text string) {
	require.Eventually(s.t, func() bool { return strings.Contains(s.noted(), text) }, long, time.Millisecond, text)
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
