package service

import (
	"fmt"
	"math"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// burn keeps the CPU busy for a number of turns, without memory traffic.
// It returns the end of a xorshift sequence so that no compiler can leave it out.
//
//go:noinline
func burn(turns int64) uint64 {
	x := uint64(88172645463325252)
	for ; turns > 0; turns-- {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	return x
}

const (
	calibrationTurns = 5_000 // about 8 µs on a current CPU, 120 µs at 500 million instructions a second
	calibrationTries = 5
)

// calibrate returns how many turns of burn take a time on an otherwise idle CPU.
//
// It takes the thread's CPU time of n turns and of 2n turns, the least of several tries of each, since whatever
// disturbs can only add; the difference is free of the cost of looking at the clock. Precision is the clock's, some
// tens of ns in 8 µs: better than 1 % on hardware with a steady frequency. In a guest in virtual time, where every
// instruction takes the same, 4 ms asked for were 4.006 ms.
func calibrate(d time.Duration) (int64, error) {
	if d <= 0 {
		return 0, nil
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	once, twice := int64(math.MaxInt64), int64(math.MaxInt64)
	for range calibrationTries {
		start := threadTime()
		burn(calibrationTurns)
		middle := threadTime()
		burn(2 * calibrationTurns)
		end := threadTime()
		once, twice = min(once, middle-start), min(twice, end-middle)
	}
	cost := twice - once
	if cost <= 0 {
		return 0, fmt.Errorf("calibrate CPU burn: %d turns took %d ns, twice as many %d ns", calibrationTurns, once, twice)
	}
	return int64(math.Round(float64(d) * calibrationTurns / float64(cost))), nil
}

// threadTime returns the CPU time of the calling thread in ns.
func threadTime() int64 {
	var ts unix.Timespec
	_, _, _ = syscall.RawSyscall(unix.SYS_CLOCK_GETTIME, unix.CLOCK_THREAD_CPUTIME_ID, uintptr(unsafe.Pointer(&ts)), 0)
	return ts.Nano()
}
