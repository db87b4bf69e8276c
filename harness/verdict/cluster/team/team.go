// Package team is what a command needs to have its runs made by this machine and by others: a queue, a coordinator, and
// a worker in the process.
//
// [Open] puts them together, and [Team.Close] ends them. A [Team] is the [sweep.Crew] of a loop. A command that is
// alone has the same, with a queue that nobody else can reach.
package team

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/cluster"
	"github.com/ruleout/ruleout/harness/verdict/cluster/hub"
	"github.com/ruleout/ruleout/harness/verdict/cluster/wire"
	"github.com/ruleout/ruleout/harness/verdict/cluster/worker"
	"github.com/ruleout/ruleout/harness/verdict/sweep"
)

// Options of a team. Fleet, Jobs and Fail have to be given.
type Options struct {
	Fleet *sweep.Fleet
	// Name of what is made, for people.
	Name string
	// Jobs is how many runs are made at a time on this machine; 0 leaves all to others.
	Jobs int
	// Hub says where others may connect. With URL, the queue is that of a server that is there, and Hub is not used.
	Hub         hub.Options
	URL         string
	Credentials hub.Credentials
	// Silence, Repeats, Fail and Note are those of [cluster.Options].
	Silence time.Duration
	Repeats bool
	Fail    func(error)
	Note    func(text string)
}

// Team makes runs. It is safe for use by several goroutines.
type Team struct {
	*cluster.Coordinator
	fleet *sweep.Fleet
	hub   *hub.Hub
	conns []*nats.Conn
	stop  context.CancelFunc
	local sync.WaitGroup

	mu   sync.Mutex
	arms map[string]*campaign.Arm
}

// Open puts a team together. Its worker stops when the context ends.
func Open(ctx context.Context, o Options) (_ *Team, err error) {
	t := &Team{fleet: o.Fleet, arms: map[string]*campaign.Arm{}, stop: func() {}}
	ok := false
	defer func() {
		if !ok {
			t.Close()
		}
	}()
	if o.URL == "" {
		if t.hub, err = hub.Open(o.Hub); err != nil {
			return nil, err
		}
	}
	connect := func() (*nats.Conn, error) {
		var c *nats.Conn
		var err error
		if t.hub != nil {
			c, err = t.hub.Connect()
		} else {
			c, err = hub.Connect(ctx, o.URL, o.Credentials, 0)
		}
		if err == nil {
			t.conns = append(t.conns, c)
		}
		return c, err
	}
	c, err := connect()
	if err != nil {
		return nil, err
	}
	co := cluster.Options{Conn: c, Name: o.Name, Kernel: t.kernel, Images: images, Parcel: parcel, Silence: o.Silence,
		Repeats: o.Repeats, Fail: o.Fail, Note: o.Note}
	for name := range o.Fleet.Releases() {
		software, _ := o.Fleet.Software(name)
		co.Guest, co.QEMU = software.Guest, software.QEMU
	}
	self := Self("", o.Jobs, co.Guest, co.QEMU)
	if o.Jobs > 0 {
		co.Local = self.Worker
	}
	if t.Coordinator, err = cluster.Open(ctx, co); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	if o.Jobs == 0 {
		ok = true
		return t, nil
	}
	if c, err = connect(); err != nil {
		return nil, err
	}
	w := &worker.Worker{Conn: c, Self: self, Only: t.Session(), Maker: (*local)(t)}
	ctx, t.stop = context.WithCancel(ctx)
	joined, ended := make(chan struct{}), make(chan struct{})
	w.Joined = func() { close(joined) }
	var failed error
	t.local.Go(func() {
		defer close(ended)
		if failed = w.Run(ctx); failed != nil {
			o.Fail(failed)
		}
	})
	select {
	case <-joined:
	case <-ended: // perhaps because the user does not want to wait
		if failed == nil {
			failed = context.Cause(ctx)
		}
		return nil, failed
	}
	ok = true
	return t, nil
}

// URL is where workers connect; empty if nobody else can.
func (t *Team) URL() string {
	if t.hub == nil {
		return ""
	}
	return t.hub.URL()
}

// Close ends the team. Runs that are being made are given up.
func (t *Team) Close() {
	t.stop()
	if t.Coordinator != nil {
		t.Coordinator.Close()
	}
	t.local.Wait()
	for _, c := range t.conns {
		c.Close()
	}
	if t.hub != nil {
		t.hub.Close()
	}
}

// Lease remembers the arm for the worker in this process.
func (t *Team) Lease(ctx context.Context, arm *campaign.Arm, seeds []uint64) (sweep.Runner, func()) {
	if hash, _, ok := t.kernel(arm.Kernel); ok {
		t.mu.Lock()
		t.arms[arm.Hash+hash] = arm
		t.mu.Unlock()
	}
	return t.Coordinator.Lease(ctx, arm, seeds)
}

// Run makes one run.
func (t *Team) Run(ctx context.Context, arm *campaign.Arm, seed uint64) (*result.Record, error) {
	runs, end := t.Lease(ctx, arm, []uint64{seed})
	defer end()
	return runs.Run(ctx, arm, seed)
}

var _ sweep.Crew = (*Team)(nil)

func (t *Team) kernel(name string) (hash, release string, ok bool) {
	software, ok := t.fleet.Software(name)
	return software.Kernel, t.fleet.Releases()[name], ok
}

func images(ctx context.Context, s *scenario.Scenario) (map[string]string, error) {
	return machine.ImagesOf(ctx, s, nil)
}

// parcel packs what a worker lacks.
func parcel(kind, hash string) (file string, remove func(), err error) {
	switch kind {
	case wire.Kernel:
		file, err = machine.PackKernel(hash)
	case wire.Image:
		file, err = machine.PackImage(hash)
	default:
		err = fmt.Errorf("a parcel of kind %q", kind)
	}
	return file, func() { _ = os.Remove(file) }, err
}

// local makes the runs of the worker in this process, with what the command has opened.
type local Team

func (*local) Lacks(*wire.Lease) ([]wire.Want, error) { return nil, nil }

func (*local) Fetch(context.Context, wire.Want, string) error {
	return errors.New("this machine lacks nothing")
}

func (t *local) Make(ctx context.Context, l *wire.Lease, seed uint64) (*result.Record, error) {
	t.mu.Lock()
	arm := t.arms[l.Hash+l.Kernel]
	t.mu.Unlock()
	if arm == nil {
		return nil, problem.Wrap(problem.Invalid, fmt.Errorf("scenario %s is of another sweep", result.Short(l.Hash)), "")
	}
	return t.fleet.Run(ctx, arm, seed)
}
