package vm

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// limit kills QEMU for a reason when it has had its time: on the host's clock, without the time that its threads
// waited for a CPU while others ran. On a machine that is busy with something else a sound run would be taken for one
// that never ends. The time that it did run counts in any case.
func (p *process) limit(most time.Duration, cause error) {
	ticker := time.NewTicker(min(max(most/20, 10*time.Millisecond), time.Second))
	defer ticker.Stop()
	for {
		select {
		case <-p.told:
			return
		case <-ticker.C:
		}
		ran, waited := scheduled(p.cmd.Process.Pid)
		if max(ran, time.Since(p.started)-waited) > most {
			p.kill(cause)
			return
		}
	}
}

// scheduled is how long the threads of a process have run, and how long they have waited for a CPU, in all; a kernel
// without CONFIG_SCHED_INFO says nothing about either. See Documentation/scheduler/sched-stats.rst.
func scheduled(pid int) (ran, waited time.Duration) {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, name := range threads {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // it has just ended
		}
		var r, w time.Duration
		if _, err := fmt.Sscan(string(text), &r, &w); err == nil {
			ran, waited = ran+r, waited+w
		}
	}
	return ran, waited
}
