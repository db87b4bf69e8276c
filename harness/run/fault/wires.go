package fault

import (
	"context"
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/base/undo"
	"github.com/ruleout/ruleout/harness/run/choice"
	"github.com/ruleout/ruleout/harness/run/netem"
	"github.com/ruleout/ruleout/harness/run/topology"
	"github.com/ruleout/ruleout/harness/scenario"
)

// Wires are all links of a network with their delays, rates, faults and counters.
type Wires struct {
	plan    *plan
	faults  []scenario.Fault
	links   []*topology.Link
	state   *state
	sockets *ebpf.Map // see detacher
	wires   []*wire   // one for each link
	devices map[device]place
	// injectors are those of the faults that inject, by the fault's index; nil for the others.
	injectors []*injector
	outages   []*outage
	pauses    []*pause
	// ways are the devices by which messages about packets that are too long go out.
	ways map[role]int
	// final is what was counted when the wires were closed to packets.
	final   *snapshot
	backlog int64 // what the machine had lost there before
	start   int64 // of the measured window, in ns of CLOCK_MONOTONIC
	// stopping and stopped are the times between which the actors of outages and pauses were stopped.
	stopping, stopped int64
	undo              undo.Stack
}

// device is how the kernel names a qdisc: link, device index and handle.
type device struct {
	link, index int
	handle      uint32
}

// role is what a qdisc does: the path it is on, and the stage, or -1 for the last device.
type role struct{ path, stage int }

// place is one of the netems of a role: that of a step of a ramp, or the only one, 0.
type place struct {
	role
	band int
}

// Install builds every direction of every link in the network's wires and so connects
// the nodes. The network must be the one that was built from s. On an error nothing of it
// remains. No fault acts before [Wires.Arm], which is also the first to know the run's seed.
//
// Errors are of kind [problem.Machine] where the kernel lacks something or a right is
// missing, and of kind [problem.Usage] where a fault has no place.
func Install(ctx context.Context, n *topology.Network, s *scenario.Scenario) (*Wires, error) {
	return InstallCapturing(ctx, n, s, Capture{})
}

// InstallCapturing is [Install] with packets captured from now on, see [Wires.Captured].
func InstallCapturing(ctx context.Context, n *topology.Network, s *scenario.Scenario, c Capture) (_ *Wires, err error) {
	p, err := newPlan(s)
	if err != nil {
		return nil, err
	}
	if err := p.addTaps(s, c); err != nil {
		return nil, err
	}
	if len(n.Links()) != len(s.Links) {
		return nil, fmt.Errorf("the network has %d links, the scenario %d", len(n.Links()), len(s.Links))
	}
	w := &Wires{plan: p, faults: s.Faults, links: n.Links(), devices: map[device]place{},
		injectors: make([]*injector, len(s.Faults)), ways: map[role]int{}}
	built := false
	defer func() { // deferred, so that a panic undoes too
		if !built {
			err = errors.Join(err, w.undo.Close())
		}
	}()
	if w.backlog, err = backlogDrops(); err != nil {
		return nil, err
	}
	if w.state, err = openState(p); err != nil {
		return nil, err
	}
	w.undo.Push(w.state.Close)
	if w.sockets, err = newSockets(len(w.links)); err != nil {
		return nil, bpfError(err)
	}
	w.undo.Push(w.sockets.Close)
	for _, r := range p.rings {
		if err := r.open(); err != nil {
			return nil, bpfError(err)
		}
		w.undo.Push(r.Close)
	}
	for _, l := range w.links {
		if err := w.open(l); err != nil {
			return nil, err
		}
	}
	if err := w.prepareInjectors(s); err != nil {
		return nil, err
	}
	for i := range p.paths {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		if err := w.build(i); err != nil {
			return nil, fmt.Errorf("build wire from %s: %w", &p.paths[i], err)
		}
		if p.paths[i].refused, err = w.refused(i); err != nil {
			return nil, fmt.Errorf("build wire from %s: %w", &p.paths[i], err)
		}
	}
	if err := w.connectRefusals(); err != nil {
		return nil, err
	}
	w.undo.Push(w.stopInjectors) // before their sockets are closed
	for _, at := range p.outages {
		w.outages = append(w.outages, &outage{fault: at.fault, link: at.link})
	}
	w.undo.Push(w.mend)
	built = true
	return w, nil
}

// openState lifts the limit on locked memory, which BPF maps count against before Linux
// 5.11, and makes the maps.
func openState(p *plan) (*state, error) {
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, missing(fmt.Errorf("lift the limit on locked memory: %w", err), "BPF", "bpf")
	}
	st, err := newState(len(p.places), p.counters)
	return st, bpfError(err)
}

// bpfError classifies what the bpf system call answers. What the verifier says against a
// program is our own defect.
func bpfError(err error) error {
	var verifier *ebpf.VerifierError
	if errors.As(err, &verifier) {
		return err
	}
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL) {
		return problem.Wrap(problem.Machine, err,
			"this kernel has no BPF, or one older than Linux 5.10: use another kernel, or --backend vm")
	}
	return missing(err, "BPF", "bpf")
}

// open prepares the wire of a link.
func (w *Wires) open(l *topology.Link) error {
	wire := &wire{name: l.Wire.Name, handle: l.Wire.Netlink(), undo: &w.undo}
	err := l.Wire.Do(func() (err error) {
		if wire.conn, err = netem.Open(); err != nil {
			return err
		}
		w.undo.Push(wire.conn.Close)
		if err := w.openKeeper(); err != nil {
			return err
		}
		wire.meter, err = openMeter()
		return err
	})
	if err != nil {
		return fmt.Errorf("open wire %s: %w", l.Wire.Name, err)
	}
	w.undo.Push(wire.meter.Close)
	w.wires = append(w.wires, wire)
	return nil
}

// Arm starts the faults' clocks: start is that of the measured window, in ns of
// CLOCK_MONOTONIC. Each fault acts from its At to the end of its For, or for ever. The seed
// is that of all decisions; they begin with the first packet after this.
func (w *Wires) Arm(start int64, seed uint64) error {
	for i, f := range w.faults {
		w.state.orders[i] = newOrders(uint64(max(start+int64(f.At), 0)), choice.Key(seed, f.Name))
	}
	if err := w.seedNetems(seed); err != nil {
		return err
	}
	if err := w.state.tell(); err != nil {
		return err
	}
	w.start = start
	for _, o := range w.outages {
		if err := o.begin(w.links[o.link], &w.faults[o.fault], start); err != nil {
			return fmt.Errorf("fault %s: %w", w.faults[o.fault].Name, err)
		}
	}
	for _, p := range w.pauses {
		if err := p.begin(&w.faults[p.fault], start); err != nil {
			return fmt.Errorf("fault %s: %w", w.faults[p.fault].Name, err)
		}
	}
	for _, in := range w.injectors {
		if in == nil {
			continue
		}
		if err := in.arm(start); err != nil {
			return err
		}
	}
	return nil
}

// Close takes the wires away again, newest part first; links are cut then. Call it
// before the network's Close. It does nothing when called again.
func (w *Wires) Close() error { return w.undo.Close() }
