package kernel

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// A test that needs a second process starts this binary again with a role.
const roleVariable = "RULEOUT_KERNEL_TEST_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		if err := roles[role](os.Args[1:]); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

var roles = map[string]func(args []string) error{
	// import STORE DEB… says where the kernel is.
	"import": func(args []string) error {
		s, err := Open(args[0])
		if err != nil {
			return err
		}
		k, err := s.Add(context.Background(), args[1:]...)
		if err != nil {
			return err
		}
		fmt.Println(k.Dir)
		return nil
	},
	// measure STORE DEB… says why it was not imported, and how much memory that took at the peak, in the words
	// of the kernel.
	"measure": func(args []string) error {
		s, err := Open(args[0])
		if err != nil {
			return err
		}
		_, failed := s.Add(context.Background(), args[1:]...)
		fmt.Println(failed)
		status, err := os.ReadFile("/proc/self/status")
		for line := range strings.Lines(string(status)) {
			if strings.HasPrefix(line, "VmHWM:") {
				fmt.Print(line)
			}
		}
		return err
	},
	// hold STORE NAME begins an import, says so, and gives up when its input ends.
	"hold": func(args []string) error {
		s, err := Open(args[0])
		if err != nil {
			return err
		}
		_, err = s.shelf().Fill(context.Background(), args[1], func(staging string) error {
			if err := os.WriteFile(staging+"/half", []byte("half"), 0o644); err != nil {
				return err
			}
			fmt.Println("holding", staging)
			_, err := io.Copy(io.Discard, os.Stdin)
			return errors.Join(errors.New("gave up"), err)
		})
		return err
	},
}

// process is a second process in a role.
type process struct {
	*exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

func start(t *testing.T, role string, args ...string) *process {
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(exe, args...)
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return &process{cmd, in, bufio.NewScanner(out)}
}

// line returns the next line of output.
func (p *process) line(t *testing.T) string {
	require.True(t, p.out.Scan(), "the process ended without a word")
	return strings.TrimSpace(p.out.Text())
}
