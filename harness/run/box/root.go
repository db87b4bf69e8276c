package box

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// place is where a box builds its root. The directory is there in each guest, and the mounts are in a namespace of the
// box's own.
const place = "/tmp"

// mount is one step of building a root.
type mount struct {
	dir, source, kind string
	flags             uintptr
	data              string
}

// enter makes the root and moves this process into it. The process has a mount namespace of its own.
func (c *Config) enter() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	// User namespaces would give programs all capabilities in one of their own, the key to much of the kernel.
	if err := os.WriteFile("/proc/sys/user/max_user_namespaces", []byte("0"), 0); err != nil {
		return fmt.Errorf("forbid user namespaces: %w", err)
	}
	// Where a node is short of memory all the time, lists of its processes would fill the kernel's log.
	if err := os.WriteFile("/proc/sys/vm/oom_dump_tasks", []byte("0"), 0); err != nil {
		return fmt.Errorf("quieten the kernel: %w", err)
	}
	root := place + "/root"
	const quiet = unix.MS_NOSUID | unix.MS_NODEV
	steps := []mount{
		{place, "tmpfs", "tmpfs", 0, fmt.Sprintf("mode=755,size=%d", c.Layer)},
		{root, "overlay", "overlay", 0, "lowerdir=" + c.Root + ",upperdir=" + place + "/upper,workdir=" + place + "/work"},
		{root + "/proc", "proc", "proc", quiet | unix.MS_NOEXEC, ""},
		{root + "/proc/sys", root + "/proc/sys", "", unix.MS_BIND, ""},
		{root + "/sys", "sysfs", "sysfs", quiet | unix.MS_NOEXEC | unix.MS_RDONLY, ""},
		{root + "/dev", "tmpfs", "tmpfs", unix.MS_NOSUID, "mode=755,size=64k"},
		{root + "/dev/shm", place + "/shm", "", unix.MS_BIND, ""},
		{root + "/dev/shm", "", "", unix.MS_BIND | unix.MS_REMOUNT | quiet, ""},
		{root + "/dev/pts", "devpts", "devpts", unix.MS_NOSUID | unix.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620"},
		{root + "/run", place + "/run", "", unix.MS_BIND, ""},
		{root + "/run", "", "", unix.MS_BIND | unix.MS_REMOUNT | quiet, ""},
		{root + "/tmp", place + "/tmp", "", unix.MS_BIND, ""},
		{root + "/tmp", "", "", unix.MS_BIND | unix.MS_REMOUNT | quiet, ""},
	}
	for _, s := range steps {
		if err := s.carryOut(); err != nil {
			return err
		}
	}
	// What a root process could do harm with, although it lacks the capabilities.
	if err := unix.Mount("", root+"/proc/sys", "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("protect /proc/sys: %w", err)
	}
	// This process is the programs' first one, and its files in /proc are those of a root user, whom they may be too.
	if err := unix.Mount(place+"/empty", root+"/proc/1", "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("protect /proc/1: %w", err)
	}
	if err := unix.Mount("", root+"/proc/1", "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("protect /proc/1: %w", err)
	}
	for _, name := range []string{"/proc/sysrq-trigger", "/proc/kcore", "/proc/kmsg", "/proc/timer_list"} {
		if err := unix.Mount("/dev/null", root+name, "", unix.MS_BIND, ""); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("protect %s: %w", name, err)
		}
	}
	if err := moveTo(root); err != nil {
		return fmt.Errorf("change the root: %w", err)
	}
	if err := unix.Sethostname([]byte(c.Node)); err != nil {
		return fmt.Errorf("set the host name: %w", err)
	}
	if err := makeDevices(); err != nil {
		return err
	}
	return c.writeFiles()
}

// moveTo makes a mounted directory the root. A root that is nothing but that of chroot(2) can be left by whoever may
// call it again; this one covers the old, as switch_root(8) does it where the old one is the initial ramfs, which
// pivot_root(2) refuses.
func moveTo(root string) error {
	if err := os.Chdir(root); err != nil {
		return err
	}
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return err
	}
	if err := unix.Chroot("."); err != nil {
		return err
	}
	return os.Chdir("/")
}

