package middlebox

import (
	"fmt"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/undo"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/actor"
	"github.com/ruleout/ruleout/harness/run/topology"
	"github.com/ruleout/ruleout/harness/scenario"
)

// memory is a table of connections that is emptied at planned moments.
type memory struct {
	moments []scenario.Forget
	handle  *netlink.Handle
	count   int // descriptor of the file with the number of entries
	actor   *actor.Actor

	losses []result.Forgot // the actor's, until it has ended
}

func newMemory(node *topology.Node, moments []scenario.Forget, u *undo.Stack) (*memory, error) {
	m := &memory{moments: moments, count: -1}
	err := node.Do(func() (err error) {
		if m.handle, err = netlink.NewHandle(unix.NETLINK_NETFILTER); err != nil {
			return missing(fmt.Errorf("open netlink socket: %w", err), "netfilter's netlink (nf_conntrack_netlink)")
		}
		u.Push(func() error { m.handle.Close(); return nil })
		if m.count, err = unix.Open(topology.SysctlPath(count), unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
			return missing(fmt.Errorf("open %s: %w", count, err), "a table of connections (nf_conntrack)")
		}
		u.Push(func() error { return unix.Close(m.count) })
		// It is empty yet, and this shows whether the kernel can.
		if err := m.handle.ConntrackTableFlush(netlink.ConntrackTable); err != nil {
			return missing(fmt.Errorf("empty the table of connections: %w", err), "the module nf_conntrack_netlink")
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("node %s: %w", node.Name, err)
	}
	u.Push(func() error {
		if m.actor == nil {
			return nil
		}
		return m.actor.Stop()
	})
	return m, nil
}

// arm starts the thread that empties the table. start is that of the measured window.
func (m *memory) arm(start int64) (err error) {
	m.actor, err = actor.New(func(a *actor.Alarm) error {
		for _, f := range m.moments {
			if rang, err := a.Await(start + int64(f.At)); err != nil || !rang {
				return err
			}
			if err := m.forget(start); err != nil {
				return err
			}
		}
		return nil
	})
	return err
}

// forget empties the table. The kernel's count of entries right before, less that right after, is what it removed: this
// thread goes before all tasks, so that only a packet that comes within these microseconds could add one.
func (m *memory) forget(start int64) error {
	before, err := m.entries()
	if err != nil {
		return err
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return err
	}
	if err := m.handle.ConntrackTableFlush(netlink.ConntrackTable); err != nil {
		return fmt.Errorf("empty the table of connections: %w", err)
	}
	after, err := m.entries()
	if err != nil {
		return err
	}
	m.losses = append(m.losses,
		result.Forgot{At: time.Duration(now.Nano() - start).Seconds(), Entries: before - after})
	return nil
}

// entries is how many the table has.
func (m *memory) entries() (int64, error) {
	var text [32]byte
	read, err := unix.Pread(m.count, text[:], 0)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", count, err)
	}
	return number(count, text[:read])
}

// finish ends the thread and says what was forgotten.
func (m *memory) finish() ([]result.Forgot, error) {
	if err := m.actor.Stop(); err != nil {
		return nil, err
	}
	return m.losses, nil
}
