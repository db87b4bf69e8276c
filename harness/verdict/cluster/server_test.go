package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/verdict/cluster"
	"github.com/ruleout/ruleout/harness/verdict/cluster/hub"
	"github.com/ruleout/ruleout/harness/verdict/cluster/wire"
)

var listening = hub.Options{Listen: "127.0.0.1:0"}

// A server that starts anew has forgotten streams, leases and objects. That is all that it had: nothing is lost.
func TestAServerThatStartsAnewLosesNoRun(t *testing.T) {
	s := newSiteOf(t, listening, nil)
	list := arms(t, 4)
	var mu sync.Mutex
	made, half := 0, make(chan struct{})
	count := func(*wire.Lease, uint64, *result.Record) error {
		mu.Lock()
		defer mu.Unlock()
		if made++; made%30 == 0 && made < 90 {
			half <- struct{}{} // and goes on when somebody has seen it
		}
		return nil
	}
	for _, name := range []string{"a", "b"} {
		s.work(name, 2, &fake{takes: time.Millisecond, bend: count})
	}
	restarted := make(chan struct{})
	go func() {
		defer close(restarted)
		for range 2 {
			<-half
			s.restart()
		}
	}()
	digests, m, err := s.sweep(list, 25)
	require.NoError(t, err)
	<-restarted
	require.Empty(t, m.Broken)
	require.Equal(t, alone(t, list, 25), digests)
	require.Contains(t, s.noted(), "the queue has lost its leases: they are asked for again")
}

func TestAServerThatIsFullEndsTheSweepWithAHint(t *testing.T) {
	s := newSiteOf(t, hub.Options{Memory: 64 << 10}, nil)
	var seeds []uint64
	for i := range 1500 {
		seeds = append(seeds, 1<<63+uint64(i))
	}
	list := arms(t, 20)
	for i := range list {
		_, end := s.Lease(t.Context(), &list[i], seeds)
		defer end()
	}
	err := <-s.fail
	require.Equal(t, problem.Machine, problem.KindOf(err))
	require.ErrorContains(t, err, "ask the queue")
	require.Contains(t, problem.HintOf(err), "the NATS server is full: give JetStream more memory")
}

func TestAServerWithoutJetStream(t *testing.T) {
	_, err := cluster.Open(t.Context(), cluster.Options{Conn: plainServer(t)})
	require.Equal(t, problem.Machine, problem.KindOf(err))
	require.Contains(t, problem.HintOf(err), "nats-server -js")
}

// big adds to a record so much that it is no message any more.
func big(size int) func(*wire.Lease, uint64, *result.Record) error {
	return func(_ *wire.Lease, seed uint64, r *result.Record) error {
		key := [32]byte{byte(seed)}
		noise := make([]byte, size/2)
		_, err := rand.NewChaCha8(key).Read(noise)
		r.Scenario.Canonical = fmt.Appendf(nil, `"%x"`, noise)
		return err
	}
}

func TestARecordThatIsLargerThanAMessageArrivesWhole(t *testing.T) {
	s := newSiteOf(t, listening, func(o *cluster.Options) { o.Silence = 10 * time.Second })
	arm := &arms(t, 1)[0]
	s.work("a", 1, &fake{bend: big(2 << 20)})
	for seed := range uint64(3) {
		r, err := s.Run(t.Context(), arm, seed)
		require.NoError(t, err)
		want := &result.Record{}
		require.NoError(t, big(2<<20)(nil, seed, want))
		require.True(t, string(want.Scenario.Canonical) == string(r.Scenario.Canonical), "seed %d", seed)
	}
	js, err := jetstream.New(s.connect())
	require.NoError(t, err)
	store, err := js.ObjectStore(t.Context(), s.Session().Bucket())
	require.NoError(t, err)
	_, err = store.List(t.Context())
	require.ErrorIs(t, err, jetstream.ErrNoObjectsFound, "what was read is taken away")
}

func TestARecordForWhichTheServerHasNoRoomBreaksItsRun(t *testing.T) {
	s := newSiteOf(t, hub.Options{Files: 256 << 10}, func(o *cluster.Options) { o.Silence = 10 * time.Second })
	s.work("a", 1, &fake{bend: big(2 << 20)})
	_, err := s.Run(t.Context(), &arms(t, 1)[0], 1)
	require.ErrorContains(t, err, "on worker a: hand in a record")
	require.Equal(t, problem.Invalid, problem.KindOf(err))
}

