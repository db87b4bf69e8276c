package vm_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestVMTest looks at package vmtest from outside: its own tests run in a guest.
func TestVMTest(t *testing.T) {
	dir := t.TempDir()
	build := func(name, cgo string, flags ...string) string {
		binary := filepath.Join(dir, name)
		args := append([]string{"test", "-c", "-o", binary}, flags...)
		cmd := exec.CommandContext(t.Context(), "go", append(args, "./vmtest")...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED="+cgo)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		return binary
	}
	static := build("static.test", "0", "-cover", "-coverpkg", "github.com/ruleout/ruleout/harness/machine/vm/guest")
	profile := filepath.Join(dir, "cover.out")

	for _, c := range []struct {
		name   string
		env    []string
		args   []string
		status int
		stdout []string
		stderr []string
	}{
		{name: "all pass", args: []string{"-test.v", "-test.coverprofile=" + profile},
			stdout: []string{"--- PASS: TestKernelHasNetem", "--- PASS: TestTimersAreFineGrained",
				"--- PASS: TestDataIsThere", "\nPASS\n"}},
		{name: "a test fails", env: []string{"RULEOUT_TEST_ASKED=fail"}, args: []string{"-test.run", "AsAsked"}, status: 1,
			stdout: []string{"--- FAIL: TestAsAsked", "as asked"}},
		{name: "a test panics", env: []string{"RULEOUT_TEST_ASKED=panic"}, args: []string{"-test.run=AsAsked"}, status: 2,
			stdout: []string{"panic: as asked", "goroutine "}},
		{name: "the process exits", env: []string{"RULEOUT_TEST_ASKED=exit"}, args: []string{"-test.run=AsAsked"}, status: 5},
		{name: "the kernel panics", env: []string{"RULEOUT_TEST_ASKED=kernel"},
			args: []string{"-test.run=AsAsked"}, status: 1,
			stderr: []string{"vmtest: guest kernel panic: sysrq triggered crash", "Kernel panic - not syncing"}},
		{name: "no such flag", args: []string{"-test.nonsense"}, status: 2, stderr: []string{"flag provided but not defined"}},
		{name: "a profile that cannot get out", args: []string{"-test.cpuprofile=x"}, status: 1,
			stderr: []string{"-test.cpuprofile does not reach out of the guest"}},
		{name: "no such kernel", env: []string{"RULEOUT_KERNEL=5.11"}, status: 1, stderr: []string{"5.11", "vmtest: hint: "}},
		{name: "no QEMU", env: []string{"PATH=/nowhere", "RULEOUT_QEMU="}, status: 1,
			stderr: []string{"vmtest: no qemu-system-x86_64 on this machine", "vmtest: hint: install"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			cmd := exec.CommandContext(t.Context(), static, c.args...)
			cmd.Dir = "vmtest"
			cmd.Env = append(os.Environ(), c.env...)
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			err := cmd.Run()
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				require.NoError(t, err)
			}
			require.Equal(t, c.status, cmd.ProcessState.ExitCode(), "%s%s", &stdout, &stderr)
			for _, text := range c.stdout {
				require.Contains(t, stdout.String(), text)
			}
			for _, text := range c.stderr {
				require.Contains(t, stderr.String(), text)
			}
		})
	}

	t.Run("the coverage profile arrives", func(t *testing.T) {
		text, err := os.ReadFile(profile)
		require.NoError(t, err)
		require.Contains(t, string(text), "mode: set\n")
		require.Regexp(t, `guest/worker\.go:\S+ \d+ 1\n`, string(text))
	})
	t.Run("a binary that is not static", func(t *testing.T) {
		cmd := exec.CommandContext(t.Context(), build("dynamic.test", "1"))
		cmd.Dir = "vmtest"
		out, err := cmd.CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(out), "is not static")
		require.Contains(t, string(out), "vmtest: hint: build it with CGO_ENABLED=0")
	})
}
