package probe

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// machine is the computer as a whole: its open files.
type machine struct {
	stat, load *file
	cpus       int // online
}

func newMachine() (*machine, error) {
	stat, err := openFile("/proc/stat")
	if err != nil {
		return nil, err
	}
	load, err := openFile("/proc/loadavg")
	if err != nil {
		return nil, errors.Join(err, stat.Close())
	}
	m := &machine{stat: stat, load: load}
	text, err := stat.read()
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	m.cpus = countCPUs(text)
	return m, nil
}

func (m *machine) Close() error { return errors.Join(m.stat.Close(), m.load.Close()) }

// countCPUs counts the lines of /proc/stat that are about one CPU: those that are online.
func countCPUs(stat []byte) int {
	return max(bytes.Count(stat, []byte("\ncpu")), 1)
}

// visitCPUs makes every CPU switch tasks once, so that the programs know from then on whether it
// is idle. A CPU that sleeps all the while would otherwise look as if it had never been idle.
func visitCPUs() error {
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return fmt.Errorf("read CPU affinity: %w", err)
	}
	if all.Count() < 2 {
		return nil
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlock: the thread ends with its affinity
		var errs []error
		for c := range 1024 {
			if !all.IsSet(c) {
				continue
			}
			var one unix.CPUSet
			one.Set(c)
			if err := unix.SchedSetaffinity(0, &one); err != nil {
				errs = append(errs, fmt.Errorf("visit CPU %d: %w", c, err))
			}
		}
		done <- errors.Join(errs...)
	}()
	return <-done
}

// irqTimeActive reports whether a kernel with CONFIG_IRQ_TIME_ACCOUNTING uses it: on x86 while the
// time stamp counter is good (tsc_init and mark_tsc_unstable in arch/x86/kernel/tsc.c), which is
// then offered as a clock source, unless it was switched off with tsc=noirqtime.
func irqTimeActive() bool {
	sources, _ := os.ReadFile("/sys/devices/system/clocksource/clocksource0/available_clocksource")
	arguments, _ := os.ReadFile("/proc/cmdline")
	return usesIRQTime(string(sources), string(arguments))
}

func usesIRQTime(sources, arguments string) bool {
	for _, a := range strings.Fields(arguments) {
		if a == "tsc=noirqtime" {
			return false
		}
	}
	for _, s := range strings.Fields(sources) {
		if s == "tsc" {
			return true
		}
	}
	return false
}
