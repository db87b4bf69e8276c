package box

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/run/cgroup"
)

// What keeps a box alive whatever its programs do. Their limits of memory and tasks are its own too.

// deafen has this process not care for signals. As the first one of its namespace it gets none from inside that it has
// no handler for (pid_namespaces(7)), but the Go runtime has handlers for all, and some end the process. They are
// caught and not ignored, since what is ignored stays so in the programs.
func deafen() {
	void := make(chan os.Signal, 1) // which nobody reads
	for s := syscall.Signal(1); s < 65; s++ {
		if s != syscall.SIGCHLD && s != syscall.SIGURG { // the runtime's own
			signal.Notify(void, s)
		}
	}
}

// spareThreads has the runtime make threads now: where the programs have used up the node's tasks it could not, and
// would end this process.
func spareThreads() {
	const spare = 6
	var all sync.WaitGroup
	ready, done := make(chan struct{}), make(chan struct{})
	for range spare {
		all.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			ready <- struct{}{}
			<-done
		})
	}
	for range spare {
		<-ready
	}
	close(done)
	all.Wait()
}

// Values of oom_score_adj (proc(5)).
const (
	never    = "-1000"
	ordinary = "0"
)

// own are files of this process's own that it needs when programs, and so it too, see no more of it.
// See [Config.enter].
type own struct {
	score  *os.File   // oom_score_adj
	tables []*os.File // of the node's TCP sockets
	buffer []byte     // for reading them
	events *os.File   // see Config.Events
}

// open opens them; they stay open.
func (o *own) open(events string) (err error) {
	if o.events, err = os.Open(events); err != nil {
		return fmt.Errorf("open the events of the control group: %w", err)
	}
	if o.score, err = os.OpenFile("/proc/self/oom_score_adj", os.O_WRONLY, 0); err != nil {
		return err
	}
	for _, name := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		if f, err := os.Open(name); err == nil { // a kernel without IPv6 has but one
			o.tables = append(o.tables, f)
		}
	}
	return nil
}

// mortal says whether the kernel may end this process, and what it starts from now on, for lack of memory.
func (o *own) mortal(score string) error {
	if _, err := o.score.WriteAt([]byte(score), 0); err != nil {
		return fmt.Errorf("protect the box: %w", err)
	}
	return nil
}

// haste has the threads of this process go before those of the programs, with which it shares the node's part of the
// processor, and what it starts be as if nothing had been said.
func haste() error {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, t := range tasks {
		// /proc is still that of the namespace outside, which has other numbers: the last one is the innermost.
		status, err := os.ReadFile("/proc/self/task/" + t.Name() + "/status")
		if err != nil {
			return err
		}
		_, rest, _ := strings.Cut(string(status), "\nNSpid:")
		line, _, _ := strings.Cut(rest, "\n")
		numbers := strings.Fields(line)
		if len(numbers) == 0 {
			return fmt.Errorf("go before programs: thread %s has no number", t.Name())
		}
		tid, err := strconv.Atoi(numbers[len(numbers)-1])
		if err != nil {
			return err
		}
		attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Nice: -20, Flags: unix.SCHED_FLAG_RESET_ON_FORK}
		if err := unix.SchedSetAttr(tid, &attr, 0); err != nil {
			return fmt.Errorf("go before programs: %w", err)
		}
	}
	return nil
}

// killed reads how many processes the kernel has ended in the node for lack of memory.
func (o *own) killed() int64 {
	if o.events == nil {
		return 0
	}
	buf := make([]byte, 512)
	n, _ := o.events.ReadAt(buf, 0)
	count, _ := cgroup.Value(string(buf[:n]), "oom_kill") // 0 where a kernel has none
	return count
}
