package box

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/run/agent"
	"github.com/ruleout/ruleout/harness/scenario"
)

// dead starts a program that ends with status 3, and returns when it has, and nobody has waited for it.
func dead(t *testing.T) int {
	pid, err := syscall.ForkExec("/bin/sh", []string{"sh", "-c", "exit 3"}, &syscall.ProcAttr{})
	require.NoError(t, err)
	require.NoError(t, unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil))
	return pid
}

// The number of a process is its own until somebody has waited for it. The box does so itself before it sends a signal,
// and forgets the number then.
func TestNoSignalIsSentToTheNumberOfAProcessThatHasEnded(t *testing.T) {
	b, pid := new(box), dead(t)
	p := &program{Program: scenario.Program{Name: "a"}}
	b.programs = []*program{p}
	b.number(p, pid)
	require.NoError(t, unix.Kill(pid, 0), "its number is not free yet")
	b.stop(p, unix.SIGTERM)
	require.Zero(t, p.pid)
	require.False(t, p.outcome.Stopped, "it had ended by itself")
	require.Equal(t, 3, p.outcome.Exit)
	require.ErrorIs(t, unix.Kill(pid, 0), unix.ESRCH)
}

// A program that has the number of an earlier one is not ended as the group of that.
func TestTheGroupOfAnEndedProgramIsForgottenWhenItsNumberIsTaken(t *testing.T) {
	first, second := new(program), new(program)
	b := &box{programs: []*program{first, second}}
	b.number(first, 1<<30)
	b.take(end{pid: 1 << 30})
	require.Equal(t, 1<<30, first.group)
	b.number(second, 1<<30)
	require.Zero(t, first.group)
	require.Equal(t, 1<<30, second.group)
	b.number(second, 1<<30+1)
	require.Equal(t, 1<<30+1, second.group)
}

// While a box waits for other nodes, its programs live: one that ends is started again.
func TestABoxLivesWhileItWaits(t *testing.T) {
	b := &box{children: make(chan os.Signal, 1)}
	signal.Notify(b.children, syscall.SIGCHLD)
	defer signal.Stop(b.children)
	word, ctx := make(chan int, 1), t.Context()
	p := &program{Program: scenario.Program{Name: "a", Restart: true}}
	b.programs = []*program{p}
	b.at(agent.Now(), func() error {
		b.number(p, dead(t))
		return nil
	})
	b.at(agent.Now()+1, func() error { word <- 7; return nil })
	said, going, err := live(ctx, b, word)
	require.NoError(t, err)
	require.True(t, going)
	require.Equal(t, 7, said)
	b.settle()
	require.Equal(t, 1, p.outcome.Restarts)
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	p.over = true
	_, going, err = live(ctx, b, word)
	require.NoError(t, err)
	require.False(t, going)
}
