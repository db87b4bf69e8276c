package inside

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/features"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/run/cgroup"
	"github.com/ruleout/ruleout/harness/run/fault"
	"github.com/ruleout/ruleout/harness/run/protocol"
)

// examine finds out what of this machine runs on it would need, in the order in which a person would mend it.
func examine(ctx context.Context) (any, error) {
	e := new(examination)
	for _, step := range []func(context.Context){e.rights, e.namespaces, e.userNamespaces, e.netem, e.cgroups, e.bpf} {
		step(ctx)
	}
	return e.found, nil
}

type examination struct{ found []protocol.Finding }

func (e *examination) ok(name, detail string) {
	e.found = append(e.found, protocol.Finding{Name: name, OK: true, Detail: detail})
}

// failed reports an error: broken unless this machine lacks something.
func (e *examination) failed(name string, err error, hint string) {
	if h := problem.HintOf(err); h != "" {
		hint = h
	}
	e.found = append(e.found, protocol.Finding{Name: name, Detail: err.Error(),
		Broken: problem.KindOf(err) != problem.Machine, Hint: hint})
}

// optional marks what was found last as good to know.
func (e *examination) optional() { e.found[len(e.found)-1].Optional = true }

func (e *examination) rights(context.Context) {
	if os.Geteuid() == 0 {
		e.ok("root", "yes")
		return
	}
	e.failed("root", problem.Missing(fmt.Sprintf("no, user %d", os.Geteuid())),
		"only --backend host needs it: run that one as root")
}

func (e *examination) namespaces(context.Context) {
	const name = "network namespaces"
	err := onOwnThread(func() error { return unix.Unshare(unix.CLONE_NEWNET) })
	switch {
	case err == nil:
		e.ok(name, "one was made and is gone again")
	case errors.Is(err, unix.EPERM):
		e.failed(name, problem.Missing(err.Error()), "making one takes root")
	default:
		e.failed(name, err, "the kernel needs CONFIG_NET_NS")
	}
}

// nobody is the user of Debian, Fedora and the kernel's own overflow id.
const nobody = 65534

// userNamespaces tries what a user without rights may do. Root always may, so root
// tries it as nobody.
func (e *examination) userNamespaces(ctx context.Context) {
	const name = "user namespaces"
	defer e.optional()
	err := onOwnThread(func() error {
		if os.Geteuid() == 0 {
			// The raw system call changes this thread only, which then ends.
			if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, nobody, nobody, nobody); errno != 0 {
				return errno
			}
		}
		cmd := exec.CommandContext(ctx, "/bin/true")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNET}
		return cmd.Run()
	})
	if err != nil {
		e.failed(name, problem.Missing(strings.TrimPrefix(err.Error(), "fork/exec ")),
			"nothing needs them yet; where they are wanted: sysctl kernel.unprivileged_userns_clone, user.max_user_namespaces, "+
				"kernel.apparmor_restrict_unprivileged_userns")
		return
	}
	e.ok(name, "a user without rights may make them")
}

func (e *examination) netem(context.Context) {
	if os.Geteuid() != 0 {
		e.failed("netem", problem.Missing("cannot be tried without root"), "")
		return
	}
	if err := fault.Preflight(); err != nil {
		e.failed("netem", err, "")
		return
	}
	e.ok("netem", "a fault was built and is gone again")
}

func (e *examination) cgroups(context.Context) {
	if err := cgroup.Supported(); err != nil {
		e.failed("cgroup v2", err, "")
		return
	}
	root, err := cgroup.Root()
	if err != nil {
		e.failed("cgroup v2", err, "")
		return
	}
	e.ok("cgroup v2", root)
}

func (e *examination) bpf(context.Context) {
	const name = "BPF"
	for _, t := range []ebpf.ProgramType{ebpf.SchedCLS, ebpf.RawTracepoint} {
		err := features.HaveProgramType(t)
		switch {
		case err == nil:
		case errors.Is(err, unix.EPERM):
			e.failed(name, problem.Missing(fmt.Sprintf("load a %s program: %v", t, err)), "loading programs takes root")
			return
		default:
			e.failed(name, problem.Wrap(problem.Machine, fmt.Errorf("load a %s program: %w", t, err),
				"the kernel needs CONFIG_BPF_SYSCALL and CONFIG_BPF_EVENTS"), "")
			return
		}
	}
	e.ok(name, "classifiers and tracepoints can be loaded")
}

// onOwnThread runs f on a thread that ends with it, and takes with it whatever f
// changed about itself. The process's first thread never ends, and /proc/self is its view
// of the world, so f never runs there.
func onOwnThread(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			done <- onOwnThread(f) // elsewhere, since this thread is taken meanwhile
			runtime.UnlockOSThread()
			return
		}
		done <- f() // never unlocked: the thread ends with the goroutine
	}()
	return <-done
}
