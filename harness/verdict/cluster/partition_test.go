package cluster_test

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/verdict/cluster/wire"
)

// wan stands between a worker and the server. It can hold back what they say, and cut them off.
type wan struct {
	listener net.Listener
	to       string
	wait     sync.WaitGroup

	mu    sync.Mutex
	held  sync.Cond // closed for now
	stuck bool
	ends  []net.Conn
}

func newWAN(t *testing.T, to string) *wan {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &wan{listener: l, to: strings.TrimPrefix(to, "nats://")}
	w.held.L = &w.mu
	w.wait.Go(w.accept)
	t.Cleanup(func() {
		l.Close()
		w.hold(false)
		w.cut()
		w.wait.Wait()
	})
	return w
}

func (w *wan) url() string { return "nats://" + w.listener.Addr().String() }

func (w *wan) accept() {
	for {
		near, err := w.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", w.to)
		if err != nil {
			near.Close()
			continue
		}
		w.mu.Lock()
		w.ends = append(w.ends, near, far)
		w.mu.Unlock()
		w.wait.Go(func() { w.carry(near, far) })
		w.wait.Go(func() { w.carry(far, near) })
	}
}

// carry brings what one says to the other, while it may.
func (w *wan) carry(from, to net.Conn) {
	defer from.Close()
	defer to.Close()
	b := make([]byte, 1<<16)
	for {
		n, err := from.Read(b)
		w.mu.Lock()
		for w.stuck {
			w.held.Wait()
		}
		w.mu.Unlock()
		if _, failed := to.Write(b[:n]); failed != nil || err != nil {
			return
		}
	}
}

// hold holds back what they say, or lets it go.
func (w *wan) hold(stuck bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stuck = stuck
	w.held.Broadcast()
}

// cut ends all connections.
func (w *wan) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.ends {
		c.Close()
	}
	w.ends = nil
}

// A worker is cut off for longer than the silence, in the middle of a run. Its lease goes to another one. When it is
// back, its late result is compared with that of the other one, and dropped.
//
// No clock is compared with that of another machine. The coordinator measures the silence from when it heard of the
// worker last, the server that of a lease from when it heard of the lease last, and each worker its pauses, all by
// their own monotonic clocks; no message says what time it is (see wire's TestNoMessageSaysWhatTimeItIs). So a clock
// that is an hour wrong changes nothing here. It changes whether a certificate counts as valid: package hub says so.
func TestALateResultOfAWorkerThatWasCutOffIsComparedAndDropped(t *testing.T) {
	for name, bend := range map[string]func(*wire.Lease, uint64, *result.Record) error{
		"the same": nil,
		"another": func(_ *wire.Lease, _ uint64, r *result.Record) error {
			r.Metrics["web.latency_p50"] = result.Metric{Value: -1}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSiteOf(t, listening, nil)
			w := newWAN(t, s.url)
			arm := &arms(t, 1)[0]
			goOn := make(chan struct{})
			far := &fake{bend: bend, waits: func(ctx context.Context) {
				select {
				case <-goOn:
				case <-ctx.Done():
				}
			}}
			runs, end := s.Lease(t.Context(), arm, []uint64{1})
			defer end()
			s.workBy(s.dial(w.url()), "far", 1, far)
			s.holding("far")
			w.hold(true)
			s.says("worker far on host-far leaves: no sign of life for 600ms")
			s.work("near", 1, &fake{})
			r, err := runs.Run(t.Context(), arm, 1)
			require.NoError(t, err)
			close(goOn)
			require.Eventually(t, func() bool { return far.made.Load() == 1 }, long, time.Millisecond)
			w.hold(false)
			s.says("worker far on host-far is back")
			if bend == nil {
				// The answer to its late result is that nobody waits for more, and it takes the next lease.
				again, end := s.Lease(t.Context(), arm, []uint64{2})
				defer end()
				_, err := again.Run(t.Context(), arm, 2)
				require.NoError(t, err)
				require.NoError(t, s.Settle(t.Context()))
				require.Empty(t, s.fail)
				require.Equal(t, alone(t, arms(t, 1), 1)["0 1"], r.Digest)
				return
			}
			err = <-s.fail
			require.ErrorContains(t, err, "determinism: run "+result.Short(r.Run))
			require.ErrorContains(t, err, "by far")
			require.ErrorContains(t, err, "by near")
			require.Equal(t, problem.Invalid, problem.KindOf(err))
		})
	}
}

// Connections end again and again, between a worker and the server and between the coordinator and the server.
func TestConnectionsThatEndLoseNoRun(t *testing.T) {
	s := newSiteOf(t, listening, nil)
	far, near := newWAN(t, s.url), newWAN(t, s.url)
	s.url = near.url()
	s.Coordinator = s.open(nil)
	list := arms(t, 4)
	makes := &fake{takes: 5 * time.Millisecond}
	s.workBy(s.dial(far.url()), "far", 2, makes)
	s.work("near", 1, &fake{takes: 5 * time.Millisecond})
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for last := int64(0); ; {
			if made := makes.made.Load(); made > last+10 {
				far.cut()
				near.cut()
				last = made
			}
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()
	digests, made, err := s.sweep(list, 20)
	close(stop)
	<-stopped
	require.NoError(t, err)
	require.Empty(t, made.Broken)
	require.Equal(t, alone(t, list, 20), digests)
}
