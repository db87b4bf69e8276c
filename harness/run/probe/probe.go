package probe

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/base/undo"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/cgroup"
	"github.com/ruleout/ruleout/harness/run/probe/offsets"
)

// maxSamples bounds the timeline: at 100 ms it is enough for almost three hours.
const maxSamples = 100_000

// maxPrelude bounds the time before the window in which the recorder prepares.
const maxPrelude = 50 * time.Millisecond

// Target is a node to be recorded.
type Target struct {
	// Name of the node, which its metrics begin with.
	Name string
	// Do runs a function on a thread inside the node's network namespace.
	Do func(func() error) error
	// Inode is the number of the network namespace, as in "net:[4026532345]".
	Inode uint64
	// Tracks says that the node has a table of connections, of which metrics are made.
	Tracks bool
	// Group holds the node's processes; nil for a node that has none. Processes have to be
	// started in it (see [cgroup.Group.FD]): one that is moved in later is not seen to move.
	Group *cgroup.Group
}

// Options say what to record.
type Options struct {
	Nodes []Target
	// Queues are devices of which is recorded how much waits there, and what found no room.
	Queues []Queue
	// Interval of the timeline, 1ms or more; 0 records none.
	Interval time.Duration
	// Arrived says how many packets have arrived at each node so far, in the order of Nodes; nil
	// records none. It is called at each sample, and has to be quick.
	Arrived func(counts []int64) error
	// Marked says how many packets each of the queues has marked so far, in the order of Queues; it is called at both
	// ends of the window if one of them marks.
	Marked func(counts []int64) error
	// Ends, if it is not nil, is called right before the window (0) and at its end (1), to read counters of others. It may
	// take a while: what the recorder reads itself at both ends is nearer to the window.
	Ends func(end int) error
	// Counts are kept by others and read at each sample.
	Counts []Count
	// Offsets of the kernel; nil: [offsets.Load].
	Offsets *offsets.Offsets
}

// Count is a number that only grows, such as the requests that a service has served. What it grew by in the window is a
// metric of the node.
type Count struct {
	// Node and Name of the metric, as in package metric.
	Node, Name string
	// Series also makes a series of the timeline of it: what it grew by in each interval.
	Series bool
	// Read returns the number so far, from any thread and at once.
	Read func() int64
}

// Result is what was recorded.
type Result struct {
	// Metrics of the nodes and of the machine, by the names of package metric. What the kernel
	// does not keep is left out: pressure without PSI, memory without the memory controller.
	Metrics map[string]result.Metric
	// Counters of the kernel by node, as differences over the window, except those that are a [Gauge].
	Counters map[string]map[string]int64
	// Timeline holds a value per interval and series, see [Series].
	Timeline map[string][]float64
	// Window is the time between the first and the last reading, which shares refer to.
	Window time.Duration
	// Late is by how much the later of these two readings was late: how far the window may
	// be out of step with the load's and the faults'.
	Late time.Duration
}

// Probe records one run. Its methods are to be called from one goroutine at a time.
type Probe struct {
	options Options
	tracer  *tracer
	nodes   []*node
	machine *machine
	stolen  bool // softirq time on a task's back is charged to the task
	undo    undo.Stack

	recorder *recorder
	done     chan struct{}
	failure  error
	stop     int // eventfd that ends the recorder early
	stopOnce sync.Once
	prelude  int64 // ns before the window, for preparation
}

