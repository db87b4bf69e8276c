package main

import (
	"fmt"
	"os"
	"syscall"
	"unsafe"
)

// devices opens a TUN device and a packet socket.
func devices([]string) {
	f, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if err == nil {
		request := struct {
			name  [16]byte
			flags uint16
			_     [22]byte
		}{flags: 0x1001} // IFF_TUN | IFF_NO_PI
		copy(request.name[:], "tun0")
		err = call(syscall.SYS_IOCTL, f.Fd(), 0x400454ca, uintptr(unsafe.Pointer(&request))) // TUNSETIFF
	}
	try("tun", err)
	s, err := syscall.Socket(syscall.AF_PACKET, syscall.SOCK_RAW, 0x0300)
	try("packet socket", err)
	if err == nil {
		syscall.Close(s)
	}
	_, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_RAW, syscall.IPPROTO_ICMP)
	try("raw socket", err)
	for _, name := range []string{"null", "zero", "full", "random", "urandom", "ptmx", "stdin"} {
		f, err := os.OpenFile("/dev/"+name, os.O_RDONLY, 0)
		try("open "+name, err)
		if err == nil {
			f.Close()
		}
	}
	fmt.Println("done")
	wait()
}
