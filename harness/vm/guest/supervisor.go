package guest

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"syscall"
	"time"

	"github.com/ruleout/ruleout/harness/vm/frame"
	"golang.org/x/sys/unix"
)

// supervisor is pid 1. It owns everything through which the guest speaks to its host (the
// output port, the freeze, the exit), so that nothing that the worker does, crashing
// included, can cut the story short. It is one thread and one loop.
type supervisor struct {
	worker  int // pid
	control int // socket to the worker
	log     int // read end of the worker's standard output and error
	died    int // read end of a pipe: wait status of the worker, 4 bytes
	timer   int // timerfd: the limit in virtual time

	pending []byte // of control: the start of a frame
	limit   time.Duration
	limited bool // the limit was exceeded
}

// settle lets what boot left behind (RCU callbacks, deferred probes, worker threads that
// time out) happen before the freeze. Idle time costs next to nothing.
const settle = 200 * time.Millisecond

// grace is how long a worker that exceeded its limit may take to print its stacks.
const grace = 5 * time.Second

func supervise() error {
	runtime.LockOSThread()
	if err := openPorts(); err != nil {
		return err
	}
	if err := run(); err != nil {
		send(frame.Error, []byte(err.Error()))
		exit(1)
	}
	return nil
}

func run() error {
	if err := setUp(); err != nil {
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
	checked, err := checkClocks()
	if err != nil {
		return err
	}
	time.Sleep(settle)
	note, err := json.Marshal(checked)
	if err != nil {
		return err
	}
	send(frame.Freeze, note)
	outb(portFreeze, 1)

	// A clone begins here.
	data, err := readConfig(PayloadName)
	if err != nil {
		return err
	}
	envelope, err := frame.UnmarshalEnvelope(data)
	if err != nil {
		return err
	}
	if err := seedRandom(envelope.Entropy[:]); err != nil {
		return err
	}
	send(frame.Awake, nil)
	if err := s.setLimit(envelope.VirtualLimit); err != nil {
		return err
	}
	if err := writeAll(s.control, frame.Append(nil, frame.Payload, envelope.Payload)); err != nil {
		return fmt.Errorf("hand over the payload: %w", err)
	}
	return s.loop()
}

// send writes a frame to the host.
func send(kind frame.Kind, data []byte) {
	writePort(portOutput, frame.Append(make([]byte, 0, frame.HeaderLen+len(data)), kind, data))
}

// exit ends the machine.
func exit(status byte) {
	outb(portExit, status)
	for { // the port stops the CPU at its next instruction or soon after
		_ = unix.Pause()
	}
}

func startWorker(args []string) (*supervisor, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	var log, died [2]int
	if err := unix.Pipe2(log[:], unix.O_CLOEXEC); err != nil {
		return nil, err
	}
	if err := unix.Pipe2(died[:], unix.O_CLOEXEC); err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(log[0], true); err != nil {
		return nil, err
	}
	null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	timer, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	pid, err := syscall.ForkExec("/proc/self/exe", append([]string{workerName}, args...), &syscall.ProcAttr{
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
	go reap(pid, died[1])
	return &supervisor{worker: pid, control: pair[0], log: log[0], died: died[0], timer: timer}, nil
}

// reap collects every child that ends, as pid 1 must, and tells of the worker's end.
func reap(worker, died int) {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if pid == worker {
			_ = writeAll(died, binary.LittleEndian.AppendUint32(nil, uint32(status)))
		}
		if errors.Is(err, unix.ECHILD) {
			return // the worker is gone too
		}
	}
}

// waitReady returns when the worker waits for its payload.
func (s *supervisor) waitReady() error {
	for {
		done := false
		err := s.wait(func(kind frame.Kind, data []byte) error {
			switch kind {
			case frame.Ready:
				done = true
			case frame.Error:
				return errors.New(string(data))
			}
			return nil
		}, func(status unix.WaitStatus) error {
			return fmt.Errorf("start the worker: it ended before it was ready: %s", describe(status))
		})
		if done || err != nil {
			return err
		}
	}
}

// loop serves the worker until it ends; it returns only on an error.
func (s *supervisor) loop() error {
	for {
		err := s.wait(func(kind frame.Kind, data []byte) error {
			switch kind {
			case frame.Output:
				send(frame.Output, data)
			case frame.Error:
				return errors.New(string(data))
			case frame.Exit:
				s.end(int32(binary.LittleEndian.Uint32(data)))
			}
			return nil
		}, func(status unix.WaitStatus) error {
			if status.Signaled() && !s.limited {
				s.drain()
				return fmt.Errorf("the guest's process ended: %s", describe(status))
			}
			s.end(int32(status.ExitStatus()))
			return nil
		})
		if err != nil {
			return err
		}
	}
}

// end tells the host the status, after everything else, and ends the machine.
func (s *supervisor) end(status int32) {
	s.drain()
	send(frame.Exit, binary.LittleEndian.AppendUint32(nil, uint32(status)))
	exit(0)
}

// wait sleeps until something happened and passes it on: the log first, then frames, then
// the limit, then the worker's end.
func (s *supervisor) wait(onFrame func(frame.Kind, []byte) error, onEnd func(unix.WaitStatus) error) error {
	fds := []unix.PollFd{ // poll skips negative descriptors
		{Fd: int32(s.log), Events: unix.POLLIN},
		{Fd: int32(s.control), Events: unix.POLLIN},
		{Fd: int32(s.timer), Events: unix.POLLIN},
		{Fd: int32(s.died), Events: unix.POLLIN},
	}
	if _, err := unix.Poll(fds, -1); err != nil {
		if errors.Is(err, unix.EINTR) {
			return nil
		}
		return fmt.Errorf("wait for the worker: %w", err)
	}
	s.drain()
	if fds[1].Revents != 0 {
		if err := s.receive(onFrame); err != nil {
			return err
		}
	}
	if fds[2].Revents != 0 {
		s.expire()
	}
	// The worker's last words come before its end.
	if fds[3].Revents != 0 && fds[1].Revents&unix.POLLIN == 0 {
		var b [4]byte
		if _, err := unix.Read(s.died, b[:]); err != nil {
			return fmt.Errorf("wait for the worker: %w", err)
		}
		return onEnd(unix.WaitStatus(binary.LittleEndian.Uint32(b[:])))
	}
	return nil
}

// drain forwards what the worker and its children wrote on their standard output and error.
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
		default: // end of file: nobody holds the other end any more
			s.log = -1
		}
	}
}

