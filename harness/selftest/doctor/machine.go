package doctor

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine"
	"github.com/ruleout/ruleout/harness/machine/kernel"
	"github.com/ruleout/ruleout/harness/machine/vm"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/protocol"
	"github.com/ruleout/ruleout/harness/scenario/expect"
)

// room is what the cache needs: a kernel of up to 250 MB and a few templates of 400 MB.
const room = 2_000_000_000 // bytes

// trial is run twice to see whether runs repeat on this machine.
//
//go:embed trial.yaml
var trial []byte

func (e *examination) qemu(ctx context.Context) {
	found, err := vm.FindQEMU(ctx)
	if err != nil {
		e.failed("QEMU", VM, err, "install it: ruleout setup")
		return
	}
	list := make([]string, len(found))
	for i, q := range found {
		list[i] = fmt.Sprintf("%s (%s)", q.Version, q.Path)
		if !q.Sandboxed() {
			list[i] += " without a sandbox"
		}
	}
	e.ok("QEMU", VM, strings.Join(list, ", "))
}

func (e *examination) cache(context.Context) {
	const name = "cache directory"
	dir, err := kernel.CacheDir()
	if err != nil {
		e.failed(name, VM, err, "")
		return
	}
	hint := "set XDG_CACHE_HOME to a directory that you can write to"
	if err := os.MkdirAll(dir, 0o755); err != nil {
		e.failed(name, VM, err, hint)
		return
	}
	f, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		e.failed(name, VM, err, hint)
		return
	}
	_, err = f.WriteString("x")
	if err := errors.Join(err, f.Close(), os.Remove(f.Name())); err != nil {
		e.failed(name, VM, err, "make room, or set XDG_CACHE_HOME to a directory with more")
		return
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		e.failed(name, VM, fmt.Errorf("statfs %s: %w", dir, err), "")
		return
	}
	free := fs.Bavail * uint64(fs.Bsize)
	detail := fmt.Sprintf("%s, %.1f GB free", dir, float64(free)/1e9)
	if free < room {
		e.report(Check{Name: name, For: VM, Status: Missing, Detail: detail,
			Hint: fmt.Sprintf("make room: a kernel and its templates take up to %d GB; ruleout gc removes what is not needed",
				room/1_000_000_000)})
		return
	}
	e.ok(name, VM, detail)
}

func (e *examination) kernels(context.Context) {
	const name, hint = "kernels", "get the distribution's: ruleout kernel pull"
	store, err := kernel.OpenDefault()
	if err != nil {
		e.failed(name, VM, err, "")
		return
	}
	kernels, err := store.List()
	if err != nil {
		e.failed(name, VM, err, "")
		return
	}
	if len(kernels) == 0 {
		e.failed(name, VM, problem.Missing("none in the store"), hint)
		return
	}
	list := make([]string, len(kernels))
	for i, k := range kernels {
		list[i] = k.Name
	}
	e.ok(name, VM, strings.Join(list, ", "))
}

// boards tells on which machine a kernel was found not to boot. What follows finds it out again, so it is forgotten.
func (e *examination) boards(context.Context) {
	const name = "emulated machine"
	list, err := vm.Boards("")
	if err != nil {
		e.failed(name, VM, err, "")
		return
	}
	for _, b := range list {
		e.ok(name, VM, b.String())
	}
	if e.Quick {
		return
	}
	if _, err := vm.ForgetBoards(""); err != nil {
		e.failed(name, VM, err, "make the cache directory writable")
	}
}

// repeats runs the trial twice on each QEMU and compares the digests.
func (e *examination) repeats(ctx context.Context) {
	if e.Quick {
		return
	}
	found, err := vm.FindQEMU(ctx)
	if err != nil || !Fit(VM, e.checks) {
		return // has been said
	}
	for _, q := range found {
		name := "QEMU " + q.Version + " repeats"
		e.Progress(name + ": two runs of a small scenario")
		began := time.Now()
		detail, err := e.twice(ctx, q.Path)
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			e.failed(name, VM, err, "take another QEMU: RULEOUT_QEMU=PATH")
			continue
		}
		e.ok(name, VM, fmt.Sprintf("%s in %.1f s", detail, time.Since(began).Seconds()))
	}
}

func (e *examination) twice(ctx context.Context, qemu string) (string, error) {
	s, err := expect.Parse("trial", trial, nil)
	if err != nil {
		return "", err
	}
	v, err := machine.OpenVM(ctx, machine.VMOptions{QEMU: qemu})
	if err != nil {
		return "", err
	}
	var records [2]*result.Record
	for i := range records {
		records[i], err = v.Run(ctx, machine.Request{Scenario: s, Seed: 1, Events: func(ev protocol.Event) {
			if ev.Kind == protocol.Build {
				e.Progress(ev.Text)
			}
		}})
		if err != nil {
			return "", err
		}
	}
	a, b := records[0], records[1]
	if a.Digest != b.Digest {
		first := result.Compare(a, b)[0]
		return "", fmt.Errorf("two runs of one seed differ, first in %s: %s and %s", first.Field, first.A, first.B)
	}
	if !a.Valid {
		return "", problem.Wrap(problem.Invalid, fmt.Errorf("the trial is invalid: %s", a.InvalidBecause), "")
	}
	return fmt.Sprintf("2 of 2 runs equal, machine %s, kernel %s", a.Provenance.Machine, a.Provenance.Kernel), nil
}

func (e *examination) kvm(context.Context) {
	e.ok("KVM", Neither, "not used: runs need virtual time, which only emulation has")
}

// host has what runs on this machine's own kernel would need, as the guest program finds it.
func (e *examination) host(ctx context.Context) {
	found, err := machine.Examine(ctx)
	if err != nil {
		e.failed("host backend", Host, err, "")
		return
	}
	for _, f := range found {
		c := Check{Name: f.Name, For: Host, Status: Missing, Detail: f.Detail, Hint: f.Hint}
		switch {
		case f.OK:
			c.Status = OK
		case f.Broken:
			c.Status = Broken
		}
		if f.Optional {
			c.For = Neither
		}
		e.report(c)
	}
}

func (e *examination) golang(ctx context.Context) {
	const name = "Go"
	out, err := exec.CommandContext(ctx, "go", "env", "GOVERSION").Output()
	if err != nil {
		e.report(Check{Name: name, Status: Missing, Detail: "not in PATH; this build was made with " + runtime.Version(),
			Hint: "only building ruleout and its tests needs it"})
		return
	}
	e.ok(name, Neither, strings.TrimSpace(string(out))+"; this build was made with "+runtime.Version())
}
