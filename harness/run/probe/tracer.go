package probe

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/base/undo"
	"github.com/ruleout/ruleout/harness/run/probe/offsets"
)

// license of the programs. The kernel lends bpf_probe_read_kernel only to programs under
// the GPL or a compatible licence; the one here is compatible with this project's own.
const license = "Dual MIT/GPL"

// tracer is the set of programs and what they count. Closing it detaches them;
// so does the death of this process, since nothing is pinned.
type tracer struct {
	state
	undo undo.Stack
}

// key of a node: what the kernel knows it by.
type key struct {
	inode  uint64 // of the network namespace
	cgroup uint64 // id of the control group, 0 for none
}

// newTracer loads and attaches the programs; node i of the keys gets the number i+1, and so does queue i.
func newTracer(o *offsets.Offsets, keys []key, queues []Queue) (_ *tracer, err error) {
	t := &tracer{}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.Close())
		}
	}()
	// Before 5.11 maps count against the limit of locked memory.
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, refused(fmt.Errorf("raise limit of locked memory: %w", err))
	}
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return nil, fmt.Errorf("count CPUs: %w", err)
	}
	t.layout = newLayout(cpus, len(keys), len(queues))
	e, err := t.maps(keys, queues)
	if err != nil {
		return nil, err
	}
	e.offsets = o
	list := programs
	if len(queues) > 0 { // where there are none, they cost nothing
		list = append(slices.Clone(list), program{"qdisc_dequeue", (*emitter).qdiscDequeue})
	}
	for _, p := range list {
		if err := t.attach(p, e); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// program is one of ours and the tracepoint it belongs on, as raw tracepoint (4.17).
type program struct {
	tracepoint string
	write      func(*emitter)
}

// The order matters a little: a task that is woken between two attachments is seen
// when it is switched away from, but not the other way round.
var programs = []program{
	{"softirq_exit", (*emitter).softirqExit},
	{"netif_receive_skb", (*emitter).packet},
	{"net_dev_queue", (*emitter).sent},
	{"softirq_entry", (*emitter).softirqEntry},
	{"sched_switch", (*emitter).schedSwitch},
	{"sched_wakeup_new", func(e *emitter) { e.schedWakeup(true) }},
	{"sched_wakeup", func(e *emitter) { e.schedWakeup(false) }},
	{"inet_sock_set_state", (*emitter).socketState},
	{"tcp_retransmit_skb", (*emitter).retransmit},
}

func (t *tracer) attach(p program, base emitter) error {
	e := base
	p.write(&e)
	loaded, err := e.Load("ro_"+p.tracepoint[:min(len(p.tracepoint), 12)], ebpf.RawTracepoint, license)
	if err != nil {
		return refused(err)
	}
	defer loaded.Close() // the attachment keeps the program
	l, err := link.AttachRawTracepoint(link.RawTracepointOptions{Name: p.tracepoint, Program: loaded})
	if err != nil {
		return refused(fmt.Errorf("attach to tracepoint %s: %w", p.tracepoint, err))
	}
	t.undo.Push(l.Close)
	return nil
}

// maps makes the maps and tells the programs the nodes and the queues.
func (t *tracer) maps(keys []key, queues []Queue) (emitter, error) {
	e := emitter{layout: t.layout}
	create := func(fd *int, name string, spec ebpf.MapSpec) (*ebpf.Map, error) {
		spec.Name = "ro_" + name
		m, err := ebpf.NewMap(&spec)
		if err != nil {
			return nil, refused(fmt.Errorf("create map %s: %w", name, err))
		}
		t.undo.Push(m.Close)
		*fd = m.FD()
		return m, nil
	}
	table := func(entries int) ebpf.MapSpec {
		return ebpf.MapSpec{Type: ebpf.Hash, KeySize: 8, ValueSize: 8, MaxEntries: uint32(entries)}
	}
	figures, err := create(&e.maps.state, "state", ebpf.MapSpec{
		Type: ebpf.Array, KeySize: 4, ValueSize: t.size(), MaxEntries: 1, Flags: unix.BPF_F_MMAPABLE,
	})
	if err != nil {
		return e, err
	}
	page := os.Getpagesize()
	t.memory, err = unix.Mmap(figures.FD(), 0, (int(t.size())+page-1)/page*page, unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_SHARED)
	if err != nil {
		return e, refused(fmt.Errorf("map figures into memory: %w", err))
	}
	t.undo.Push(func() error { return unix.Munmap(t.memory) })

	inodes, err := create(&e.maps.inodes, "inodes", table(len(keys)+1))
	if err != nil {
		return e, err
	}
	cgroups, err := create(&e.maps.cgroups, "cgroups", table(len(keys)+1))
	if err != nil {
		return e, err
	}
	for i, k := range keys {
		number := uint64(i + 1)
		if err := inodes.Put(k.inode, number); err != nil {
			return e, fmt.Errorf("register network namespace %d: %w", k.inode, err)
		}
		if k.cgroup == 0 {
			continue
		}
		if err := cgroups.Put(k.cgroup, number); err != nil {
			return e, fmt.Errorf("register cgroup %d: %w", k.cgroup, err)
		}
	}
	devices, err := create(&e.maps.devices, "devices", table(len(queues)+1))
	if err != nil {
		return e, err
	}
	for i, q := range queues {
		if err := devices.Put(q.key(), uint64(i+1)); err != nil {
			return e, fmt.Errorf("register device %d of %s: %w", q.Index, q.Name, err)
		}
	}
	for _, m := range []struct {
		fd      *int
		name    string
		entries int
	}{
		{&e.maps.nets, "nets", 256},
		{&e.maps.tasks, "tasks", taskEntries()},
		{&e.maps.qdiscs, "qdiscs", 1024},
	} {
		if _, err := create(m.fd, m.name, table(m.entries)); err != nil {
			return e, err
		}
	}
	return e, nil
}

// taskEntries is how many tasks there can be at once, twice over, since the memory of a dead
// one stays in the table until the next task gets it; within reason.
func taskEntries() int {
	text, err := os.ReadFile("/proc/sys/kernel/threads-max")
	n, err2 := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || err2 != nil {
		n = 16384
	}
	return min(max(2*n, 1024), 1<<17)
}

// Close detaches the programs and drops what they counted. It may be called twice.
func (t *tracer) Close() error { return t.undo.Close() }

// refused classifies what the kernel said to a BPF object of ours.
func refused(err error) error {
	var verifier *ebpf.VerifierError
	switch {
	case errors.As(err, &verifier):
		return problem.Wrap(problem.Machine, err,
			"this kernel's verifier does not accept the recording programs; please report it with the kernel's release")
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return problem.Wrap(problem.Machine, err, "recording loads BPF programs, which needs root, or CAP_BPF, "+
			"CAP_PERFMON and CAP_SYS_ADMIN; kernel lockdown in confidentiality mode forbids it")
	case errors.Is(err, unix.ENOSYS), errors.Is(err, ebpf.ErrNotSupported):
		return problem.Wrap(problem.Machine, err,
			"recording needs a kernel of 5.10 or newer with CONFIG_BPF_SYSCALL and CONFIG_BPF_EVENTS")
	case errors.Is(err, fs.ErrNotExist):
		return problem.Wrap(problem.Machine, err,
			"this kernel lacks the tracepoint; recording needs 5.10 or newer with CONFIG_TRACEPOINTS and CONFIG_BPF_EVENTS")
	default:
		return err
	}
}
