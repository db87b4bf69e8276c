package sweep

import (
	"context"
	"fmt"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine"
	"github.com/ruleout/ruleout/harness/machine/kernel"
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
)

// Fleet makes runs in virtual machines: one backend for each kernel and QEMU.
type Fleet struct {
	machines map[software]*machine.VM
}

// software is what an arm asks for by its names.
type software struct{ kernel, qemu string }

// OpenFleet opens a backend for each of the kernels, by their names in the store, with each QEMU, by its path. An empty
// name or path is the default one, and so is no QEMU. One that is not there is an error, before anything runs; of a
// kernel it is of kind [problem.Usage].
func OpenFleet(ctx context.Context, kernels []string, qemus ...string) (*Fleet, error) {
	if len(qemus) == 0 {
		qemus = []string{""}
	}
	f := &Fleet{machines: map[software]*machine.VM{}}
	for _, qemu := range qemus {
		for _, name := range kernels {
			m, err := machine.OpenVM(ctx, machine.VMOptions{Kernel: name, QEMU: qemu})
			if err != nil {
				return nil, err
			}
			f.machines[software{name, qemu}] = m
		}
	}
	var list []*kernel.Kernel
	for _, name := range kernels {
		list = append(list, f.machines[software{name, qemus[0]}].Kernel())
	}
	return f, distinct(list)
}

// distinct makes sure that records tell kernels apart: these name a kernel by its release.
func distinct(kernels []*kernel.Kernel) error {
	of := map[string]*kernel.Kernel{}
	for _, k := range kernels {
		if other := of[k.Release]; other != nil && other.Hash != k.Hash {
			return problem.Wrap(problem.Usage,
				fmt.Errorf("kernels %s and %s differ, and both call themselves %s, by which records name a kernel",
					other.Name, k.Name, k.Release),
				"build one of them again with another release: make LOCALVERSION=-b; "+
					"or compare records of ruleout run: ruleout diff A.json B.json")
		}
		of[k.Release] = k
	}
	return nil
}

// Releases returns the releases of the kernels by their names.
func (f *Fleet) Releases() map[string]string {
	m := map[string]string{}
	for of, machine := range f.machines {
		m[of.kernel] = machine.Kernel().Release
	}
	return m
}

// Software returns what runs on a kernel are made with, by the kernel's name in the store.
func (f *Fleet) Software(kernel string) (machine.Software, bool) {
	for of, machine := range f.machines {
		if of.kernel == kernel {
			return machine.Software(), true
		}
	}
	return machine.Software{}, false
}

// Identity returns that of an archive for runs of scenarios that the fleet makes, and makes the images that these need.
// A fleet with several QEMUs has none.
func (f *Fleet) Identity(ctx context.Context, name string, source archive.Source, scenarios []*scenario.Scenario,
	progress func(string)) (archive.Identity, error) {
	s := archive.Software{Kernels: map[string]string{}}
	for of, machine := range f.machines {
		made := machine.Software()
		s.QEMU, s.Guest, s.Kernels[of.kernel] = made.QEMU, made.Guest, made.Kernel
	}
	var err error
	s.Images, err = machine.Images(ctx, scenarios, progress)
	return archive.Identity{Campaign: name, Tool: s.Guest, Kernels: f.Releases(), Software: s, Source: source}, err
}

// Scenarios are those of jobs, each once.
func Scenarios(jobs []Job) (list []*scenario.Scenario) {
	seen := map[*scenario.Scenario]bool{}
	for i := range jobs {
		if s := jobs[i].Arm.Scenario; !seen[s] {
			seen[s] = true
			list = append(list, s)
		}
	}
	return list
}

// Boot makes the frozen machines that the arms of a plan need, if they are not in the cache: what a
// worker would otherwise wait for. progress reports it.
func (f *Fleet) Boot(ctx context.Context, p *campaign.Plan, progress func(string)) error {
	for i := range p.Arms {
		a := &p.Arms[i]
		if _, err := f.machines[software{a.Kernel, a.QEMU}].Template(ctx, a.Scenario, progress); err != nil {
			return err
		}
	}
	return nil
}

// Run makes one run of an arm.
func (f *Fleet) Run(ctx context.Context, a *campaign.Arm, seed uint64) (*result.Record, error) {
	m, ok := f.machines[software{a.Kernel, a.QEMU}]
	if !ok {
		err := fmt.Errorf("kernel %q with QEMU %q is not among those that were opened", a.Kernel, a.QEMU)
		return nil, problem.Wrap(problem.Usage, err, "")
	}
	return m.Run(ctx, machine.Request{Scenario: a.Scenario, Set: a.Set, Seed: seed, Kernel: a.Kernel})
}
