package cgroup_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/run/cgroup"
)

// asChild names what this test binary does instead of testing, when it is a child of a test.
const asChild = "RULEOUT_CGROUP_TEST_CHILD"

// child does one thing and then waits to be killed.
func child(what string) {
	switch what {
	case "burn":
		burn(50 * time.Millisecond)
	case "spin":
		fmt.Println("ready")
		burn(time.Hour)
	case "memory":
		block := bytes.Repeat([]byte{1}, 32<<20)
		defer runtime.KeepAlive(block)
		fmt.Println("ready")
		forever()
	case "family":
		c := exec.Command("/proc/self/exe")
		c.Env = append(os.Environ(), asChild+"=wait")
		if err := c.Start(); err != nil {
			panic(err)
		}
	case "no hierarchy":
		if err := unix.Unmount("/sys/fs/cgroup", unix.MNT_DETACH); err != nil {
			panic(err)
		}
		tellSupport()
	case "no controllers":
		// In a control group namespace of its own, what this process is in is the top.
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
			panic(err)
		}
		if err := unix.Unmount("/sys/fs/cgroup", unix.MNT_DETACH); err != nil {
			panic(err)
		}
		if err := unix.Mount("none", "/sys/fs/cgroup", "cgroup2", 0, ""); err != nil {
			panic(err)
		}
		tellSupport()
	case "no rights":
		tellSupport()
	case "abandon":
		root, err := cgroup.Root()
		if err != nil {
			panic(err)
		}
		g, err := cgroup.Create(root, "abandoned")
		if err != nil {
			panic(err)
		}
		defer runtime.KeepAlive(g) // and of its lock
		fmt.Println(g.Path)
		forever()
	}
	fmt.Println("ready")
	forever()
}

// burn returns once this process has used so much CPU time since it began.
func burn(until time.Duration) {
	var t unix.Timespec
	for t.Nano() < int64(until) {
		for range 1000 {
		}
		_ = unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t)
	}
}

// tellSupport prints the kind, the text and the hint of Supported's error.
func tellSupport() {
	err := cgroup.Supported()
	fmt.Printf("%d|%v|%s\n", problem.KindOf(err), err, problem.HintOf(err))
	forever()
}

// forever is not select{}: without other goroutines, Go takes that for a deadlock and exits.
func forever() {
	for {
		_ = unix.Pause()
	}
}

// start runs a child in a group and returns when it has said a word, which is returned too.
func start(t *testing.T, g *cgroup.Group, what string) (*exec.Cmd, string) {
	t.Helper()
	attr := &syscall.SysProcAttr{}
	if g != nil {
		attr.UseCgroupFD, attr.CgroupFD = true, g.FD()
	}
	return startWith(t, attr, what)
}

func startWith(t *testing.T, attr *syscall.SysProcAttr, what string) (*exec.Cmd, string) {
	t.Helper()
	c := exec.Command("/proc/self/exe")
	c.Env = append(os.Environ(), asChild+"="+what)
	c.SysProcAttr, c.Stderr = attr, os.Stderr
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	buf := make([]byte, 4096)
	n, err := out.Read(buf)
	require.NoError(t, err)
	return c, strings.TrimSpace(string(buf[:n]))
}

func create(t *testing.T, name string) *cgroup.Group {
	t.Helper()
	root, err := cgroup.Root()
	require.NoError(t, err)
	g, err := cgroup.Create(root, name)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, g.Close()) })
	require.Equal(t, filepath.Join(root, fmt.Sprintf("ruleout-%d-%s", os.Getpid(), name)), g.Path)
	return g
}

func TestSupportedSaysWhatIsMissing(t *testing.T) {
	require.NoError(t, cgroup.Supported())
	// A group passes on no controllers unless told to, so the one inside has none.
	outer, inner := "/sys/fs/cgroup/outer", "/sys/fs/cgroup/outer/inner"
	require.NoError(t, os.MkdirAll(inner, 0o755))
	t.Cleanup(func() { require.NoError(t, cgroup.Remove(outer)) })
	dir, err := os.Open(inner)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, dir.Close()) })

	for _, c := range []struct {
		what, want string
		attr       syscall.SysProcAttr
	}{
		{
			"no hierarchy", "3|control groups: version 2 is not mounted|mount -t cgroup2 none /sys/fs/cgroup, " +
				"or boot with systemd.unified_cgroup_hierarchy=1 or cgroup_no_v1=all, or use --backend vm",
			syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS},
		},
		{
			"no controllers", "3|control groups: version 2 lacks the cpu controller in /sys/fs/cgroup|boot with " +
				"systemd.unified_cgroup_hierarchy=1 or cgroup_no_v1=all, or use --backend vm",
			syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, UseCgroupFD: true, CgroupFD: int(dir.Fd())},
		},
		{
			"no rights", "3|control groups: /sys/fs/cgroup cannot be written to|run as root, or in a group of your own: " +
				"systemd-run --user --scope -p Delegate=yes …",
			syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}},
		},
	} {
		t.Run(c.what, func(t *testing.T) {
			_, said := startWith(t, &c.attr, c.what)
			require.Equal(t, c.want, said)
		})
	}
}

