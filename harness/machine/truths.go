package machine

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/ruleout/ruleout/harness/machine/vm"
	"github.com/ruleout/ruleout/harness/run/truth"
)

// Truths returns what the kernel answers about netem. It is asked once, in a clone of the template, and the
// answers are kept with the kernel; progress reports it.
func (v *VM) Truths(ctx context.Context, t *vm.Template, progress func(string)) (*truth.Report, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.truths != nil {
		return v.truths, nil
	}
	if r, err := truth.Load(v.kernel.Dir); err == nil {
		v.truths = r
		return r, nil
	}
	progress(fmt.Sprintf("probing the netem of kernel %s, once", v.kernel.Name))
	clone := t.Command([]byte(truth.Payload))
	var out bytes.Buffer
	clone.Output = &limited{&out, truthsLimit}
	clone.VirtualLimit, clone.WallLimit = 5*time.Minute, 10*time.Minute
	if err := clone.Run(ctx); err != nil {
		return nil, fmt.Errorf("probe the netem of kernel %s: %w", v.kernel.Name, err)
	}
	r, err := truth.Receive(out.Bytes())
	if err != nil {
		return nil, fmt.Errorf("kernel %s: %w", v.kernel.Name, err)
	}
	if err := truth.Save(v.kernel.Dir, r); err != nil {
		progress(fmt.Sprintf("%v: it will be probed again", err))
	}
	v.truths = r
	return r, nil
}
