package worker

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/verdict/cluster/wire"
)

// Maker makes the runs of leases. It is called by several goroutines.
type Maker interface {
	// Lacks names what has to be fetched before runs of a lease can be made.
	Lacks(l *wire.Lease) ([]wire.Want, error)
	// Fetch takes in what was lacking from a file.
	Fetch(ctx context.Context, want wire.Want, parcel string) error
	// Make makes one run. An error of kind problem.Machine says that this machine cannot.
	Make(ctx context.Context, l *wire.Lease, seed uint64) (*result.Record, error)
}

// Worker makes runs. All but Idle, Only, Joined and Note have to be given.
type Worker struct {
	Conn *nats.Conn
	// Self says who it is. Self.Slots is how many runs it makes at a time.
	Self  wire.Hello
	Maker Maker
	// Idle is the time without work after which Run returns; 0 is never.
	Idle time.Duration
	// Only is a session that it serves, and no other; it may be empty.
	Only wire.Session
	// Joined is called when the first coordinator has let it in. It may be nil.
	Joined func()
	// Note reports what happens, for people. It may be nil.
	Note func(text string)

	codec *wire.Codec
	js    jetstream.JetStream

	mu    sync.Mutex
	busy  time.Time // when there was work last
	total int       // runs that it has handed in
}

// Made is how many runs it has handed in so far.
func (w *Worker) Made() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.total
}

// Times of a worker that no session says.
const (
	listening = 300 * time.Millisecond // how long answers to a hello are collected
	pause     = time.Second            // between two of them
	dry       = 5 * time.Second        // without work before it looks for another session
	grace     = 3 * time.Second        // nobody answers for a session before it is given up
)

// Run works until the context ends, which is not an error.
func (w *Worker) Run(ctx context.Context) (err error) {
	if w.Note == nil {
		w.Note = func(string) {}
	}
	joined := sync.OnceFunc(func() {
		if w.Joined != nil {
			w.Joined()
		}
	})
	if w.codec, err = wire.NewCodec(); err != nil {
		return err
	}
	if w.js, err = jetstream.New(w.Conn); err != nil {
		return err
	}
	var last wire.Session
	waits := false
	w.busy = time.Now()
	for ctx.Err() == nil {
		welcome, err := w.greet(ctx, last)
		if err != nil {
			return err
		}
		if welcome == nil {
			if !waits {
				w.Note("waits for work")
				waits = true
			}
			if w.idle() {
				return nil
			}
			sleep(ctx, pause)
			continue
		}
		s := &session{Worker: w, Welcome: *welcome, slots: make(chan struct{}, w.Self.Slots), holds: map[uint64]bool{},
			checks: map[string]bool{}}
		err = s.take(ctx, func() {
			joined()
			if last != welcome.Session {
				w.Note("works for " + welcome.Name)
			}
			waits, last = false, welcome.Session
		})
		if err != nil && ctx.Err() == nil {
			return err
		}
		if w.idle() {
			return nil
		}
	}
	return nil
}

// take takes part in a session until it is over.
func (s *session) take(ctx context.Context, joined func()) error {
	// The coordinator may ask as soon as it has let the worker in.
	checks := make(chan *nats.Msg, mostChecks)
	asked, err := s.Conn.ChanSubscribe(s.Session.Check(s.Self.Worker), checks)
	if err != nil {
		return nil // the connection was closed
	}
	defer asked.Unsubscribe() //nolint:errcheck // a connection that was lost has none
	var a wire.Welcome
	switch err := s.ask(ctx, "join", s.Self, &a); {
	case err != nil || a.Session == "": // it has just ended
		sleep(ctx, pause/4)
		return nil
	case a.Refused != nil:
		return a.Refused.Err()
	}
	joined()
	return s.serve(ctx, checks)
}

// idle reports whether there was no work for as long as the worker waits for it, and says so.
func (w *Worker) idle() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.Idle == 0 || time.Since(w.busy) < w.Idle {
		return false
	}
	w.Note(fmt.Sprintf("no work for %s", w.Idle))
	return true
}

