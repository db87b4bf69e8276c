package agent

import (
	"math"
	"os"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// epoch is one moment on both clocks: Go's monotonic readings are differences of CLOCK_MONOTONIC, taken
// without a system call. Of several pairs of readings it is the closest one, since a busy machine
// can put any time between two.
var epoch, epochNS = func() (best time.Time, ns int64) {
	closest := time.Duration(math.MaxInt64)
	for range 5 {
		var ts unix.Timespec
		before := time.Now()
		_, _, _ = syscall.RawSyscall(unix.SYS_CLOCK_GETTIME, unix.CLOCK_MONOTONIC, uintptr(unsafe.Pointer(&ts)), 0)
		if apart := time.Since(before); apart < closest {
			closest, best, ns = apart, before, ts.Nano()-int64(apart/2)
		}
	}
	return best, ns
}()

// Now returns CLOCK_MONOTONIC in ns. It costs no system call; it is off by less than one
// takes, by the same amount throughout the process.
func Now() int64 { return epochNS + int64(time.Since(epoch)) }

// laxTimer is the timer slack of the runtime's monitor thread: how late the kernel may wake it
// if the CPU is idle. Each time it finds workers who have been at it for 10 ms, asleep in the kernel or
// not, it asks them to make room, and that costs each some 20,000 instructions for nothing.
const laxTimer = time.Minute

// laxMonitor lets the kernel put off the sleeps of the runtime's monitor thread until the CPU is awake
// for another reason. It looks around every 10 ms as long as a P is in use, and in a role one always is: in an
// otherwise idle guest that is most of what wakes it.
//
// No other thread must get this: the scheduler sleeps 3 µs in places. prctl(2), PR_SET_TIMERSLACK.
// It is an economy: where the kernel refuses it, all works as well, and costs more.
func laxMonitor() {
	if tid, ok := monitor(); ok {
		// Not /proc/self/task/TID: only the top level has the file (fs/proc/base.c, tgid_base_stuff).
		_ = os.WriteFile("/proc/"+tid+"/timerslack_ns", []byte(strconv.FormatInt(int64(laxTimer), 10)), 0)
	}
}

// monitor returns the thread id of the runtime's monitor. It is the first thread that runtime.main
// starts, before any package is initialised, and /proc lists threads in the order of their creation.
func monitor() (string, bool) {
	tasks, err := os.Open("/proc/self/task")
	if err != nil {
		return "", false
	}
	defer tasks.Close()
	names, err := tasks.Readdirnames(2) // unlike os.ReadDir it does not sort
	if err != nil || len(names) < 2 || names[0] != strconv.Itoa(os.Getpid()) {
		return "", false
	}
	return names[1], true
}

// StrictTimers makes the sleeps of the calling thread, which must be locked, as exact as the
// kernel's timers are; the default is 50 µs late at most.
func StrictTimers() {
	_, _, _ = syscall.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_TIMERSLACK, 1, 0)
}
