package vm

import (
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// forking makes the calling thread one that forks machines. It returns a function that has the next process, a child of
// this thread, die with it and run on a CPU (-1: any), and the function that it returns takes that back.
func forking() func(cmd *exec.Cmd, cpu int) func() {
	_ = batch() // for speed, never for results
	var all unix.CPUSet
	known := unix.SchedGetaffinity(0, &all) == nil
	return func(cmd *exec.Cmd, cpu int) func() {
		if cmd.SysProcAttr == nil {
			cmd.SysProcAttr = &syscall.SysProcAttr{}
		}
		cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
		if !known || cpu < 0 {
			return func() {}
		}
		var one unix.CPUSet
		one.Set(cpu)
		_ = unix.SchedSetaffinity(0, &one) // pinning is for speed, never for results
		return func() { _ = unix.SchedSetaffinity(0, &all) }
	}
}

// batch makes the calling thread, and what it forks, a batch job (SCHED_BATCH, sched(7)). QEMU's two threads
// hand a lock back and forth: a thread that wakes would take the CPU from the one that is about to give
// the lock away, and wait for it. One that wakes in a batch job takes it from no thread. The nice value stays.
func batch() error {
	attr, err := unix.SchedGetAttr(0, 0)
	if err != nil || attr.Policy != unix.SCHED_NORMAL { // a user who chose another one had a reason
		return err
	}
	attr.Policy = unix.SCHED_BATCH
	return unix.SchedSetAttr(0, attr, 0)
}

// allowedCPUs are those that this process may run on; none if nothing is known.
func allowedCPUs() (list []int) {
	var set unix.CPUSet
	if unix.SchedGetaffinity(0, &set) != nil {
		return nil
	}
	for i := range len(set) * 64 {
		if set.IsSet(i) {
			list = append(list, i)
		}
	}
	return list
}

// socketPair returns two sockets that are joined, which no child inherits by accident.
func socketPair() ([2]int, error) {
	return unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
}

// memoryDescriptor opens an empty file in memory.
func memoryDescriptor(name string) (int, error) { return unix.MemfdCreate(name, unix.MFD_CLOEXEC) }

// cloneFile makes one file share the blocks of another, where the file system can do that.
func cloneFile(to, from *os.File) error { return unix.IoctlFileClone(int(to.Fd()), int(from.Fd())) }
