package inquiry

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/rlimit"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/undo"
	"github.com/ruleout/ruleout/harness/run/netem"
	"github.com/ruleout/ruleout/harness/run/truth"
)

// bench is a pair of devices in a namespace of its own: what is sent on near goes through a netem and arrives at far.
type bench struct {
	handle    *netlink.Handle
	conn      *netem.Conn
	near, far *netlink.Veth
	// relayed and last are a second pair, to which far passes packets on; see relay.
	relayed, last *netlink.Veth
	answers       []truth.Answer
	undo          undo.Stack
}

// handle of the netem that is asked about.
var handle = netem.Handle(1, 0)

// experimental is an Ethernet type that the kernel has no handler for (IEEE 802, local experiments).
const experimental = 0x88b5

// frameLen is the least length of a frame without its checksum.
const frameLen = 60

// newBench builds one in the namespace of the calling thread.
func newBench() (_ *bench, err error) {
	b := &bench{}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.Close())
		}
	}()
	if b.handle, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
		return nil, fmt.Errorf("open netlink handle: %w", err)
	}
	b.undo.Push(func() error { b.handle.Close(); return nil })
	if b.conn, err = netem.Open(); err != nil {
		return nil, err
	}
	b.undo.Push(b.conn.Close)
	b.near, b.far, err = b.addPair("near", "far")
	return b, err
}

func (b *bench) Close() error { return b.undo.Close() }

func (b *bench) addPair(name, peer string) (near, far *netlink.Veth, err error) {
	v := netlink.NewVeth(netlink.LinkAttrs{Name: name, NumTxQueues: 1, NumRxQueues: 1, TxQLen: 1000, NetNsID: -1})
	v.PeerName = peer
	if err := b.handle.LinkAdd(v); err != nil {
		return nil, nil, fmt.Errorf("add veth %s: %w", name, err)
	}
	b.undo.Push(func() error { return b.handle.LinkDel(v) })
	var ends [2]*netlink.Veth
	for i, name := range []string{name, peer} {
		l, err := b.handle.LinkByName(name)
		if err != nil {
			return nil, nil, fmt.Errorf("find veth %s: %w", name, err)
		}
		ends[i] = &netlink.Veth{LinkAttrs: *l.Attrs()}
		if err := silence(name); err != nil {
			return nil, nil, err
		}
		if err := b.handle.LinkSetUp(l); err != nil {
			return nil, nil, fmt.Errorf("bring %s up: %w", name, err)
		}
	}
	return ends[0], ends[1], nil
}

// silence keeps the kernel from sending packets of its own, which take a place in the netem and are counted by it:
// reports of multicast groups, and solicitations of routers and neighbours in the seconds after a device came up.
func silence(device string) error {
	err := os.WriteFile("/proc/sys/net/ipv6/conf/"+device+"/disable_ipv6", []byte("1"), 0)
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // a kernel without IPv6
		return fmt.Errorf("switch IPv6 off on %s: %w", device, err)
	}
	return nil
}

// add puts a netem on near, and takes away the one that was there.
func (b *bench) add(q netem.Qdisc) error {
	if err := b.remove(); err != nil {
		return err
	}
	return b.conn.Add(b.near.Index, handle, netem.Root, q)
}

// remove takes the netem away, if there is one.
func (b *bench) remove() error {
	if _, ok, err := b.read(); err != nil || !ok {
		return err
	}
	return b.removeRoot()
}

func (b *bench) removeRoot() error {
	q := &netlink.GenericQdisc{QdiscAttrs: netlink.QdiscAttrs{LinkIndex: b.near.Index, Handle: handle, Parent: netem.Root}}
	if err := b.handle.QdiscDel(q); err != nil {
		return fmt.Errorf("delete qdisc: %w", err)
	}
	return nil
}

// addBands puts a prio on near.
func (b *bench) addBands() error {
	if err := b.remove(); err != nil {
		return err
	}
	p := &netlink.Prio{QdiscAttrs: netlink.QdiscAttrs{LinkIndex: b.near.Index, Handle: handle, Parent: netem.Root},
		Bands: 2}
	if err := b.handle.QdiscAdd(p); err != nil {
		return fmt.Errorf("add prio: %w", err)
	}
	return nil
}

// read returns what is on near.
func (b *bench) read() (netem.Stats, bool, error) {
	list, err := b.conn.List()
	if err != nil {
		return netem.Stats{}, false, err
	}
	for _, s := range list {
		if s.Index == b.near.Index && s.Handle == handle {
			return s, true, nil
		}
	}
	return netem.Stats{}, false, nil
}

func (b *bench) knows(name string) string { return (&truth.Report{Answers: b.answers}).Knows(name) }

