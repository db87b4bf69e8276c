package worker

import (
	"context"
	"fmt"
	"sync"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/verdict/cluster/wire"
)

// Machines makes runs in virtual machines, and fetches what leases name.
type Machines struct {
	mu   sync.Mutex
	open map[string]*machine.VM // by "sha256:…" of the kernel
	arms map[string]*scenario.Scenario
}

// NewMachines returns a maker.
func NewMachines() *Machines {
	return &Machines{open: map[string]*machine.VM{}, arms: map[string]*scenario.Scenario{}}
}

// Lacks names the kernel and the images that are not in the stores of this machine.
func (m *Machines) Lacks(l *wire.Lease) (list []wire.Want, err error) {
	has, err := machine.HasKernel(l.Kernel)
	if err != nil {
		return nil, err
	}
	if !has {
		list = append(list, wire.Want{Kind: wire.Kernel, Hash: l.Kernel})
	}
	for _, hash := range l.Images {
		if has, err := machine.HasImage(hash); err != nil {
			return nil, err
		} else if !has {
			list = append(list, wire.Want{Kind: wire.Image, Hash: hash})
		}
	}
	return list, nil
}

// Fetch takes in a parcel.
func (m *Machines) Fetch(ctx context.Context, want wire.Want, parcel string) error {
	switch want.Kind {
	case wire.Kernel:
		return machine.TakeKernel(ctx, want.Hash, parcel)
	case wire.Image:
		return machine.TakeImage(ctx, want.Hash, parcel)
	}
	return fmt.Errorf("a parcel of kind %q", want.Kind)
}

// mostArms bounds the scenarios that are remembered.
const mostArms = 64

// Make makes one run.
func (m *Machines) Make(ctx context.Context, l *wire.Lease, seed uint64) (*result.Record, error) {
	s, err := m.scenario(l)
	if err != nil {
		return nil, err
	}
	v, err := m.machine(ctx, l)
	if err != nil {
		return nil, problem.Wrap(problem.Machine, err, problem.HintOf(err))
	}
	return v.Run(ctx, machine.Request{Scenario: s, Set: l.Set, Seed: seed, Kernel: l.Release})
}

// scenario reads that of a lease.
func (m *Machines) scenario(l *wire.Lease) (*scenario.Scenario, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := l.Hash + fmt.Sprint(l.Images)
	if s := m.arms[key]; s != nil {
		return s, nil
	}
	s, err := scenario.FromCanonical(l.Scenario)
	if err != nil {
		return nil, problem.Wrap(problem.Machine, fmt.Errorf("read the scenario of a lease: %w", err),
			"install the same release of ruleout on both")
	}
	if hash := s.Hash(); hash != l.Hash {
		return nil, problem.Wrap(problem.Machine, fmt.Errorf("the scenario of a lease has hash %s here, and %s where it "+
			"comes from", result.Short(hash), result.Short(l.Hash)), "install the same release of ruleout on both")
	}
	for _, name := range s.UsedImages() {
		if l.Images[name] == "" { // or it would be made here, of whatever this machine's packages are
			return nil, problem.Wrap(problem.Machine, fmt.Errorf("the lease does not say which image %s is", name), "")
		}
	}
	s.PinImages(l.Images)
	if len(m.arms) >= mostArms {
		clear(m.arms)
	}
	m.arms[key] = s
	return s, nil
}

// machine returns the backend for the kernel of a lease.
func (m *Machines) machine(ctx context.Context, l *wire.Lease) (*machine.VM, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v := m.open[l.Kernel]; v != nil {
		return v, nil
	}
	v, err := machine.OpenVM(ctx, machine.VMOptions{Kernel: l.Kernel})
	if err != nil {
		return nil, err
	}
	if k := v.Kernel(); k.Hash != l.Kernel || k.Release != l.Release {
		return nil, fmt.Errorf("kernel %s has hash %.19s, not %.19s of %s", k.Release, k.Hash, l.Kernel, l.Release)
	}
	m.open[l.Kernel] = v
	return v, nil
}

// Programs returns "sha256:…" of the guest program and of the QEMU that runs here are made with.
func Programs(ctx context.Context) (guest, qemu string, err error) {
	if guest, err = machine.Guest(); err != nil {
		return "", "", err
	}
	qemu, err = machine.QEMU(ctx)
	return guest, qemu, err
}

var _ Maker = (*Machines)(nil)