// New attaches the programs and opens what will be read. Everything the tasks of the
// nodes do from here on is counted, and [Probe.Start] says from when on it matters.
//
// The error is of kind [problem.Machine] where the kernel or the rights do not suffice, and
// of kind [problem.Usage] for an interval that cannot be recorded.
func New(o Options) (_ *Probe, err error) {
	if o.Interval != 0 && o.Interval < time.Millisecond {
		return nil, problem.Wrap(problem.Usage, fmt.Errorf("timeline interval %v is shorter than 1ms", o.Interval),
			"use a longer interval, or 0s for no timeline")
	}
	p := &Probe{options: o, stop: -1}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.Close())
		}
	}()
	at := o.Offsets
	if at == nil {
		if at, err = offsets.Load(); err != nil {
			return nil, err
		}
	}
	p.stolen = !at.IRQTime || !irqTimeActive()
	if p.stop, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return nil, fmt.Errorf("create eventfd: %w", err)
	}
	p.undo.Push(func() error { return unix.Close(p.stop) })

	keys := make([]key, len(o.Nodes))
	for i, target := range o.Nodes {
		if keys[i], err = targetKey(target); err != nil {
			return nil, fmt.Errorf("record node %s: %w", target.Name, err)
		}
	}
	if p.tracer, err = newTracer(at, keys, o.Queues); err != nil {
		return nil, err
	}
	p.undo.Push(p.tracer.Close)
	for i, target := range o.Nodes {
		n, err := newNode(target, uint32(i+1))
		if err != nil {
			return nil, fmt.Errorf("record node %s: %w", target.Name, err)
		}
		p.undo.Push(n.Close)
		n.arrivals = o.Arrived != nil
		p.nodes = append(p.nodes, n)
		if err := n.baseline(p.tracer); err != nil {
			return nil, fmt.Errorf("record node %s: %w", target.Name, err)
		}
	}
	if p.machine, err = newMachine(); err != nil {
		return nil, fmt.Errorf("record machine: %w", err)
	}
	p.undo.Push(p.machine.Close)
	if err := visitCPUs(); err != nil {
		return nil, err
	}
	if err := p.rehearse(); err != nil {
		return nil, err
	}
	return p, nil
}

// rehearse measures how long the preparation takes. The files' buffers get their sizes, too.
func (p *Probe) rehearse() error {
	r := newRecorder(p, 0, 0, 0)
	before := monotonic()
	if err := r.prepare(); err != nil {
		return fmt.Errorf("record nodes: %w", err)
	}
	p.prelude = min(2*(monotonic()-before), int64(maxPrelude))
	return nil
}

func targetKey(t Target) (key, error) {
	k := key{inode: t.Inode}
	if t.Group == nil {
		return k, nil
	}
	// The id that BPF knows a group by is the inode number of its directory (kernfs_node.id).
	var s unix.Stat_t
	if err := unix.Fstat(t.Group.FD(), &s); err != nil {
		return k, fmt.Errorf("stat control group %s: %w", t.Group.Path, err)
	}
	k.cgroup = s.Ino
	return k, nil
}

// Start has the window of the given length begin at start, in ns of CLOCK_MONOTONIC, which
// should lie ahead. It returns at once.
func (p *Probe) Start(start int64, duration time.Duration) error {
	if p.recorder != nil {
		return errors.New("start recording: started before")
	}
	if duration <= 0 {
		return fmt.Errorf("start recording: duration %v is not positive", duration)
	}
	samples := 0
	if p.options.Interval > 0 {
		samples = int(duration / p.options.Interval)
	}
	if samples > maxSamples {
		return problem.Wrap(problem.Usage, fmt.Errorf("a timeline of %d samples is too long", samples),
			fmt.Sprintf("use an interval of %v or more", (duration/maxSamples).Round(time.Millisecond)+time.Millisecond))
	}
	r := newRecorder(p, start, duration, samples)
	p.recorder, p.done = r, make(chan struct{})
	go func() {
		defer close(p.done)
		p.failure = r.run()
	}()
	return nil
}

// Wait returns what was recorded, once the window is over. When the context
// ends before that, so does the recording, and the context's error is returned.
func (p *Probe) Wait(ctx context.Context) (*Result, error) {
	if p.recorder == nil {
		return nil, errors.New("wait for recording: not started")
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		p.cancel()
		<-p.done
		return nil, ctx.Err()
	}
	if p.failure != nil {
		return nil, p.failure
	}
	return p.recorder.result()
}

func (p *Probe) cancel() {
	p.stopOnce.Do(func() {
		if p.stop >= 0 {
			_, _ = unix.Write(p.stop, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // cannot fail: the counter is 0
		}
	})
}

// Close ends a recording under way, detaches the programs and closes all files. It may be called twice.
func (p *Probe) Close() error {
	if p.done != nil {
		p.cancel()
		<-p.done
	}
	return p.undo.Close()
}
