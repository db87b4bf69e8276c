package cluster

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/cluster/wire"
)

// Options of a coordinator. Conn, Guest, QEMU, Kernel, Images and Fail have to be given.
type Options struct {
	// Conn is a connection to the server. The coordinator does not close it.
	Conn *nats.Conn
	// Name of what is made, for people: that of a campaign.
	Name string
	// Guest and QEMU are "sha256:…" of the programs that act in all runs.
	Guest, QEMU string
	// Kernel returns "sha256:…" and release of a kernel by its name in the store.
	Kernel func(name string) (hash, release string, ok bool)
	// Images returns "sha256:…" of the images of a scenario, by their names in it.
	Images func(ctx context.Context, s *scenario.Scenario) (map[string]string, error)
	// Parcel packs a kernel or an image that a worker lacks into a file, and returns its path. It may be nil: then workers
	// have to have all.
	Parcel func(kind, hash string) (path string, remove func(), err error)
	// Local is the id of the worker in this process; empty if there is none. What it cannot do, this machine cannot.
	Local string
	// Silence is the time without a sign of life after which a lease goes to another worker; 0 means 30 s.
	Silence time.Duration
	// Repeats says that runs are made again on purpose, and that whoever asks for them compares them.
	Repeats bool
	// Fail is called with the error that has to end the sweep.
	Fail func(error)
	// Note reports which workers come and go. It may be nil.
	Note func(text string)
}

// silence is how long a worker may be silent, unless another time is given.
const silence = 30 * time.Second

// Coordinator leases runs to workers. It is safe for use by several goroutines.
type Coordinator struct {
	Options
	session wire.Session
	codec   *wire.Codec
	js      jetstream.JetStream
	stop    context.CancelFunc
	background
	parcels

	mu     sync.Mutex
	leases map[uint64]*lease
	last   uint64 // id of a lease
	roster roster
	ledger ledger
	ended  error // why there are no runs any more
	closed bool  // nothing begins beside any more
}

// background is what goes on beside, until the session ends.
type background struct {
	ctx  context.Context
	wait sync.WaitGroup
	subs []*nats.Subscription
	// fetching is held while a record is got out of the object store.
	fetching sync.Mutex
}

// Open makes a session.
func Open(ctx context.Context, o Options) (c *Coordinator, err error) {
	if o.Silence == 0 {
		o.Silence = silence
	}
	if o.Note == nil {
		o.Note = func(string) {}
	}
	c = &Coordinator{Options: o, session: newSession(), leases: map[uint64]*lease{}, roster: newRoster(),
		ledger: newLedger()}
	if c.codec, err = wire.NewCodec(); err != nil {
		return nil, err
	}
	if c.js, err = jetstream.New(o.Conn); err != nil {
		return nil, err
	}
	if err := c.clean(ctx); err != nil {
		return nil, err
	}
	if err := c.makeStream(ctx); err != nil {
		return nil, err
	}
	c.ctx, c.stop = context.WithCancel(context.Background())
	for subject, answer := range map[string]func(*nats.Msg) any{
		wire.HelloSubject:            c.hello,
		c.session.Subject("join"):    c.join,
		c.session.Subject("begin"):   c.begin,
		c.session.Subject("outcome"): c.outcome,
		c.session.Subject("parcel"):  c.parcel,
		c.session.Subject("beat"):    c.beat,
	} {
		if err := c.serve(subject, answer); err != nil {
			c.Close()
			return nil, err
		}
	}
	if err := o.Conn.Flush(); err != nil {
		c.Close()
		return nil, unreachable(err)
	}
	c.wait.Go(c.watch)
	return c, nil
}

// Session is the id of the session.
func (c *Coordinator) Session() wire.Session { return c.session }

// newSession returns an id that no other session has.
func newSession() wire.Session {
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails
	return wire.Session(hex.EncodeToString(id[:]))
}

// serve answers what comes on a subject. No answer is sent of nil.
func (c *Coordinator) serve(subject string, answer func(*nats.Msg) any) error {
	s, err := c.Conn.Subscribe(subject, func(m *nats.Msg) {
		if a := answer(m); a != nil {
			respond(m, a)
		}
	})
	if err != nil {
		return unreachable(err)
	}
	c.subs = append(c.subs, s)
	return s.SetPendingLimits(-1, mostPending)
}

// respond sends an answer to who asked for it.
func respond(m *nats.Msg, answer any) {
	if m.Reply == "" {
		return
	}
	if b, err := wire.Pack(answer); err == nil {
		_ = m.Respond(b) // who does not get it asks again
	}
}

// beside does something that takes a while. When the session has ended, it does nothing.
func (c *Coordinator) beside(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.wait.Go(f)
	}
}

// note tells people something.
func (c *Coordinator) note(format string, args ...any) { c.Note(fmt.Sprintf(format, args...)) }

// mostPending bounds what waits to be read of a subject, in bytes.
const mostPending = 256 << 20

func unreachable(err error) error {
	return problem.Wrap(problem.Machine, fmt.Errorf("ask the queue: %w", err),
		"see that the NATS server runs and can be reached")
}

// Run makes one run; see [Coordinator.Lease] for several.
func (c *Coordinator) Run(ctx context.Context, arm *campaign.Arm, seed uint64) (*result.Record, error) {
	runs, end := c.Lease(ctx, arm, []uint64{seed})
	defer end()
	return runs.Run(ctx, arm, seed)
}

// Slots returns how many runs workers make at a time now, and what is closed when that changes.
func (c *Coordinator) Slots() (now int, changed <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.roster.slots(), c.roster.changed
}

// end is why there are no runs any more.
func (c *Coordinator) end(err error) {
	c.mu.Lock()
	first := c.ended == nil
	if first {
		c.ended = err
	}
	c.mu.Unlock()
	if first {
		c.Fail(err)
	}
}

// errClosed ends what waits for a session that was closed.
var errClosed = errors.New("the session is closed")

// Close ends the session. Workers stop what they do for it.
func (c *Coordinator) Close() {
	c.mu.Lock()
	if c.ended == nil {
		c.ended = errClosed
	}
	c.closed = true
	c.mu.Unlock()
	c.stop()
	for _, s := range c.subs {
		_ = s.Unsubscribe() // a connection that was lost has none
	}
	c.wait.Wait()
	if !c.Conn.IsConnected() { // the next coordinator removes what this one cannot
		return
	}
	_ = c.Conn.Publish(c.session.Subject("over"), nil)
	ctx, cancel := context.WithTimeout(context.Background(), briefly)
	defer cancel()
	_ = c.js.DeleteStream(ctx, c.session.Stream())
	_ = c.js.DeleteObjectStore(ctx, c.session.Bucket()) // a worker may have made it
	_ = c.Conn.FlushTimeout(time.Second)
}
