package vm

import (
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Two loops on one CPU: each of them runs for half of the time, and waits for the other half.
func TestTimeThatOthersHadDoesNotCount(t *testing.T) {
	var set, before unix.CPUSet
	require.NoError(t, unix.SchedGetaffinity(0, &before))
	for cpu := range 1024 {
		if before.IsSet(cpu) {
			set.Set(cpu)
			break
		}
	}
	var loops []*exec.Cmd
	for range 2 {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", "while :; do :; done")
		require.NoError(t, cmd.Start())
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		require.NoError(t, unix.SchedSetaffinity(cmd.Process.Pid, &set))
		loops = append(loops, cmd)
	}
	for _, cmd := range loops {
		require.Eventually(t, func() bool {
			ran, waited := scheduled(cmd.Process.Pid)
			return ran > 50*time.Millisecond && waited > 50*time.Millisecond
		}, time.Minute, 10*time.Millisecond)
	}
}