func (m mount) carryOut() error {
	if m.kind == "overlay" {
		if err := makeLayer(); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(m.dir, 0o755); err != nil {
		return fmt.Errorf("mount on %s: %w", m.dir, err)
	}
	if err := unix.Mount(m.source, m.dir, m.kind, m.flags, m.data); err != nil {
		return fmt.Errorf("mount %s on %s: %w", m.source, m.dir, err)
	}
	return nil
}

// makeLayer makes the directories of what programs write. All of it has one bound: that of the file system they are in.
func makeLayer() error {
	for _, dir := range []string{"/upper", "/work", "/run", "/shm", "/tmp", "/empty"} {
		if err := os.Mkdir(place+dir, 0o755); err != nil {
			return err
		}
	}
	return errors.Join(os.Chmod(place+"/shm", 0o777|os.ModeSticky), os.Chmod(place+"/tmp", 0o777|os.ModeSticky))
}

// makeDevices makes those that programs may expect, as in a container.
func makeDevices() error {
	for _, d := range []struct {
		name         string
		major, minor uint32
	}{
		{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0},
		{"net/tun", 10, 200},
	} {
		path := "/dev/" + d.name
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(d.major, d.minor))); err != nil {
			return fmt.Errorf("make %s: %w", path, err)
		}
		if err := os.Chmod(path, 0o666); err != nil { // whatever the umask
			return err
		}
	}
	for link, target := range map[string]string{
		"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2",
		"ptmx": "pts/ptmx",
	} {
		if err := os.Symlink(target, "/dev/"+link); err != nil {
			return err
		}
	}
	return nil
}

// writeFiles writes what says who the node's neighbours are, and what the scenario puts into the node.
func (c *Config) writeFiles() error {
	var hosts strings.Builder
	hosts.WriteString("127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n")
	for _, h := range c.Hosts {
		fmt.Fprintf(&hosts, "%s %s\n", h.Address, h.Name)
	}
	files := map[string]string{"/etc/hosts": hosts.String(), "/etc/hostname": c.Node + "\n"}
	maps.Copy(files, c.Files)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		mode := os.FileMode(0o644)
		if info, err := os.Stat(name); err == nil {
			mode = info.Mode().Perm()
		} else if strings.HasPrefix(files[name], "#!") {
			mode = 0o755
		}
		if err := os.WriteFile(name, []byte(files[name]), mode); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}

// kept are the capabilities that programs keep, by number (linux/capability.h): those that containers usually have but
// for mknod, and of the node's own network all. Not among them are CAP_SYS_PTRACE, with which a program could become
// the box, and CAP_SYS_NICE: real-time programs would go before the recorder, the faults and all other nodes.
var kept = []uintptr{
	unix.CAP_CHOWN, unix.CAP_DAC_OVERRIDE, unix.CAP_FOWNER, unix.CAP_FSETID, unix.CAP_KILL,
	unix.CAP_SETGID, unix.CAP_SETUID,
	unix.CAP_SETPCAP, unix.CAP_NET_BIND_SERVICE, unix.CAP_NET_RAW, unix.CAP_NET_ADMIN, unix.CAP_SYS_CHROOT,
	unix.CAP_SETFCAP,
	unix.CAP_AUDIT_WRITE, unix.CAP_IPC_LOCK,
}

// confine takes the other capabilities from what the calling thread, which must be locked, will
// execute (capabilities(7)).
func confine() error {
	for c := uintptr(0); c <= unix.CAP_LAST_CAP; c++ {
		if slices.Contains(kept, c) {
			continue
		}
		// EINVAL: the capability is of a newer kernel.
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil && !errors.Is(err, unix.EINVAL) {
			return fmt.Errorf("give up capability %d: %w", c, err)
		}
	}
	return nil
}
