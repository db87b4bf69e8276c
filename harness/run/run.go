package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/base/undo"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/agent"
	"github.com/ruleout/ruleout/harness/run/bulk"
	"github.com/ruleout/ruleout/harness/run/capture"
	"github.com/ruleout/ruleout/harness/run/datagram"
	"github.com/ruleout/ruleout/harness/run/fault"
	"github.com/ruleout/ruleout/harness/run/load"
	"github.com/ruleout/ruleout/harness/run/middlebox"
	"github.com/ruleout/ruleout/harness/run/probe"
	"github.com/ruleout/ruleout/harness/run/protocol"
	"github.com/ruleout/ruleout/harness/run/topology"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// lead is the time between the moment at which all parts are ready and the
// start of the warm-up: enough for the news to reach them. In virtual time it is free.
const lead = 50 * time.Millisecond

// Run carries out one run of a scenario, which is in its canonical form, and leaves
// nothing behind. See [Prepare] and [Prepared.Run].
func Run(ctx context.Context, canonical json.RawMessage, seed uint64,
	events func(protocol.Event)) (record *result.Record, err error) {
	p, err := Prepare(ctx, protocol.Order{Scenario: canonical}, events)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	return p.Run(ctx, seed)
}

// Prepared is a scenario of which everything is built and started that does not depend
// on the seed. It is good for one run.
type Prepared struct {
	canonical json.RawMessage
	hash      string
	scenario  *scenario.Scenario
	images    map[string]protocol.Image
	snap      int
	teller    *teller
	undo      undo.Stack
	born      time.Duration // when the preparation began, on CLOCK_MONOTONIC
	begin     time.Duration // when the measured window began

	network  *topology.Network
	wires    *fault.Wires
	boxes    *middlebox.Boxes
	programs programs
	probe    *probe.Probe

	seen    *probe.Result
	traffic []load.Result
	// datagrams are what became of those of the udp loads.
	datagrams []datagram.Result
	pumps     []bulk.LoadConfig
	bulk      []bulk.Result
	receipts  []result.Receipt
	links     []result.LinkReceipt
	outcomes  []result.Program
	acted     []result.Middlebox
	said      said
	invalid   result.Reasons
}

// Prepare builds and starts what a scenario consists of. If there is no error, the caller closes the result.
//
// events is called from several goroutines, one at a time, until Close; it may be nil.
func Prepare(ctx context.Context, o protocol.Order, events func(protocol.Event)) (_ *Prepared, err error) {
	s, err := scenario.FromCanonical(o.Scenario)
	if err != nil {
		return nil, err
	}
	if err := fit(s); err != nil {
		return nil, err
	}
	p := &Prepared{canonical: o.Scenario, snap: o.Snap, hash: s.Hash(), scenario: s, images: o.Images,
		teller: newTeller(events), born: monotonic()}
	prepared := false
	defer func() { // deferred, so that a panic undoes too
		if !prepared {
			err = errors.Join(err, p.Close())
		}
	}()
	if err := p.build(ctx); err != nil {
		return nil, err
	}
	if err := p.start(ctx); err != nil {
		return nil, err
	}
	prepared = true
	return p, nil
}

// fit refuses a kernel on which the scenario has no meaning.
func fit(s *scenario.Scenario) error {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return fmt.Errorf("read the kernel's release: %w", err)
	}
	release := unix.ByteSliceToString(u.Release[:])
	if why := s.Unfit(release); why != "" {
		return problem.Wrap(problem.Machine, fmt.Errorf("run %s on %s: %s", s.Name, release, why),
			"choose another kernel with --kernel; ruleout kernel list shows them")
	}
	return nil
}

// Run carries out the run and returns its record, minus what only the caller
// knows: provenance, backend, spelling of --set and wall time.
//
// A run that went wrong in a way that says nothing about the scenario has a
// record with Valid false and the reasons; the error is kept for what kept a
// record from being made.
func (r *Prepared) Run(ctx context.Context, seed uint64) (*result.Record, error) {
	if err := withoutCollector(func() error {
		if err := r.measure(ctx, seed); err != nil {
			return err
		}
		return r.drain(ctx)
	}); err != nil {
		return nil, err
	}
	r.teller.tell(protocol.Done, "all counted")
	return r.record(seed)
}