// greet says hello, and chooses a session, another one than the last if there is one. It returns nil if there is none.
func (w *Worker) greet(ctx context.Context, last wire.Session) (*wire.Welcome, error) {
	w.Self.Number = wire.Number
	text, err := wire.Pack(w.Self)
	if err != nil {
		return nil, err
	}
	inbox := w.Conn.NewInbox()
	answers, err := w.Conn.SubscribeSync(inbox)
	if err != nil {
		return nil, nil // the connection was closed
	}
	defer answers.Unsubscribe() //nolint:errcheck // a connection that was lost has none
	if w.Conn.PublishRequest(wire.HelloSubject, inbox, text) != nil {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, listening)
	defer cancel()
	var list []*wire.Welcome
	var refused error
	for {
		m, err := answers.NextMsgWithContext(ctx)
		if err != nil {
			break
		}
		a := new(wire.Welcome)
		switch err := wire.Unpack(m.Data, a); {
		case err != nil: // of no coordinator: the server says that nobody listens
		case w.Only != "" && a.Session != w.Only:
		case a.Refused != nil:
			refused = a.Refused.Err()
		case a.Number == wire.Number && wire.CheckName(string(a.Session)) == nil && a.Silence >= time.Millisecond:
			list = append(list, a)
		}
		if len(m.Data) == 0 || w.Only != "" && a.Session == w.Only {
			break
		}
	}
	if len(list) == 0 {
		return nil, refused
	}
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	for _, a := range list {
		if a.Session != last {
			return a, nil
		}
	}
	return list[0], nil
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// session is what a worker does for one coordinator.
type session struct {
	*Worker
	wire.Welcome
	slots chan struct{}
	over  context.CancelCauseFunc
	wait  sync.WaitGroup

	// These belong to the worker's lock.
	holds  map[uint64]bool
	checks map[string]bool // runs that wait to be made, too

	fetching sync.Mutex
}

// errOver ends a session without an error.
var errOver = errors.New("the session is over")

// serve works until the session is over, or has no work.
func (s *session) serve(parent context.Context, checks <-chan *nats.Msg) error {
	ctx, over := context.WithCancelCause(parent)
	s.over = over
	defer over(errOver)
	consumer, err := s.js.Consumer(ctx, s.Session.Stream(), wire.Consumer)
	if err != nil { // it has just ended
		sleep(ctx, pause)
		return nil
	}
	ended, err := s.Conn.Subscribe(s.Session.Subject("over"), func(*nats.Msg) { over(errOver) })
	if err != nil {
		return nil
	}
	defer ended.Unsubscribe() //nolint:errcheck // a connection that was lost has none
	s.wait.Go(func() { s.listen(ctx, checks) })
	s.wait.Go(func() { s.beats(ctx) })
	for range s.Self.Slots {
		s.wait.Go(func() { s.pull(ctx, consumer) })
	}
	s.wait.Wait()
	s.leave(ctx, parent)
	if err := context.Cause(ctx); !errors.Is(err, errOver) && parent.Err() == nil {
		return err
	}
	return nil
}

// pull takes one lease after the other.
func (s *session) pull(ctx context.Context, consumer jetstream.Consumer) {
	for ctx.Err() == nil {
		select {
		case s.slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		s.one(ctx, consumer)
		<-s.slots
	}
}

// look ends a session without work if there is another one, or if the worker has waited for long enough.
func (s *session) look(ctx context.Context) {
	s.mu.Lock()
	idle := time.Since(s.busy)
	if len(s.holds) > 0 {
		idle = 0
	}
	s.mu.Unlock()
	if idle < min(dry, s.Silence) || s.Only != "" {
		return
	}
	if s.Idle > 0 && idle >= s.Idle {
		s.over(errOver)
		return
	}
	if other, err := s.greet(ctx, s.Session); err == nil && other != nil && other.Session != s.Session {
		s.over(errOver)
	}
}

// one takes a lease, if there is one, and makes what is left of it.
func (s *session) one(ctx context.Context, consumer jetstream.Consumer) {
	batch, err := consumer.Fetch(1, jetstream.FetchMaxWait(time.Second))
	if err != nil {
		sleep(ctx, pause/4)
		return
	}
	got := false
	for m := range batch.Messages() {
		got = true
		s.lease(ctx, m)
	}
	if err := batch.Error(); err != nil && !got {
		sleep(ctx, pause/4) // the server is away, or lost the stream
	}
}

// hold notes that a lease is worked on, or is not any more.
func (s *session) hold(lease uint64, on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy = time.Now()
	if delete(s.holds, lease); on {
		s.holds[lease] = true
	}
}

// beats gives signs of life. Who does not answer is not there any more.
func (s *session) beats(ctx context.Context) {
	for ctx.Err() == nil {
		var a wire.Answer
		switch err := s.ask(ctx, "beat", s.beat(s.Self.Slots, ""), &a); {
		case errors.Is(err, nats.ErrNoResponders):
			s.over(errOver)
		case err == nil && a.Unknown:
			s.over(errOver) // say hello again
		}
		s.look(ctx)
		sleep(ctx, s.Silence/6)
	}
}

func (s *session) beat(slots int, why string) wire.Beat {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := wire.Beat{Worker: s.Self.Worker, Slots: slots, Why: why}
	for lease := range s.holds {
		b.Holds = append(b.Holds, lease)
	}
	return b
}

// leave says goodbye.
func (s *session) leave(ctx, parent context.Context) {
	why := ""
	if err := context.Cause(ctx); parent.Err() != nil {
		why = "it was stopped"
	} else if !errors.Is(err, errOver) {
		why = wire.TroubleOf(err).Text
	}
	if text, err := wire.Pack(s.beat(0, why)); err == nil && s.Conn.Publish(s.Session.Subject("beat"), text) == nil {
		_ = s.Conn.FlushTimeout(time.Second)
	}
}

// ask asks the coordinator until it answers. While nobody serves the session it tries for a moment: a server may have
// started anew, and the coordinator comes back to it.
func (s *session) ask(ctx context.Context, kind string, question any, answer any) error {
	text, ok := question.([]byte)
	if !ok {
		var err error
		if text, err = wire.Pack(question); err != nil {
			return err
		}
	}
	var alone time.Time
	for {
		soon, cancel := context.WithTimeout(ctx, s.Silence)
		m, err := s.Conn.RequestWithContext(soon, s.Session.Subject(kind), text)
		cancel()
		if err == nil {
			return wire.Unpack(m.Data, answer)
		}
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case s.Conn.IsClosed():
			return nats.ErrConnectionClosed
		case !errors.Is(err, nats.ErrNoResponders):
			alone = time.Time{}
		case alone.IsZero():
			alone = time.Now()
		case time.Since(alone) > grace:
			return err
		}
		sleep(ctx, pause/10)
	}
}
