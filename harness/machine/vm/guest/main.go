package guest

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/ruleout/ruleout/harness/machine/vm/frame"
)

// workerName is the worker's argv[0]. Names, unlike the environment, are not inherited.
const workerName = "ruleout-worker"

// Func is what a guest is there for. It gets the clone's payload. Its result is the clone's
// status, as of a process: 0 means success.
type Func func(ctx context.Context, payload []byte, host Host) int

// Host is a guest function's line to its host.
type Host interface {
	// Write sends a piece of the clone's output; the host gets it while the function runs.
	// It may be called by several goroutines.
	io.Writer
	// Freeze has the machine frozen once more, and returns the new payload in each clone of what was
	// frozen. It works only in a machine that the host started for that, and once; in another one
	// the clone ends there, with an error. Entropy is mixed in again before it returns.
	Freeze() (payload []byte, err error)
	// Attach hands the host size bytes of an open file from an offset on, under a name. The file must be one
	// that can be mapped (of a memory file system, a BPF map) and the offset a multiple of a page's size. The
	// host fetches it from the guest's memory when the function has returned: nothing is copied
	// in the guest, where each instruction is expensive. Until then the file stays open and as it is.
	Attach(name string, file int, offset, size int64) error
}

// IsInit reports whether this process is part of a guest's start, so that the only thing
// to do is to call [Main].
func IsInit() bool {
	return os.Args[0] == workerName || os.Getpid() == 1 && os.Getenv(frame.EnvInit) != ""
}

// Main makes this process the guest: pid 1 becomes the supervisor, which starts the same
// binary again as the worker, which calls f. Main does not return; the machine ends with
// f's result.
//
// The functions in warm are called in the worker before the machine is frozen, and so once
// for a template instead of once for every clone. They see no payload.
func Main(f Func, warm ...func() error) {
	if os.Args[0] == workerName {
		runWorker(f, warm)
	}
	if err := supervise(); err != nil {
		fmt.Fprintln(os.Stderr, "ruleout guest:", err)
		os.Exit(1)
	}
}
