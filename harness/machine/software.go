package machine

import (
	"context"

	"github.com/ruleout/ruleout/harness/machine/vm"
	"github.com/ruleout/ruleout/harness/record/result"
)

// Software is "sha256:…" of each program that acts in the runs of a VM.
type Software struct {
	// QEMU is the emulator with its modules and firmware, Guest what runs in the guest besides the kernel, and Kernel the
	// kernel's image, configuration and modules.
	QEMU, Guest, Kernel string
}

// Software returns what the runs are made with. A version does not do: a security update leaves that of QEMU as it is.
func (v *VM) Software() Software { return v.software }

// softwareOf hashes what runs are made with.
func softwareOf(qemu vm.QEMU, kernel string) (s Software, err error) {
	s.Kernel = kernel
	if s.QEMU, err = qemu.Hash(); err != nil {
		return s, err
	}
	s.Guest, err = Guest()
	return s, err
}

// sum stands for all of it.
func (s Software) sum() string { return result.Sum([]byte(s.QEMU + "\n" + s.Guest + "\n" + s.Kernel)) }

// QEMU returns "sha256:…" of the emulator that runs are made with unless another one is asked for.
func QEMU(ctx context.Context) (string, error) {
	q, err := vm.ChooseQEMU(ctx, "")
	if err != nil {
		return "", err
	}
	return q.Hash()
}