// receive reads once from the worker and passes on every frame that is complete.
func (s *supervisor) receive(onFrame func(frame.Kind, []byte) error) error {
	var buf [64 << 10]byte
	n, err := unix.Read(s.control, buf[:])
	if errors.Is(err, unix.EINTR) {
		return nil
	}
	if n <= 0 {
		s.control = -1
		return nil
	}
	s.pending = append(s.pending, buf[:n]...)
	for len(s.pending) >= frame.HeaderLen {
		size := frame.HeaderLen + int(binary.LittleEndian.Uint32(s.pending[1:]))
		if len(s.pending) < size {
			return nil
		}
		if err := onFrame(frame.Kind(s.pending[0]), s.pending[frame.HeaderLen:size]); err != nil {
			return err
		}
		s.pending = append(s.pending[:0], s.pending[size:]...)
	}
	return nil
}

func (s *supervisor) setLimit(limit time.Duration) error {
	s.limit = limit
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(limit.Nanoseconds())}
	if err := unix.TimerfdSettime(s.timer, 0, &spec, nil); err != nil {
		return fmt.Errorf("set the limit in virtual time: %w", err)
	}
	return nil
}

// expire asks a worker that took too long for its stacks, then ends it.
func (s *supervisor) expire() {
	if s.limited {
		_ = unix.Kill(s.worker, unix.SIGKILL)
		_ = s.setLimit(0)
		return
	}
	s.limited = true
	send(frame.Limit, fmt.Appendf(nil, "it ran for more than %v of its own time", s.limit))
	_ = s.setLimit(grace)
	// The Go runtime prints the stacks of all goroutines and ends with status 2.
	_ = unix.Kill(s.worker, unix.SIGQUIT)
}

func describe(status unix.WaitStatus) string {
	if status.Signaled() {
		return fmt.Sprintf("killed by signal %d (%v)", status.Signal(), status.Signal())
	}
	return fmt.Sprintf("exit status %d", status.ExitStatus())
}

func writeAll(fd int, p []byte) error {
	for len(p) > 0 {
		n, err := unix.Write(fd, p)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}
