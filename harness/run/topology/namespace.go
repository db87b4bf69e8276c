package topology

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
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
		return -1, problem.Wrap(problem.Machine, fmt.Errorf("open %s: %w", ownNamespace, err),
			"mount /proc: mount -t proc proc /proc")
	case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE):
		return -1, problem.Wrap(problem.Machine, fmt.Errorf("open %s: %w", ownNamespace, err),
			"raise the limit of open files: ulimit -n 65536")
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
			return -1, problem.Wrap(problem.Machine, err,
				"this needs the capabilities CAP_SYS_ADMIN and CAP_NET_ADMIN: run as root, or with `unshare --map-root-user --net`")
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
// returns when that thread is in none of them any more.
//
// Usually the thread goes back to the namespace home and on to serve other goroutines, which costs a fraction of a
// thread that ends (BenchmarkDo). There may be no way back: in a user namespace, the network namespace in which the
// process was born belongs to another user namespace. Then the thread ends, and onThread waits for that, since until
// then it holds the namespace.
//
// The process's first thread is never used. It cannot end while the process lives, and its
// namespace is what others take for that of the process (/proc/PID/ns/net).
//
// A panic of f, and a [runtime.Goexit] such as that of a failing test, continues in the caller.
func onThread(home int, f func() error) error {
	o := outcome{done: make(chan struct{})}
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() != unix.Getpid() {
			o.run(home, f)
			return
		}
		// While this goroutine keeps the first thread, the next gets another.
		defer runtime.UnlockOSThread()
		go func() {
			runtime.LockOSThread()
			o.run(home, f)
		}()
		<-o.done
	}()
	<-o.done
	if o.ends != 0 {
		awaitThread(o.ends)
	}
	switch {
	case o.panicked != nil:
		panic(o.panicked)
	case !o.returned:
		runtime.Goexit()
	}
	return o.err
}

// outcome of a function that ran on a thread of its own.
type outcome struct {
	err      error
	panicked any
	returned bool
	ends     int // the thread, if it does not go on
	done     chan struct{}
}

func (o *outcome) run(home int, f func() error) {
	defer close(o.done)
	defer func() {
		o.panicked = recover()
		if enter(home) == nil {
			runtime.UnlockOSThread()
			return
		}
		// A goroutine that ends while locked takes its thread with it.
		o.ends = unix.Gettid()
	}()
	o.err = f()
	o.returned = true
}

// awaitThread returns when a thread that is about to end has ended. The kernel forgets
// its id after it has let go of its namespaces.
func awaitThread(tid int) {
	limit := time.Now().Add(patience)
	for time.Now().Before(limit) && unix.Tgkill(unix.Getpid(), tid, 0) == nil {
		time.Sleep(20 * time.Microsecond)
	}
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
