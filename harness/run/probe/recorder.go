package probe

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/realtime"
)

// beat is how often load averages are damped and slow changes looked for. The kernel's is LOAD_FREQ, 5 s and one
// tick (include/linux/sched/loadavg.h).
const beat = 5 * time.Second

// reading is what is read of one node at one moment. Times are sums since the node or the probe was made.
type reading struct {
	usage, user, system int64 // µs
	softirq, stolen     int64 // ns
	queue               int64 // task-ns
	pressure            int64 // µs, cpu only
	memory              int64 // bytes
	sockets             [len(socketStates)]int64
	accept              int64
	retrans             int64
	arrived             int64 // packets
	entries             int64 // of the table of connections
}

// sample is what is read at one moment.
type sample struct {
	at       int64 // ns, CLOCK_MONOTONIC
	softirqs int64 // ns
	idle     int64 // ns
	queue    int64 // task-ns
	nodes    []reading
	counts   []int64 // in the order of Options.Counts
	queues   []queueReading
}

// recorder is one recording: the thread that reads, and what it read. All memory is there before it starts.
type recorder struct {
	*Probe
	start, end int64
	interval   int64

	began chan struct{} // closed after the first sample

	samples []sample // first, one an interval, last
	taken   int
	load    []loadAverage

	ticks      [2]ticks // at the ends
	load1      int64    // of the machine, hundredths
	pressures  [2][][len(resources)]int64
	queueMax   int64       // of the machine
	queueMosts []queueMost // of the options' queues
	marked     [2][]int64  // packets that these had marked, at the ends
	arrived    []int64     // of the sample being taken, by node
	own        int64       // CPU time of the recorder, ns
	late       int64
}

func newRecorder(p *Probe, start int64, duration time.Duration, samples int) *recorder {
	r := &recorder{
		Probe: p, start: start, end: start + int64(duration), interval: int64(p.options.Interval),
		arrived: make([]int64, len(p.nodes)), began: make(chan struct{}), samples: make([]sample, samples+2),
		load: make([]loadAverage, len(p.nodes)),
	}
	all := make([]reading, len(r.samples)*len(p.nodes))
	counts := make([]int64, len(r.samples)*len(p.options.Counts))
	queues := len(p.options.Queues)
	held := make([]queueReading, len(r.samples)*queues)
	r.queueMosts = make([]queueMost, queues)
	r.marked = [2][]int64{make([]int64, queues), make([]int64, queues)}
	for i := range r.samples {
		r.samples[i].counts = counts[i*len(p.options.Counts) : (i+1)*len(p.options.Counts)]
		r.samples[i].nodes = all[i*len(p.nodes) : (i+1)*len(p.nodes)]
		r.samples[i].queues = held[i*queues : (i+1)*queues]
	}
	for i := range r.pressures {
		r.pressures[i] = make([][len(resources)]int64, len(p.nodes))
	}
	return r
}

// errStopped ends a recording that no caller waits for any more.
var errStopped = errors.New("recording stopped")

// run records, on a thread that dies afterwards.
func (r *recorder) run() error {
	runtime.LockOSThread()
	begun := sync.OnceFunc(func() { close(r.began) })
	defer begun()
	realtime.Take(realtime.Sample)
	timer, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return fmt.Errorf("create timer: %w", err)
	}
	defer unix.Close(timer)

	if err := r.sleep(timer, r.start-r.prelude); err != nil {
		return err
	}
	if err := r.prepare(); err != nil {
		return fmt.Errorf("record beginning: %w", err)
	}
	if err := r.sleep(timer, r.start); err != nil {
		return err
	}
	if err := r.begin(); err != nil {
		return fmt.Errorf("record beginning: %w", err)
	}
	begun()
	tick, heartbeat := int64(math.MaxInt64), r.start+int64(beat)
	if r.interval > 0 {
		tick = r.start + r.interval
	}
	for {
		next := min(tick, heartbeat, r.end)
		if err := r.sleep(timer, next); err != nil {
			return err
		}
		if next == r.end {
			break
		}
		if next == tick {
			tick += r.interval
			if err := r.take(); err != nil {
				return err
			}
		}
		if next == heartbeat {
			heartbeat += int64(beat)
			r.damp(monotonic())
			if err := r.glance(); err != nil {
				return err
			}
		}
	}
	if err := r.finish(); err != nil {
		return fmt.Errorf("record end: %w", err)
	}
	return nil
}

// sleep sleeps until a time on CLOCK_MONOTONIC, or until the recording is stopped.
func (r *recorder) sleep(timer int, until int64) error {
	// A timer that is set to 0 is off, and one set to the past fires at once.
	at := unix.ItimerSpec{Value: unix.NsecToTimespec(max(until, 1))}
	if err := unix.TimerfdSettime(timer, unix.TFD_TIMER_ABSTIME, &at, nil); err != nil {
		return fmt.Errorf("set timer: %w", err)
	}
	wait := []unix.PollFd{{Fd: int32(timer), Events: unix.POLLIN}, {Fd: int32(r.stop), Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(wait, -1)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return fmt.Errorf("wait for timer: %w", err)
		case wait[1].Revents != 0:
			return errStopped
		case wait[0].Revents != 0:
			return nil
		}
	}
}

