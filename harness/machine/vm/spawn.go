package vm

import (
	"math/rand/v2"
	"os/exec"
	"runtime"
	"sync"
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
		pin := forking()
		for r := range requests {
			unpin := pin(r.cmd, r.cpu)
			err := r.cmd.Start()
			unpin()
			r.err <- err
		}
	}()
	return requests
})

// processors hands out CPUs to clones, the least used one first. QEMU's two threads hand a
// lock back and forth, which is cheaper on one CPU than across two.
type processors struct {
	mu   sync.Mutex
	used map[int]int // CPU → clones on it
}

var cpus processors

// take returns a CPU and a function that gives it back. CPU -1 means that nothing is known.
func (p *processors) take() (cpu int, release func()) {
	allowed := allowedCPUs()
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
