package socket

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// Reserve makes room for n descriptors in the table of this process, as far as RLIMIT_NOFILE goes. The kernel
// doubles the table when it is full, at 64, 128, 256 and so on, and in a process of several threads waits
// for an RCU grace period each time (expand_fdtable in fs/file.c): 10 ms in the middle of a socket(2).
// In a pool of processes that would not be.
func Reserve(n int) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return
	}
	at := min(uint64(n), limit.Cur-1)
	fd, _, errno := syscall.Syscall(unix.SYS_FCNTL, 0, unix.F_DUPFD_CLOEXEC, uintptr(at)) // sleeps
	if errno == 0 {
		FD(fd).Close()
	}
}
