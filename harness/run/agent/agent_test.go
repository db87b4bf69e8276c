package agent

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
)

func init() {
	Register("test-echo", func(ctx context.Context, config json.RawMessage, c Control) (any, error) {
		c.Ready()
		select {
		case b := <-c.Begin():
			return map[string]any{"config": config, "start": b.Start, "seed": b.Seed}, nil
		case <-ctx.Done():
			return map[string]any{"config": config, "stopped": true}, nil
		}
	})
	Register("test-error", func(context.Context, json.RawMessage, Control) (any, error) {
		return nil, problem.Wrap(problem.Machine, errors.New("bind [::]:80: address already in use"), "stop the other one")
	})
	Register("test-panic", func(context.Context, json.RawMessage, Control) (any, error) {
		panic("index out of patience")
	})
	Register("test-late-panic", func(_ context.Context, _ json.RawMessage, c Control) (any, error) {
		c.Ready()
		<-c.Begin()
		panic("index out of patience")
	})
	Register("test-count", func(ctx context.Context, _ json.RawMessage, c Control) (any, error) {
		for i := range c.Tally() {
			c.Tally()[i].Add(int64(i) + 1)
		}
		c.Ready()
		<-ctx.Done()
		return len(c.Tally()), nil
	})
	Register("test-steps", func(ctx context.Context, _ json.RawMessage, c Control) (any, error) {
		steps := 0
		for {
			c.Ready()
			select {
			case <-c.Proceed():
				if steps++; steps == 3 {
					return nil, errors.New("three steps are too many")
				}
			case <-ctx.Done():
				return steps, nil
			}
		}
	})
	Register("test-mute", func(context.Context, json.RawMessage, Control) (any, error) {
		select {}
	})
	Register("test-deaf", func(_ context.Context, _ json.RawMessage, c Control) (any, error) {
		c.Ready()
		select {}
	})
	Register("test-surroundings", func(_ context.Context, _ json.RawMessage, c Control) (any, error) {
		c.Ready()
		runtime.LockOSThread()
		StrictTimers()
		slack := func(tid string) string {
			b, err := os.ReadFile("/proc/" + tid + "/timerslack_ns")
			return strings.TrimSpace(string(b)) + fmt.Sprint(err)
		}
		tid, found := monitor()
		if !found {
			return nil, errors.New("no monitor thread")
		}
		// Its kernel stack begins in nanosleep or, if it took a nap for good, in futex; ours is running.
		call, err := os.ReadFile("/proc/self/task/" + tid + "/syscall")
		return map[string]string{"procs": os.Getenv("GOMAXPROCS"), "home": os.Getenv("HOME"),
			"mine": slack(strconv.Itoa(syscall.Gettid())), "monitor": slack(tid), "call": string(call)}, err
	})
}

const parentVariable = "RULEOUT_TEST_AGENT_PARENT"

func TestMain(m *testing.M) {
	Main()
	if os.Getenv(parentVariable) != "" {
		parent()
	}
	goleak.VerifyTestMain(m)
}

// parent is a process with an agent, to be killed by a test.
func parent() {
	p, err := Start(context.Background(), Spec{Role: "test-deaf"})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(p.PID())
	select {}
}

