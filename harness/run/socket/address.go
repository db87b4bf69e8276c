package socket

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Address is an internet address and a port in the form in which the kernel takes it.
type Address struct {
	raw [unix.SizeofSockaddrInet6]byte
	len uintptr
}

// NewAddress converts an address. IPv4-mapped IPv6 addresses become IPv4; zones are not supported.
func NewAddress(ap netip.AddrPort) Address {
	var a Address
	ip := ap.Addr().Unmap()
	binary.BigEndian.PutUint16(a.raw[2:], ap.Port())
	if ip.Is4() {
		binary.NativeEndian.PutUint16(a.raw[:], unix.AF_INET)
		ip4 := ip.As4()
		copy(a.raw[4:], ip4[:])
		a.len = unix.SizeofSockaddrInet4
		return a
	}
	binary.NativeEndian.PutUint16(a.raw[:], unix.AF_INET6)
	ip6 := ip.As16()
	copy(a.raw[8:], ip6[:])
	a.len = unix.SizeofSockaddrInet6
	return a
}

// Family returns AF_INET or AF_INET6.
func (a *Address) Family() int { return int(binary.NativeEndian.Uint16(a.raw[:])) }

func (a *Address) pointer() unsafe.Pointer { return unsafe.Pointer(&a.raw[0]) }
