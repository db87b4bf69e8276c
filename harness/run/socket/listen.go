package socket

import (
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"

	"syscall"
)

// Listen listens on an address with exactly the backlog asked for; the kernel cuts it to
// net.core.somaxconn without a word. The unspecified IPv6 address takes IPv4 as well, and
// falls back to IPv4 alone where the kernel has no IPv6. Connections inherit TCP_NODELAY.
//
// A backlog of n holds n+1 connections (sk_acceptq_is_full compares with >); the next
// SYN counts in ListenOverflows.
func Listen(on netip.AddrPort, backlog int) (FD, error) {
	address := NewAddress(on)
	fd, errno := Stream(address.Family(), true)
	if errno == unix.EAFNOSUPPORT && on.Addr() == netip.IPv6Unspecified() {
		on = netip.AddrPortFrom(netip.IPv4Unspecified(), on.Port())
		address = NewAddress(on)
		fd, errno = Stream(address.Family(), true)
	}
	if errno != 0 {
		return None, fmt.Errorf("create socket for %s: %w", on, errno)
	}
	undo := func(what string, errno Errno) (FD, error) {
		fd.Close()
		return None, fmt.Errorf("%s %s: %w", what, on, errno)
	}
	if errno := fd.setInt(unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); errno != 0 {
		return undo("set SO_REUSEADDR on", errno)
	}
	if address.Family() == unix.AF_INET6 {
		only := int32(1)
		if on.Addr().IsUnspecified() {
			only = 0 // whatever net.ipv6.bindv6only says
		}
		if errno := fd.setInt(unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only); errno != 0 {
			return undo("set IPV6_V6ONLY on", errno)
		}
	}
	if errno := fd.SetNoDelay(); errno != 0 {
		return undo("set TCP_NODELAY on", errno)
	}
	if _, _, errno := syscall.RawSyscall(unix.SYS_BIND, uintptr(fd), uintptr(address.pointer()), address.len); errno != 0 {
		return undo("bind", errno)
	}
	if _, _, errno := syscall.RawSyscall(unix.SYS_LISTEN, uintptr(fd), uintptr(backlog), 0); errno != 0 {
		return undo("listen on", errno)
	}
	return fd, nil
}

// Port returns the local port, which the kernel chose if Listen was asked for port 0.
func (fd FD) Port() (uint16, error) {
	var raw [unix.SizeofSockaddrInet6]byte
	size := uint32(len(raw))
	if _, _, errno := syscall.RawSyscall(unix.SYS_GETSOCKNAME, uintptr(fd), uintptr(unsafe.Pointer(&raw[0])),
		uintptr(unsafe.Pointer(&size))); errno != 0 {
		return 0, fmt.Errorf("read local address: %w", errno)
	}
	return uint16(raw[2])<<8 | uint16(raw[3]), nil
}
