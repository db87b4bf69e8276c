package socket

import (
	"net/netip"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// FD is an open socket. The zero value is standard input: use [None] for no socket.
type FD int

// None is no socket.
const None FD = -1

// Errno is the outcome of a system call; 0 is success. It is not an error interface,
// so that returning one never allocates.
type Errno = syscall.Errno

// Stream creates a TCP socket of a family. A blocking one puts the calling thread to
// sleep; the others return EAGAIN and EINPROGRESS.
func Stream(family int, blocking bool) (FD, Errno) {
	kind := uintptr(unix.SOCK_STREAM | unix.SOCK_CLOEXEC)
	if !blocking {
		kind |= unix.SOCK_NONBLOCK
	}
	fd, _, errno := syscall.RawSyscall(unix.SYS_SOCKET, uintptr(family), kind, unix.IPPROTO_TCP)
	if errno != 0 {
		return None, errno
	}
	return FD(fd), 0
}

// Bind gives the socket a port of its own family, at all addresses of the machine, before it connects. With the port
// in use it returns EADDRINUSE.
func (fd FD) Bind(family int, port uint16) Errno {
	any := netip.IPv4Unspecified()
	if family == unix.AF_INET6 {
		any = netip.IPv6Unspecified()
	}
	at := NewAddress(netip.AddrPortFrom(any, port))
	_, _, errno := syscall.RawSyscall(unix.SYS_BIND, uintptr(fd), uintptr(at.pointer()), at.len)
	return errno
}

// Connect connects. On a blocking socket the wait is bounded by [FD.SetSendTimeout]
// (then EINPROGRESS), else by net.ipv4.tcp_syn_retries (then ETIMEDOUT).
func (fd FD) Connect(to *Address) Errno {
	_, _, errno := syscall.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(to.pointer()), to.len)
	return errno
}

// Accept takes a connection from the accept queue; it sleeps until there is one. The connection blocks.
func (fd FD) Accept() (FD, Errno) {
	conn, _, errno := syscall.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), 0, 0, unix.SOCK_CLOEXEC, 0, 0)
	if errno != 0 {
		return None, errno
	}
	return FD(conn), 0
}

// AcceptNonblocking is Accept of a connection whose calls return EAGAIN instead of sleeping. It sleeps itself, unless
// one is there.
func (fd FD) AcceptNonblocking() (FD, Errno) {
	conn, _, errno := syscall.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), 0, 0, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0, 0)
	if errno != 0 {
		return None, errno
	}
	return FD(conn), 0
}

// Read reads into a buffer that is not empty. 0 bytes and no error are the end of the stream.
func (fd FD) Read(b []byte) (int, Errno) {
	n, _, errno := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), 0,
		0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// Write writes a buffer that is not empty, maybe in part. It raises no SIGPIPE.
func (fd FD) Write(b []byte) (int, Errno) {
	n, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)),
		unix.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// WriteBoth writes two buffers, of which the first is not empty, as one piece, so that
// a short head does not travel in a segment of its own.
func (fd FD) WriteBoth(head, body []byte) (int, Errno) {
	if len(body) == 0 {
		return fd.Write(head)
	}
	parts := [2]unix.Iovec{
		{Base: &head[0], Len: uint64(len(head))},
		{Base: &body[0], Len: uint64(len(body))},
	}
	message := unix.Msghdr{Iov: &parts[0], Iovlen: 2}
	n, _, errno := syscall.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&message)), unix.MSG_NOSIGNAL)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// Await sleeps until there is something to read, the end of the stream and errors included, and tells whether there is:
// false once d is over. Unlike a receive timeout it is exact to the thread's timer slack, 50 µs as a rule. A signal
// does not make it longer: Go sends one every 10 ms to a thread that seems to be busy, and the kernel leaves in ts what
// is left of d (ppoll(2), C library/kernel differences).
func (fd FD) Await(d time.Duration) (bool, Errno) {
	wait := unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	ts := unix.NsecToTimespec(int64(d))
	for {
		n, _, errno := syscall.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&wait)), 1, uintptr(unsafe.Pointer(&ts)), 0,
			0, 0)
		if errno != unix.EINTR {
			return n == 1 && errno == 0, errno
		}
	}
}

// SetReceiveTimeout bounds how long one Read (or, on a listener, Accept) may sleep; it then returns EAGAIN. 0 is no
// bound. The kernel's timer wheel is late by up to an eighth of the time (kernel/time/timer.c): 5 s at 250 Hz end
// within 256 ms.
func (fd FD) SetReceiveTimeout(d time.Duration) Errno {
	return fd.setTimeout(unix.SO_RCVTIMEO, d)
}

// SetSendTimeout bounds how long one Write may sleep, and a Connect. 0 is no bound.
func (fd FD) SetSendTimeout(d time.Duration) Errno {
	return fd.setTimeout(unix.SO_SNDTIMEO, d)
}

func (fd FD) setTimeout(option uintptr, d time.Duration) Errno {
	tv := unix.NsecToTimeval(int64(d))
	if d > 0 && tv.Sec == 0 && tv.Usec == 0 {
		tv.Usec = 1 // or it would mean no bound
	}
	_, _, errno := syscall.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, option,
		uintptr(unsafe.Pointer(&tv)), unsafe.Sizeof(tv), 0)
	return errno
}

// SetNoDelay turns Nagle's algorithm off: every write leaves at once.
func (fd FD) SetNoDelay() Errno { return fd.setInt(unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) }

// SetNagle turns Nagle's algorithm on, which [Listen] turns off: a short segment waits for the acknowledgement of an
// earlier one.
func (fd FD) SetNagle() Errno { return fd.setInt(unix.IPPROTO_TCP, unix.TCP_NODELAY, 0) }

// SetKeepAlive has the kernel send keepalive probes while the connection is idle.
func (fd FD) SetKeepAlive() Errno { return fd.setInt(unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1) }

// SetLowWater sets how many bytes must have come before the socket counts as readable (SO_RCVLOWAT). The end of the
// stream, an error, or want of memory make it readable with less.
func (fd FD) SetLowWater(bytes int) Errno {
	return fd.setInt(unix.SOL_SOCKET, unix.SO_RCVLOWAT, int32(bytes))
}

func (fd FD) setInt(level, option uintptr, value int32) Errno {
	_, _, errno := syscall.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), level, option,
		uintptr(unsafe.Pointer(&value)), unsafe.Sizeof(value), 0)
	return errno
}

// Pending returns and clears the error that waits on the socket, such as the outcome of
// a connection attempt that failed.
func (fd FD) Pending() Errno {
	var value int32
	size := uint32(unsafe.Sizeof(value))
	_, _, errno := syscall.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_ERROR,
		uintptr(unsafe.Pointer(&value)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return errno
	}
	return Errno(value)
}

// ShutdownWrite sends a FIN after what was written; reading goes on.
func (fd FD) ShutdownWrite() Errno {
	_, _, errno := syscall.RawSyscall(unix.SYS_SHUTDOWN, uintptr(fd), unix.SHUT_WR, 0)
	return errno
}

// Close closes. With unread bytes in the receive queue the kernel sends RST instead of FIN.
func (fd FD) Close() Errno {
	_, _, errno := syscall.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0)
	return errno
}
