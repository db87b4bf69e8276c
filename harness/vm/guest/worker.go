package guest

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/vm/frame"
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
	for _, w := range warm {
		if err := w(); err != nil {
			fail(fmt.Errorf("warm up: %w", err))
		}
	}
	os.Args[0] = "/proc/self/exe"
	// Garbage of the start is swept before the freeze, or each clone would do it anew.
	runtime.GC()
	if err := frame.Write(conn, frame.Ready, nil); err != nil {
		fail(err)
	}
	kind, payload, err := frame.NewReader(bufio.NewReader(conn)).Next()
	if err != nil || kind != frame.Payload {
		fail(fmt.Errorf("wait for the payload: frame %q, %w", kind, err))
	}
	code := f(context.Background(), payload, &stream{w: conn})
	_ = frame.Write(conn, frame.Exit, binary.LittleEndian.AppendUint32(nil, uint32(int32(code))))
	_, _ = io.Copy(io.Discard, conn) // the supervisor ends the machine
	os.Exit(1)
}

// stream turns writes into output frames. It may be used by several goroutines.
type stream struct {
	mu sync.Mutex
	w  io.Writer
}

// frameSize keeps a frame below the socket's buffer.
const frameSize = 32 << 10

func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for n < len(p) {
		part := p[n:min(n+frameSize, len(p))]
		if err := frame.Write(s.w, frame.Output, part); err != nil {
			return n, fmt.Errorf("write output: %w", err)
		}
		n += len(part)
	}
	return n, nil
}