// captured says what was captured in the run, which is over, and where it is: a ring for each link, that lives
// until Close. It returns nil if the order was to capture nothing.
func (r *Prepared) captured() (*capture.Taken, []fault.Ring, error) {
	return r.wires.Captured(r.begin.Nanoseconds())
}

// Close undoes everything that was made, whatever became of it.
func (r *Prepared) Close() error {
	r.teller.close()
	return r.undo.Close()
}

// build makes the network and the wires.
func (r *Prepared) build(ctx context.Context) error {
	s := r.scenario
	r.teller.tell(protocol.Build, fmt.Sprintf("%s, %s, %s",
		quantity.Plural(int64(len(s.Nodes)), "node"), quantity.Plural(int64(len(s.Links)), "link"),
		quantity.Plural(int64(len(s.Faults)), "fault")))
	network, err := topology.Build(ctx, s)
	if err != nil {
		return fmt.Errorf("build network: %w", err)
	}
	r.network = network
	r.undo.Push(network.Close)
	wires, err := fault.InstallCapturing(ctx, network, s, fault.Capture{Snap: r.snap, Memory: capture.Memory(s)})
	if err != nil {
		return fmt.Errorf("install faults: %w", err)
	}
	r.wires = wires
	r.undo.Push(wires.Close)
	if r.boxes, err = middlebox.Install(network, s); err != nil {
		return fmt.Errorf("build middleboxes: %w", err)
	}
	r.undo.Push(r.boxes.Close)
	return nil
}

// measure sets the clock of the run and waits until it has run out.
func (r *Prepared) measure(ctx context.Context, seed uint64) error {
	s := r.scenario
	warm := time.Duration(s.Warmup)
	r.begin = monotonic() + lead + warm
	start := r.begin.Nanoseconds()
	if err := r.wires.Arm(start, seed); err != nil {
		return fmt.Errorf("arm faults: %w", err)
	}
	if err := r.boxes.Arm(start); err != nil {
		return fmt.Errorf("arm middleboxes: %w", err)
	}
	if err := r.probe.Start(start, time.Duration(s.Duration)); err != nil {
		return fmt.Errorf("start recording: %w", err)
	}
	if err := r.programs.begin(agent.Beginning{
		Start: start, End: start + int64(s.Duration), Seed: seed,
	}); err != nil {
		return err
	}
	r.teller.follow(r.begin, s)

	var err error
	if r.traffic, err = r.programs.finishLoads(ctx); err != nil {
		return err
	}
	sent, err := finish[datagram.Sent](ctx, r.programs.senders, (*agent.Process).Wait)
	if err != nil {
		return err
	}
	pumped, err := finish[bulk.Sent](ctx, r.programs.pumps, (*agent.Process).Wait)
	if err != nil {
		return err
	}
	if r.seen, err = r.probe.Wait(ctx); err != nil {
		return fmt.Errorf("record nodes: %w", err)
	}
	r.programs.broken(&r.invalid)
	if len(r.invalid) > 0 {
		return nil
	}
	if r.datagrams, err = r.finishDatagrams(ctx, sent); err != nil {
		return err
	}
	return r.finishBulk(ctx, pumped)
}

// drain looks after the services and reads the receipts once nothing moves any more.
func (r *Prepared) drain(ctx context.Context) error {
	r.teller.tell(protocol.Drain, "waiting for the last packets")
	if err := r.finishBoxes(ctx); err != nil {
		return err
	}
	receipts, reasons, err := r.wires.Receipts(ctx)
	if err != nil {
		return fmt.Errorf("read receipts: %w", err)
	}
	r.receipts = receipts
	acted, idle, err := r.boxes.Finish()
	if err != nil {
		return fmt.Errorf("read middleboxes: %w", err)
	}
	r.acted = acted
	reasons = append(reasons, idle...)
	r.links = r.wires.Links()
	r.invalid = append(r.invalid, reasons...)
	return nil
}

// monotonic reads CLOCK_MONOTONIC, the clock that bpf_ktime_get_ns and all parts
// of a run use. Go's own monotonic clock is the same but has no absolute value.
func monotonic() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic(problem.Wrap(problem.Machine, fmt.Errorf("read CLOCK_MONOTONIC: %w", err), "")) // cannot fail on Linux
	}
	return time.Duration(ts.Nano())
}