func TestARecordThatIsLargerThanAllowedBreaksItsRun(t *testing.T) {
	s := newSite(t, func(o *cluster.Options) { o.Silence = 10 * time.Second })
	s.work("a", 1, &fake{bend: func(_ *wire.Lease, _ uint64, r *result.Record) error {
		r.Scenario.Canonical = []byte(`"` + strings.Repeat("x", result.MostBytes) + `"`)
		return nil
	}})
	_, err := s.Run(t.Context(), &arms(t, 1)[0], 1)
	require.ErrorContains(t, err, "on worker a: hand in a record: the record has")
}

// An object that was changed in the store, and one that is not there.
func TestAnObjectOfAnotherHashIsRefused(t *testing.T) {
	s := newSite(t, func(o *cluster.Options) { o.Silence = 10 * time.Second })
	arm := &arms(t, 1)[0]
	runs, end := s.Lease(t.Context(), arm, []uint64{1})
	defer end()
	require.Nil(t, ask[wire.Welcome](s, "join", hello("a", 1)).Refused)
	conn := s.connect()
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	store, err := js.CreateOrUpdateObjectStore(t.Context(), jetstream.ObjectStoreConfig{Bucket: s.Session().Bucket(),
		Description: "kernels and images of test", Storage: jetstream.FileStorage})
	require.NoError(t, err)
	hand := func(object string) wire.Answer {
		codec, err := wire.NewCodec()
		require.NoError(t, err)
		text, _, err := codec.Outcome(&wire.Outcome{Worker: "a", Lease: 1, Seed: 1, Object: object}, nil)
		require.NoError(t, err)
		return ask[wire.Answer](s, "outcome", text)
	}
	require.True(t, hand("nowhere").Again, "it is asked for once more")
	info, err := store.PutBytes(t.Context(), "changed", []byte("what was put there"))
	require.NoError(t, err)
	_, err = js.Publish(t.Context(), "$O."+s.Session().Bucket()+".C."+info.NUID, []byte(" and more"))
	require.NoError(t, err)
	require.ErrorContains(t, hand("changed").Leave.Err(), "the object of the record is damaged")
	s.work("b", 1, &fake{})
	_, err = runs.Run(t.Context(), arm, 1)
	require.NoError(t, err)
}

// Two coordinators at one server: one worker serves both, and no run of one comes to the other.
func TestTwoCoordinatorsShareWorkers(t *testing.T) {
	one := newSite(t, nil)
	two := one.another(nil)
	require.NotEqual(t, one.Session(), two.Session())
	list := arms(t, 6)
	type came struct {
		digests map[string]string
		err     error
	}
	results := make(chan came, 2)
	for s, of := range map[*site]int{one: 0, two: 3} {
		go func() {
			digests, _, err := s.sweep(list[of:of+3], 8)
			results <- came{digests, err}
			s.Close()
		}()
	}
	one.work("a", 1, &fake{takes: time.Millisecond})
	for _, r := range []came{<-results, <-results} {
		require.NoError(t, r.err)
		first, second := alone(t, list[:3], 8), alone(t, list[3:], 8)
		if r.digests["0 1"] == first["0 1"] {
			require.Equal(t, first, r.digests)
		} else {
			require.Equal(t, second, r.digests)
		}
	}
	require.Contains(t, one.noted(), "worker a on host-a joins")
	require.Contains(t, two.noted(), "worker a on host-a joins")
}

// streams names all that a server has.
func (s *site) streams() (names []string) {
	js, err := jetstream.New(s.connect())
	require.NoError(s.t, err)
	list := js.StreamNames(s.t.Context())
	for name := range list.Name() {
		names = append(names, name)
	}
	require.NoError(s.t, list.Err())
	return names
}

// kill ends the connection of a coordinator, and waits until the server knows.
func (s *site) kill(conn *nats.Conn, session wire.Session) {
	conn.Close()
	other := s.connect()
	require.Eventually(s.t, func() bool {
		_, err := other.Request(session.Subject("begin"), nil, time.Second)
		return errors.Is(err, nats.ErrNoResponders)
	}, long, time.Millisecond)
}

