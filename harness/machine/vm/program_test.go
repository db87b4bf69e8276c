package vm_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/vm"
)

// program is this test's program with some bytes after it, which do no harm.
func program(t testing.TB, more int) *vm.Program {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	copyProgram(t, path, more)
	p, err := vm.OpenProgram(path)
	require.NoError(t, err)
	return p
}

func copyProgram(t testing.TB, path string, more int) (sum string) {
	t.Helper()
	data, err := os.ReadFile("/proc/self/exe")
	require.NoError(t, err)
	data = append(data, make([]byte, more)...)
	require.NoError(t, os.WriteFile(path, data, 0o755))
	return fmt.Sprintf("sha256:%x", sha256.Sum256(data))
}

func TestProgramRefused(t *testing.T) {
	script := filepath.Join(t.TempDir(), "script")
	require.NoError(t, os.WriteFile(script, []byte("#!/bin/sh\n"), 0o755))
	for _, c := range []struct{ name, path, says string }{
		{"none", filepath.Join(t.TempDir(), "none"), "no such file"},
		{"a script", script, "script: "},
		{"one that is not static", "/bin/sh", "is not static"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := vm.OpenProgram(c.path)
			require.ErrorContains(t, err, c.says)
			require.Equal(t, problem.Usage, problem.KindOf(err))
		})
	}
}

// envReplaced makes the test binary a process whose program is replaced while it runs.
const envReplaced = "RULEOUT_TEST_REPLACED"

// replacedMain makes a template when it is told to, and prints the hash of its program as it knows it, and as a guest
// finds it.
func replacedMain() {
	err := func() error {
		fmt.Println("begun")
		if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
			return err
		}
		ctx := context.Background()
		c, err := newConfig(ctx)
		if err != nil {
			return err
		}
		c.Dir, c.Once = os.Getenv(envReplaced), true
		template, err := vm.OpenTemplate(ctx, c, nil)
		if err != nil {
			return err
		}
		fmt.Println(c.Init.Hash())
		clone := template.Command(job{Do: "hash init"}.payload())
		clone.Output = os.Stdout
		return clone.Run(ctx)
	}()
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

func TestAProgramThatIsReplacedWhileItRuns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "program")
	first := copyProgram(t, path, 3)
	c := exec.CommandContext(t.Context(), path)
	c.Env = append(os.Environ(), envReplaced+"="+t.TempDir())
	c.Stderr = os.Stderr
	stdin, err := c.StdinPipe()
	require.NoError(t, err)
	stdout, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	lines := bufio.NewReader(stdout)
	line, err := lines.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "begun\n", line)

	second := copyProgram(t, path+".new", 4)
	require.NotEqual(t, first, second)
	require.NoError(t, os.Rename(path+".new", path))
	_, err = io.WriteString(stdin, "go on\n")
	require.NoError(t, err)
	rest, err := io.ReadAll(lines)
	require.NoError(t, err)
	require.NoError(t, c.Wait(), "%s", rest)
	require.Equal(t, first+"\n"+first, string(rest), "what is told, and what ran")
}
