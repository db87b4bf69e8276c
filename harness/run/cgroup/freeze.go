package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// freezing is how long processes may take to stand still. One that sits in the kernel does when it comes back.
const freezing = 5 * time.Second

// Freeze stops all processes in the group and below it (cgroup.freeze, Linux 5.2), and returns when the kernel says
// that they stand still, with how many there are. They are stopped where they are, and none of them can notice.
func (g *Group) Freeze() (processes int, err error) {
	if err := g.freeze("1"); err != nil {
		return 0, err
	}
	events, err := os.Open(filepath.Join(g.Path, "cgroup.events"))
	if err != nil {
		return 0, fmt.Errorf("freeze control group: %w", err)
	}
	defer events.Close()
	for end := time.Now().Add(freezing); ; {
		b := make([]byte, 256)
		n, err := unix.Pread(int(events.Fd()), b, 0)
		if err != nil {
			return 0, fmt.Errorf("freeze control group %s: %w", g.Path, err)
		}
		if frozen, err := Value(string(b[:n]), "frozen"); err == nil && frozen == 1 {
			return g.processes()
		}
		if time.Now().After(end) {
			return 0, fmt.Errorf("freeze control group %s: its processes still run after %v", g.Path, freezing)
		}
		// The kernel tells by POLLPRI that the file has changed.
		poll := []unix.PollFd{{Fd: int32(events.Fd()), Events: unix.POLLPRI}}
		if _, err := unix.Poll(poll, 100); err != nil && !errors.Is(err, unix.EINTR) {
			return 0, fmt.Errorf("freeze control group %s: %w", g.Path, err)
		}
	}
}

// Thaw lets them go on.
func (g *Group) Thaw() error { return g.freeze("0") }

func (g *Group) freeze(value string) error {
	if err := os.WriteFile(filepath.Join(g.Path, "cgroup.freeze"), []byte(value), 0); err != nil {
		return fmt.Errorf("freeze control group: %w", err)
	}
	return nil
}

// processes is how many there are in the group and below it.
func (g *Group) processes() (n int, err error) {
	err = filepath.WalkDir(g.Path, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		b, err := os.ReadFile(filepath.Join(path, "cgroup.procs"))
		n += len(strings.Fields(string(b)))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("count processes of a control group: %w", err)
	}
	return n, nil
}

// Used is how much CPU time the group has used so far.
func (g *Group) Used() (time.Duration, error) {
	b, err := os.ReadFile(filepath.Join(g.Path, "cpu.stat"))
	if err != nil {
		return 0, fmt.Errorf("read CPU time of a control group: %w", err)
	}
	n, err := Value(string(b), "usage_usec")
	if err != nil {
		return 0, fmt.Errorf("read CPU time of control group %s: %w", g.Path, err)
	}
	return time.Duration(n) * time.Microsecond, nil
}