func TestCPU(t *testing.T) {
	g := create(t, "cpu")
	before, err := g.CPU()
	require.NoError(t, err)
	require.Zero(t, before)
	start(t, g, "burn")
	after, err := g.CPU()
	require.NoError(t, err)
	require.GreaterOrEqual(t, after.Usage, 50*time.Millisecond, "the child burnt that much and said so")
	require.InDelta(t, after.Usage, after.User+after.System, float64(time.Millisecond))
}

// Processes below a group that stands still are counted, and use no CPU time; let go, they go on.
func TestFreeze(t *testing.T) {
	g := create(t, "frozen")
	inner, err := cgroup.Create(g.Path, "inner")
	require.NoError(t, err)
	start(t, inner, "spin")
	start(t, inner, "family")
	n, err := g.Freeze()
	require.NoError(t, err)
	require.Equal(t, 3, n)
	used, err := g.Used()
	require.NoError(t, err)
	var own unix.Timespec
	require.NoError(t, unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &own))
	burn(time.Duration(own.Nano()) + 20*time.Millisecond)
	same, err := g.Used()
	require.NoError(t, err)
	require.Equal(t, used, same)
	require.NoError(t, g.Thaw())
	require.Eventually(t, func() bool {
		now, err := g.Used()
		return err == nil && now > used
	}, 10*time.Second, time.Millisecond)

	require.NoError(t, g.Close(), "one that has processes")
	_, err = g.Freeze()
	require.ErrorIs(t, err, os.ErrNotExist, "and not that none may be made there")
	require.ErrorIs(t, g.Thaw(), os.ErrNotExist)
}

func TestMemory(t *testing.T) {
	g := create(t, "memory")
	start(t, g, "memory")
	current, peak, err := g.Memory()
	require.NoError(t, err)
	require.Greater(t, current, int64(32<<20))
	require.GreaterOrEqual(t, peak, current)
}

func TestThreads(t *testing.T) {
	g := create(t, "threads")
	n, err := g.Threads()
	require.NoError(t, err)
	require.Zero(t, n)
	c, _ := start(t, g, "wait")
	tasks := func() int {
		dir, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", c.Process.Pid))
		require.NoError(t, err)
		return len(dir)
	}
	// Go adds threads as it likes, but never takes any away.
	low := tasks()
	n, err = g.Threads()
	require.NoError(t, err)
	require.GreaterOrEqual(t, n, low)
	require.LessOrEqual(t, n, tasks())
}

func TestPressure(t *testing.T) {
	g := create(t, "pressure")
	if _, err := os.Stat("/proc/pressure/cpu"); err != nil {
		_, err := g.Pressure("cpu")
		require.Equal(t, problem.Machine, problem.KindOf(err))
		return
	}
	for _, resource := range []string{"cpu", "memory", "io"} {
		p, err := g.Pressure(resource)
		require.NoError(t, err)
		require.GreaterOrEqual(t, p.Some, p.Full)
	}
	_, err := g.Pressure("patience")
	require.Error(t, err)
}

func TestCloseEndsEverythingInside(t *testing.T) {
	goleak.VerifyNone(t)
	g := create(t, "family")
	inner, err := cgroup.Create(g.Path, "inner")
	require.NoError(t, err)
	require.Equal(t, "inner", filepath.Base(inner.Path))
	a, _ := start(t, inner, "family")
	_, _, err = inner.Memory()
	require.NoError(t, err, "a group inside a group has the controllers too")

	require.NoError(t, g.Close())
	require.NoError(t, g.Close(), "again")
	require.NoDirExists(t, g.Path)
	require.NoError(t, inner.Close(), "gone already")
	require.Equal(t, syscall.SIGKILL, a.Wait().(*exec.ExitError).Sys().(syscall.WaitStatus).Signal())
	_, err = g.CPU()
	require.ErrorIs(t, err, os.ErrClosed)
}

func TestLeftovers(t *testing.T) {
	c, path := start(t, nil, "abandon")
	g := create(t, "alive")
	left, err := cgroup.Leftovers()
	require.NoError(t, err)
	require.NotContains(t, left, path, "its maker lives")

	require.NoError(t, c.Process.Kill())
	require.Error(t, c.Wait())
	left, err = cgroup.Leftovers()
	require.NoError(t, err)
	require.Contains(t, left, path)
	require.NotContains(t, left, g.Path)
	require.NoError(t, cgroup.Remove(path))
	require.NoError(t, cgroup.Remove(path), "nothing there is no error")
	require.NoDirExists(t, path)
}

func TestCreateRefuses(t *testing.T) {
	root, err := cgroup.Root()
	require.NoError(t, err)
	for _, name := range []string{"", ".", "..", "a/b", "a\nb"} {
		_, err := cgroup.Create(root, name)
		require.ErrorContains(t, err, "not a name", "%q", name)
	}
	create(t, "twice")
	_, err = cgroup.Create(root, "twice")
	require.ErrorIs(t, err, os.ErrExist)
}