// prepare reads, right before the window, what takes long to read: the counters, about a millisecond a
// node in a guest. Inside the window that would be felt by whatever is measured there.
//
// What takes longest comes first, and at the window's end last: the counters of others, which are dumps. So the time of
// these is between the readings of nothing else.
func (r *recorder) prepare() error {
	r.own = -threadTime()
	if r.options.Ends != nil {
		if err := r.options.Ends(0); err != nil {
			return err
		}
	}
	for _, n := range r.nodes {
		// By now the services listen, so this finds out where.
		if _, err := n.diag.count(1 << tcpListen); err != nil {
			return err
		}
	}
	for i, n := range r.nodes {
		if err := n.readCounters(&n.before); err != nil {
			return err
		}
		if err := n.readPressures(&r.pressures[0][i]); err != nil {
			return err
		}
	}
	return nil
}

// begin takes the first sample.
func (r *recorder) begin() error {
	r.late = max(r.late, monotonic()-r.start)
	t := r.tracer
	t.restart(0, recordRunnable, recordRunnableMax)
	for i := range r.options.Queues {
		t.restartQueue(i)
	}
	for i, n := range r.nodes {
		t.restart(n.number, recordRunnable, recordRunnableMax)
		t.setRecord(n.number, recordAcceptMax, 0)
		t.setRecord(n.number, recordSynMax, 0)
		for _, s := range socketStates[:followed] {
			t.restart(n.number, s.value, s.most)
		}
		r.load[i].began = monotonic()
		r.load[i].queue = t.runnable(n.number, r.load[i].began)
	}
	if err := r.take(); err != nil {
		return err
	}
	if err := r.readMarks(0); err != nil {
		return err
	}
	return r.readTicks(0)
}

// readMarks reads what the queues have marked, if any may.
func (r *recorder) readMarks(which int) error {
	if !slices.ContainsFunc(r.options.Queues, func(q Queue) bool { return q.Marks }) {
		return nil
	}
	return r.options.Marked(r.marked[which])
}

func (r *recorder) readTicks(which int) error {
	text, err := r.machine.stat.read()
	if err != nil {
		return err
	}
	r.ticks[which], err = parseStat(text)
	return err
}

// finish takes the last sample and reads the rest as well.
func (r *recorder) finish() error {
	r.late = max(r.late, monotonic()-r.end)
	r.damp(monotonic())
	r.taken = len(r.samples) - 1
	s, err := r.exact()
	if err != nil {
		return err
	}
	r.keepMost()
	if err := r.readMarks(1); err != nil {
		return err
	}
	if err := r.looks(s); err != nil {
		return err
	}
	if err := r.readTicks(1); err != nil {
		return err
	}
	text, err := r.machine.load.read()
	if err != nil {
		return err
	}
	if r.load1, err = parseLoad(text); err != nil {
		return err
	}
	for i, n := range r.nodes {
		if err := n.readPressures(&r.pressures[1][i]); err != nil {
			return err
		}
		if err := n.readCounters(&n.after); err != nil {
			return err
		}
	}
	for _, n := range r.nodes {
		if n.peak == nil {
			continue
		}
		if text, err = n.peak.read(); err != nil {
			return err
		}
		n.memoryMax = digits(text)
	}
	if r.options.Ends != nil {
		if err := r.options.Ends(1); err != nil {
			return err
		}
	}
	if err := r.glance(); err != nil {
		return err
	}
	r.own += threadTime()
	return nil
}

// keepMost keeps the greatest values, which go on growing after the window's end.
func (r *recorder) keepMost() {
	t := r.tracer
	r.queueMax = t.record(0, recordRunnableMax)
	for i := range r.queueMosts {
		r.queueMosts[i] = t.mostOf(i)
	}
	for _, n := range r.nodes {
		n.queueMax = t.record(n.number, recordRunnableMax)
		n.accept = max(n.accept, t.record(n.number, recordAcceptMax))
		for i, s := range socketStates {
			if s.most != 0 {
				n.sockets[i].max = max(n.sockets[i].max, n.sockets[i].base+t.record(n.number, s.most))
			}
		}
	}
}

// take takes the next sample.
func (r *recorder) take() error {
	s, err := r.exact()
	if err != nil {
		return err
	}
	return r.looks(s)
}

// exact begins the next sample with what is exact to the instant, and so has to be read soon after another.
func (r *recorder) exact() (*sample, error) {
	s := &r.samples[r.taken]
	r.taken++
	t := r.tracer
	s.at = monotonic()
	s.softirqs, s.idle, s.queue = t.softirqs(), t.idle(s.at), t.runnable(0, s.at)
	for i := range s.queues {
		s.queues[i] = t.readQueue(i, s.at)
	}
	if r.options.Arrived != nil {
		if err := r.options.Arrived(r.arrived); err != nil {
			return nil, fmt.Errorf("count packets: %w", err)
		}
	}
	for i := range s.counts {
		s.counts[i] = r.options.Counts[i].Read()
	}
	for i, n := range r.nodes {
		now := &s.nodes[i]
		now.softirq, now.stolen = t.softirq(n.number)
		now.queue = t.runnable(n.number, s.at)
		now.retrans = t.record(n.number, recordRetrans)
		now.arrived = r.arrived[i]
		if n.cpu == nil {
			continue
		}
		text, err := n.cpu.read()
		if err != nil {
			return nil, err
		}
		now.usage, now.user, now.system = keyed(text, "usage_usec"), keyed(text, "user_usec"), keyed(text, "system_usec")
	}
	return s, nil
}

// damp carries the load averages on.
func (r *recorder) damp(now int64) {
	for i, n := range r.nodes {
		r.load[i].add(now, r.tracer.runnable(n.number, now))
	}
}

// threadTime is the CPU time of this thread in ns.
func threadTime() int64 {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t) // cannot fail for this clock
	return t.Nano()
}
