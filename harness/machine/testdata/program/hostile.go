package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// System calls and capabilities by number (x86-64), since this program needs nothing but the standard library.
const (
	sysFinitModule = 313
	sysKexecLoad   = 246
	sysBPF         = 321
	sysSetns       = 308
)

func call(n uintptr, a ...uintptr) error {
	var b [6]uintptr
	copy(b[:], a)
	if _, _, e := syscall.Syscall6(n, b[0], b[1], b[2], b[3], b[4], b[5]); e != 0 {
		return e
	}
	return nil
}

// hostile tries to do harm. Each line it writes says what came of one try.
func hostile([]string) {
	var st syscall.Stat_t
	for _, s := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGSTOP, syscall.SIGQUIT, syscall.SIGABRT,
		syscall.SIGSEGV, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGTRAP, syscall.SIGSYS, syscall.SIGXCPU, 33, 34, 64} {
		_ = syscall.Kill(1, s) // the kernel says yes; it is the process that must not care
	}
	time.Sleep(20 * time.Millisecond)
	try("alive", syscall.Kill(1, 0))
	try("trace 1", syscall.PtraceAttach(1))
	_, err := os.ReadFile("/proc/1/maps")
	try("maps of 1", err)
	f, err := os.OpenFile("/proc/1/mem", os.O_RDWR, 0)
	try("memory of 1", err)
	_ = f
	_, err = os.ReadDir("/proc/1/root/proc")
	try("root of 1", err)
	_, err = os.ReadDir("/proc/1/fd")
	try("files of 1", err)
	try("mount tmpfs", syscall.Mount("none", "/mnt", "tmpfs", 0, ""))
	try("mount proc", syscall.Mount("none", "/tmp", "proc", 0, ""))
	try("remount", syscall.Mount("", "/proc/sys", "", syscall.MS_BIND|syscall.MS_REMOUNT, ""))
	try("umount", syscall.Unmount("/proc/sysrq-trigger", 0))
	try("module", call(sysFinitModule, 0, uintptr(unsafe.Pointer(&[]byte{0}[0])), 0))
	try("kexec", call(sysKexecLoad, 0, 0, 0, 0))
	try("bpf", call(sysBPF, 0, uintptr(unsafe.Pointer(&[128]byte{1, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 1})), 128))
	for name, device := range map[string]int{"mem": 1<<8 | 1, "port": 1<<8 | 4, "kmsg": 1<<8 | 11, "pmem0": 259 << 8} {
		_, err := os.OpenFile("/dev/"+name, os.O_RDWR, 0)
		try("open "+name, err)
		try("make "+name, syscall.Mknod("/tmp/"+name, syscall.S_IFCHR|0o666, device))
		try("make block "+name, syscall.Mknod("/tmp/"+name, syscall.S_IFBLK|0o666, device))
	}
	for _, name := range []string{
		"/proc/sys/kernel/core_pattern", "/proc/sys/net/ipv4/tcp_sack", "/proc/sys/vm/drop_caches",
		"/sys/kernel/uevent_helper", "/sys/module/nd_pmem/uevent", "/sys/power/state",
		"/proc/1/oom_score_adj", "/proc/1/sched", "/proc/self/oom_score_adj",
	} {
		try("write "+name, os.WriteFile(name, []byte("-1"), 0))
	}
	for _, c := range "bcu" {
		try("sysrq "+string(c), os.WriteFile("/proc/sysrq-trigger", []byte(string(c)), 0))
	}
	try("reboot", syscall.Reboot(syscall.LINUX_REBOOT_CMD_RESTART))
	try("iopl", call(syscall.SYS_IOPL, 3))
	try("ioperm", call(syscall.SYS_IOPERM, 0xf4, 1, 1))
	try("settimeofday", syscall.Settimeofday(&syscall.Timeval{Sec: 1}))
	try("sethostname", syscall.Sethostname([]byte("mine")))
	try("swapon", call(syscall.SYS_SWAPON, uintptr(unsafe.Pointer(&[]byte("/tmp/x\x00")[0])), 0))
	try("nice", syscall.Setpriority(0, 0, -20))
	param := int32(50)
	try("real time", call(syscall.SYS_SCHED_SETSCHEDULER, 0, 1, uintptr(unsafe.Pointer(&param))))
	try("unlimited", syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 1 << 20, Max: 1 << 20}))
	for name, flag := range map[string]uintptr{
		"user": syscall.CLONE_NEWUSER, "mount": syscall.CLONE_NEWNS, "net": syscall.CLONE_NEWNET, "pid": syscall.CLONE_NEWPID,
	} {
		c := exec.Command("/proc/self/exe", "exit", "0", "0s")
		c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flag}
		try("namespace "+name, c.Run())
	}
	try("setns", call(sysSetns, 0, 0))
	try("cgroup", errors.Join(readable("/sys/fs/cgroup/cgroup.procs"), readable("/proc/1/cgroup.max")))
	escape()
	fmt.Println("stat of / :", syscall.Stat("/", &st))
	fmt.Println("done")
	wait()
}

func readable(name string) error {
	_, err := os.ReadFile(name)
	return err
}

// escape leaves a root that was set by chroot alone: chroot below, with the working directory above, and go up.
func escape() {
	err := os.MkdirAll("/tmp/below", 0o755)
	if err == nil {
		err = syscall.Chroot("/tmp/below")
	}
	try("chroot", err)
	for range 64 {
		_ = syscall.Chdir("..")
	}
	_ = syscall.Chroot(".")
	entries, err := os.ReadDir("/")
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	fmt.Println("root has", strings.Join(names, " "), err)
	_, err = os.Stat("/dev/pmem0")
	try("outside", err)
}
