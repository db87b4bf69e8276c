package sweep

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine"
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
)

// Fleet makes runs in virtual machines: one backend for each kernel.
type Fleet struct {
	machines map[string]*machine.VM
}

// OpenFleet opens a backend for each of the kernels, by their names in the store; an empty name is the default one. A
// kernel that is not there is an error of kind [problem.Usage], before anything runs.
func OpenFleet(ctx context.Context, kernels []string) (*Fleet, error) {
	f := &Fleet{machines: map[string]*machine.VM{}}
	for _, name := range kernels {
		m, err := machine.OpenVM(ctx, machine.VMOptions{Kernel: name})
		if err != nil {
			return nil, err
		}
		f.machines[name] = m
	}
	return f, nil
}

// Releases returns the releases for the names of the kernels.
func (f *Fleet) Releases() map[string]string {
	m := map[string]string{}
	for name, machine := range f.machines {
		m[name] = machine.Kernel().Release
	}
	return m
}

// Software returns what the runs are made with, for the identity of their archive.
func (f *Fleet) Software() archive.Software {
	s := archive.Software{Kernels: map[string]string{}}
	for name, machine := range f.machines {
		of := machine.Software()
		s.QEMU, s.Guest, s.Kernels[name] = of.QEMU, of.Guest, of.Kernel
	}
	return s
}

// Boot makes the frozen machines that the arms of a plan need, if they are not in the cache: what a
// worker would otherwise wait for. progress reports it.
func (f *Fleet) Boot(ctx context.Context, p *campaign.Plan, progress func(string)) error {
	for i := range p.Arms {
		a := &p.Arms[i]
		if _, err := f.machines[a.Kernel].Template(ctx, a.Scenario, progress); err != nil {
			return err
		}
	}
	return nil
}

// Run makes one run of an arm.
func (f *Fleet) Run(ctx context.Context, a *campaign.Arm, seed uint64) (*result.Record, error) {
	m, ok := f.machines[a.Kernel]
	if !ok {
		return nil, problem.Wrap(problem.Usage, fmt.Errorf("kernel %q is not among those that were opened: %v", a.Kernel, slices.Sorted(maps.Keys(f.machines))), "")
	}
	return m.Run(ctx, machine.Request{Scenario: a.Scenario, Set: a.Set, Seed: seed, Kernel: a.Kernel})
}
