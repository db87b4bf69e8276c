package vm_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/vm"
)

func TestGuestOutput(t *testing.T) {
	for _, c := range []struct {
		name string
		job  job
		want string
	}{
		{"short", job{Do: "echo", Fill: "hello, host"}, "hello, host"},
		{"empty", job{Do: "echo"}, ""},
		{"1 MiB", job{Do: "output", Size: 1 << 20}, strings.Repeat("0123456789abcdef", 1<<16)},
		{"long behind short and short behind long", job{Do: "mixed"}, "first " + strings.Repeat("long ", 10_000) + "last"},
		{"two minutes of sleep", job{Do: "sleep", Size: 120}, "2m0s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := run(t, c.job, func(c *vm.Clone) { c.WallLimit = 30 * time.Second })
			require.NoError(t, r.err)
			require.Equal(t, len(c.want), len(r.output))
			require.True(t, c.want == r.output, "the bytes differ")
			require.Empty(t, r.log)
		})
	}
}

func TestPayloadOfOneMebibyteArrives(t *testing.T) {
	fill := strings.Repeat("payload!", 1<<17)
	r := run(t, job{Do: "length", Fill: fill})
	require.NoError(t, r.err)
	require.Equal(t, fmt.Sprintf("%d %x", len(fill), sha256.Sum256([]byte(fill))), r.output)
}

func TestAttachmentsComeBackWhole(t *testing.T) {
	for name, word := range map[string]string{"alone": "", "with output": "a word",
		"with output that is held": strings.Repeat("word ", 10_000)} {
		t.Run(name, func(t *testing.T) {
			const size = 9<<20 + 123 // several pieces, and no multiple of a page
			got := map[string]*bytes.Buffer{}
			r := run(t, job{Do: "attach", Size: size, Fill: word}, func(c *vm.Clone) {
				c.Attachments = func(name string) (io.Writer, error) {
					got[name] = new(bytes.Buffer)
					return got[name], nil
				}
			})
			require.NoError(t, r.err)
			require.Equal(t, word, r.output)
			require.Len(t, got, 3)
			require.True(t, bytes.Equal(got["file 0"].Bytes(), bytes.Repeat([]byte("a"), size)), "%d bytes", got["file 0"].Len())
			require.Zero(t, got["file 1"].Len())
			require.Equal(t, strings.Repeat("c", 5000), got["file 2"].String())
		})
	}
}

func TestAnAttachmentThatNobodyTakesIsAnError(t *testing.T) {
	full := errors.New("no space left")
	r := run(t, job{Do: "attach", Size: 1}, func(c *vm.Clone) {
		c.Attachments = func(string) (io.Writer, error) { return nil, full }
	})
	require.ErrorIs(t, r.err, full)
	r = run(t, job{Do: "attach", Size: 1, Fill: "a word"}) // and one without a request is none
	require.NoError(t, r.err)
	require.Equal(t, "a word", r.output)
}

func TestStandardStreamsAreTheLog(t *testing.T) {
	r := run(t, job{Do: "log"})
	require.NoError(t, r.err)
	require.Equal(t, "on standard output\non standard error\n", r.log)
	require.Empty(t, r.output)
}

