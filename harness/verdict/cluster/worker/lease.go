package worker

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/verdict/cluster/wire"
)

// lease makes what is left of a lease. What was not made goes back to the queue.
func (s *session) lease(ctx context.Context, m jetstream.Msg) {
	var l wire.Lease
	if err := wire.Unpack(m.Data(), &l); err != nil {
		_ = m.Term() // nobody could read it
		return
	}
	s.hold(l.ID, true)
	defer s.hold(l.ID, false)
	keeping, done := context.WithCancel(ctx)
	defer done()
	go s.keep(keeping, m)
	var left wire.Left
	begin := wire.Begin{Worker: s.Self.Worker, Lease: l.ID, Try: strconv.FormatUint(rand.Uint64(), 36)}
	if err := s.ask(ctx, "begin", begin, &left); err != nil {
		s.back(ctx, m, begin, err)
		return
	}
	if left.Unknown {
		s.over(errOver)
		s.back(ctx, m, begin, errOver)
		return
	}
	if len(left.Seeds) > 0 {
		if err := s.fetch(ctx, &l); err != nil {
			s.unable(ctx, &l, left.Seeds[0], err)
			s.back(ctx, m, begin, err)
			return
		}
	}
	for _, at := range left.Seeds {
		if at < 0 || at >= len(l.Seeds) {
			break
		}
		stop, err := s.run(ctx, &l, at)
		if err != nil {
			s.back(ctx, m, begin, err)
			return
		}
		if stop {
			break
		}
	}
	_ = m.Ack() // if it does not arrive, another worker asks what is left
}

// back puts a lease back into the queue.
func (s *session) back(ctx context.Context, m jetstream.Msg, b wire.Begin, why error) {
	if b.Back = ctx.Err() != nil; b.Back { // the worker stops, and before the next one begins the coordinator has to know
		if text, err := wire.Pack(b); err == nil {
			_ = s.Conn.Publish(s.Session.Subject("begin"), text)
		}
	}
	_ = m.Nak() // if it does not arrive, the lease goes to another one after a while
	if errors.Is(why, nats.ErrNoResponders) {
		s.over(errOver)
	}
}

// keep holds on to a lease.
func (s *session) keep(ctx context.Context, m jetstream.Msg) {
	tick := time.NewTicker(s.Silence / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_ = m.InProgress() // the next one may arrive
		}
	}
}

// run makes a run and hands in what came of it. stop says that no more of the lease is wanted.
func (s *session) run(ctx context.Context, l *wire.Lease, at int) (stop bool, err error) {
	r, err := s.Maker.Make(ctx, l, l.Seeds[at])
	if ctx.Err() != nil {
		return true, context.Cause(ctx)
	}
	o := &wire.Outcome{Worker: s.Self.Worker, Lease: l.ID, Index: at, Seed: l.Seeds[at], Trouble: wire.TroubleOf(err)}
	return s.tell(ctx, o, r)
}

// unable says that this machine cannot make a run.
func (s *session) unable(ctx context.Context, l *wire.Lease, at int, err error) {
	o := &wire.Outcome{Worker: s.Self.Worker, Lease: l.ID, Index: at, Seed: l.Seeds[at],
		Trouble: wire.TroubleOf(problem.Wrap(problem.Machine, err, ""))}
	_, _ = s.tell(ctx, o, nil)
}

// tell hands in an outcome.
func (s *session) tell(ctx context.Context, o *wire.Outcome, r *result.Record) (stop bool, err error) {
	for {
		text, err := s.pack(ctx, o, r)
		if err != nil {
			return true, err
		}
		var a wire.Answer
		if err := s.ask(ctx, "outcome", text, &a); err != nil {
			return true, err
		}
		switch {
		case a.Again && o.Object != "":
			o.Object = ""
			sleep(ctx, pause/10)
			continue
		case a.Unknown:
			s.over(errOver)
			return true, errOver
		case a.Leave != nil:
			s.over(a.Leave.Err())
			return true, a.Leave.Err()
		}
		s.mu.Lock()
		s.total++
		s.mu.Unlock()
		return a.Stop, nil
	}
}

// pack makes a message of an outcome. A record that cannot be handed in is one that the run does not have.
func (s *session) pack(ctx context.Context, o *wire.Outcome, r *result.Record) ([]byte, error) {
	text, large, err := s.codec.Outcome(o, r)
	if err == nil && large != nil {
		if o.Object, err = s.put(ctx, r, large); err == nil {
			text, _, err = s.codec.Outcome(o, r)
		}
	}
	if err == nil || ctx.Err() != nil || s.Conn.IsClosed() {
		return text, err
	}
	o.Object = ""
	o.Trouble = wire.TroubleOf(problem.Wrap(problem.Invalid, fmt.Errorf("hand in a record: %w", err), problem.HintOf(err)))
	text, _, err = s.codec.Outcome(o, nil)
	return text, err
}

// put puts a record that is too large for a message into the session's object store. While the server is away, it tries
// again; what the server refuses is an error.
func (s *session) put(ctx context.Context, r *result.Record, packed []byte) (name string, err error) {
	name = "record-" + s.Self.Worker + "-" + strings.TrimPrefix(r.Digest, "sha256:")
	for {
		var store jetstream.ObjectStore
		if store, err = s.objects(ctx); err == nil {
			_, err = store.PutBytes(ctx, name, packed)
		}
		var refused *jetstream.APIError
		if err == nil || errors.As(err, &refused) || ctx.Err() != nil || s.Conn.IsClosed() {
			return name, err
		}
		sleep(ctx, pause/10)
	}
}

// objects returns the object store. The coordinator makes it when it is asked for something.
func (s *session) objects(ctx context.Context) (jetstream.ObjectStore, error) {
	store, err := s.js.ObjectStore(ctx, s.Session.Bucket())
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return s.js.CreateOrUpdateObjectStore(ctx, jetstream.ObjectStoreConfig{Bucket: s.Session.Bucket(),
			Storage: jetstream.FileStorage})
	}
	return store, err
}

// fetch gets what runs of a lease need, one thing at a time.
func (s *session) fetch(ctx context.Context, l *wire.Lease) error {
	s.fetching.Lock()
	defer s.fetching.Unlock()
	wants, err := s.Maker.Lacks(l)
	if err != nil {
		return err
	}
	for _, want := range wants {
		s.Note("fetches " + want.Kind + " " + result.Short(want.Hash))
		var p wire.Parcel
		if err := s.ask(ctx, "parcel", want, &p); err != nil {
			return err
		}
		if p.Trouble != nil {
			return p.Trouble.Err()
		}
		if err := s.download(ctx, want, p.Object); err != nil {
			return err
		}
	}
	return nil
}

// download takes in a parcel. The object store compares its hash; the maker that of what is in it.
func (s *session) download(ctx context.Context, want wire.Want, object string) error {
	store, err := s.objects(ctx)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp("", "ruleout-parcel-")
	if err != nil {
		return err
	}
	f.Close()
	defer func() { _ = os.Remove(f.Name()) }()
	if err := store.GetFile(ctx, object, f.Name()); err != nil {
		return err
	}
	return s.Maker.Fetch(ctx, want, f.Name())
}
