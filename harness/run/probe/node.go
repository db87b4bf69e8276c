package probe

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/undo"
)

// node is one node under observation: its open files.
type node struct {
	name   string
	number uint32
	undo   undo.Stack

	diag      *diag
	counters  [len(counterFiles)]*file
	sockstat  *file
	cpu       *file // nil without a control group
	pressures [3]*file
	memory    *file      // nil without the memory controller
	peak      *file      // nil before 5.19
	conntrack *conntrack // nil for a node that tracks no connections

	before, after [len(counterFiles)][]byte // the counters' files at the window's ends
	sockets       [4]socketRange            // see socketStates
	accept        int64                     // longest accept queue
	queueMax      int64                     // most runnable tasks
	arrivals      bool                      // whether its packets are counted
	memoryMax     int64
}

// resources that pressure is kept for, in the order of node.pressures.
var resources = [...]string{"cpu", "memory", "io"}

func newNode(t Target, number uint32) (_ *node, err error) {
	n := &node{name: t.Name, number: number}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Close())
		}
	}()
	if err := t.Do(n.enter); err != nil {
		return nil, err
	}
	if t.Tracks {
		if err := t.Do(n.openConntrack); err != nil {
			return nil, err
		}
	}
	if t.Group == nil {
		return n, nil
	}
	if n.cpu, err = n.open(filepath.Join(t.Group.Path, "cpu.stat")); err != nil {
		return nil, err
	}
	for i, r := range resources {
		if n.pressures[i], err = n.optional(filepath.Join(t.Group.Path, r+".pressure")); err != nil {
			return nil, err
		}
	}
	if n.memory, err = n.optional(filepath.Join(t.Group.Path, "memory.current")); err != nil {
		return nil, err
	}
	n.peak, err = n.optional(filepath.Join(t.Group.Path, "memory.peak"))
	return n, err
}

// enter opens what belongs to the network namespace; it is called inside.
func (n *node) enter() error {
	// Not /proc/self/net, which is the namespace of the process's first thread.
	const dir = "/proc/thread-self/net/"
	for i, f := range counterFiles {
		opened, err := n.optional(dir + f.name) // snmp6 is not there without IPv6
		if err != nil {
			return err
		}
		n.counters[i] = opened
	}
	if n.counters[0] == nil {
		return fmt.Errorf("open %ssnmp: %w", dir, fs.ErrNotExist)
	}
	var err error
	if n.sockstat, err = n.open(dir + "sockstat"); err != nil {
		return err
	}
	if n.diag, err = openDiag(); err != nil {
		return err
	}
	n.undo.Push(n.diag.Close)
	_, err = n.diag.count(1 << tcpListen) // tells whether the kernel can
	return err
}

func (n *node) open(name string) (*file, error) {
	f, err := openFile(name)
	if err == nil {
		n.undo.Push(f.Close)
	}
	return f, err
}

// optional opens a file that not every kernel has, or has and does not fill: pressure files
// without psi=1 (5.10) cannot be read. It returns nil for these.
func (n *node) optional(name string) (*file, error) {
	f, err := openFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if _, err := f.read(); errors.Is(err, unix.EOPNOTSUPP) {
		return nil, f.Close()
	} else if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	n.undo.Push(f.Close)
	return f, nil
}

func (n *node) Close() error { return n.undo.Close() }

// readCounters copies the counters' files, to be parsed when nothing is measured any more.
func (n *node) readCounters(into *[len(counterFiles)][]byte) error {
	for i, f := range n.counters {
		if f == nil {
			continue
		}
		text, err := f.read()
		if err != nil {
			return err
		}
		into[i] = append(into[i][:0], text...)
	}
	if n.conntrack == nil {
		return nil
	}
	if into == &n.before {
		return n.conntrack.keep(&n.conntrack.before)
	}
	return n.conntrack.keep(&n.conntrack.after)
}

// differences returns the counters' differences over the window.
func (n *node) differences() (map[string]int64, error) {
	sums := [2]map[string]int64{{}, {}}
	for i, text := range [2][len(counterFiles)][]byte{n.before, n.after} {
		for j, f := range counterFiles {
			if err := f.parse(text[j], sums[i]); err != nil {
				return nil, fmt.Errorf("parse /proc/net/%s of %s: %w", f.name, n.name, err)
			}
		}
	}
	return differences(sums[0], sums[1]), nil
}

// socketRange is the present and the greatest number of sockets in a state.
type socketRange struct {
	base, max int64 // base: what the programs' relative count has to be raised by
}

// socketStates in the order of node.sockets. The first two are followed by the programs, event by
// event. TIME_WAIT is read with every sample. SYN_RECV the programs see when a connection leaves
// it for ESTABLISHED (up to 6.12); those that never do stay for seconds, and are looked for now and then.
var socketStates = [...]struct {
	name        string
	state       int
	value, most uint32
}{
	{"established", tcpEstablished, recordEstablished, recordEstabMax},
	{"close_wait", tcpCloseWait, recordCloseWait, recordCloseMax},
	{"time_wait", tcpTimeWait, 0, 0},
	{"syn_recv", tcpSynRecv, 0, recordSynMax},
}

// followed is the number of states that the programs follow.
const followed = 2

// inTimeWait and synRecv index socketStates.
const (
	inTimeWait = 2
	synRecv    = 3
)

// baseline finds out how many sockets the node has in the states that the programs follow, relative
// to what these have counted yet. If one changes its state meanwhile, it counts again.
func (n *node) baseline(t *tracer) error {
	for range 8 {
		var before [followed]int64
		for i := range before {
			before[i] = t.record(n.number, socketStates[i].value)
		}
		s, err := n.diag.count(1<<tcpEstablished | 1<<tcpCloseWait)
		if err != nil {
			return err
		}
		steady := true
		for i := range before {
			n.sockets[i].base = s.state[socketStates[i].state] - before[i]
			steady = steady && t.record(n.number, socketStates[i].value) == before[i]
		}
		if steady {
			break
		}
	}
	return nil
}

// readPressures reads what the kernel keeps of them, in µs.
func (n *node) readPressures(into *[len(resources)]int64) error {
	for i, f := range n.pressures {
		if f == nil {
			continue
		}
		text, err := f.read()
		if err != nil {
			return err
		}
		into[i] = total(text)
	}
	return nil
}
