package doctor

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/run/agent"
	"github.com/ruleout/ruleout/harness/scenario/expect"
)

// The first thread is main's alone: what the fault package tries must not run there.
func init() { runtime.LockOSThread() }

func TestMain(m *testing.M) {
	agent.Main()
	os.Exit(m.Run())
}

func TestFit(t *testing.T) {
	for name, c := range map[string]struct {
		checks []Check
		want   bool
	}{
		"nothing wrong":               {[]Check{{For: VM, Status: OK}, {For: VM, Status: OK}}, true},
		"something missing":           {[]Check{{For: VM, Status: OK}, {For: VM, Status: Missing}}, false},
		"something broken":            {[]Check{{For: VM, Status: Broken}}, false},
		"the other backend's problem": {[]Check{{For: VM, Status: OK}, {For: Host, Status: Missing}}, true},
		"good to know":                {[]Check{{For: Neither, Status: Missing}}, true},
	} {
		require.Equal(t, c.want, Fit(VM, c.checks), name)
	}
}

func TestTheTrialIsAScenario(t *testing.T) {
	s, err := expect.Parse("trial.yaml", trial, nil)
	require.NoError(t, err)
	require.NotEmpty(t, s.Faults)
	require.NotEmpty(t, s.Load)
}

func TestEveryProblemSaysHowToMendIt(t *testing.T) {
	t.Setenv("PATH", t.TempDir())                                    // no QEMU, no Go
	t.Setenv("XDG_CACHE_HOME", filepath.Join(t.TempDir(), "absent")) // no kernel
	var told []Check
	checks, err := Examine(t.Context(), Options{Quick: true, Found: func(c Check) { told = append(told, c) }})
	require.NoError(t, err)
	require.Equal(t, checks, told)
	require.False(t, Fit(VM, checks))
	status := map[string]Status{}
	for _, c := range checks {
		status[c.Name] = c.Status
		require.NotEmpty(t, c.Detail, c.Name)
		if c.Status != OK && c.For == VM {
			require.NotEmpty(t, c.Hint, c.Name)
		}
	}
	require.Equal(t, Missing, status["QEMU"])
	require.Equal(t, Missing, status["kernels"])
	require.Equal(t, OK, status["cache directory"])
}

func TestACacheThatIsAFileIsReported(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	t.Setenv("XDG_CACHE_HOME", file)
	e := &examination{Options: Options{Found: func(Check) {}}}
	e.cache(t.Context())
	require.Equal(t, Broken, e.checks[0].Status)
	require.Contains(t, e.checks[0].Hint, "XDG_CACHE_HOME")
}

func TestExamineEndsWhenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	checks, err := Examine(ctx, Options{Quick: true, Found: func(Check) { cancel() }})
	require.ErrorIs(t, err, context.Canceled)
	require.Len(t, checks, 1)
}

func TestMendSaysWhatItDoesBeforeItDoesIt(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("without root there is nothing that it would do")
	}
	tools := t.TempDir()
	script := "#!/bin/sh\necho \"ran $*\"\nexit 100\n"
	require.NoError(t, os.WriteFile(filepath.Join(tools, "apt-get"), []byte(script), 0o755))
	t.Setenv("PATH", tools)
	var say strings.Builder
	require.NoError(t, Mend(t.Context(), MendOptions{DryRun: true, Say: &say}))
	require.Contains(t, say.String(), "installing QEMU from the distribution: apt-get install")
	require.NotContains(t, say.String(), "ran ")

	say.Reset()
	err := Mend(t.Context(), MendOptions{Say: &say})
	require.Equal(t, problem.Machine, problem.KindOf(err))
	require.Less(t, strings.Index(say.String(), "installing QEMU"), strings.Index(say.String(), "ran install"))
}

func TestMendGetsWhatTestsCompareWith(t *testing.T) {
	tools := t.TempDir()
	for _, name := range []string{"tc", "ip", "unshare", "gpg", "depmod", "tshark", "nats-server", "sudo"} {
		require.NoError(t, os.WriteFile(filepath.Join(tools, name), []byte("#!/bin/sh\n"), 0o755))
	}
	t.Setenv("PATH", tools)
	var say strings.Builder
	o := MendOptions{Tests: true, DryRun: true, Say: &say}
	err := mendTests(t.Context(), o)
	require.Equal(t, problem.Machine, problem.KindOf(err))
	require.EqualError(t, err, "no strace on this machine, which tests need")
	require.Equal(t, "there is no apt-get here: install what tests compare with as your distribution has it",
		problem.HintOf(err))

	require.NoError(t, os.WriteFile(filepath.Join(tools, "apt-get"), []byte("#!/bin/sh\n"), 0o755))
	require.NoError(t, mendTests(t.Context(), o))
	require.Regexp(t, `^installing what tests compare with from the distribution: (sudo -n )?apt-get install --yes --no-install-recommends strace\n$`, say.String())

	require.NoError(t, os.WriteFile(filepath.Join(tools, "strace"), []byte("#!/bin/sh\n"), 0o755))
	say.Reset()
	require.NoError(t, mendTests(t.Context(), o))
	require.NoError(t, mendTests(t.Context(), MendOptions{}))
	require.Empty(t, say.String(), "nothing is missing, or nobody asked")
}

func TestMendWithoutRightsGivesTheCommand(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root has all rights")
	}
	tools := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(tools, "apt-get"), []byte("#!/bin/sh\n"), 0o755))
	t.Setenv("PATH", tools)
	err := Mend(t.Context(), MendOptions{})
	require.Equal(t, problem.Machine, problem.KindOf(err))
	require.Contains(t, problem.HintOf(err), strings.Join(install, " "))
}

func TestAptTellsItsLastWord(t *testing.T) {
	tool := filepath.Join(t.TempDir(), "apt-get")
	require.NoError(t,
		os.WriteFile(tool, []byte("#!/bin/sh\necho first >&2; echo E: no such package >&2; exit 100\n"), 0o755))
	err := apt(t.Context(), &strings.Builder{}, nil, []string{tool, "install"})
	require.ErrorContains(t, err, "exit status 100")
	require.ErrorContains(t, err, "E: no such package")
	require.NotContains(t, err.Error(), "first")
}
