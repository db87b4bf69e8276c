package vm_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/vm"
)

// inBoot calls f, once, when the first QEMU has written 16 MiB into its memory, which is in the middle of its boot.
func inBoot(ctx context.Context, t *testing.T, dir string, f func(qemu int)) func(string) {
	begun := false
	return func(string) {
		if begun {
			return
		}
		begun = true
		go func() {
			for ; ctx.Err() == nil; time.Sleep(time.Millisecond) {
				files, _ := filepath.Glob(filepath.Join(dir, "work-*", "ram"))
				for _, name := range files {
					var s unix.Stat_t
					pids := children(t)
					if unix.Stat(name, &s) == nil && s.Blocks*512 > 16<<20 && len(pids) > 0 {
						f(pids[0])
						return
					}
				}
			}
		}()
	}
}

func TestAQEMUThatIsKilledInTheFirstBootSaysNothingOfTheMachine(t *testing.T) {
	c := config(t)
	c.Dir, c.Once = t.TempDir(), true
	for _, s := range []unix.Signal{unix.SIGKILL, unix.SIGTERM} {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := vm.OpenTemplate(ctx, c, inBoot(ctx, t, c.Dir, func(qemu int) { _ = unix.Kill(qemu, s) }))
		cancel()
		var died *vm.DiedError
		require.ErrorAs(t, err, &died, s)
		require.NotContains(t, err.Error(), "on no machine")
		require.NotContains(t, err.Error(), string(vm.Q35))
		boards, err := vm.Boards(c.Dir)
		require.NoError(t, err)
		require.Empty(t, boards)
	}
	var told []string
	made, err := vm.OpenTemplate(t.Context(), c, func(s string) { told = append(told, s) })
	require.NoError(t, err)
	require.Equal(t, template(t).Machine(), made.Machine())
	require.NotContains(t, strings.Join(told, "\n"), "as was found on")
	require.NoError(t, made.Close())
}

// QEMU writes the guest's memory through a mapping, and dies of SIGBUS when there is no room.
func TestADiskThatFillsUpInTheFirstBoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount a small file system")
	}
	c := config(t)
	c.Dir, c.Once = t.TempDir(), true
	require.NoError(t, unix.Mount("tmpfs", c.Dir, "tmpfs", 0, "size=400m"))
	defer func() { require.NoError(t, unix.Unmount(c.Dir, 0)) }()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := vm.OpenTemplate(ctx, c, inBoot(ctx, t, c.Dir, func(int) {
		_ = os.WriteFile(filepath.Join(c.Dir, "filler"), make([]byte, 400<<20), 0o644)
	}))
	var died *vm.DiedError
	require.ErrorAs(t, err, &died)
	require.NotContains(t, err.Error(), "on no machine")
	boards, err := vm.Boards(c.Dir)
	require.NoError(t, err)
	require.Empty(t, boards)
}

// A CPU without 64-bit mode: the kernel's first instructions fault, there is no handler yet, and the machine resets.
// QEMU 10.0 does the same to a microvm.
func TestAMachineOnWhichTheKernelGivesUpIsRememberedAndToldAndForgotten(t *testing.T) {
	c := config(t)
	c.Dir, c.Once = t.TempDir(), true
	c.QEMU = wrap(t, `for a in "$@"; do
    case "$a" in
    microvm,*) m=1 ;;
    qemu64,*) test -n "$m" && a=486 ;;
    esac
    shift
    set -- "$@" "$a"
done
exec REAL "$@"
`)
	open := func() (told []string) {
		made, err := vm.OpenTemplate(t.Context(), c, func(s string) { told = append(told, s) })
		require.NoError(t, err)
		require.Equal(t, vm.Q35, made.Machine())
		require.NoError(t, made.Close())
		return told
	}
	tried := func(told []string) bool {
		return slices.ContainsFunc(told, func(s string) bool {
			return strings.HasPrefix(s, "microvm: the guest did not boot: ")
		})
	}
	require.True(t, tried(open()))
	boards, err := vm.Boards(c.Dir)
	require.NoError(t, err)
	require.Len(t, boards, 1)
	require.Equal(t, vm.Q35, boards[0].Machine)
	for range 2 {
		told := open()
		require.False(t, tried(told))
		require.Len(t, told, 1)
		require.Regexp(t, fmt.Sprintf(`^kernel %s runs on q35 with QEMU %s, as was found on 20\d\d-\d\d-\d\d \d\d:\d\d UTC: microvm: the guest did not boot`,
			c.Kernel.Name, c.QEMU.Version), told[0])
	}
	// Files of earlier versions were wrong where QEMU had been killed.
	old := filepath.Join(c.Dir, "machine-0123")
	require.NoError(t, os.WriteFile(old, []byte("q35\n"), 0o644))
	forgotten, err := vm.ForgetBoards(c.Dir)
	require.NoError(t, err)
	require.Len(t, forgotten, 2)
	require.Contains(t, forgotten, old)
	require.True(t, tried(open()))
}

// A kernel that gives up on every machine is booted once more, to see what it prints. Here it is the processor that is
// too old for it, so that it prints nothing, and that is said.
func TestAKernelThatBootsOnNoMachine(t *testing.T) {
	c := config(t)
	c.Dir, c.Once = t.TempDir(), true
	c.QEMU = wrap(t, `for a in "$@"; do
    case "$a" in
    qemu64,*) a=486 ;;
    esac
    shift
    set -- "$@" "$a"
done
exec REAL "$@"
`)
	var told []string
	_, err := vm.OpenTemplate(t.Context(), c, func(s string) { told = append(told, s) })
	var reset *vm.ResetError
	require.ErrorAs(t, err, &reset)
	require.Empty(t, reset.Console)
	require.ErrorContains(t, err, "boots kernel "+c.Kernel.Name+" on no machine: microvm: the guest did not boot: ")
	require.Equal(t, problem.Machine, problem.KindOf(err))
	require.Contains(t, problem.HintOf(err), "CONFIG_SERIAL_8250_CONSOLE")
	require.Contains(t, told, "booting it once more, to see what it prints")
	boards, err := vm.Boards(c.Dir)
	require.NoError(t, err)
	require.Empty(t, boards, "nothing is remembered of a kernel that boots nowhere")
}
