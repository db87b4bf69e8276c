package socket

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Datagram creates a UDP socket of a family. Its calls return EAGAIN instead of sleeping.
func Datagram(family int) (FD, Errno) {
	fd, _, errno := syscall.RawSyscall(unix.SYS_SOCKET, uintptr(family),
		unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_UDP)
	if errno != 0 {
		return None, errno
	}
	return FD(fd), 0
}

// ListenDatagrams opens a UDP socket on a port at all addresses, of IPv6 and IPv4, or of IPv4 alone where the kernel
// has no IPv6. A buffer of 0 leaves the kernel's default; any other is given to SO_RCVBUF as it is.
func ListenDatagrams(port uint16, buffer int) (FD, error) {
	family := unix.AF_INET6
	fd, errno := Datagram(family)
	if errno == unix.EAFNOSUPPORT {
		family = unix.AF_INET
		fd, errno = Datagram(family)
	}
	if errno != 0 {
		return None, fmt.Errorf("create UDP socket: %w", errno)
	}
	if family == unix.AF_INET6 { // whatever net.ipv6.bindv6only says
		errno = fd.setInt(unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0)
	}
	if errno == 0 && buffer > 0 {
		errno = fd.setInt(unix.SOL_SOCKET, unix.SO_RCVBUF, int32(buffer))
	}
	if errno == 0 {
		errno = fd.Bind(family, port)
	}
	if errno != 0 {
		fd.Close()
		return None, fmt.Errorf("listen on UDP port %d: %w", port, errno)
	}
	return fd, nil
}

// ReceiveFrom takes one datagram and notes who sent it. What does not fit into b is gone.
func (fd FD) ReceiveFrom(b []byte, from *Address) (int, Errno) {
	size := uint32(len(from.raw))
	n, _, errno := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), 0,
		uintptr(from.pointer()), uintptr(unsafe.Pointer(&size)))
	if errno != 0 {
		return 0, errno
	}
	from.len = uintptr(size)
	return int(n), 0
}

// SendTo sends one datagram to an address.
func (fd FD) SendTo(b []byte, to *Address) (int, Errno) {
	n, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)),
		unix.MSG_NOSIGNAL, uintptr(to.pointer()), to.len)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// AddrPort returns the address in Go's form; one of IPv4 on a socket of IPv6 comes out as IPv4.
func (a *Address) AddrPort() netip.AddrPort {
	port := binary.BigEndian.Uint16(a.raw[2:])
	if a.Family() == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(a.raw[4:8])), port)
	}
	return netip.AddrPortFrom(netip.AddrFrom16([16]byte(a.raw[8:24])).Unmap(), port)
}