func TestOutputStreamsWhileTheGuestRuns(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := template(t).Command(job{Do: "say, then busy"}.payload())
	c.WallLimit = time.Minute
	c.Output = writerFunc(func(p []byte) (int, error) {
		if string(p) == "begun\n" {
			cancel() // the guest would go on for an hour of its own time
		}
		return len(p), nil
	})
	require.ErrorIs(t, c.Run(ctx), context.Canceled)
	require.Empty(t, children(t))
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestGuestEnvironment(t *testing.T) {
	r := run(t, job{Do: "environment"})
	require.NoError(t, r.err, r.log)
	require.Equal(t, `warmed: true
pid is 1: false
files: true
/sys/fs/cgroup/cgroup.controllers: true
/sys/kernel/tracing/trace_clock: true
/sys/fs/bpf: true
/proc/pressure/cpu: true
/sys/kernel/btf/vmlinux: true
/dev/null: true
/etc/test/greeting: true
controllers: cpu memory pids
lo up: true
netem: true
host: ruleout
`, r.output)
}

func TestOrphansAreReapedAndChildrenAreNot(t *testing.T) {
	r := run(t, job{Do: "orphans", Size: 5})
	require.NoError(t, r.err, r.log)
	require.Equal(t, "no zombies", r.output)
}

func TestStatus(t *testing.T) {
	for _, status := range []int{1, 7, 200, -1} {
		var exit *vm.ExitError
		require.ErrorAs(t, run(t, job{Do: "status", Size: status}).err, &exit)
		require.Equal(t, status, exit.Status)
	}
}

func TestRandomNumbersFollowFromEntropy(t *testing.T) {
	seed := func(b byte) func(*vm.Clone) { return func(c *vm.Clone) { c.Entropy[5] = b } }
	one, again, two := run(t, job{Do: "random"}, seed(1)), run(t, job{Do: "random"}, seed(1)),
		run(t, job{Do: "random"}, seed(2))
	require.NoError(t, one.err)
	require.Len(t, one.output, 32)
	require.Equal(t, one.output, again.output)
	require.NotEqual(t, one.output, two.output)
}

func TestSamePayloadSameBytesUnderLoad(t *testing.T) {
	want := run(t, job{Do: "net", Size: 50})
	require.NoError(t, want.err)
	require.Equal(t, 50, strings.Count(want.output, "\n"))

	keepBusy(t, 2*runtime.NumCPU())
	for range 5 {
		got := run(t, job{Do: "net", Size: 50})
		require.NoError(t, got.err)
		require.Equal(t, want.output, got.output)
	}
	other := run(t, job{Do: "net", Size: 50}, func(c *vm.Clone) { c.Entropy[0] = 1 })
	require.NoError(t, other.err)
	require.NotEqual(t, want.output, other.output, "the entropy shows in ports, so this test can fail")
}

// keepBusy computes on n threads until the test ends.
func keepBusy(t *testing.T, n int) {
	stop := make(chan struct{})
	var burning sync.WaitGroup
	for range n {
		burning.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	t.Cleanup(func() { close(stop); burning.Wait() })
}

func TestClonesAtTheSameTime(t *testing.T) {
	template(t)
	var wg sync.WaitGroup
	results := make([]result, 4)
	for i := range results {
		wg.Go(func() { results[i] = run(t, job{Do: "net", Size: 10}) })
	}
	wg.Wait()
	for _, r := range results {
		require.NoError(t, r.err)
		require.Equal(t, results[0].output, r.output)
	}
}

func TestClonesDoNotWriteToTheTemplate(t *testing.T) {
	require.NoError(t, run(t, job{Do: "net", Size: 10}).err)
	again, err := template(t).Rehash()
	require.NoError(t, err)
	require.Equal(t, template(t).Hash(), again)
}

func TestUsage(t *testing.T) {
	r := run(t, job{Do: "nothing"})
	require.NoError(t, r.err)
	require.Positive(t, r.usage.Restore)
	require.Less(t, r.usage.Restore, r.usage.Wall)
	require.Positive(t, r.usage.CPU)
	require.Greater(t, r.usage.Memory, int64(10<<20))
}

func TestCloneIsStartedOnce(t *testing.T) {
	c := template(t).Command(job{Do: "nothing"}.payload())
	require.ErrorContains(t, c.Wait(), "it was not started")
	require.NoError(t, c.Run(t.Context()))
	require.ErrorContains(t, c.Start(t.Context()), "it was started already")
}

func TestTrouble(t *testing.T) {
	short := func(c *vm.Clone) { c.VirtualLimit = 300 * time.Millisecond }
	for _, c := range []struct {
		name  string
		job   job
		set   func(*vm.Clone)
		kind  problem.Kind
		says  []string // in the error
		log   string
		check func(t *testing.T, r result)
	}{
		{
			name: "kernel panic", job: job{Do: "kernel panic"}, kind: problem.Invalid,
			says: []string{"guest kernel panic: ", "sysrq triggered crash"},
			check: func(t *testing.T, r result) {
				require.Contains(t, r.console, "Kernel panic - not syncing: ")
				var panicked *vm.PanicError
				require.ErrorAs(t, r.err, &panicked)
				require.NotEmpty(t, panicked.Console)
			},
		},
		{
			name: "panic of the guest function", job: job{Do: "go panic"}, kind: problem.Other,
			says: []string{"exit status 2"}, log: "panic: a defect in the guest\n",
		},
		{
			name: "the guest's process is killed", job: job{Do: "killed"}, kind: problem.Invalid,
			says: []string{"the guest's process ended: killed by signal 9"},
		},
		{
			name: "never ends, busy", job: job{Do: "busy"}, set: short, kind: problem.Invalid,
			says: []string{"still running after 300ms of its own time; the last it printed: round and round"},
			log:  "vm_test.spin",
		},
		{
			name: "never ends, idle", job: job{Do: "idle"}, kind: problem.Invalid,
			set:  func(c *vm.Clone) { c.VirtualLimit = time.Minute },
			says: []string{"still running after 1m0s of its own time; the last it printed: waiting"}, log: "time.Sleep",
		},
		{
			name: "too long on the host's clock", job: job{Do: "busy"}, kind: problem.Invalid,
			set:  func(c *vm.Clone) { c.WallLimit = 2 * time.Second },
			says: []string{"still running after 2s on the host's clock", "the last it printed: round and round"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			set := c.set
			if set == nil {
				set = func(*vm.Clone) {}
			}
			r := run(t, c.job, set)
			require.Error(t, r.err)
			for _, text := range c.says {
				require.ErrorContains(t, r.err, text)
			}
			require.Contains(t, r.log, c.log)
			require.Equal(t, c.kind, problem.KindOf(r.err), "%v", r.err)
			if c.check != nil {
				c.check(t, r)
			}
			require.Empty(t, children(t))
		})
	}
}

func TestQEMUKilledInMidRun(t *testing.T) {
	r := run(t, job{Do: "say, then busy"}, func(c *vm.Clone) {
		c.Output = writerFunc(func(p []byte) (int, error) {
			for _, pid := range children(t) {
				kill(t, pid)
			}
			return len(p), nil
		})
	})
	var died *vm.DiedError
	require.ErrorAs(t, r.err, &died)
	require.ErrorContains(t, r.err, "QEMU ended in mid-run: signal: killed")
	require.Equal(t, problem.Machine, problem.KindOf(r.err))
	require.NotEmpty(t, problem.HintOf(r.err))
	require.Empty(t, children(t))
}

func TestCancelAtAnyMoment(t *testing.T) {
	template(t)
	for after := time.Duration(0); after < 200*time.Millisecond; after += 15 * time.Millisecond {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		c := template(t).Command(job{Do: "busy"}.payload())
		require.ErrorIs(t, c.Run(ctx), context.DeadlineExceeded)
		cancel()
		require.Empty(t, children(t), "after %v", after)
	}
}
