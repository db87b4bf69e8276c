package topology

import (
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/scenario"
)

// ErrClosed is what a node answers when its network has been closed.
var ErrClosed = errors.New("network is closed")

// Node is a network namespace: a computer of the scenario, or a wire.
type Node struct {
	// Name of the node; of a wire, both ends' names: client~edge.
	Name string
	// Role of the node; empty for a wire.
	Role scenario.Role

	fd     int
	inode  uint64
	home   int
	handle *netlink.Handle
	// route is there while the network is being built.
	route *routeSocket
	ends  []*End

	mu      sync.Mutex
	closed  bool           // under mu
	inside  sync.WaitGroup // what runs in the namespace; added to under mu while not closed
	starter starter
}

// open makes the node's namespace and leaves the calling thread in it.
func (n *Node) open(home int) (err error) {
	n.home = home
	if n.fd, err = newNamespace(); err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstat(n.fd, &st); err != nil {
		return fmt.Errorf("stat namespace: %w", err)
	}
	n.inode = st.Ino
	if n.route, err = openRouteSocket(); err != nil {
		return err
	}
	// The thread is inside, so the handle need not go there. A handle of all families, the
	// default, fails on kernels without XFRM.
	if n.handle, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
		return fmt.Errorf("open netlink handle: %w", err)
	}
	return nil
}

// close waits for what runs inside, kills the node's processes and lets go of the namespace.
func (n *Node) close() error {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	err := n.starter.close()
	n.inside.Wait()
	if n.route != nil {
		err = errors.Join(err, n.route.close())
	}
	if n.handle != nil {
		n.handle.Close()
	}
	if n.fd >= 0 {
		err = errors.Join(err, unix.Close(n.fd))
		n.fd = -1
	}
	if err != nil {
		return fmt.Errorf("close %s: %w", n.Name, err)
	}
	return nil
}

// hold keeps the namespace open until inside.Done is called.
func (n *Node) hold() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return ErrClosed
	}
	n.inside.Add(1)
	return nil
}

// Do runs f in the node's namespace, on a thread of its own, and returns f's error.
//
// What f opens there, sockets above all, stays there and may be used from anywhere
// afterwards. A goroutine that f starts is not in the namespace. A panic in f continues in
// the caller of Do. [Network.Close] waits for f, so f must not call it.
func (n *Node) Do(f func() error) error {
	if err := n.hold(); err != nil {
		return fmt.Errorf("enter %s: %w", n.Name, err)
	}
	defer n.inside.Done()
	return onThread(n.home, func() error {
		if err := enter(n.fd); err != nil {
			return fmt.Errorf("enter %s: %w", n.Name, err)
		}
		return f()
	})
}

// FD is the namespace's descriptor, close-on-exec and owned by the node; -1 after Close.
func (n *Node) FD() int { return n.fd }

// Inode is the namespace's inode, which is what the kernel knows it by (struct net's ns.inum).
func (n *Node) Inode() uint64 { return n.inode }

// Netlink is a handle for NETLINK_ROUTE in the namespace, owned by the node.
func (n *Node) Netlink() *netlink.Handle { return n.handle }

func (n *Node) wire() bool { return n.Role == "" }

// Ends are the node's ends of links, in the order of the links; of a wire, both ends of its link.
func (n *Node) Ends() []*End { return n.ends }

// Addr4 is the node's IPv4 address on the first of its links; invalid without links. To talk to a
// node from a certain other one, [Layout.Toward] is the better choice.
func (n *Node) Addr4() netip.Addr {
	if n.wire() || len(n.ends) == 0 {
		return netip.Addr{}
	}
	return n.ends[0].Addr4.Addr()
}

// Addr6 is the node's IPv6 address on the first of its links, invalid without links.
func (n *Node) Addr6() netip.Addr {
	if n.wire() || len(n.ends) == 0 {
		return netip.Addr{}
	}
	return n.ends[0].Addr6.Addr()
}

// Start starts a command in the node's namespace, like [exec.Cmd.Start]; the caller waits for it.
//
// The child dies with this process (Pdeathsig SIGKILL, unless the command names another
// signal), and at the latest on [Network.Close]. Children of the child are not covered:
// a control group is.
func (n *Node) Start(cmd *exec.Cmd) error {
	if err := n.hold(); err != nil {
		return fmt.Errorf("start %s on %s: %w", cmd.Path, n.Name, err)
	}
	defer n.inside.Done()
	if err := n.starter.start(n.fd, n.home, cmd); err != nil {
		return fmt.Errorf("start %s on %s: %w", cmd.Path, n.Name, err)
	}
	return nil
}
