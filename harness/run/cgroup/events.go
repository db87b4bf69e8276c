package cgroup

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// events is a group's file cgroup.events, by which the kernel tells what has become of its processes.
type events struct{ *os.File }

func openEvents(path string) (events, error) {
	f, err := os.Open(filepath.Join(path, "cgroup.events"))
	return events{f}, err
}

// say reads one of the file's lines: whether there are processes in the group or below it, zombies apart (populated),
// or whether all of them stand still (frozen).
func (e events) say(what string) (bool, error) {
	var buf [256]byte
	n, err := e.ReadAt(buf[:], 0)
	if n == 0 && err != nil {
		return false, err
	}
	v, err := Value(string(buf[:n]), what)
	return v != 0, err
}

// await returns when the file has changed since it was read, or after so long.
func (e events) await(most time.Duration) error {
	poll := []unix.PollFd{{Fd: int32(e.Fd()), Events: unix.POLLPRI}}
	if _, err := unix.Poll(poll, int(most.Milliseconds())+1); err != nil && !errors.Is(err, unix.EINTR) {
		return os.NewSyscallError("poll", err)
	}
	return nil
}
