package fault

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// meter reads how many packets the devices of a wire have handed to the nodes. That is the kernel's own count: a veth
// counts a packet as sent once the other side has taken it in, so what its backlog has no room for is missing
// (veth_xmit in drivers/net/veth.c). A program at a node's device would count the same, for 200 instructions a packet.
//
// One answer takes two system calls; the general library would make up an object of everything that is
// known of a device.
type meter struct {
	mu     sync.Mutex
	fd     int
	answer [1024]byte
}

// openMeter opens one for the namespace of the calling thread, which is locked to its goroutine.
func openMeter() (*meter, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open netlink socket: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, errors.Join(fmt.Errorf("bind netlink socket: %w", err), unix.Close(fd))
	}
	return &meter{fd: fd}, nil
}

func (m *meter) Close() error { return unix.Close(m.fd) }

// Layout of RTM_GETSTATS and its answer, include/uapi/linux/if_link.h: struct if_stats_msg, attributes, and in that of
// struct rtnl_link_stats64 the packets received, those sent, and after bytes and errors those received and dropped.
const (
	statsHeader  = unix.SizeofNlMsghdr
	statsMsg     = 12
	statsIndex   = 4
	statsFilter  = 8
	statsSent    = 8
	statsRefused = 48
)

// sent returns how many packets the device with this index has sent.
func (m *meter) sent(index int) (int64, error) { return m.count(index, statsSent) }

// refused returns how many packets that came to the device with this index were dropped before any program saw them.
func (m *meter) refused(index int) (int64, error) { return m.count(index, statsRefused) }

func (m *meter) count(index, which int) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.ask(index, which)
	if err != nil {
		return 0, fmt.Errorf("count packets of device %d: %w", index, err)
	}
	return n, nil
}

func (m *meter) ask(index, which int) (int64, error) {
	var request [statsHeader + statsMsg]byte
	order := binary.NativeEndian
	order.PutUint32(request[0:], uint32(len(request)))
	order.PutUint16(request[4:], unix.RTM_GETSTATS)
	order.PutUint16(request[6:], unix.NLM_F_REQUEST)
	order.PutUint32(request[statsHeader+statsIndex:], uint32(index))
	order.PutUint32(request[statsHeader+statsFilter:], 1<<(unix.IFLA_STATS_LINK_64-1))
	if err := unix.Sendto(m.fd, request[:], 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return 0, err
	}
	n, _, err := unix.Recvfrom(m.fd, m.answer[:], 0)
	if err != nil {
		return 0, err
	}
	b := m.answer[:n]
	switch {
	case n >= statsHeader+4 && order.Uint16(b[4:]) == unix.NLMSG_ERROR:
		return 0, unix.Errno(-int32(order.Uint32(b[statsHeader:])))
	case n < statsHeader+statsMsg || order.Uint16(b[4:]) != unix.RTM_NEWSTATS:
		return 0, fmt.Errorf("an answer of %d bytes that is no statistics", n)
	}
	attributes, err := nl.ParseRouteAttr(b[statsHeader+statsMsg:])
	if err != nil {
		return 0, err
	}
	for _, a := range attributes {
		if a.Attr.Type == unix.IFLA_STATS_LINK_64 && len(a.Value) >= which+8 {
			return int64(order.Uint64(a.Value[which:])), nil
		}
	}
	return 0, errors.New("the kernel does not say")
}
