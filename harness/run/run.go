package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/fault"
	"github.com/ruleout/ruleout/harness/load"
	"github.com/ruleout/ruleout/harness/probe"
	"github.com/ruleout/ruleout/harness/problem"
	"github.com/ruleout/ruleout/harness/result"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/topology"
	"github.com/ruleout/ruleout/harness/undo"
)

// Request is what a run is made of.
type Request struct {
	// Scenario in its canonical form, see [scenario.Scenario.Canonical].
	Scenario json.RawMessage `json:"scenario"`
	// Set is the spelling of --set that led to it, kept in the record.
	Set map[string]string `json:"set,omitempty"`
	// Seed of everything that is drawn.
	Seed uint64 `json:"seed"`
}

// lead is the time between the moment at which all parts are ready and the
// start of the warm-up: enough for the news to reach them. In virtual time it is free.
const lead = 50 * time.Millisecond

// Run carries out one run and returns its record, less what only the caller
// knows: provenance, backend and wall time. events is called from several
// goroutines, one at a time; it may be nil.
//
// A run that went wrong in a way that says nothing about the scenario has a
// record with Valid false and the reasons; the error is kept for what kept a
// record from being made. Nothing stays behind in either case.
func Run(ctx context.Context, req Request, events func(Event)) (record *result.Record, err error) {
	s, err := scenario.FromCanonical(req.Scenario)
	if err != nil {
		return nil, err
	}
	r := &running{scenario: s, seed: req.Seed, teller: newTeller(events), born: monotonic()}
	defer func() { err = errors.Join(err, r.undo.Close()) }()
	defer r.teller.close()

	if err := r.build(ctx); err != nil {
		return nil, err
	}
	if err := r.start(ctx); err != nil {
		return nil, err
	}
	if err := r.measure(ctx); err != nil {
		return nil, err
	}
	if err := r.drain(ctx); err != nil {
		return nil, err
	}
	r.teller.tell(Done, "all counted")
	return r.record(req)
}

// running is one run under way.
type running struct {
	scenario *scenario.Scenario
	seed     uint64
	teller   *teller
	undo     undo.Stack
	born     time.Duration // when the run began, on CLOCK_MONOTONIC
	begin    time.Duration // when the measured window began

	network  *topology.Network
	wires    *fault.Wires
	programs programs
	probe    *probe.Probe

	seen     *probe.Result
	traffic  []load.Result
	receipts []result.Receipt
	invalid  []string
}

// build makes the network and the wires.
func (r *running) build(ctx context.Context) error {
	s := r.scenario
	r.teller.tell(Build, fmt.Sprintf("%d nodes, %d links, %d faults", len(s.Nodes), len(s.Links), len(s.Faults)))
	network, err := topology.Build(ctx, s)
	if err != nil {
		return fmt.Errorf("build network: %w", err)
	}
	r.network = network
	r.undo.Push(network.Close)
	wires, err := fault.Install(ctx, network, s, r.seed)
	if err != nil {
		return fmt.Errorf("install faults: %w", err)
	}
	r.wires = wires
	r.undo.Push(wires.Close)
	return nil
}

// measure sets the clock of the run and waits until it has run out.
func (r *running) measure(ctx context.Context) error {
	s := r.scenario
	warm := time.Duration(s.Warmup)
	r.begin = monotonic() + lead + warm
	start := r.begin.Nanoseconds()
	if err := r.wires.Arm(start); err != nil {
		return fmt.Errorf("arm faults: %w", err)
	}
	if err := r.probe.Start(start, time.Duration(s.Duration)); err != nil {
		return fmt.Errorf("start recording: %w", err)
	}
	if err := r.programs.begin(start); err != nil {
		return err
	}
	r.teller.follow(r.begin, s)

	var err error
	if r.traffic, err = r.programs.finishLoads(ctx); err != nil {
		return err
	}
	if r.seen, err = r.probe.Wait(ctx); err != nil {
		return fmt.Errorf("record nodes: %w", err)
	}
	return nil
}

// drain ends the services and reads the receipts once nothing moves any more.
func (r *running) drain(ctx context.Context) error {
	r.teller.tell(Drain, "waiting for the last packets")
	broken, err := r.programs.stopServices(ctx)
	if err != nil {
		return err
	}
	r.invalid = append(r.invalid, broken...)
	receipts, reasons, err := r.wires.Receipts(ctx)
	if err != nil {
		return fmt.Errorf("read receipts: %w", err)
	}
	r.receipts = receipts
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
