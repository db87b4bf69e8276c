package socket

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Poll waits for many sockets, one alarm and one bell on one thread. Events are edge-triggered, but for
// [Poll.AddLevel]: each is reported once, and its owner reads or writes until EAGAIN.
type Poll struct {
	epoll, timer, bell int
	armed              int64 // the alarm that has not rung; 0 for none
	events             [256]unix.EpollEvent
}

// Event tells what happened to a socket.
type Event struct {
	// Key is what the socket was added with.
	Key Key
	// Flags are EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP and EPOLLRDHUP.
	Flags uint32
}

// Key identifies a socket in a Poll: a slot of the owner's choice, and a generation
// that tells an event of an earlier socket in the same slot from one of the present socket.
type Key struct {
	Slot, Generation int32
}

// Readable is the flag of Add for a socket from which something can be read.
const Readable = unix.EPOLLIN

// Slots of the timer and the bell; owners' slots are not negative.
const (
	alarm = -1 - iota
	bell
)

// NewPoll creates an empty Poll; Close frees it.
func NewPoll() (*Poll, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create epoll instance: %w", err)
	}
	// A timerfd, unlike an epoll timeout, has nanoseconds, an absolute time and no timer slack.
	timer, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		_ = unix.Close(epoll)
		return nil, fmt.Errorf("create timerfd: %w", err)
	}
	ring, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		_ = unix.Close(epoll)
		_ = unix.Close(timer)
		return nil, fmt.Errorf("create eventfd: %w", err)
	}
	p := &Poll{epoll: epoll, timer: timer, bell: ring}
	if errno := p.Add(FD(timer), Key{Slot: alarm}, unix.EPOLLIN); errno != 0 {
		p.Close()
		return nil, fmt.Errorf("watch timerfd: %w", errno)
	}
	if errno := p.Add(FD(ring), Key{Slot: bell}, unix.EPOLLIN); errno != 0 {
		p.Close()
		return nil, fmt.Errorf("watch eventfd: %w", errno)
	}
	return p, nil
}

// Add watches a descriptor until it is closed.
func (p *Poll) Add(fd FD, key Key, flags uint32) Errno {
	return p.AddLevel(fd, key, flags|unix.EPOLLET)
}

// AddLevel is Add for a descriptor whose event is reported again as long as it lasts.
func (p *Poll) AddLevel(fd FD, key Key, flags uint32) Errno {
	event := unix.EpollEvent{Events: flags, Fd: key.Slot, Pad: key.Generation}
	_, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(p.epoll), unix.EPOLL_CTL_ADD, uintptr(fd),
		uintptr(unsafe.Pointer(&event)), 0, 0)
	return errno
}

// Alarm makes the next Wait return at a time, in ns of CLOCK_MONOTONIC, at the latest.
// It replaces an earlier alarm. A time that has passed rings at once.
func (p *Poll) Alarm(at int64) Errno {
	at = max(at, 1) // 0 would disarm
	if at == p.armed {
		return 0
	}
	p.armed = at
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(at)}
	_, _, errno := syscall.RawSyscall6(unix.SYS_TIMERFD_SETTIME, uintptr(p.timer), unix.TFD_TIMER_ABSTIME,
		uintptr(unsafe.Pointer(&spec)), 0, 0, 0)
	return errno
}

// Wait sleeps until something happens and hands each event to f. It tells whether the alarm
// rang; one that did does not ring again unless it is set again.
func (p *Poll) Wait(f func(Event)) (rang bool, _ Errno) {
	n, errno := uintptr(0), unix.EINTR
	for errno == unix.EINTR {
		n, _, errno = syscall.RawSyscall6(unix.SYS_EPOLL_WAIT, uintptr(p.epoll), uintptr(unsafe.Pointer(&p.events[0])),
			uintptr(len(p.events)), ^uintptr(0), 0, 0)
	}
	if errno != 0 {
		return false, errno
	}
	for _, e := range p.events[:n] {
		switch e.Fd {
		case alarm:
			rang, p.armed = true, 0
			continue
		case bell:
			continue
		}
		f(Event{Key: Key{Slot: e.Fd, Generation: e.Pad}, Flags: e.Events})
	}
	return rang, 0
}

// Ring makes Wait return. Any thread may ring.
func (p *Poll) Ring() { _, _ = unix.Write(p.bell, []byte{1, 0, 0, 0, 0, 0, 0, 0}) }

// Close frees the Poll, not the sockets in it.
func (p *Poll) Close() {
	_ = unix.Close(p.bell)
	_ = unix.Close(p.timer)
	_ = unix.Close(p.epoll)
}
