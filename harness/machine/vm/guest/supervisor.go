package guest

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/prefault"
	"github.com/ruleout/ruleout/harness/machine/vm/frame"
)

// supervisor is pid 1. It owns everything through which the guest speaks to its host (the
// output port, the freeze, the exit), so that nothing that the worker does, crashing
// included, can cut the story short.
type supervisor struct {
	worker  int      // pid
	control *os.File // socket to the worker
	frames  *frame.Reader
	died    chan unix.WaitStatus // of the worker

	watchdog *time.Timer // ends a clone that takes too long

	mu   sync.Mutex // held while something is sent, and guards what follows
	log  int        // read end of the worker's standard output and error, not blocking
	held []byte     // output that the host fetches at the end

	attached []attached // fetched with it; only serve uses them
	limited  bool       // the limit was exceeded
}

// settle lets what boot left behind (RCU callbacks, deferred probes, worker threads that
// time out) happen before the freeze. Idle time costs next to nothing.
const settle = 200 * time.Millisecond

// grace is how long a worker that exceeded its limit may take to print its stacks.
const grace = 5 * time.Second

// supervise returns only when there is no way to tell the host what went wrong.
func supervise() error {
	if err := withPorts(func() {}); err != nil {
		return err
	}
	err := run()
	send(frame.Error, []byte(err.Error()))
	exit(1)
	return err
}

// run returns only on an error.
func run() error {
	if err := setUp(); err != nil {
		return err
	}
	if err := prefault.Text(); err != nil {
		return err
	}
	args, err := workerArgs()
	if err != nil {
		return err
	}
	s, err := startWorker(args)
	if err != nil {
		return fmt.Errorf("start the worker: %w", err)
	}
	if err := s.waitReady(); err != nil {
		return err
	}
	if err := s.freeze(); err != nil {
		return err
	}
	return s.serve()
}

// freeze stops the machine to be saved. What comes after that happens in each clone.
func (s *supervisor) freeze() error {
	checked, err := checkClocks()
	if err != nil {
		return err
	}
	time.Sleep(settle)
	note, err := json.Marshal(checked)
	if err != nil {
		return err
	}
	if s.watchdog != nil { // it times the preparation
		s.watchdog.Stop()
	}
	s.mu.Lock()
	s.drain()
	if len(s.held) > 0 { // the host does not fetch it from a machine that is saved
		send(frame.Output, s.held)
		s.held = nil
	}
	send(frame.Freeze, note)
	stop()

	// A clone begins here.
	s.mu.Unlock()
	var data []byte
	if portErr := withPorts(func() { data, err = readConfig(frame.PayloadName) }); portErr != nil || err != nil {
		return errors.Join(portErr, err)
	}
	envelope, err := frame.UnmarshalEnvelope(data)
	if err != nil {
		return err
	}
	if err := seedRandom(envelope.Entropy[:]); err != nil {
		return err
	}
	send(frame.Awake, nil)
	s.watchdog = time.AfterFunc(envelope.VirtualLimit, func() { s.expire(envelope.VirtualLimit) })
	if err := frame.Write(s.control, frame.Payload, envelope.Payload); err != nil {
		return fmt.Errorf("hand over the payload: %w", err)
	}
	return nil
}

// send writes a frame to the host.
func send(kind frame.Kind, data []byte) {
	b := frame.Append(make([]byte, 0, frame.HeaderLen+len(data)), kind, data)
	_ = withPorts(func() { writePort(portOutput, b) }) // it worked before, or this line would not be reached
}

// stop stops the machine. A template's story ends in it; a clone's begins behind it, or
// ends in it when the host is to fetch output.
func stop() { _ = withPorts(func() { freeze(portFreeze) }) }

// exit ends the machine.
func exit(status byte) {
	_ = withPorts(func() { outb(portExit, status) })
	select {} // the port stops the CPU at its next instruction or soon after
}

func startWorker(args []string) (*supervisor, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	var log [2]int
	if err := unix.Pipe2(log[:], unix.O_CLOEXEC); err != nil {
		return nil, err
	}
	for _, fd := range []int{pair[0], log[0]} {
		if err := unix.SetNonblock(fd, true); err != nil {
			return nil, err
		}
	}
	null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	s := &supervisor{control: os.NewFile(uintptr(pair[0]), "worker"), log: log[0], died: make(chan unix.WaitStatus, 1)}
	s.frames = frame.NewReader(bufio.NewReaderSize(s.control, 64<<10), frame.Max)
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, unix.SIGCHLD)
	s.worker, err = syscall.ForkExec("/proc/self/exe", append([]string{workerName}, args...), &syscall.ProcAttr{
		Dir: "/tmp",
		// A guest has memory to spare and pays dearly for instructions: collect late.
		Env:   []string{"PATH=", "HOME=/tmp", "TMPDIR=/tmp", "GOGC=400", "GOTRACEBACK=all"},
		Files: []uintptr{uintptr(null), uintptr(log[1]), uintptr(log[1]), uintptr(pair[1])},
	})
	if err != nil {
		return nil, err
	}
	for _, fd := range []int{pair[1], log[1], null} {
		_ = unix.Close(fd)
	}
	go s.reap(ended)
	return s, s.follow(os.NewFile(uintptr(log[0]), "log"))
}

