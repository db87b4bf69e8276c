package topology_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/run/topology"
)

// asChild names what this test binary does instead of testing, when it is a child of a test.
const asChild = "RULEOUT_TOPOLOGY_TEST_CHILD"

func TestMain(m *testing.M) {
	if what := os.Getenv(asChild); what != "" {
		if err := child(what); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func child(what string) error {
	switch what {
	case "nothing":
		return nil
	case "where": // prints the namespace of the process and waits to be killed
		ns, err := os.Readlink("/proc/self/ns/net")
		if err != nil {
			return err
		}
		fmt.Println(ns)
	case "network": // builds a network, starts a child in it, tells its id and waits to be killed
		n, err := topology.Build(context.Background(), sixByFive())
		if err != nil {
			return err
		}
		c := self("where")
		if err := n.Node("web").Start(c); err != nil {
			return err
		}
		fmt.Println(c.Process.Pid)
	case "build": // builds a network and closes it
		return buildAndClose()
	}
	for {
		_ = unix.Pause()
	}
}

// self is this test binary as a child.
func self(what string) *exec.Cmd {
	c := exec.Command("/proc/self/exe")
	c.Env = append(os.Environ(), asChild+"="+what)
	return c
}

// firstLine starts a command by start and returns the first line that it prints.
func firstLine(t *testing.T, c *exec.Cmd, start func() error) string {
	t.Helper()
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	return strings.TrimSpace(line)
}

func inode(n *topology.Node) string { return fmt.Sprintf("net:[%d]", n.Inode()) }

func TestDoIsInside(t *testing.T) {
	n := build(t, sixByFive())
	here, err := os.Readlink("/proc/thread-self/ns/net")
	require.NoError(t, err)
	var group sync.WaitGroup
	for _, node := range n.Nodes() {
		for range 20 {
			group.Go(func() {
				var there string
				err := node.Do(func() (err error) {
					there, err = os.Readlink("/proc/thread-self/ns/net")
					return err
				})
				if err != nil || there != inode(node) {
					t.Errorf("in %s, not in %s: %v", there, inode(node), err)
				}
			})
		}
	}
	group.Wait()
	now, err := os.Readlink("/proc/thread-self/ns/net")
	require.NoError(t, err)
	require.Equal(t, here, now)
}

func TestDoPassesOn(t *testing.T) {
	n := build(t, sixByFive())
	web := n.Node("web")
	boom := errors.New("boom")

	t.Run("an error", func(t *testing.T) {
		require.ErrorIs(t, web.Do(func() error { return boom }), boom)
	})
	t.Run("a panic", func(t *testing.T) {
		require.PanicsWithValue(t, "boom", func() { _ = web.Do(func() error { panic("boom") }) })
	})
	t.Run("the end of the goroutine", func(t *testing.T) {
		ended := make(chan bool)
		go func() {
			defer func() { ended <- recover() == nil }()
			_ = web.Do(func() error { runtime.Goexit(); return nil })
			t.Error("went on")
		}()
		require.True(t, <-ended)
	})
	t.Run("another node inside", func(t *testing.T) {
		require.NoError(t, web.Do(func() error {
			if err := n.Node("db").Do(func() error { return nil }); err != nil {
				return err
			}
			ns, err := os.Readlink("/proc/thread-self/ns/net")
			if err == nil && ns != inode(web) {
				err = errors.New("not back on web")
			}
			return err
		}))
	})
}

func TestCloseWaitsForDo(t *testing.T) {
	n := build(t, sixByFive())
	inside, release, closed := make(chan bool), make(chan bool), make(chan error, 1)
	result := make(chan error, 1)
	go func() {
		result <- n.Node("web").Do(func() error {
			close(inside)
			<-release
			// The node is being closed, so no other process gets in; those that are in stay in.
			ns, err := os.Readlink("/proc/thread-self/ns/net")
			if err == nil && ns != inode(n.Node("web")) {
				err = errors.New("put out")
			}
			return err
		})
	}()
	<-inside
	go func() { closed <- n.Close() }()
	// Close goes from wires to nodes backwards by name; web is the last of these.
	for n.Node("web").Do(func() error { return nil }) == nil {
		runtime.Gosched()
	}
	require.Empty(t, closed)
	close(release)
	require.NoError(t, <-result)
	require.NoError(t, <-closed)
}

func TestAfterClose(t *testing.T) {
	n := build(t, sixByFive())
	require.NoError(t, n.Close())
	require.NoError(t, n.Close())
	require.ErrorIs(t, n.Node("web").Do(func() error { return nil }), topology.ErrClosed)
	require.ErrorIs(t, n.Node("web").Start(self("where")), topology.ErrClosed)
	require.Equal(t, -1, n.Node("web").FD())
}

func TestStartIsInsideAndEndsWithTheNetwork(t *testing.T) {
	n := build(t, sixByFive())
	c := self("where")
	require.Equal(t, inode(n.Node("web")), firstLine(t, c, func() error { return n.Node("web").Start(c) }))
	require.NoError(t, n.Close())
	err := c.Wait()
	require.Equal(t, syscall.SIGKILL, err.(*exec.ExitError).Sys().(syscall.WaitStatus).Signal())
}

func TestStartKeepsWhatTheCommandAsksFor(t *testing.T) {
	n := build(t, sixByFive())
	web := n.Node("web")

	pidfd := -1
	c := self("where")
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, PidFD: &pidfd}
	require.Equal(t, inode(web), firstLine(t, c, func() error { return web.Start(c) }))
	require.Equal(t, syscall.SIGTERM, c.SysProcAttr.Pdeathsig)
	require.NoError(t, unix.PidfdSendSignal(pidfd, unix.SIGKILL, nil, 0), "the caller's descriptor is the caller's")
	require.Error(t, c.Wait())
	require.NoError(t, unix.Close(pidfd))

	require.ErrorIs(t, web.Start(exec.Command("/nowhere")), os.ErrNotExist)
}

// TestStartForgets starts more processes than there should be descriptors left of.
func TestStartForgets(t *testing.T) {
	n := build(t, sixByFive())
	count := func() int { return len(footprint(t).Descriptors) }
	low := 0
	for i := range 20 {
		c := self("nothing")
		require.NoError(t, n.Node("web").Start(c))
		require.NoError(t, c.Wait())
		if i == 0 {
			low = count()
		}
	}
	require.LessOrEqual(t, count(), low+1)
}

// TestChildrenDieWithTheirParent kills a process that has a network and a child in it, with
// no time for either to clean up.
func TestChildrenDieWithTheirParent(t *testing.T) {
	requireRights(t)
	verifyNoLeak(t)
	parent := self("network")
	line := firstLine(t, parent, parent.Start)
	pid, err := strconv.Atoi(line)
	require.NoError(t, err, line)
	pidfd, err := unix.PidfdOpen(pid, 0)
	require.NoError(t, err)
	defer unix.Close(pidfd)
	require.NoError(t, parent.Process.Kill())
	require.Error(t, parent.Wait())
	// A pidfd is readable once its process has ended.
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, 10_000)
	require.NoError(t, err)
	require.Equal(t, 1, n, "the child lives on")
}
