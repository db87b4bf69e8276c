package agent

import (
	"os"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// epoch is one moment on both clocks: Go's monotonic readings are differences of
// CLOCK_MONOTONIC, taken without a system call.
var epoch, epochNS = func() (time.Time, int64) {
	before := time.Now()
	var ts unix.Timespec
	_, _, _ = syscall.RawSyscall(unix.SYS_CLOCK_GETTIME, unix.CLOCK_MONOTONIC, uintptr(unsafe.Pointer(&ts)), 0)
	return before, ts.Nano() - int64(time.Since(before)/2)
}()

// Now returns CLOCK_MONOTONIC in ns. It costs no system call; it is off by at most
// what one system call takes, by the same amount throughout the process.
func Now() int64 { return epochNS + int64(time.Since(epoch)) }

// laxTimer is the timer slack of an agent's threads: how late the kernel may wake them
// from a sleep if nothing else happens before.
const laxTimer = time.Second

// laxTimers lets the kernel put off the sleeps of all threads of this process, and of those that they
// start, until the CPU is awake for another reason. It is meant for one thread, the runtime's monitor:
// at 10 ms a turn in each agent it is most of what wakes an idle guest. Exact
// times, timerfd's, and socket timeouts know no slack. prctl(2), PR_SET_TIMERSLACK.
//
// It is an economy: where the kernel refuses it, all works as well, and costs more.
func laxTimers() {
	slack := strconv.FormatInt(int64(laxTimer), 10)
	setTimerSlack(laxTimer)
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return
	}
	for _, task := range tasks {
		// Not /proc/self/task/TID: only the top level has the file (fs/proc/base.c, tgid_base_stuff).
		_ = os.WriteFile("/proc/"+task.Name()+"/timerslack_ns", []byte(slack), 0)
	}
}

// StrictTimers makes the sleeps of the calling thread, which must be locked, as exact as the
// kernel's timers are.
func StrictTimers() { setTimerSlack(1) }

func setTimerSlack(d time.Duration) {
	_, _, _ = syscall.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_TIMERSLACK, uintptr(d), 0)
}
