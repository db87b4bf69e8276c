package machine

import (
	"context"
	"slices"

	"github.com/ruleout/ruleout/harness/machine/kernel"
	"github.com/ruleout/ruleout/harness/machine/vm"
	"github.com/ruleout/ruleout/harness/record/result"
)

// kernelOf returns the name in the store of the kernel that a record was made on; its release if the store has none of
// that. A build may have the release and even the configuration of another kernel: then the record's software tells.
func kernelOf(p *result.Provenance) (string, error) {
	store, err := kernel.OpenDefault()
	if err != nil {
		return "", err
	}
	list, err := store.List()
	if err != nil {
		return "", err
	}
	of := func(list []*kernel.Kernel, fits func(*kernel.Kernel) bool) []*kernel.Kernel {
		return slices.DeleteFunc(slices.Clone(list), func(k *kernel.Kernel) bool { return !fits(k) })
	}
	if list = of(list, func(k *kernel.Kernel) bool { return k.Release == p.Kernel }); len(list) == 0 {
		return p.Kernel, nil
	}
	for _, fits := range []func(*kernel.Kernel) bool{
		func(k *kernel.Kernel) bool { return k.ConfigHash == p.KernelConfig },
		func(k *kernel.Kernel) bool { return madeWith(k, p.Software) },
		func(k *kernel.Kernel) bool { return k.Build == nil },
	} {
		if len(list) == 1 {
			break
		}
		if less := of(list, fits); len(less) > 0 {
			list = less
		}
	}
	return list[0].Name, nil
}

// madeWith reports whether runs on a kernel are made with the software of a record.
func madeWith(k *kernel.Kernel, software string) bool {
	qemu, err := vm.ChooseQEMU(context.Background(), "")
	if err != nil {
		return false
	}
	s, err := softwareOf(qemu, k.Hash)
	return err == nil && s.sum() == software
}
