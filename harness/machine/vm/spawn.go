package vm

import (
	"math/rand/v2"
	"os/exec"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// spawn starts a process that dies with this one, even when this one is killed: the kernel
// sends it SIGKILL (PR_SET_PDEATHSIG).
//
// The trap: "parent" means the thread that forked, and the Go runtime ends threads. So one
// goroutine is locked to one thread for as long as the process lives, and forks them all.
// The thread takes on cpu as its affinity before it forks, which the child inherits; cpu -1
// leaves the child free. It schedules as a batch job, see [batch], which the child inherits too.
func spawn(cmd *exec.Cmd, cpu int) error {
	request := spawnRequest{cmd: cmd, cpu: cpu, err: make(chan error, 1)}
	spawner() <- request
	return <-request.err
}

type spawnRequest struct {
	cmd *exec.Cmd
	cpu int
	err chan error
}

var spawner = sync.OnceValue(func() chan<- spawnRequest {
	requests := make(chan spawnRequest)
	go func() {
		runtime.LockOSThread()
		_ = batch() // for speed, never for results
		var all unix.CPUSet
		known := unix.SchedGetaffinity(0, &all) == nil
		for r := range requests {
			if r.cmd.SysProcAttr == nil {
				r.cmd.SysProcAttr = &syscall.SysProcAttr{}
			}
			r.cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
			if known && r.cpu >= 0 {
				var one unix.CPUSet
				one.Set(r.cpu)
				_ = unix.SchedSetaffinity(0, &one) // pinning is for speed, never for results
			}
			err := r.cmd.Start()
			if known && r.cpu >= 0 {
				_ = unix.SchedSetaffinity(0, &all)
			}
			r.err <- err
		}
	}()
	return requests
})

// batch makes the calling thread, and what it forks, a batch job (SCHED_BATCH, sched(7)). QEMU's two threads
// hand a lock back and forth: a thread that wakes would take the CPU from the one that is about to give
// the lock away, and wait for it. One that wakes in a batch job takes it from nobody. The nice value stays.
func batch() error {
	attr, err := unix.SchedGetAttr(0, 0)
	if err != nil || attr.Policy != unix.SCHED_NORMAL { // a user who chose another one had a reason
		return err
	}
	attr.Policy = unix.SCHED_BATCH
	return unix.SchedSetAttr(0, attr, 0)
}

// processors hands out CPUs to clones, the least used one first. QEMU's two threads hand a
// lock back and forth, which is cheaper on one CPU than across two.
type processors struct {
	mu   sync.Mutex
	used map[int]int // CPU → clones on it
}

var cpus processors

// take returns a CPU and a function that gives it back. CPU -1 means that nothing is known.
func (p *processors) take() (cpu int, release func()) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return -1, func() {}
	}
	var allowed []int
	for i := range len(set) * 64 {
		if set.IsSet(i) {
			allowed = append(allowed, i)
		}
	}
	if len(allowed) == 0 {
		return -1, func() {}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.used == nil {
		p.used = make(map[int]int)
	}
	// Where to begin is left to chance, so that two processes do not meet on the first CPU.
	begin := rand.IntN(len(allowed))
	cpu = allowed[begin]
	for i := range allowed {
		if c := allowed[(begin+i)%len(allowed)]; p.used[c] < p.used[cpu] {
			cpu = c
		}
	}
	p.used[cpu]++
	return cpu, sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.used[cpu]--
	})
}
