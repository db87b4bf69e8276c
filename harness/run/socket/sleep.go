package socket

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// SleepUntil puts the calling thread to sleep until a time in ns of CLOCK_MONOTONIC.
func SleepUntil(at int64) {
	ts := unix.NsecToTimespec(at)
	for {
		_, _, errno := syscall.RawSyscall6(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME,
			uintptr(unsafe.Pointer(&ts)), 0, 0, 0)
		if errno != unix.EINTR {
			return
		}
	}
}
