package guest

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The I/O ports of the machine. A distribution's kernel has no /dev/port, so they are
// reached by iopl(2) and the instructions themselves.
const (
	portFreeze   = 0x505 // pvpanic; docs/specs/pvpanic in QEMU's source
	portExit     = 0xf4  // isa-debug-exit, as configured by [vm]
	portOutput   = 0xe9  // isa-debugcon
	portConfig   = 0x510 // fw_cfg selector; docs/specs/fw_cfg
	portConfigIn = 0x511 // fw_cfg data
)

func freeze(port uint16)
func outb(port uint16, v uint8)
func outw(port uint16, v uint16)

//go:noescape
func outsb(port uint16, p *byte, n int)

//go:noescape
func insb(port uint16, p *byte, n int)

// withPorts calls f on a thread that may reach I/O ports. The right belongs to a thread,
// and the runtime moves goroutines between threads, so it is asked for each time.
func withPorts(f func()) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if _, _, errno := unix.RawSyscall(unix.SYS_IOPL, 3, 0, 0); errno != 0 {
		return fmt.Errorf("raise the I/O privilege level: %w", errno)
	}
	f()
	return nil
}

// writePort sends p through a port, byte by byte, in one string instruction.
func writePort(port uint16, p []byte) {
	if len(p) > 0 {
		outsb(port, unsafe.SliceData(p), len(p))
		runtime.KeepAlive(p)
	}
}

func readPort(port uint16, p []byte) {
	if len(p) > 0 {
		insb(port, unsafe.SliceData(p), len(p))
		runtime.KeepAlive(p)
	}
}
