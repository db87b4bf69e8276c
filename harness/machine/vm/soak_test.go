package vm_test

import (
	"os"
	"runtime"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/machine/vm"
)

// TestSoak makes many clones while all CPUs are kept busy, and a template again for every ten
// of them, and wants equal bytes from all. How many is in RULEOUT_TEST_SOAK; 0, the
// default, is a short one of 5 clones without templates. RULEOUT_TEST_MACHINE chooses the
// machine.
func TestSoak(t *testing.T) {
	n := 5
	if s := os.Getenv("RULEOUT_TEST_SOAK"); s != "" {
		var err error
		n, err = strconv.Atoi(s)
		require.NoError(t, err)
	}
	c := config(t)
	c.Machine = vm.Machine(os.Getenv("RULEOUT_TEST_MACHINE"))
	open := func() *vm.Template {
		template, err := vm.OpenTemplate(t.Context(), c, nil)
		require.NoError(t, err)
		return template
	}
	first := open()
	defer first.Close()
	c.Machine = first.Machine()
	j := job{Do: "net", Size: 100}
	want := runOn(t, first, j)
	require.NoError(t, want.err)
	keepBusy(t, 2*runtime.NumCPU())
	made := 1
	for i := range n {
		template := first
		if i%10 == 9 {
			c.Dir = t.TempDir()
			template = open()
			require.Equal(t, first.Hash(), template.Hash(), "template %d", made)
			made++
		}
		got := runOn(t, template, j)
		require.NoError(t, got.err)
		require.Equal(t, want.output, got.output, "clone %d", i)
		if template != first {
			require.NoError(t, template.Close())
			require.NoError(t, os.RemoveAll(c.Dir))
		}
	}
	t.Logf("%v, %s, kernel %s: %d of %d clones and %d of %d templates are equal",
		c.QEMU, first.Machine(), c.Kernel.Release, n+1, n+1, made, made)
}
