package vm_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// envParent makes the test binary a process that has a clone under way.
const envParent = "RULEOUT_TEST_PARENT"

// parentMain runs a clone that does not end, and says so on standard output.
func parentMain() {
	template, err := shared()
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	c := template.Command(job{Do: "say, then busy"}.payload())
	c.Output = os.Stdout
	fmt.Println(c.Run(context.Background()))
	os.Exit(1)
}

// children returns the processes that this one has started and not reaped.
func children(t testing.TB) []int {
	t.Helper()
	return childrenOf(t, os.Getpid())
}

func childrenOf(t testing.TB, pid int) (pids []int) {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // the thread has ended
		}
		for _, field := range strings.Fields(string(text)) {
			pid, err := strconv.Atoi(field)
			require.NoError(t, err)
			pids = append(pids, pid)
		}
	}
	return pids
}

func kill(t testing.TB, pid int) {
	t.Helper()
	require.NoError(t, unix.Kill(pid, unix.SIGKILL))
}

func TestQEMUDiesWithItsParent(t *testing.T) {
	template(t)
	parent := exec.CommandContext(t.Context(), "/proc/self/exe")
	parent.Env = append(os.Environ(), envParent+"=1")
	parent.Stderr = os.Stderr
	stdout, err := parent.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, parent.Start())
	lines := bufio.NewReader(stdout)
	line, err := lines.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "begun\n", line)

	qemu := childrenOf(t, parent.Process.Pid)
	require.Len(t, qemu, 1)
	fd, err := unix.PidfdOpen(qemu[0], 0)
	require.NoError(t, err)
	defer unix.Close(fd)

	require.NoError(t, parent.Process.Kill())
	_, _ = io.Copy(io.Discard, lines)
	_ = parent.Wait()
	poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(poll, 30_000)
	require.NoError(t, err)
	require.Equal(t, 1, n, "QEMU is still there")
}

// The field of /proc/PID/task/TID/stat that tells a thread's policy, proc_pid_stat(5), counted
// behind the name in brackets, whose number is 2.
const policyField = 41 - 3

func TestQEMUIsABatchJobInASandbox(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	begun := make(chan struct{}, 1)
	c := template(t).Command(job{Do: "say, then busy"}.payload())
	c.WallLimit = time.Minute
	c.Output = writerFunc(func(p []byte) (int, error) {
		begun <- struct{}{}
		return len(p), nil
	})
	require.NoError(t, c.Start(ctx))
	<-begun
	qemu := children(t)
	require.Len(t, qemu, 1)
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", qemu[0]))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(threads), 2, "the main loop and the CPU")
	for _, name := range threads {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		_, rest, _ := strings.Cut(string(text), ") ")
		require.Equal(t, strconv.Itoa(unix.SCHED_BATCH), strings.Fields(rest)[policyField])
	}
	if config(t).QEMU.Sandboxed() {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", qemu[0]))
		require.NoError(t, err)
		require.Regexp(t, `(?m)^Seccomp:\t2$`, string(status), "a filter is in force, proc_pid_status(5)")
	}
	cancel()
	require.ErrorIs(t, c.Wait(), context.Canceled)
}
