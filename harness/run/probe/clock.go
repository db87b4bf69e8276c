package probe

import "golang.org/x/sys/unix"

// monotonic returns CLOCK_MONOTONIC in ns, the clock of bpf_ktime_get_ns as well.
func monotonic() int64 {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) // cannot fail for this clock
	return t.Nano()
}