// What a coordinator left that vanished is removed by the next one; what others have, and those that live, is not.
func TestWhatACoordinatorLeftIsRemovedByTheNext(t *testing.T) {
	s := newSite(t, nil)
	js, err := jetstream.New(s.connect())
	require.NoError(t, err)
	for _, name := range []string{"RULEOUT_backup", "orders"} {
		_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: name, Subjects: []string{name + ".*"}})
		require.NoError(t, err)
	}
	var conn *nats.Conn
	gone := s.another(func(o *cluster.Options) { conn = o.Conn })
	_, err = js.CreateOrUpdateObjectStore(t.Context(), jetstream.ObjectStoreConfig{Bucket: gone.Session().Bucket()})
	require.NoError(t, err)
	s.kill(conn, gone.Session())
	require.Contains(t, s.streams(), gone.Session().Stream())
	next := s.another(nil)
	stay := []string{"RULEOUT_backup", "orders", s.Session().Stream()}
	require.ElementsMatch(t, append(stay, next.Session().Stream()), s.streams())
	next.Close()
	require.ElementsMatch(t, stay, s.streams())
}

// The coordinator is killed while workers hold leases: they go to the next session, with its arms.
func TestWorkersOfACoordinatorThatWasKilledGoToTheNext(t *testing.T) {
	var conn *nats.Conn
	s := newSite(t, func(o *cluster.Options) { conn = o.Conn })
	ctx, cancel := context.WithCancel(t.Context())
	list := arms(t, 2)
	var first sync.WaitGroup
	for i := range list {
		first.Go(func() { _, _ = s.Run(ctx, &list[i], 1) })
	}
	session := s.Session()
	var killed atomic.Bool
	for _, name := range []string{"a", "b"} {
		s.work(name, 1, &fake{waits: func(ctx context.Context) {
			if !killed.Load() {
				<-ctx.Done()
			}
		}})
		s.holding(name)
	}
	killed.Store(true)
	s.kill(conn, session)
	next := s.another(nil)
	digests, _, err := next.sweep(list, 5)
	require.NoError(t, err)
	require.Equal(t, alone(t, list, 5), digests)
	cancel()
	first.Wait()
	require.NotContains(t, s.streams(), session.Stream())
}

// plainServer is a server that has only subjects.
func plainServer(t *testing.T) *nats.Conn {
	h, err := server.NewServer(&server.Options{DontListen: true, NoSigs: true, NoLog: true})
	require.NoError(t, err)
	h.Start()
	t.Cleanup(h.WaitForShutdown)
	t.Cleanup(h.Shutdown)
	c, err := nats.Connect("", nats.InProcessServer(h))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// A question that got lost with a connection is asked again: this worker hears it, and says nothing.
func TestAComparisonThatGotLostIsAskedForAgain(t *testing.T) {
	s := newSite(t, nil)
	conn := s.connect()
	hello, err := wire.Pack(wire.Hello{Number: wire.Number, Worker: "deaf", Host: "h", CPU: "c", Guest: "sha256:guest",
		QEMU: "sha256:qemu", Slots: 1})
	require.NoError(t, err)
	_, err = conn.Request(s.Session().Subject("join"), hello, 10*time.Second)
	require.NoError(t, err)
	asked, err := conn.SubscribeSync(s.Session().Check("deaf"))
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	var alive sync.WaitGroup
	defer alive.Wait()
	defer stop()
	alive.Go(func() {
		for ctx.Err() == nil {
			beat, err := wire.Pack(wire.Beat{Worker: "deaf", Slots: 1})
			if err != nil || conn.Publish(s.Session().Subject("beat"), beat) != nil {
				return
			}
			time.Sleep(silence / 20)
		}
	})
	s.work("a", 1, &fake{})
	_, err = s.Run(t.Context(), &arms(t, 1)[0], 1)
	require.NoError(t, err)
	first, err := asked.NextMsg(10 * time.Second)
	require.NoError(t, err)
	again, err := asked.NextMsg(10 * time.Second)
	require.NoError(t, err)
	require.Equal(t, first.Data, again.Data)
}
