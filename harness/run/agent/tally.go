package agent

import (
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Tally is counters that an agent shares with its parent, who so reads them at any moment, and costs the agent nothing
// by it: no wake-up and no message. The agent adds, the parent reads. Which is which, the two have to agree on.
type Tally []atomic.Int64

// TallyOf is the counters of an agent that its parent reads, or as many that nobody reads.
func TallyOf(c Control, n int) Tally {
	if t := c.Tally(); len(t) == n {
		return t
	}
	return make(Tally, n)
}

// tallyLimit is the most counters, a page of them.
const tallyLimit = 512

// shareTally makes counters, all 0, and the file that they are in. The file is the agent's and may be closed once that
// has started; the memory goes with unshare.
func shareTally(n int) (_ Tally, _ *os.File, err error) {
	if n > tallyLimit {
		return nil, nil, fmt.Errorf("share %d counters: %d is the most", n, tallyLimit)
	}
	fd, err := unix.MemfdCreate("ruleout-tally", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, nil, fmt.Errorf("create file of counters: %w", err)
	}
	file := os.NewFile(uintptr(fd), "tally")
	if err := unix.Ftruncate(fd, int64(unix.Getpagesize())); err != nil {
		file.Close()
		return nil, nil, fmt.Errorf("size file of counters: %w", err)
	}
	t, err := mapTally(fd, n)
	if err != nil {
		file.Close()
		return nil, nil, err
	}
	return t, file, nil
}

// mapTally maps the counters of a file.
func mapTally(fd, n int) (Tally, error) {
	memory, err := unix.Mmap(fd, 0, unix.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map counters: %w", err)
	}
	// A page is aligned for anything, and Tally is what its bytes are: int64 in the machine's order.
	return unsafe.Slice((*atomic.Int64)(unsafe.Pointer(&memory[0])), n), nil
}

// unshare unmaps the counters, which must not be touched any more.
func (t Tally) unshare() error {
	if len(t) == 0 {
		return nil
	}
	// unix.Munmap wants the slice that unix.Mmap returned: the whole page.
	memory := unsafe.Slice((*byte)(unsafe.Pointer(&t[0])), unix.Getpagesize())
	if err := unix.Munmap(memory); err != nil {
		return fmt.Errorf("unmap counters: %w", err)
	}
	return nil
}
