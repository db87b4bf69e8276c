package vm_test

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/vm"
)

// burn keeps all CPUs busy until the test ends.
func burn(t *testing.T) {
	var ended atomic.Bool
	var burning sync.WaitGroup
	for range 2 * runtime.NumCPU() {
		burning.Go(func() {
			for !ended.Load() {
			}
		})
	}
	t.Cleanup(func() { ended.Store(true); burning.Wait() })
}

// preparedFrom is what a job leaves in a clone of a prepared template.
func preparedFrom(t *testing.T, p *vm.Template, j job, entropy byte) string {
	t.Helper()
	var output bytes.Buffer
	c := p.Command(j.payload())
	c.Output, c.WallLimit, c.Entropy[3] = &output, time.Minute, entropy
	require.NoError(t, c.Run(t.Context()))
	return output.String()
}

func TestPreparedTemplate(t *testing.T) {
	c := config(t)
	c.Dir = t.TempDir()
	c.Machine = template(t).Machine()
	base, err := vm.OpenTemplate(t.Context(), c, nil)
	require.NoError(t, err)
	defer base.Close()
	preparation := vm.Preparation{Payload: job{Do: "prepare", Size: 10}.payload(), WallLimit: 5 * time.Minute}
	prepare := func(p vm.Preparation) *vm.Template {
		made, err := base.Prepare(t.Context(), p)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, made.Close()) })
		return made
	}

	one := prepare(preparation)
	require.Equal(t, "preparing \n", string(one.Output()))
	require.NotEqual(t, base.Key(), one.Key())
	require.Greater(t, one.Instructions(), base.Instructions())
	hash, err := base.Rehash()
	require.NoError(t, err)
	require.Equal(t, base.Hash(), hash, "the base is as it was")
	require.Equal(t, one.BuildTime(), prepare(preparation).BuildTime(), "it is made once")
	other := prepare(vm.Preparation{Payload: job{Do: "prepare", Fill: strings.Repeat("x", 3000)}.payload()})
	require.NotEqual(t, one.Key(), other.Key())
	require.Equal(t, "preparing "+strings.Repeat("x", 3000)+"\n", string(other.Output()),
		"output that is too long for the port")

	stored, err := vm.List(c.Dir)
	require.NoError(t, err)
	require.ElementsMatch(t, []vm.Stored{
		{Key: base.Key(), Build: base.BuildTime()},
		{Key: one.Key(), Base: base.Key(), Build: one.BuildTime()},
		{Key: other.Key(), Base: base.Key(), Build: other.BuildTime()},
	}, stored)

	burn(t)
	want := preparedFrom(t, one, job{Do: "net", Size: 50}, 1)
	require.Equal(t, 50, strings.Count(want, "\n"))
	for range 3 {
		require.Equal(t, want, preparedFrom(t, one, job{Do: "net", Size: 50}, 1))
	}
	random := preparedFrom(t, one, job{Do: "random"}, 1)
	require.Equal(t, random, preparedFrom(t, one, job{Do: "random"}, 1))
	require.NotEqual(t, random, preparedFrom(t, one, job{Do: "random"}, 2), "entropy comes in after the freeze")

	dirs, err := filepath.Glob(filepath.Join(c.Dir, strings.TrimPrefix(one.Key(), "sha256:")[:24]))
	require.NoError(t, err)
	require.Len(t, dirs, 1)
	require.NoError(t, os.RemoveAll(dirs[0]))
	again := prepare(preparation)
	require.Equal(t, one.Hash(), again.Hash(), "made again, under load")
	require.Equal(t, want, preparedFrom(t, again, job{Do: "net", Size: 50}, 1))
	require.Empty(t, leftovers(t, c.Dir))
	require.Empty(t, children(t))
}

func TestPreparationThatFails(t *testing.T) {
	for _, c := range []struct {
		name  string
		job   job
		check func(*testing.T, error)
	}{
		{"ends instead", job{Do: "echo", Fill: "I will not"}, func(t *testing.T, err error) {
			var ended *vm.EndedError
			require.ErrorAs(t, err, &ended)
			require.Equal(t, "I will not", string(ended.Output))
			require.Zero(t, ended.Status)
		}},
		{"ends with much to say", job{Do: "output", Size: 1 << 16}, func(t *testing.T, err error) {
			var ended *vm.EndedError
			require.ErrorAs(t, err, &ended)
			require.Len(t, ended.Output, 1<<16)
		}},
		{"ends with a status", job{Do: "status", Size: 7}, func(t *testing.T, err error) {
			var ended *vm.EndedError
			require.ErrorAs(t, err, &ended)
			require.Equal(t, 7, ended.Status)
		}},
		{"takes too long", job{Do: "idle"}, func(t *testing.T, err error) {
			var limit *vm.LimitError
			require.ErrorAs(t, err, &limit)
			require.True(t, limit.Virtual)
			require.Equal(t, problem.Invalid, problem.KindOf(err))
		}},
		{"panics", job{Do: "kernel panic"}, func(t *testing.T, err error) {
			var panicked *vm.PanicError
			require.ErrorAs(t, err, &panicked)
			require.Equal(t, problem.Invalid, problem.KindOf(err))
		}},
		{"is killed", job{Do: "killed"}, func(t *testing.T, err error) {
			var guest *vm.GuestError
			require.ErrorAs(t, err, &guest)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := template(t).Prepare(t.Context(), vm.Preparation{
				Payload: c.job.payload(), VirtualLimit: time.Minute, WallLimit: time.Minute,
			})
			c.check(t, err)
			require.Empty(t, children(t))
		})
	}
}

func TestAFreezeInAnOrdinaryCloneEndsIt(t *testing.T) {
	require.ErrorContains(t, run(t, job{Do: "freeze"}).err, "requests a template in a clone that cannot become one")
}
