package machine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/vm"
	"github.com/ruleout/ruleout/harness/run/protocol"
)

// EnvGuest names the guest program's file, if it is not where the command looks for it.
const EnvGuest = "RULEOUT_GUEST"

// guestName is that of the guest program's file.
const guestName = "ruleout-guest"

const guestHint = "make build makes both programs; keep ruleout-guest in the directory of ruleout or in " +
	"../libexec/ruleout, or name it with " + EnvGuest

// guestProgram is the program that acts in runs. It stays open for as long as this process lives, so that all runs of a
// process are made by the same one, even if another file is put in its place.
var guestProgram = sync.OnceValues(func() (*vm.Program, error) {
	path, err := findGuest(os.Getenv(EnvGuest), os.Executable)
	if err != nil {
		return nil, err
	}
	p, err := vm.OpenProgram(path)
	if err != nil {
		return nil, problem.Wrap(problem.Machine, fmt.Errorf("the guest program: %w", err), guestHint)
	}
	return p, p.Speaks(protocol.MarkPrefix, protocol.Number)
})

// findGuest returns where the guest program is: as named, or beside the command, or in ../libexec/ruleout.
func findGuest(named string, executable func() (string, error)) (string, error) {
	if named != "" {
		return named, nil
	}
	own, err := executable()
	if err == nil {
		own, err = filepath.EvalSymlinks(own)
	}
	if err != nil {
		return "", problem.Wrap(problem.Machine, fmt.Errorf("find %s: %w", guestName, err), guestHint)
	}
	dir := filepath.Dir(own)
	for _, path := range []string{filepath.Join(dir, guestName),
		filepath.Join(filepath.Dir(dir), "libexec", "ruleout", guestName)} {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", problem.Wrap(problem.Machine, fmt.Errorf("there is no %s beside %s", guestName, own), guestHint)
}

// Guest returns the hash of the guest program, "sha256:…": what acts in runs, and in no other way depends on this
// build.
func Guest() (string, error) {
	p, err := guestProgram()
	if err != nil {
		return "", err
	}
	return p.Hash(), nil
}

// Examine returns what of this machine runs on its own kernel would need.
func Examine(ctx context.Context) (list []protocol.Finding, err error) {
	err = ask(ctx, protocol.Examine, nil, &list)
	return list, err
}

// Leftovers returns what runs on the host that crashed have left, and removes it if asked to.
func Leftovers(ctx context.Context, remove bool) (list []string, err error) {
	name := protocol.Leftovers
	if remove {
		name = protocol.Clean
	}
	err = ask(ctx, name, nil, &list)
	return list, err
}

// ask has the guest program carry out a command on the host.
func ask(ctx context.Context, command string, question, body any) error {
	cmd, err := guestCommand(ctx, command)
	if err != nil {
		return err
	}
	if question != nil {
		raw, err := json.Marshal(question)
		if err != nil {
			return fmt.Errorf("ask %s: %w", guestName, err)
		}
		cmd.Stdin = bytes.NewReader(append(raw, '\n'))
	}
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &limited{&out, streamLimit}, &limited{&stderr, 4096}
	failed := cmd.Run()
	var a protocol.Answer
	if err := json.Unmarshal(out.Bytes(), &a); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("%s %s: %w: %s", guestName, command, errors.Join(failed, err), bytes.TrimSpace(stderr.Bytes()))
	}
	if a.Error != nil {
		return a.Error.Err()
	}
	return json.Unmarshal(a.Body, body)
}

// guestCommand is a process of the guest program on the host. When ctx is done it is asked to end, and undoes what it
// made.
func guestCommand(ctx context.Context, args ...string) (*exec.Cmd, error) {
	p, err := guestProgram()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, p.Path(), args...)
	cmd.Args[0] = protocol.HostName
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 30 * time.Second
	return cmd, nil
}

// Busy keeps every processor of this machine busy until it is closed. Its processes end with this one.
type Busy struct {
	inputs []io.Closer
	done   sync.WaitGroup
}

// MakeBusy starts n processes. They compete for the processors as any other program does.
func MakeBusy(ctx context.Context, n int) (*Busy, error) {
	b := new(Busy)
	for range n {
		cmd, err := guestCommand(ctx, protocol.Spin)
		if err != nil {
			return nil, errors.Join(err, b.Close())
		}
		in, err := cmd.StdinPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("keep a processor busy: %w", err), b.Close())
		}
		b.inputs = append(b.inputs, in)
		b.done.Go(func() { _ = cmd.Wait() })
	}
	return b, nil
}

// Close ends the processes. It may be called again.
func (b *Busy) Close() error {
	for _, in := range b.inputs {
		_ = in.Close() // also if the process is gone
	}
	b.done.Wait()
	return nil
}
