package vm_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/vm"
)

// flipBit flips a bit in the middle of the first data of a file that may have holes, and leaves its time of
// modification as it was. Flipping it again undoes it.
func flipBit(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	defer f.Close()
	info, err := f.Stat()
	require.NoError(t, err)
	at, err := unix.Seek(int(f.Fd()), info.Size()/2, unix.SEEK_DATA)
	require.NoError(t, err)
	var b [1]byte
	_, err = f.ReadAt(b[:], at)
	require.NoError(t, err)
	b[0] ^= 0x10
	_, err = f.WriteAt(b[:], at)
	require.NoError(t, err)
	require.NoError(t, os.Chtimes(path, info.ModTime(), info.ModTime()))
}

func TestAChangedTemplateIsNotBelieved(t *testing.T) {
	c := config(t)
	// Not Once: that a machine made again is equal is promised of those that were made until two agreed.
	c.Dir, c.Machine = t.TempDir(), template(t).Machine()
	first, err := vm.OpenTemplate(t.Context(), c, nil)
	require.NoError(t, err)
	defer first.Close()
	want := runOn(t, first, job{Do: "net", Size: 5})
	require.NoError(t, want.err)
	sound := func() {
		t.Helper()
		again, err := first.Load()
		require.NoError(t, err)
		require.NoError(t, again.Close())
	}
	sound()
	for _, name := range []string{"ram", "state", "meta.json"} {
		path := filepath.Join(first.Path(), name)
		flipBit(t, path)
		_, err := first.Load()
		require.Error(t, err, name)
		if name != "meta.json" { // which may be no JSON any more
			var changed *vm.ChangedError
			require.ErrorAs(t, err, &changed)
		}
		flipBit(t, path)
		sound()
	}

	// What this process has open is not prepared from either.
	ram := filepath.Join(first.Path(), "ram")
	flipBit(t, ram)
	_, err = first.Prepare(t.Context(), vm.Preparation{Payload: job{Do: "nothing"}.payload()})
	require.ErrorContains(t, err, "changed since it was made")
	require.Equal(t, problem.Machine, problem.KindOf(err))

	// A change that no stamp shows is believed until an audit.
	first.Disguise()
	sound()
	wrong, err := vm.Audit(c.Dir)
	require.NoError(t, err)
	require.Len(t, wrong, 1)
	require.ErrorContains(t, wrong[0], "its memory or devices changed")
	wrong, err = vm.Audit(c.Dir)
	require.NoError(t, err)
	require.Empty(t, wrong, "it is gone")

	second, err := vm.OpenTemplate(t.Context(), c, nil)
	require.NoError(t, err)
	require.Equal(t, first.Hash(), second.Hash())
	require.Equal(t, want.output, runOn(t, second, job{Do: "net", Size: 5}).output)
	require.NoError(t, second.Close())

	flipBit(t, ram)
	var told []string
	third, err := vm.OpenTemplate(t.Context(), c, func(s string) { told = append(told, s) })
	require.NoError(t, err)
	require.Contains(t, strings.Join(told, "\n"), "its memory or devices changed since it was made: making it again")
	require.Equal(t, first.Hash(), third.Hash())
	require.NoError(t, third.Close())
}

// A file of the kernel may change between import and boot.
func TestAChangedKernelIsNotBooted(t *testing.T) {
	c := config(t)
	c.Dir, c.Once, c.Machine = t.TempDir(), true, template(t).Machine()
	k := *c.Kernel
	k.Dir = t.TempDir()
	require.NoError(t, os.CopyFS(k.Dir, os.DirFS(c.Kernel.Dir)))
	c.Kernel = &k
	flipBit(t, k.Image())
	_, err := vm.OpenTemplate(t.Context(), c, nil)
	require.ErrorContains(t, err, "in the store is damaged: its files are not those that were imported")
	require.Equal(t, problem.Machine, problem.KindOf(err))
	require.Empty(t, leftovers(t, c.Dir))
}

// A process that waits for another says so.
func TestWaitingForAnotherProcessIsTold(t *testing.T) {
	c := config(t)
	c.Dir, c.Once, c.Machine = t.TempDir(), true, template(t).Machine()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	booting, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		_, err := vm.OpenTemplate(ctx, c, func(s string) {
			if strings.HasPrefix(s, "booting ") {
				close(booting)
			}
		})
		stopped <- err
	}()
	<-booting // the lock is held
	var told string
	second, enough := context.WithCancel(t.Context())
	defer enough()
	_, err := vm.OpenTemplate(second, c, func(s string) {
		told = s
		enough()
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, "another process is making this VM template: waiting for it", told)
	cancel()
	require.ErrorIs(t, <-stopped, context.Canceled)
}
