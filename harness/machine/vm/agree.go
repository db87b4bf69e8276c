package vm

import (
	"context"
	"fmt"
	"os"
	"sync"

	"github.com/ruleout/ruleout/harness/base/problem"
)

// A machine that is to be saved cannot be in record mode, which keeps virtual time from
// depending on the host (docs/architecture/vm.md). Now and then, on a busy host, one comes out a
// little different from all others, and so does whatever is run in its clones. So each is made
// twice, side by side, and again until two are equal: those that went astray do not
// resemble one another.

// attempts is how many machines are made at most. Where 1 in 10 goes astray, 1 time in 20,000
// there is no pair among six.
const attempts = 6

// frozen is a machine that was made and is not yet in the cache.
type frozen struct {
	work       *workDir
	ram, state *os.File
	meta       meta
}

func newFrozen(dir string) (_ *frozen, err error) {
	f := &frozen{}
	defer func() {
		if err != nil {
			f.discard()
		}
	}()
	if f.work, err = newWorkDir(dir); err != nil {
		return nil, storeError(err)
	}
	if f.ram, err = os.OpenFile(f.work.path(ramFile), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, storeError(err)
	}
	if f.state, err = os.OpenFile(f.work.path(stateFile), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, storeError(err)
	}
	return f, nil
}

// discard lets go of the files, and removes them unless they were published.
func (f *frozen) discard() {
	_, _ = f.ram.Close(), f.state.Close() // of nil too
	if f.work != nil {
		f.work.remove()
	}
}

// publish puts it into the cache.
func (f *frozen) publish(final string) error {
	if err := f.work.publish(final); err != nil {
		return storeError(err)
	}
	t := &Template{ram: f.ram, state: f.state, meta: f.meta}
	t.trust()
	return nil
}

// equals tells whether it makes no difference which of the two is used.
func (f *frozen) equals(g *frozen) bool {
	return f.meta.Hash == g.meta.Hash && f.meta.Instructions == g.meta.Instructions &&
		string(f.meta.output()) == string(g.meta.output())
}

// agree calls make until two machines are equal, and returns one of them; the others are
// discarded. progress reports when that takes more than two. The error is that of make, or of
// kind [problem.Machine] if no two are equal.
func agree(ctx context.Context, make func(context.Context) (*frozen, error),
	progress func(string)) (chosen *frozen, err error) {
	all, err := pair(ctx, make)
	defer func() {
		for _, f := range all {
			if f != chosen {
				f.discard()
			}
		}
	}()
	if err != nil {
		return nil, err
	}
	for {
		last := all[len(all)-1]
		for _, f := range all[:len(all)-1] {
			if f.equals(last) {
				return f, nil
			}
		}
		if len(all) == attempts {
			return nil, problem.Wrap(problem.Machine,
				fmt.Errorf("make a VM template: %d were made, and no two are equal", attempts),
				"runs cannot repeat with this QEMU: ruleout doctor tests another one")
		}
		progress("the host interfered and the template differs: making it once more")
		f, err := make(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
}

// pair makes two machines at the same time. When one cannot be made the other is given up.
func pair(ctx context.Context, make func(context.Context) (*frozen, error)) (all []*frozen, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		mu   sync.Mutex
		both sync.WaitGroup
	)
	for range 2 {
		both.Go(func() {
			f, failed := make(ctx)
			mu.Lock()
			defer mu.Unlock()
			if failed == nil {
				all = append(all, f)
			} else if err == nil { // what comes after it is a consequence
				err = failed
				cancel(failed)
			}
		})
	}
	both.Wait()
	return all, err
}
