package guest

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/prefault"
	"github.com/ruleout/ruleout/harness/machine/vm/frame"
)

const controlFD = 3 // of the worker: a socket to the supervisor

// runWorker is the worker's life. It ends with the machine, or with the process.
func runWorker(f Func, warm []func() error) {
	unix.CloseOnExec(controlFD)
	nonblockErr := unix.SetNonblock(controlFD, true) // waited for by the runtime's poller
	conn := os.NewFile(controlFD, "supervisor")
	fail := func(err error) {
		_ = frame.Write(conn, frame.Error, []byte(err.Error()))
		os.Exit(1)
	}
	if nonblockErr != nil {
		fail(nonblockErr)
	}
	if err := prefault.Text(); err != nil {
		fail(err)
	}
	for _, w := range warm {
		if err := w(); err != nil {
			fail(fmt.Errorf("warm up: %w", err))
		}
	}
	os.Args[0] = "/proc/self/exe"
	// Garbage of the start is swept before the freeze, or each clone would do it again.
	runtime.GC()
	if err := frame.Write(conn, frame.Ready, nil); err != nil {
		fail(err)
	}
	h := &host{w: conn, frames: frame.NewReader(bufio.NewReader(conn), frame.Max)}
	payload, err := h.payload()
	if err != nil {
		fail(err)
	}
	code := f(context.Background(), payload, h)
	_ = frame.Write(conn, frame.Exit, binary.LittleEndian.AppendUint32(nil, uint32(int32(code))))
	_, _ = io.Copy(io.Discard, conn) // the supervisor ends the machine
	os.Exit(1)
}

// host is a Host by way of the supervisor.
type host struct {
	mu     sync.Mutex // guards w
	w      io.Writer
	frames *frame.Reader
}

// payload waits for what the machine wakes up with.
func (h *host) payload() ([]byte, error) {
	kind, payload, err := h.frames.Next()
	if err == nil && kind != frame.Payload {
		err = fmt.Errorf("frame %q came instead", kind)
	}
	if err != nil {
		return nil, fmt.Errorf("wait for the payload: %w", err)
	}
	return slices.Clone(payload), nil
}

// Freeze asks for a further freeze.
func (h *host) Freeze() ([]byte, error) {
	// What it took to come so far is garbage, and is swept once instead of in each clone.
	runtime.GC()
	h.mu.Lock()
	err := frame.Write(h.w, frame.Freeze, nil)
	h.mu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("ask for a freeze: %w", err)
	}
	return h.payload()
}

// Attach tells the supervisor of a file, which it takes from this process.
func (h *host) Attach(name string, file int, offset, size int64) error {
	data, err := json.Marshal(attachment{Name: name, File: file, Offset: offset, Size: size})
	if err != nil {
		return fmt.Errorf("attach %s: %w", name, err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := frame.Write(h.w, frame.Attach, data); err != nil {
		return fmt.Errorf("attach %s: %w", name, err)
	}
	return nil
}

// frameSize keeps a frame below the socket's buffer.
const frameSize = 32 << 10

func (h *host) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for n < len(p) {
		part := p[n:min(n+frameSize, len(p))]
		if err := frame.Write(h.w, frame.Output, part); err != nil {
			return n, fmt.Errorf("write output: %w", err)
		}
		n += len(part)
	}
	return n, nil
}
