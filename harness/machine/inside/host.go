package inside

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/run"
	"github.com/ruleout/ruleout/harness/run/cgroup"
	"github.com/ruleout/ruleout/harness/run/fault"
	"github.com/ruleout/ruleout/harness/run/protocol"
	"github.com/ruleout/ruleout/harness/run/truth/inquiry"
	"github.com/ruleout/ruleout/harness/scenario"
)

// kernel makes sure that this machine can do what all runs ask of it, by trying, and names its kernel.
func kernel(context.Context) (any, error) {
	if unix.Geteuid() != 0 {
		return nil, problem.Wrap(problem.Machine, fmt.Errorf("the host backend needs root"),
			"run it as root, or leave --backend at vm, which needs no rights")
	}
	if err := cgroup.Supported(); err != nil {
		return nil, fmt.Errorf("host backend: %w", err)
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return nil, fmt.Errorf("read the kernel's name: %w", err)
	}
	return protocol.KernelAnswer{
		Release: unix.ByteSliceToString(u.Release[:]),
		Machine: fmt.Sprintf("host %s %s", unix.ByteSliceToString(u.Machine[:]), unix.ByteSliceToString(u.Version[:])),
	}, nil
}

// askNetem makes sure, if the scenario on standard input needs netem, that the kernel has it, by trying, and asks what
// it does.
func askNetem(context.Context) (any, error) {
	var q protocol.NetemQuestion
	if err := json.NewDecoder(os.Stdin).Decode(&q); err != nil {
		return nil, fmt.Errorf("read the question: %w", err)
	}
	s, err := scenario.FromCanonical(q.Scenario)
	if err != nil {
		return nil, err
	}
	var a protocol.NetemAnswer
	if a.Needed, err = fault.NeedsNetem(s); err != nil || !a.Needed || q.Known {
		return a, err
	}
	if err := fault.Preflight(); err != nil {
		return nil, fmt.Errorf("host backend: %w", err)
	}
	a.Report, err = inquiry.Ask()
	return a, err
}

// leftovers are the control groups of host runs that are gone.
func leftovers(remove bool) (list []string, err error) {
	if cgroup.Supported() != nil {
		return nil, nil // where none can be made none can be left
	}
	if list, err = cgroup.Leftovers(); err != nil || !remove {
		return list, err
	}
	for _, path := range list {
		err = errors.Join(err, cgroup.Remove(path))
	}
	return list, err
}

// runOnHost makes a run on this machine's kernel: order and draw are lines of standard input.
func runOnHost(ctx context.Context) int {
	in := bufio.NewReaderSize(os.Stdin, 64<<10)
	order, err := in.ReadBytes('\n')
	draw, err2 := in.ReadBytes('\n')
	if err := errors.Join(err, err2); err != nil {
		return answer(os.Stdout, nil, fmt.Errorf("read the order of a run: %w", err))
	}
	ctx, cancel := untilClosed(ctx, in)
	defer cancel(nil)
	return run.ServeHost(ctx, order,
		&hostLine{Writer: os.Stdout, draw: draw, attachments: os.NewFile(protocol.AttachmentFD, "attachments")})
}

// hostLine is a run's line to the command beside it.
type hostLine struct {
	io.Writer
	draw        []byte
	attachments *os.File // a pipe
}

// Freeze goes on at once: nothing is frozen on the host.
func (h *hostLine) Freeze() ([]byte, error) { return h.draw, nil }

// Attach sends a piece of a file that is mapped, after a line that announces it.
func (h *hostLine) Attach(name string, file int, offset, size int64) error {
	if err := json.NewEncoder(h.attachments).Encode(protocol.Attachment{Name: name, Size: size}); err != nil {
		return err
	}
	return fault.Ring{File: file, Offset: offset, Size: size}.Content(func(b []byte) error {
		_, err := h.attachments.Write(b)
		return err
	})
}

// spin keeps a processor busy until standard input ends.
func spin(ctx context.Context) int {
	ctx, cancel := untilClosed(ctx, os.Stdin)
	defer cancel(nil)
	runtime.GOMAXPROCS(2) // the one that spins, and the one that reads
	x := uint64(1)
	for ctx.Err() == nil {
		for range 1_000_000 { // a few milliseconds
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
		}
	}
	if x == 0 { // never, but the compiler does not know
		return 1
	}
	return 0
}
