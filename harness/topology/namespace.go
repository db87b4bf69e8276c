package topology

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/problem"
)

// ownNamespace is the network namespace of the calling thread. Not /proc/self: that is the
// one of the process's first thread.
const ownNamespace = "/proc/thread-self/ns/net"

// openOwn opens the namespace that this thread is in.
func openOwn() (int, error) {
	fd, err := unix.Open(ownNamespace, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	switch {
	case err == nil:
		return fd, nil
	case errors.Is(err, unix.ENOENT):
		return -1, problem.Wrap(problem.Machine, fmt.Errorf("open %s: %w", ownNamespace, err), "mount /proc: mount -t proc proc /proc")
	case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE):
		return -1, problem.Wrap(problem.Machine, fmt.Errorf("open %s: %w", ownNamespace, err), "raise the limit of open files: ulimit -n 65536")
	default:
		return -1, fmt.Errorf("open %s: %w", ownNamespace, err)
	}
}

// enter moves the calling thread, which must be locked, into a namespace.
func enter(fd int) error {
	if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
		return os.NewSyscallError("setns", err)
	}
	return nil
}

// newNamespace moves the calling thread, which must be locked, into a namespace that is new, and opens it.
func newNamespace() (int, error) {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		err = fmt.Errorf("create network namespace: %w", err)
		switch {
		case errors.Is(err, unix.EPERM):
			return -1, problem.Wrap(problem.Machine, err, "this needs the capabilities CAP_SYS_ADMIN and CAP_NET_ADMIN: run as root, or with `unshare --map-root-user --net`")
		case errors.Is(err, unix.ENOSPC):
			return -1, problem.Wrap(problem.Machine, err, "there are too many: raise the sysctl user.max_net_namespaces")
		case errors.Is(err, unix.EINVAL):
			return -1, problem.Wrap(problem.Machine, err, "this kernel was built without network namespaces (CONFIG_NET_NS)")
		}
		return -1, err
	}
	return openOwn()
}

// onThread calls f on a thread of its own, which f may take into other namespaces, and
// returns when that thread is back in the namespace home.
//
// The way back is taken, rather than leaving the thread to die in the namespace, for two
// reasons: a dying thread goes on holding the namespace after onThread has returned, and
// the way back costs a tenth (BenchmarkDo). Only if it fails does the thread die.
//
// A panic of f, and a [runtime.Goexit] such as that of a failing test, continues in the caller.
func onThread(home int, f func() error) error {
	var (
		err      error
		back     error
		panicked any
		returned bool
		done     = make(chan struct{})
	)
	go func() {
		defer close(done)
		runtime.LockOSThread()
		defer func() {
			panicked = recover()
			if back = enter(home); back == nil {
				runtime.UnlockOSThread()
			}
		}()
		err = f()
		returned = true
	}()
	<-done
	switch {
	case panicked != nil:
		panic(panicked)
	case !returned:
		runtime.Goexit()
	case back != nil:
		return errors.Join(err, fmt.Errorf("return from namespace: %w", back))
	}
	return err
}

// ownOnFreshThread opens the namespace that this process's threads are born into.
func ownOnFreshThread() (int, error) {
	type result struct {
		fd  int
		err error
	}
	c := make(chan result)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		fd, err := openOwn()
		c <- result{fd, err}
	}()
	r := <-c
	return r.fd, r.err
}
