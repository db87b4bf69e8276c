package topology

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// starter starts a node's processes on a thread that lives as long as the node.
//
// The thread is the point: the kernel sends a child its Pdeathsig when the *thread* that
// forked it ends (prctl(2), PR_SET_PDEATHSIG), and Go's threads end whenever Go likes. A
// thread that stays also spares each start two changes of namespace.
type starter struct {
	mu       sync.Mutex
	requests chan func()
	gone     chan struct{}
	closed   bool
	// children that may be alive, as pidfds: they cannot come to mean another process.
	children []int
}

// start forks cmd in the namespace fd.
func (s *starter) start(fd, home int, cmd *exec.Cmd) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	if s.requests == nil {
		if err := s.open(fd, home); err != nil {
			return err
		}
	}
	s.forget()
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	attr := cmd.SysProcAttr
	if attr.Pdeathsig == 0 {
		attr.Pdeathsig = syscall.SIGKILL
	}
	pidfd := -1
	if attr.PidFD == nil {
		attr.PidFD = &pidfd
		defer func() { attr.PidFD = nil }()
	}
	err := errors.New("thread ended")
	done := make(chan struct{})
	s.requests <- func() { defer close(done); err = cmd.Start() }
	<-done
	if err != nil {
		return err
	}
	keep, err := childDescriptor(cmd, attr.PidFD == &pidfd, *attr.PidFD)
	if err != nil {
		return err
	}
	s.children = append(s.children, keep)
	return nil
}

// childDescriptor returns a pidfd of a child that was just started: the one that came with the fork, a copy of it where
// the caller asked for it himself, or else one by number, which is safe until the child has been waited for.
func childDescriptor(cmd *exec.Cmd, ours bool, fd int) (int, error) {
	var err error
	switch {
	case fd >= 0 && ours:
		return fd, nil
	case fd >= 0:
		fd, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	default:
		fd, err = unix.PidfdOpen(cmd.Process.Pid, 0)
	}
	if err != nil {
		return -1, errors.Join(fmt.Errorf("open pidfd: %w", err), cmd.Process.Kill(), cmd.Wait())
	}
	return fd, nil
}

// open starts the thread and returns when it is in the namespace.
func (s *starter) open(fd, home int) error {
	requests, gone, entered := make(chan func()), make(chan struct{}), make(chan error, 1)
	go func() {
		defer close(gone)
		_ = onThread(home, func() error {
			err := enter(fd)
			if entered <- err; err != nil {
				return err
			}
			for f := range requests {
				f()
			}
			// By now all children are dead, so none depends on the thread.
			return nil
		})
	}()
	if err := <-entered; err != nil {
		<-gone
		return err
	}
	s.requests, s.gone = requests, gone
	return nil
}

// forget closes the descriptors of children that have ended.
func (s *starter) forget() {
	alive := s.children[:0]
	for _, fd := range s.children {
		if ended(fd, 0) {
			_ = unix.Close(fd)
			continue
		}
		alive = append(alive, fd)
	}
	s.children = alive
}

// ended waits up to the timeout for the end of a process; a zombie has ended. Its namespaces are gone by then: do_exit
// releases them before it tells the parent.
func ended(pidfd int, timeout time.Duration) bool {
	limit := time.Now().Add(timeout)
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}},
			int(max(0, time.Until(limit)).Milliseconds()))
		if !errors.Is(err, unix.EINTR) {
			return n > 0
		}
	}
}

// close kills the children that are alive, waits for their end and ends the thread.
func (s *starter) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	var errs []error
	for _, fd := range s.children {
		if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
			errs = append(errs, os.NewSyscallError("pidfd_send_signal", err))
		}
	}
	for _, fd := range s.children {
		if !ended(fd, patience) {
			errs = append(errs, fmt.Errorf("a process did not end within %v of being killed", patience))
		}
		errs = append(errs, unix.Close(fd))
	}
	s.children = nil
	if s.requests != nil {
		close(s.requests)
		<-s.gone
	}
	return errors.Join(errs...)
}
