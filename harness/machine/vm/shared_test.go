package vm_test

import (
	"bytes"
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/machine/kernel"
	"github.com/ruleout/ruleout/harness/machine/vm"
)

// newConfig is what end-to-end tests share; it needs a kernel in the store and QEMU.
func newConfig(ctx context.Context) (c vm.Config, err error) {
	c = vm.Config{Shift: 1, Memory: 256 << 20, Files: map[string][]byte{"/etc/test/greeting": []byte("hello")}}
	if c.QEMU, err = vm.ChooseQEMU(ctx, ""); err != nil {
		return c, err
	}
	if c.Init, err = vm.Self(); err != nil {
		return c, err
	}
	store, err := kernel.OpenDefault()
	if err != nil {
		return c, err
	}
	c.Kernel, err = store.Choose(os.Getenv("RULEOUT_KERNEL"))
	return c, err
}

func config(t testing.TB) vm.Config {
	t.Helper()
	c, err := newConfig(t.Context())
	require.NoError(t, err)
	return c
}

// shared is the template that most tests use.
var shared = sync.OnceValues(func() (*vm.Template, error) {
	c, err := newConfig(context.Background())
	if err != nil {
		return nil, err
	}
	return vm.OpenTemplate(context.Background(), c, nil)
})

func template(t testing.TB) *vm.Template {
	t.Helper()
	template, err := shared()
	require.NoError(t, err)
	return template
}

// result is what a clone left.
type result struct {
	output, log, console string
	err                  error
	usage                vm.Usage
}

func run(t testing.TB, j job, set ...func(*vm.Clone)) result {
	t.Helper()
	return runOn(t, template(t), j, set...)
}

func runOn(t testing.TB, template *vm.Template, j job, set ...func(*vm.Clone)) result {
	t.Helper()
	var output, log, console bytes.Buffer
	c := template.Command(j.payload())
	c.Output, c.Log, c.Console = &output, &log, &console
	c.WallLimit = time.Minute
	for _, s := range set {
		s(c)
	}
	err := c.Run(t.Context())
	return result{output.String(), log.String(), console.String(), err, c.Usage()}
}