// reap collects every child that ends, as pid 1 must, and tells of the worker's end.
func (s *supervisor) reap(ended <-chan os.Signal) {
	for range ended {
		for {
			var status unix.WaitStatus
			pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil)
			if pid == s.worker {
				s.died <- status
			}
			if pid <= 0 && !errors.Is(err, unix.EINTR) {
				break
			}
		}
	}
}

// follow forwards the log whenever there is some.
func (s *supervisor) follow(log *os.File) error {
	conn, err := log.SyscallConn()
	if err != nil {
		return err
	}
	go func() {
		_ = conn.Read(func(uintptr) (done bool) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.drain()
			return s.log < 0
		})
	}()
	return nil
}

// drain forwards what the worker and its children have written on their standard output
// and error up to now. The caller holds the lock.
func (s *supervisor) drain() {
	var buf [16 << 10]byte
	for s.log >= 0 {
		n, err := unix.Read(s.log, buf[:])
		switch {
		case n > 0:
			send(frame.Log, buf[:n])
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return
		default: // end of file: no process holds the other end any more
			s.log = -1
		}
	}
}

// waitReady returns when the worker waits for its payload.
func (s *supervisor) waitReady() error {
	kind, data, err := s.frames.Next()
	switch {
	case err != nil:
		return fmt.Errorf("start the worker: it ended before it was ready: %s", describe(<-s.died))
	case kind == frame.Error:
		return errors.New(string(data))
	case kind != frame.Ready:
		return fmt.Errorf("start the worker: it says %q instead of ready", kind)
	}
	return nil
}

// serve passes on what the worker says until it ends. It returns only on an error.
func (s *supervisor) serve() error {
	for {
		kind, data, err := s.frames.Next()
		if err != nil {
			return s.buried(<-s.died)
		}
		switch kind {
		case frame.Output:
			s.output(data)
		case frame.Attach:
			if err := s.attach(data); err != nil {
				return err
			}
		case frame.Freeze:
			if err := s.freeze(); err != nil {
				return err
			}
		case frame.Error:
			return errors.New(string(data))
		case frame.Exit:
			s.end(int32(binary.LittleEndian.Uint32(data)))
		}
	}
}

// output passes on what the worker wrote. A byte through the port costs more than 1 µs of
// the host's time, so long pieces are held in memory for the host to fetch when all is
// over, and from then on everything is, to keep its order.
func (s *supervisor) output(data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drain()
	if len(s.held) == 0 && len(data) <= streamed {
		send(frame.Output, data)
		return
	}
	s.held = append(s.held, data...)
}

// streamed is the length, in bytes, up to which output is sent at once.
const streamed = 2 << 10

// buried deals with a worker that ended without a status.
func (s *supervisor) buried(status unix.WaitStatus) error {
	s.mu.Lock()
	s.drain()
	limited := s.limited
	s.mu.Unlock()
	if status.Signaled() && !limited {
		return fmt.Errorf("the guest's process ended: %s", describe(status))
	}
	s.end(int32(status.ExitStatus()))
	return nil
}

// end tells the host the status, after everything else, and ends the machine.
func (s *supervisor) end(status int32) {
	s.mu.Lock()
	s.drain()
	send(frame.Exit, binary.LittleEndian.AppendUint32(nil, uint32(status)))
	if len(s.held) > 0 || len(s.attached) > 0 {
		// The machine stops in this process's address space, and the host reads from there.
		s.announce()
		where := binary.LittleEndian.AppendUint64(nil, uint64(uintptr(unsafe.Pointer(unsafe.SliceData(s.held)))))
		send(frame.Held, binary.LittleEndian.AppendUint64(where, uint64(len(s.held))))
		stop()
		runtime.KeepAlive(s.held)
	}
	exit(0)
}

// expire asks a worker that took too long for its stacks, then ends it.
func (s *supervisor) expire(limit time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limited = true
	s.drain()
	send(frame.Limit, fmt.Appendf(nil, "it ran for more than %v of its own time", limit))
	time.AfterFunc(grace, func() { _ = unix.Kill(s.worker, unix.SIGKILL) })
	// The Go runtime prints the stacks of all goroutines and ends with status 2.
	_ = unix.Kill(s.worker, unix.SIGQUIT)
}

func describe(status unix.WaitStatus) string {
	if status.Signaled() {
		return fmt.Sprintf("killed by signal %d (%v)", status.Signal(), status.Signal())
	}
	return fmt.Sprintf("exit status %d", status.ExitStatus())
}
