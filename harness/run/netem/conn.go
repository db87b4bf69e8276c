package netem

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Root is the parent of a device's outermost qdisc (TC_H_ROOT).
const Root uint32 = 0xffffffff

// Handle returns a qdisc's handle, or a class's when minor is not 0: "1:2" is Handle(1, 2).
func Handle(major, minor uint16) uint32 { return uint32(major)<<16 | uint32(minor) }

// Conn talks to the qdiscs of one network namespace. It may be used by several
// goroutines, whatever namespace their threads are in.
type Conn struct {
	socket *nl.SocketHandle
}

// Open opens a connection to the namespace of the calling thread, which must be locked
// to its goroutine if that is not the process's own. The caller closes it.
func Open() (*Conn, error) {
	s, err := nl.GetNetlinkSocketAt(netns.None(), netns.None(), unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open netlink socket: %w", err)
	}
	if err := errors.Join(s.SetSendTimeout(&nl.SocketTimeoutTv), s.SetReceiveTimeout(&nl.SocketTimeoutTv)); err != nil {
		s.Close()
		return nil, fmt.Errorf("set timeouts of netlink socket: %w", err)
	}
	_ = s.SetExtAck(true) // nicer errors where the kernel has them
	return &Conn{socket: &nl.SocketHandle{Socket: s}}, nil
}

// Close closes the connection; qdiscs stay.
func (c *Conn) Close() error {
	c.socket.Close()
	return nil
}

func (c *Conn) execute(r *nl.NetlinkRequest, kind uint16) ([][]byte, error) {
	r.Sockets = map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: c.socket}
	return r.Execute(unix.NETLINK_ROUTE, kind)
}

// Add adds a netem under parent ([Root] or a class) on the device with this index,
// reads it back and compares. On any error but one of the comparison nothing was added.
//
// The kernel answers ENOENT when it has no netem (module sch_netem), EPERM without
// CAP_NET_ADMIN in the namespace, and EEXIST when handle is taken.
func (c *Conn) Add(index int, handle, parent uint32, q Qdisc) error {
	if err := q.check(); err != nil {
		return fmt.Errorf("add netem: %w", err)
	}
	if _, err := c.execute(request(index, handle, parent, &q), 0); err != nil {
		return fmt.Errorf("add netem: %w", err)
	}
	return c.verify(index, handle, &q)
}

// AddOther adds a qdisc of another kind; options is the value of its TCA_OPTIONS, whose flag some kinds insist on
// (fq_pie). The caller reads it back.
func (c *Conn) AddOther(index int, handle, parent uint32, kind string, options []byte) error {
	if _, err := c.execute(carry(unix.NLM_F_EXCL|unix.NLM_F_CREATE, index, handle, parent, kind,
		nl.NewRtAttr(nl.TCA_OPTIONS|unix.NLA_F_NESTED, options)), 0); err != nil {
		return fmt.Errorf("add %s: %w", kind, err)
	}
	return nil
}

// Change tells a netem that is there something else. What q leaves out stays as it is in the kernel,
// the Table too; loss models and slots begin again. Packets that the qdisc holds keep the times that they
// have got. The caller reads it back, see [Stats.Verify].
func (c *Conn) Change(index int, handle, parent uint32, q Qdisc) error {
	if err := q.check(); err != nil {
		return fmt.Errorf("change netem: %w", err)
	}
	if _, err := c.execute(message(0, index, handle, parent, &q), 0); err != nil {
		return fmt.Errorf("change netem: %w", err)
	}
	return nil
}

// verify reads a netem back and compares it with what was asked for.
func (c *Conn) verify(index int, handle uint32, q *Qdisc) error {
	list, err := c.List()
	if err != nil {
		return fmt.Errorf("read netem back: %w", err)
	}
	for _, s := range list {
		if s.Index != index || s.Handle != handle {
			continue
		}
		return s.Verify(q)
	}
	return fmt.Errorf("read netem back: no qdisc %x:%x on the device", handle>>16, handle&0xffff)
}

// Stats is one qdisc of any kind with its counters.
type Stats struct {
	// Index of the device; Handle and Parent as in [Conn.Add].
	Index          int
	Handle, Parent uint32
	Kind           string
	// Netem is what a netem was told, as the kernel has it; nil for other kinds, whose Options are as they came
	// (the value of TCA_OPTIONS).
	Netem   *Qdisc
	Options []byte
	// Own are the counters that only this kind has (TCA_STATS_APP), as they came.
	Own []byte
	// Packets and Bytes left the qdisc.
	Packets, Bytes uint64
	// Drops counts packets that the qdisc dropped, for loss that was asked for as well as for want of room.
	Drops, Overlimits, Requeues uint32
	// Waiting and Backlog are what it holds now, in packets and in bytes.
	Waiting, Backlog uint32
}

// Verify compares a qdisc, as it was read back, with what it was told.
func (s *Stats) Verify(asked *Qdisc) error {
	if s.Netem == nil {
		return fmt.Errorf("read netem back: found a %s", s.Kind)
	}
	if err := compare(asked, s.Netem); err != nil {
		return fmt.Errorf("read netem back: %w", err)
	}
	return nil
}

// List returns all visible qdiscs of the namespace in the kernel's order.
func (c *Conn) List() ([]Stats, error) {
	for range 8 {
		list, err := c.list()
		if !errors.Is(err, nl.ErrDumpInterrupted) { // the set changed meanwhile: ask again
			return list, err
		}
	}
	return nil, fmt.Errorf("list qdiscs: %w", nl.ErrDumpInterrupted)
}

func (c *Conn) list() ([]Stats, error) {
	r := nl.NewNetlinkRequest(unix.RTM_GETQDISC, unix.NLM_F_DUMP)
	r.AddData(&nl.TcMsg{Family: unix.AF_UNSPEC})
	messages, err := c.execute(r, unix.RTM_NEWQDISC)
	if err != nil {
		return nil, fmt.Errorf("list qdiscs: %w", err)
	}
	list := make([]Stats, 0, len(messages))
	for _, m := range messages {
		s, err := parse(m)
		if err != nil {
			return nil, fmt.Errorf("list qdiscs: %w", err)
		}
		list = append(list, s)
	}
	return list, nil
}