func start(t *testing.T, spec Spec) *Process {
	t.Helper()
	p, err := Start(t.Context(), spec)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

func TestAnAgentProceedsStepByStep(t *testing.T) {
	p, err := Launch(t.Context(), Spec{Role: "test-steps"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	require.NoError(t, p.Ready())
	require.NoError(t, p.Proceed())
	require.NoError(t, p.Proceed())
	require.EqualError(t, p.Proceed(), "start agent test-steps: three steps are too many")
	require.EqualError(t, p.Proceed(), "start agent test-steps: three steps are too many", "it is gone")

	p = start(t, Spec{Role: "test-steps"})
	require.NoError(t, p.Proceed())
	result, err := p.Stop(t.Context())
	require.NoError(t, err)
	require.JSONEq(t, "1", string(result))
}

func TestAgentReturnsWhatItsRoleReturns(t *testing.T) {
	large := strings.Repeat("x", 1<<20) // more than a pipe holds, both ways
	p := start(t, Spec{Role: "test-echo", Config: large})
	require.NoError(t, p.Begin(Beginning{Start: 1234, Seed: 1<<64 - 1}))
	body, err := p.Wait(t.Context())
	require.NoError(t, err)
	var result struct {
		Config string
		Start  int64
		Seed   uint64
	}
	require.NoError(t, json.Unmarshal(body, &result))
	require.Equal(t, int64(1234), result.Start)
	require.Equal(t, uint64(1<<64-1), result.Seed)
	require.Equal(t, large, result.Config)
}

func TestTallyIsShared(t *testing.T) {
	for _, n := range []int{0, 1, 3, tallyLimit} {
		p := start(t, Spec{Role: "test-count", Tally: n})
		require.Len(t, p.Tally(), n)
		for i := range p.Tally() {
			require.Equal(t, int64(i)+1, p.Tally()[i].Load(), "what was added before the agent was ready")
		}
		body, err := p.Stop(t.Context())
		require.NoError(t, err)
		require.JSONEq(t, strconv.Itoa(n), string(body))
		if n > 0 {
			require.Equal(t, int64(n), p.Tally()[n-1].Load(), "they outlive the agent")
		}
	}
	_, err := Start(t.Context(), Spec{Role: "test-count", Tally: tallyLimit + 1})
	require.EqualError(t, err, "start agent test-count: share 513 counters: 512 is the most")
}

func TestStopEndsARoleThatServes(t *testing.T) {
	p := start(t, Spec{Role: "test-echo", Config: 7})
	body, err := p.Stop(t.Context())
	require.NoError(t, err)
	require.JSONEq(t, `{"config":7,"stopped":true}`, string(body))
	again, err := p.Stop(t.Context())
	require.NoError(t, err, "stopping twice")
	require.Equal(t, body, again)
}

func TestStopKillsARoleThatDoesNotListen(t *testing.T) {
	p := start(t, Spec{Role: "test-deaf"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := p.Stop(ctx)
	require.ErrorIs(t, err, context.Canceled)
	_, err = p.Wait(t.Context())
	require.ErrorContains(t, err, "killed")
}

func TestStartTellsWhyAnAgentIsNotReady(t *testing.T) {
	tests := map[string]struct {
		spec Spec
		want []string
		kind problem.Kind
	}{
		"role fails":   {Spec{Role: "test-error", Name: "web/php"}, []string{"start agent web/php: ", "address already in use"}, problem.Machine},
		"role panics":  {Spec{Role: "test-panic"}, []string{"died (exit status 2)", "panic: index out of patience"}, problem.Other},
		"role unknown": {Spec{Role: "test-eco"}, []string{`no role "test-eco"`, "test-echo"}, problem.Other},
		"node refuses to start": {Spec{Role: "test-echo", Start: func(*exec.Cmd) error { return errors.New("node is gone") }},
			[]string{"node is gone"}, problem.Other},
		"configuration": {Spec{Role: "test-echo", Config: func() {}}, []string{"encode configuration"}, problem.Other},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Start(t.Context(), test.spec)
			for _, want := range test.want {
				require.ErrorContains(t, err, want)
			}
			require.Equal(t, test.kind, problem.KindOf(err))
		})
	}
}

func TestDeathAfterReadyIsToldWithItsReason(t *testing.T) {
	p := start(t, Spec{Role: "test-late-panic", Name: "db/sql"})
	require.NoError(t, p.Ended())
	require.NoError(t, p.Begin(Beginning{}))
	_, err := p.Wait(t.Context())
	require.ErrorContains(t, err, "died (exit status 2)")
	require.ErrorContains(t, err, "panic: index out of patience")
	require.ErrorContains(t, p.Ended(), "died (exit status 2)")
	require.ErrorContains(t, p.Begin(Beginning{}), "index out of patience",
		"a late command tells the reason, not the broken pipe")
}

func TestCancelledContextKills(t *testing.T) {
	t.Run("before it is ready", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var pid int
		_, err := Start(ctx, Spec{Role: "test-mute", Start: func(cmd *exec.Cmd) error {
			defer cancel()
			err := cmd.Start()
			pid = cmd.Process.Pid
			return err
		}})
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH, "killed and reaped")
	})
	t.Run("after it was ready", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		p, err := Start(ctx, Spec{Role: "test-deaf"})
		require.NoError(t, err)
		cancel()
		_, err = p.Wait(t.Context())
		require.ErrorIs(t, err, context.Canceled)
		require.NoError(t, p.Close())
		require.ErrorIs(t, syscall.Kill(p.PID(), 0), syscall.ESRCH)
	})
	t.Run("before it is started", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := Start(ctx, Spec{Role: "test-echo", Start: func(*exec.Cmd) error { panic("started") }})
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestInterruptIsTheParentsBusiness(t *testing.T) {
	p := start(t, Spec{Role: "test-echo"})
	require.NoError(t, syscall.Kill(p.PID(), syscall.SIGINT))
	group, err := syscall.Getpgid(p.PID())
	require.NoError(t, err)
	require.Equal(t, p.PID(), group, "a terminal's Ctrl-C does not reach it")
	body, err := p.Stop(t.Context())
	require.NoError(t, err)
	require.Contains(t, string(body), "stopped")
}

func TestNoAgentOutlivesItsParent(t *testing.T) {
	for name, stop := range map[string]bool{"running": false, "stopped by a signal": true} {
		t.Run(name, func(t *testing.T) {
			self, err := os.Executable()
			require.NoError(t, err)
			cmd := exec.Command(self)
			cmd.Env = append(os.Environ(), parentVariable+"=1")
			out, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			line, err := bufio.NewReader(out).ReadString('\n')
			require.NoError(t, err)
			pid, err := strconv.Atoi(strings.TrimSpace(line))
			require.NoError(t, err, line)

			fd, err := unix.PidfdOpen(pid, 0)
			require.NoError(t, err)
			defer unix.Close(fd)
			if stop {
				require.NoError(t, syscall.Kill(pid, syscall.SIGSTOP))
			}
			require.NoError(t, cmd.Process.Kill())
			_ = cmd.Wait()
			ends := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
			for {
				n, err := unix.Poll(ends, 60_000)
				if errors.Is(err, unix.EINTR) {
					continue
				}
				require.NoError(t, err)
				require.Equal(t, 1, n, "agent %d outlived its parent by a minute", pid)
				break
			}
		})
	}
}

func TestAgentsSurroundingsAreItsOwn(t *testing.T) {
	t.Setenv("HOME", "/somebody")
	p := start(t, Spec{Role: "test-surroundings", Env: []string{"GOMAXPROCS=3"}})
	body, err := p.Wait(t.Context())
	require.NoError(t, err)
	var got map[string]string
	require.NoError(t, json.Unmarshal(body, &got))
	require.Equal(t, "3", got["procs"])
	require.Empty(t, got["home"])
	require.Equal(t, "1<nil>", got["mine"])
	require.Equal(t, "60000000000<nil>", got["monitor"])
	require.Regexp(t, "^(35|202|running)", got["call"], "nanosleep or futex")
}

func TestNowIsTheMonotonicClock(t *testing.T) {
	read := func() int64 {
		var ts unix.Timespec
		require.NoError(t, unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts))
		return ts.Nano()
	}
	before, now, after := read(), Now(), read()
	const slip = 100_000 // what the reading at start may be off by, if this machine was busy then
	require.GreaterOrEqual(t, now, before-slip)
	require.LessOrEqual(t, now, after+slip)
}

func TestReceiveRefusesWhatIsNotAMessage(t *testing.T) {
	tests := map[string]struct {
		in   string
		want string
	}{
		"half a length":   {"\x00\x00", "unexpected EOF"},
		"half a body":     {"\x00\x00\x00\x09{}", "unexpected EOF"},
		"gigantic length": {"\xff\xff\xff\xff", "more than"},
		"not JSON":        {"\x00\x00\x00\x02{]", "decode message"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := receive(strings.NewReader(test.in))
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestTailKeepsWhatTellsMost(t *testing.T) {
	var tail tail
	require.Empty(t, tail.summary())
	for i := range 10_000 {
		fmt.Fprintf(&tail, "line %d\n", i)
	}
	require.Equal(t, tailLines, bytes.Count([]byte(tail.summary()), []byte("\n\t")))
	require.Contains(t, tail.summary(), "line 9999")
	require.LessOrEqual(t, len(tail.data), tailBytes)
	fmt.Fprint(&tail, "panic: first\n"+strings.Repeat("trace\n", 100))
	require.True(t, strings.HasPrefix(tail.summary(), ":\n\tpanic: first\n"))
}
