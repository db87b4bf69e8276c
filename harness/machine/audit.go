package machine

import (
	"fmt"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/kernel"
	"github.com/ruleout/ruleout/harness/machine/vm"
	"github.com/ruleout/ruleout/harness/run/truth"
)

// Audit hashes again all that runs of the vm backend on a kernel come from, and believes nothing that was known before:
// the kernel's files and the frozen machines. Machines that are not what was put into the cache are removed, and so is
// what the kernel was asked about netem, so that the next run makes them again. It returns what was wrong; a kernel
// that was changed has to be removed by hand. An empty name means the default kernel.
func Audit(name string) (wrong []error, err error) {
	store, err := kernel.OpenDefault()
	if err != nil {
		return nil, err
	}
	k, err := store.Choose(name)
	if err != nil {
		return nil, err
	}
	wrong, err = vm.Audit("")
	if err != nil {
		return wrong, fmt.Errorf("hash the VM templates again: %w", err)
	}
	if err := k.Verify(); err != nil {
		wrong = append(wrong, hinted(err))
	}
	return wrong, truth.Forget(k.Dir)
}

// hinted is an error with its hint, for a list in which only texts stand.
func hinted(err error) error {
	if hint := problem.HintOf(err); hint != "" {
		return fmt.Errorf("%w (%s)", err, hint)
	}
	return err
}
