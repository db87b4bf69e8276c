package probe

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/run/probe/offsets"
)

func TestWhatTheKernelRefusesComesWithAHint(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		kind problem.Kind
		hint string
	}{
		"no rights":     {unix.EPERM, problem.Machine, "root"},
		"no BPF":        {unix.ENOSYS, problem.Machine, "CONFIG_BPF_SYSCALL"},
		"not supported": {ebpf.ErrNotSupported, problem.Machine, "5.10"},
		"no tracepoint": {fs.ErrNotExist, problem.Machine, "tracepoint"},
		"verifier":      {&ebpf.VerifierError{Cause: unix.EACCES}, problem.Machine, "report it"},
		"anything else": {unix.ENOMEM, problem.Other, ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := refused(fmt.Errorf("load program: %w", c.err))
			require.True(t, errors.Is(err, c.err))
			require.Equal(t, c.kind, problem.KindOf(err))
			require.Contains(t, problem.HintOf(err), c.hint)
		})
	}
}

// Under a thread without rights the kernel itself refuses.
func TestWithoutRightsRecordingIsRefused(t *testing.T) {
	at, err := offsets.Load()
	require.NoError(t, err)
	err = onThread(func() error {
		// Of this thread only; it ends with the function.
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, 65534, 65534, 65534); errno != 0 {
			return errno
		}
		p, err := New(Options{Offsets: at})
		if err == nil {
			return p.Close()
		}
		return err
	})
	require.Equal(t, problem.Machine, problem.KindOf(err), "%v", err)
	require.NotEmpty(t, problem.HintOf(err))
}

func TestUsesIRQTime(t *testing.T) {
	for name, c := range map[string]struct {
		sources, arguments string
		want               bool
	}{
		"good time stamp counter": {"tsc hpet acpi_pm \n", "quiet", true},
		"in a KVM guest":          {"kvm-clock tsc acpi_pm \n", "", true},
		"unstable counter":        {"hpet acpi_pm \n", "", false},
		"switched off":            {"tsc \n", "ro tsc=noirqtime quiet", false},
		"another tsc option":      {"tsc \n", "tsc=reliable", true},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, usesIRQTime(c.sources, c.arguments)) })
	}
}
