package guest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/machine/vm/frame"
)

type mount struct{ source, target, fstype string }

// mounts in order; a later one may lie inside an earlier one.
var mounts = []mount{
	{"proc", "/proc", "proc"},
	{"sysfs", "/sys", "sysfs"},
	{"devtmpfs", "/dev", "devtmpfs"},
	{"tmpfs", "/tmp", "tmpfs"},
	{"tmpfs", "/run", "tmpfs"},
	{"cgroup2", "/sys/fs/cgroup", "cgroup2"},
	{"tracefs", "/sys/kernel/tracing", "tracefs"},
	{"bpf", "/sys/fs/bpf", "bpf"},
}

// setUp makes a bare kernel into what a run expects.
func setUp() error {
	for _, m := range mounts {
		if err := os.MkdirAll(m.target, 0o755); err != nil {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
		if err := unix.Mount(m.source, m.target, m.fstype, 0, ""); err != nil && !errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	if err := os.Chmod("/tmp", 0o1777); err != nil {
		return err
	}
	if err := unix.Sethostname([]byte("ruleout")); err != nil {
		return fmt.Errorf("set the host name: %w", err)
	}
	if err := setLimits(); err != nil {
		return err
	}
	// Every packet of every link passes the one CPU's backlog, which on real nodes is one
	// each: the default of 1000 is too short for a burst that a fault multiplies.
	if err := os.WriteFile("/proc/sys/net/core/netdev_max_backlog", []byte("10000"), 0); err != nil {
		return fmt.Errorf("lengthen the CPU's packet backlog: %w", err)
	}
	if err := loadModules(frame.ModuleDir); err != nil {
		return err
	}
	if err := mountImages(); err != nil {
		return err
	}
	if err := allowCongestionControls(); err != nil {
		return err
	}
	if err := setUpControlGroups("/sys/fs/cgroup"); err != nil {
		return err
	}
	return loopbackUp()
}

// allowCongestionControls lets all namespaces have each congestion control that is there: without, the kernel keeps
// most of them to its first one (tcp_set_default_congestion_control in net/ipv4/tcp_cong.c).
func allowCongestionControls() error {
	have, err := os.ReadFile("/proc/sys/net/ipv4/tcp_available_congestion_control")
	if err == nil {
		err = os.WriteFile("/proc/sys/net/ipv4/tcp_allowed_congestion_control", have, 0)
	}
	if err != nil {
		return fmt.Errorf("allow congestion controls: %w", err)
	}
	return nil
}

func setLimits() error {
	for _, l := range []struct {
		resource int
		value    uint64
		name     string
	}{
		{unix.RLIMIT_MEMLOCK, unix.RLIM_INFINITY, "locked memory"}, // BPF maps before 5.11 count against it
		{unix.RLIMIT_NOFILE, 1 << 18, "open files"},
		{unix.RLIMIT_NPROC, unix.RLIM_INFINITY, "processes"},
	} {
		if err := unix.Setrlimit(l.resource, &unix.Rlimit{Cur: l.value, Max: l.value}); err != nil {
			return fmt.Errorf("set the limit of %s: %w", l.name, err)
		}
	}
	return nil
}

// loadModules loads every module in dir in the order of names.
func loadModules(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := loadModule(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("load module %s: %w", e.Name(), err)
		}
	}
	return nil
}

func loadModule(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.FinitModule(int(f.Fd()), "", 0); err != nil && !errors.Is(err, unix.EEXIST) {
		return err
	}
	// The memory is of more use than the file.
	return os.Remove(file)
}

// setUpControlGroups gives the controllers to the root's children. Processes move to a leaf
// of their own, so that what they use is not counted to the machine as a whole.
func setUpControlGroups(root string) error {
	leaf := filepath.Join(root, "guest")
	if err := os.Mkdir(leaf, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(leaf, "cgroup.procs"), []byte(strconv.Itoa(os.Getpid())), 0); err != nil {
		return fmt.Errorf("move init to its control group: %w", err)
	}
	for _, controller := range []string{"cpu", "memory", "pids"} {
		if err := os.WriteFile(filepath.Join(root, "cgroup.subtree_control"), []byte("+"+controller), 0); err != nil {
			return fmt.Errorf("enable the %s controller: %w", controller, err)
		}
	}
	return nil
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("bring lo up: %w", err)
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	req.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req); err != nil {
		return fmt.Errorf("bring lo up: %w", err)
	}
	return nil
}

// workerArgs reads the arguments that the host gave, if any.
func workerArgs() ([]string, error) {
	data, err := os.ReadFile(frame.ArgsFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var args []string
	if err := json.Unmarshal(data, &args); err != nil {
		return nil, fmt.Errorf("read %s: %w", frame.ArgsFile, err)
	}
	return args, nil
}

// seedRandom mixes entropy into the kernel's pool and makes the generator use it at once:
// each clone wakes with the same pool. RNDRESEEDCRNG exists since Linux 4.14
// (drivers/char/random.c).
func seedRandom(entropy []byte) error {
	f, err := os.OpenFile("/dev/urandom", os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("seed the random pool: %w", err)
	}
	defer f.Close()
	// struct rand_pool_info: entropy_count in bits, buf_size in bytes, buf.
	info := make([]uint32, 2+(len(entropy)+3)/4)
	info[0], info[1] = uint32(len(entropy)*8), uint32(len(entropy))
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&info[2])), len(entropy)), entropy)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), unix.RNDADDENTROPY,
		uintptr(unsafe.Pointer(&info[0]))); errno != 0 {
		return fmt.Errorf("add entropy to the random pool: %w", errno)
	}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), unix.RNDRESEEDCRNG, 0); errno != 0 {
		return fmt.Errorf("reseed the random generator: %w", errno)
	}
	return nil
}