// relay adds a second pair and has far pass on to it, by a BPF program, what it receives.
func (b *bench) relay() (err error) {
	if b.relayed, b.last, err = b.addPair("relayed", "last"); err != nil {
		return err
	}
	if err := rlimit.RemoveMemlock(); err != nil {
		return fmt.Errorf("lift the limit on locked memory: %w", err)
	}
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Name: "relay", Type: ebpf.SchedCLS, License: "Apache-2.0",
		Instructions: asm.Instructions{
			asm.Mov.Imm(asm.R1, int32(b.relayed.Index)), asm.Mov.Imm(asm.R2, 0), asm.FnRedirect.Call(), asm.Return(),
		}})
	if err != nil {
		return fmt.Errorf("load program: %w", err)
	}
	b.undo.Push(p.Close)
	q := &netlink.GenericQdisc{QdiscAttrs: netlink.QdiscAttrs{LinkIndex: b.far.Index,
		Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT}, QdiscType: "clsact"}
	if err := b.handle.QdiscAdd(q); err != nil {
		return fmt.Errorf("add clsact: %w", err)
	}
	b.undo.Push(func() error { return b.handle.QdiscDel(q) })
	err = b.handle.FilterAdd(&netlink.BpfFilter{
		FilterAttrs: netlink.FilterAttrs{LinkIndex: b.far.Index, Parent: netlink.HANDLE_MIN_INGRESS, Handle: 1,
			Protocol: unix.ETH_P_ALL, Priority: 1},
		Fd: p.FD(), Name: "relay", DirectAction: true,
	})
	if err != nil {
		return fmt.Errorf("attach program: %w", err)
	}
	return nil
}

// arrival is one packet that came, and how long after the first was sent.
type arrival struct {
	number int
	after  time.Duration
}

// send sends packets through the netem and returns what came; then it takes the netem away.
func (b *bench) send(n int) ([]arrival, error) {
	got, err := b.sendTo(b.far, n)
	return got, errors.Join(err, b.remove())
}

// sendKeeping leaves the netem.
func (b *bench) sendKeeping(n int) ([]arrival, error) { return b.sendTo(b.far, n) }

// lull is how long nothing may come before the netem is asked whether it holds any more.
const lull = 2 * step

// waiting is how many packets near holds.
func (b *bench) waiting() (int, error) {
	s, ok, err := b.read()
	if err != nil || !ok {
		return 0, err
	}
	return int(s.Waiting), nil
}

func (b *bench) sendTo(far *netlink.Veth, n int) (list []arrival, err error) {
	to, err := packetSocket(far.Index, experimental)
	if err != nil {
		return nil, err
	}
	defer unix.Close(to)
	from, err := packetSocket(b.near.Index, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(from)
	if err := unix.SetsockoptInt(to, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		return nil, fmt.Errorf("ask for time stamps: %w", err)
	}
	var began unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_REALTIME, &began); err != nil {
		return nil, err
	}
	address := &unix.SockaddrLinklayer{Ifindex: b.near.Index, Protocol: network(experimental)}
	for i := range n {
		frame := make([]byte, frameLen)
		copy(frame[0:], far.HardwareAddr)
		copy(frame[6:], net.HardwareAddr{2, 0, 0, 0, 0, 1})
		binary.BigEndian.PutUint16(frame[12:], experimental)
		binary.BigEndian.PutUint32(frame[14:], uint32(i))
		// what netem drops for want of room
		if err := unix.Sendto(from, frame, 0, address); err != nil && !errors.Is(err, unix.ENOBUFS) {
			return nil, fmt.Errorf("send packet: %w", err)
		}
	}
	frame, control := make([]byte, 2*frameLen), make([]byte, 128)
	poll := []unix.PollFd{{Fd: int32(to), Events: unix.POLLIN}}
	for {
		ready, err := unix.Poll(poll, int(lull/time.Millisecond))
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return nil, fmt.Errorf("wait for packets: %w", err)
		case ready == 0:
			if n, err := b.waiting(); err != nil || n == 0 {
				return list, err
			}
			continue
		}
		size, controls, _, _, err := unix.Recvmsg(to, frame, control, 0)
		if err != nil {
			return nil, fmt.Errorf("receive packet: %w", err)
		}
		if size != frameLen {
			continue
		}
		messages, err := unix.ParseSocketControlMessage(control[:controls])
		if err != nil || len(messages) == 0 {
			return nil, errors.Join(err, errors.New("receive packet: no time stamp"))
		}
		at := *(*unix.Timespec)(unsafe.Pointer(&messages[0].Data[0]))
		list = append(list, arrival{int(binary.BigEndian.Uint32(frame[14:])), time.Duration(at.Nano() - began.Nano())})
		if len(list) > 100*n {
			return nil, errors.New("packets without end")
		}
	}
}

// network turns a number into network order.
func network(v uint16) uint16 { return v<<8 | v>>8 }

func packetSocket(index int, protocol uint16) (int, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("open packet socket: %w", err)
	}
	if protocol == 0 {
		return fd, nil
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: index, Protocol: network(protocol)}); err != nil {
		return 0, errors.Join(fmt.Errorf("bind packet socket: %w", err), unix.Close(fd))
	}
	return fd, nil
}
