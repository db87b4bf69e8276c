package vm_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/vm"
)

func TestTemplateIsMadeOnceAndEqualEverywhere(t *testing.T) {
	c := config(t)
	c.Dir = t.TempDir()
	c.Machine = template(t).Machine() // known by now
	var made atomic.Int32
	var wg sync.WaitGroup
	templates := make([]*vm.Template, 2)
	errs := make([]error, 2)
	for i := range templates {
		wg.Go(func() {
			templates[i], errs[i] = vm.OpenTemplate(t.Context(), c, func(text string) {
				if len(text) > 7 && text[:7] == "booting" {
					made.Add(1)
				}
			})
		})
	}
	wg.Wait()
	for i := range templates {
		require.NoError(t, errs[i])
		require.Equal(t, template(t).Key(), templates[i].Key())
		require.Equal(t, template(t).Hash(), templates[i].Hash(), "memory of templates of one key")
		require.NoError(t, templates[i].Close())
	}
	require.EqualValues(t, 1, made.Load())
	require.Empty(t, leftovers(t, c.Dir))

	t.Run("a damaged one is made again", func(t *testing.T) {
		files, err := filepath.Glob(filepath.Join(c.Dir, "*", "ram"))
		require.NoError(t, err)
		require.Len(t, files, 1)
		require.NoError(t, os.Truncate(files[0], 4096))
		again, err := vm.OpenTemplate(t.Context(), c, nil)
		require.NoError(t, err)
		require.Equal(t, template(t).Hash(), again.Hash())
		require.NoError(t, again.Close())
	})
	t.Run("garbage collection", func(t *testing.T) {
		used, err := vm.GC(c.Dir, time.Hour)
		require.NoError(t, err)
		require.Empty(t, used.Templates)

		open, err := vm.OpenTemplate(t.Context(), c, nil)
		require.NoError(t, err)
		defer open.Close()
		unused, err := vm.GC(c.Dir, 0)
		require.NoError(t, err)
		require.Len(t, unused.Templates, 1)
		require.Greater(t, unused.Bytes, int64(10<<20))
		entries, err := os.ReadDir(c.Dir)
		require.NoError(t, err)
		require.Empty(t, entries)
		require.NoError(t, open.Command(job{Do: "nothing"}.payload()).Run(t.Context()),
			"an open template can be cloned still")
	})
}

// leftovers is what builds should not leave behind.
func leftovers(t *testing.T, dir string) []string {
	t.Helper()
	work, err := filepath.Glob(filepath.Join(dir, "*work-*"))
	require.NoError(t, err)
	return work
}

func TestTemplateChecksItsClocks(t *testing.T) {
	require.Equal(t, "tsc", template(t).Checked().ClockSource)
	require.True(t, template(t).Checked().HighRes)
	require.Equal(t, config(t).Kernel.Release, template(t).Checked().Release)
	require.Positive(t, template(t).Instructions())
	require.Less(t, template(t).Instructions(), uint64(1)<<31)
}

func TestKeyChangesWithEverythingThatGoesIn(t *testing.T) {
	base := config(t)
	want, err := base.Key()
	require.NoError(t, err)
	for _, c := range []struct {
		name   string
		change func(*vm.Config)
		same   bool
	}{
		{"nothing", func(*vm.Config) {}, true},
		{"directory", func(c *vm.Config) { c.Dir = "/elsewhere" }, true},
		{"memory", func(c *vm.Config) { c.Memory = 300 << 20 }, false},
		{"speed", func(c *vm.Config) { c.Shift = 3 }, false},
		{"machine", func(c *vm.Config) { c.Machine = vm.Q35 }, false},
		{"arguments", func(c *vm.Config) { c.Args = []string{"x"} }, false},
		{"modules", func(c *vm.Config) { c.Modules = []string{"veth"} }, false},
		{"files", func(c *vm.Config) { c.Files = nil }, false},
		{"init", func(c *vm.Config) { c.Init = program(t, 1) }, false},
		{"QEMU's version", func(c *vm.Config) { c.QEMU.Version = "99.0" }, false},
		{"kernel", func(c *vm.Config) { k := *c.Kernel; k.Hash = "sha256:0"; c.Kernel = &k }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			changed := config(t)
			c.change(&changed)
			got, err := changed.Key()
			require.NoError(t, err)
			require.Equal(t, c.same, want == got)
		})
	}
}

func TestTemplateRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*testing.T, *vm.Config)
		kind   problem.Kind
		says   string
	}{
		{"memory that is no whole number of MiB", func(_ *testing.T, c *vm.Config) { c.Memory++ }, problem.Usage, "guest memory of 268435457 bytes"},
		{"too little memory", func(_ *testing.T, c *vm.Config) { c.Memory = 16 << 20 }, problem.Usage, "guest memory of 16 MiB"},
		{"too much memory", func(_ *testing.T, c *vm.Config) { c.Memory = 64 << 30 }, problem.Usage, "guest memory of 65536 MiB"},
		{"speed", func(_ *testing.T, c *vm.Config) { c.Shift = 11 }, problem.Usage, "machine speed of 2048 ns an instruction"},
		{"no init", func(_ *testing.T, c *vm.Config) { c.Init = nil }, problem.Other, "no init is given"},
		{"directory that cannot be written", func(_ *testing.T, c *vm.Config) { c.Dir = "/sys/ruleout" }, problem.Machine, "store the template: "},
		{"module that does not exist", func(_ *testing.T, c *vm.Config) { c.Modules = []string{"sch_netm"} }, problem.Machine, "sch_netm"},
		{"no kernel", func(_ *testing.T, c *vm.Config) { c.Kernel = nil }, problem.Other, "no kernel"},
	} {
		t.Run(c.name, func(t *testing.T) {
			changed := config(t)
			changed.Dir = t.TempDir()
			c.change(t, &changed)
			_, err := vm.OpenTemplate(t.Context(), changed, nil)
			require.ErrorContains(t, err, c.says)
			require.Equal(t, c.kind, problem.KindOf(err))
			require.Empty(t, leftovers(t, changed.Dir))
			require.Empty(t, children(t))
		})
	}
}

func TestGuestThatCannotBeSetUp(t *testing.T) {
	c := config(t)
	c.Dir = t.TempDir()
	c.Machine = template(t).Machine()
	c.Files = map[string][]byte{"/lib/modules/999-broken.ko": []byte("not a module")}
	_, err := vm.OpenTemplate(t.Context(), c, nil)
	var guest *vm.GuestError
	require.ErrorAs(t, err, &guest)
	require.ErrorContains(t, err, "load module 999-broken.ko: ")
	require.Empty(t, leftovers(t, c.Dir))
	entries, err := filepath.Glob(filepath.Join(c.Dir, "[0-9a-f]*[0-9a-f]"))
	require.NoError(t, err)
	require.Empty(t, entries, "no template")
}

func TestCancelTheMakingOfATemplate(t *testing.T) {
	c := config(t)
	c.Dir = t.TempDir()
	c.Machine = template(t).Machine()
	ctx, cancel := context.WithCancel(t.Context())
	_, err := vm.OpenTemplate(ctx, c, func(string) {
		go func() { // as soon as QEMU is there
			for len(children(t)) == 0 && ctx.Err() == nil {
				unix.Nanosleep(&unix.Timespec{Nsec: 1e6}, nil)
			}
			cancel()
		}()
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, leftovers(t, c.Dir))
	require.Empty(t, children(t))
}

func TestFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount a small file system")
	}
	c := config(t)
	c.Dir = t.TempDir()
	require.NoError(t, unix.Mount("tmpfs", c.Dir, "tmpfs", 0, "size=64m"))
	defer func() { require.NoError(t, unix.Unmount(c.Dir, 0)) }()
	_, err := vm.OpenTemplate(t.Context(), c, nil)
	require.ErrorIs(t, err, unix.ENOSPC)
	require.Equal(t, problem.Machine, problem.KindOf(err))
	require.Contains(t, problem.HintOf(err), "free some space")
	require.Empty(t, leftovers(t, c.Dir))
}

func TestNoQEMU(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv(vm.EnvQEMU, "")
	_, err := vm.FindQEMU(t.Context())
	require.Equal(t, problem.Machine, problem.KindOf(err))
	require.Contains(t, problem.HintOf(err), "install qemu-system-x86")

	_, err = vm.ChooseQEMU(t.Context(), "/no/such/qemu")
	require.Equal(t, problem.Machine, problem.KindOf(err))
	_, err = vm.ChooseQEMU(t.Context(), "/bin/true")
	require.ErrorContains(t, err, "does not print its version")
}

func TestPreferredQEMU(t *testing.T) {
	found, err := vm.FindQEMU(t.Context())
	require.NoError(t, err)
	t.Setenv(vm.EnvQEMU, found[0].Path)
	preferred, err := vm.FindQEMU(t.Context())
	require.NoError(t, err)
	require.Equal(t, found[0], preferred[0])
	require.Len(t, preferred, len(found), "none is listed twice")
}
