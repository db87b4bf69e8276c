//go:build !linux

package vm

import (
	"errors"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
)

// These stand in for system_linux.go where there is no Linux. The command builds there and can judge, report and
// compare; whether it can run machines was not tried.

func forking() func(*exec.Cmd, int) func() { return func(*exec.Cmd, int) func() { return func() {} } }

func allowedCPUs() []int { return nil }

func socketPair() ([2]int, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(pair[0])
		unix.CloseOnExec(pair[1])
	}
	return pair, err
}

func memoryDescriptor(name string) (int, error) {
	f, err := os.CreateTemp("", name)
	if err != nil {
		return -1, err
	}
	defer f.Close()
	if err := os.Remove(f.Name()); err != nil {
		return -1, err
	}
	return unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
}

func cloneFile(*os.File, *os.File) error { return errors.ErrUnsupported }
