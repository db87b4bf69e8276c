package fault

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/base/undo"
	"github.com/ruleout/ruleout/harness/run/discipline"
	"github.com/ruleout/ruleout/harness/run/netem"
)

// wire is a namespace in which stages are built.
type wire struct {
	name   string
	handle *netlink.Handle
	conn   *netem.Conn
	meter  *meter
	undo   *undo.Stack
}

// rootHandle is that of the outermost qdisc of a device.
var rootHandle = netem.Handle(1, 0)

// bandHandle returns the handle of the netem in an acting band, and its parent: actingBand
// and the classes after it.
func bandHandle(band int) (handle, parent uint32) {
	return netem.Handle(uint16(2+band), 0), actingBand + uint32(band)
}

const (
	// queueLength of a stage's devices bounds the queue of packets on which nothing acts.
	// They wait only while another CPU empties the same qdisc.
	queueLength = 10_000
	// stageMTU lets every frame through; links have MTUs of their own. Disciplines go by that of their device
	// (psched_mtu): codel drops nothing while no more bytes wait, so theirs is the link's.
	stageMTU = 65535
)

// pair is the two ends of a stage: packets are sent out on in and come in on out.
type pair struct{ in, out *netlink.Veth }

// addPair creates a stage's devices, down. Their traffic has no checksum or
// segmentation left to do, since the nodes' devices did both.
func (w *wire) addPair(name string, mtu int) (*pair, error) {
	v := netlink.NewVeth(netlink.LinkAttrs{Name: name + "i", MTU: mtu, TxQLen: queueLength, NumTxQueues: 1,
		NumRxQueues: 1, NetNsID: -1})
	v.PeerName, v.PeerMTU = name+"o", uint32(mtu)
	if err := w.handle.LinkAdd(v); err != nil {
		return nil, missing(fmt.Errorf("add veth %s/%s: %w", w.name, v.Name, err), "veth", "veth")
	}
	w.undo.Push(func() error {
		if err := w.handle.LinkDel(v); err != nil {
			return fmt.Errorf("delete veth %s/%s: %w", w.name, v.Name, err)
		}
		return nil
	})
	for _, name := range []string{v.Name, v.PeerName} {
		l, err := w.handle.LinkByName(name)
		if err != nil {
			return nil, fmt.Errorf("find veth %s/%s: %w", w.name, name, err)
		}
		if name == v.Name {
			v.Index = l.Attrs().Index
		} else {
			return &pair{v, &netlink.Veth{LinkAttrs: *l.Attrs()}}, nil
		}
	}
	panic("unreachable")
}

// up brings the pair up, the far end first: then the near end has its queue at once, and
// not when the kernel gets round to it (linkwatch).
func (w *wire) up(p *pair) error {
	for _, v := range []*netlink.Veth{p.out, p.in} {
		if err := w.handle.LinkSetUp(v); err != nil {
			return fmt.Errorf("bring %s/%s up: %w", w.name, v.Name, err)
		}
	}
	return nil
}

// addBands puts a prio of so many bands on the device, 16 at most: the first passes packets
// on, the others are for those with the priority actingBand and those after it.
func (w *wire) addBands(index, bands int) error {
	p := &netlink.Prio{
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: index, Handle: rootHandle, Parent: netem.Root},
		Bands:      uint8(bands),
	}
	if err := w.handle.QdiscAdd(p); err != nil {
		return missing(fmt.Errorf("add prio to %s: %w", w.name, err), "the qdisc prio", "sch_prio")
	}
	return nil
}

// addBottleneck puts a link's own queue on a device.
func (w *wire) addBottleneck(on *netlink.Veth, b *discipline.Bottleneck) error {
	if err := w.addBands(on.Index, 2); err != nil {
		return err
	}
	lacks, err := b.Add(w.conn, on.Index)
	if err != nil {
		err = fmt.Errorf("%s/%s: %w", w.name, on.Name, err)
	}
	if err == nil || lacks == "" {
		return err
	}
	return missing(err, "the qdisc "+lacks, "sch_"+lacks)
}

// addNetem adds one and undoes it if the device outlives the stages.
func (w *wire) addNetem(device string, index int, handle, parent uint32, q netem.Qdisc) error {
	if err := w.conn.Add(index, handle, parent, q); err != nil {
		return missing(fmt.Errorf("%s/%s: %w", w.name, device, err), "netem", "sch_netem")
	}
	if parent == netem.Root {
		w.undo.Push(func() error { return removeNetem(w.handle, w.name+"/"+device, index) })
	}
	return nil
}

// removeNetem removes the one that is a device's root.
func removeNetem(where *netlink.Handle, name string, index int) error {
	return remove(where, name, &netlink.GenericQdisc{
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: index, Handle: rootHandle, Parent: netem.Root}, QdiscType: "netem",
	})
}

// Sides of clsact on which a program can stand.
const (
	ingress = netlink.HANDLE_MIN_INGRESS
	egress  = netlink.HANDLE_MIN_EGRESS
)

// attach puts a program on one side of a device, which need not be in the wire: where is
// the handle of its namespace, and name what to call it in errors.
func (w *wire) attach(where *netlink.Handle, name string, index int, side uint32, p *ebpf.Program) error {
	q := &netlink.GenericQdisc{
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: index, Handle: netlink.MakeHandle(0xffff, 0),
			Parent: netlink.HANDLE_CLSACT},
		QdiscType: "clsact",
	}
	if err := where.QdiscAdd(q); err != nil {
		return missing(fmt.Errorf("add clsact to %s: %w", name, err), "the qdisc clsact", "sch_ingress")
	}
	w.undo.Push(func() error { return remove(where, name, q) })
	return w.attachOnly(where, name, index, side, p)
}

// attachOnly does so on a device that has clsact.
func (w *wire) attachOnly(where *netlink.Handle, name string, index int, side uint32, p *ebpf.Program) error {
	err := where.FilterAdd(&netlink.BpfFilter{
		FilterAttrs: netlink.FilterAttrs{LinkIndex: index, Parent: side, Handle: 1, Protocol: unix.ETH_P_ALL, Priority: 1},
		Fd:          p.FD(), Name: "ruleout", DirectAction: true,
	})
	if err != nil {
		return missing(fmt.Errorf("attach program to %s: %w", name, err), "the BPF classifier", "cls_bpf")
	}
	return nil
}

func remove(where *netlink.Handle, name string, q netlink.Qdisc) error {
	if err := where.QdiscDel(q); err != nil {
		return fmt.Errorf("delete %s of %s: %w", q.Type(), name, err)
	}
	return nil
}

// missing classifies an error of the kernel: what it lacks, and the module that has it.
// Qdiscs and classifiers answer ENOENT, kinds of devices EOPNOTSUPP.
func missing(err error, what, module string) error {
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EOPNOTSUPP):
		return problem.Wrap(problem.Machine, err, fmt.Sprintf(
			"this kernel does not have %s: load the module %s (on some distributions it is in a package such as "+
				"linux-modules-extra), or use --backend vm", what, module))
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return problem.Wrap(problem.Machine, err,
			"this needs root, or the capabilities CAP_NET_ADMIN and CAP_BPF; or use --backend vm")
	}
	return err
}
