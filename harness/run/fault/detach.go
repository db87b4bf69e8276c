package fault

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/run/netem"
)

// detacher takes packets from the sockets that sent them, before a netem holds them.
//
// A packet keeps its socket (skb->sk) through veths and namespaces, and skb_orphan_partial, which netem calls, gives
// back the socket's memory only. While such a packet waits, its sender can tell that it has not left the machine:
// skb_still_in_host_queue (net/ipv4/tcp_output.c) keeps TCP from sending the segment again, on a timeout as well as on
// duplicate ACKs, and counts TCPSpuriousRtxHostQueues. No sender can tell that of a packet in a real network.
//
// skb_orphan_partial lets go of the socket altogether if it is not the sender's (net/core/sock.c: the destructor is
// neither tcp_wfree nor sock_wfree). So the program gives the packet to a socket of the wire (bpf_sk_assign), which
// costs a tenth of a clone, and the netem that the packet is sent to at once takes it from there. Two things follow:
//
//   - Only packets that go straight into a netem which holds may be given away, since the far node would take
//     the socket for the receiver. Such a netem has a latency, a jitter or a rate: see [orphaning].
//   - netem leaves alone what TCP marks as a pure ACK. TCP never sends one again, so it keeps its socket.
type detacher struct {
	state *state
	// sockets holds one socket of each wire, by the link's index.
	sockets *ebpf.Map
	link    int
	// failed counts packets that kept their socket.
	failed slot
}

// orphaning returns a netem that takes all its packets from their sockets, if it holds any: netem_enqueue does so with
// a latency, a jitter or a rate, but not for slots alone, nor for a delay of 0 that a ramp begins with. The latency
// that is added is 1 ns.
func orphaning(q netem.Qdisc) netem.Qdisc {
	if q.Latency <= 0 && q.Jitter <= 0 && q.Rate == nil {
		q.Latency = 1
	}
	return q
}

// newSockets makes the map of the wires' sockets.
func newSockets(wires int) (*ebpf.Map, error) {
	m, err := ebpf.NewMap(&ebpf.MapSpec{Name: "sockets", Type: ebpf.SockMap, KeySize: 4, ValueSize: 8,
		MaxEntries: uint32(max(wires, 1))}) // a scenario without links has none
	if err != nil {
		return nil, fmt.Errorf("create map of sockets: %w", err)
	}
	return m, nil
}

// detacher is that of a link, for a netem that holds; nil for one that does not.
func (w *Wires) detacher(link int, holds bool) *detacher {
	if !holds {
		return nil
	}
	return &detacher{w.state, w.sockets, link, w.plan.attached}
}

// openKeeper puts a socket of the next wire into the map; the calling thread is in the wire's namespace. It listens in
// a namespace without addresses, so it gets no packets. Listeners need no reference while packets have them
// (SOCK_RCU_FREE).
func (w *Wires) openKeeper() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open socket: %w", err)
	}
	w.undo.Push(func() error { return unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: keeperPort}); err != nil {
		return fmt.Errorf("bind socket to port %d: %w", keeperPort, err)
	}
	if err := unix.Listen(fd, 1); err != nil {
		return fmt.Errorf("listen on port %d: %w", keeperPort, err)
	}
	if err := w.sockets.Put(uint32(len(w.wires)), uint64(fd)); err != nil {
		return missing(fmt.Errorf("put socket into its map: %w", err), "sockets in BPF maps", "CONFIG_BPF_STREAM_PARSER")
	}
	return nil
}

// keeperPort is any port; one that the kernel chooses would take a random number from the run.
const keeperPort = 9

// longestACK is the length of the longest frame over IPv4 that can be a pure ACK: two headers with all options.
const longestACK = etherHeader + 60 + 60

// detach gives the packet to the wire's socket; what follows has to send it to a netem that holds. It loses R0 to R8.
// site makes its labels unique within a program; a nil detacher does nothing.
func (a *assembler) detach(d *detacher, site string) {
	if d == nil {
		return
	}
	label := func(name string) string { return site + "-" + name }
	// Behind a router and for copies there is no socket any more.
	a.Add(asm.LoadMem(asm.R1, ctx, skbSocket, asm.DWord), asm.JEq.Imm(asm.R1, 0, label("done")))
	d.skipACKs(a, label)
	a.Label(label("give"))
	a.Add(asm.StoreImm(asm.RFP, stackHeader, int64(d.link), asm.Word))
	a.Lookup(d.sockets.FD(), stackHeader)
	a.Add(asm.JEq.Imm(asm.R0, 0, label("failed")), asm.Mov.Reg(offset, asm.R0))
	a.Add(asm.Mov.Reg(asm.R1, ctx), asm.Mov.Reg(asm.R2, offset), asm.Mov.Imm(asm.R3, 0), asm.FnSkAssign.Call(),
		asm.Mov.Reg(rest, asm.R0))
	a.Add(asm.Mov.Reg(asm.R1, offset), asm.FnSkRelease.Call())
	a.Add(asm.JEq.Imm(rest, 0, label("done")))
	a.Label(label("failed"))
	a.count(d.state, d.failed)
	a.Label(label("done"))
}

// skipACKs jumps to "done" for TCP segments without payload and without SYN, FIN and RST, and for what it cannot read.
func (d *detacher) skipACKs(a *assembler, label func(string) string) {
	done, give := label("done"), label("give")
	// segment ends this for the TCP header that lies so far into what was read; rest is its length with the payload.
	segment := func(header int16) {
		a.Add(at(asm.R1, header+tcpFlags, asm.Byte), asm.And.Imm(asm.R1, flagSYN|flagFIN|flagRST),
			asm.JNE.Imm(asm.R1, 0, give))
		a.Add(at(asm.R1, header+tcpOffset, asm.Byte), asm.RSh.Imm(asm.R1, 4), asm.LSh.Imm(asm.R1, 2),
			asm.JEq.Reg(asm.R1, rest, done))
		a.Add(asm.Ja.Label(give))
	}
	a.Add(asm.LoadMem(asm.R0, ctx, skbProtocol, asm.Word), asm.JEq.Imm(asm.R0, etherIPv6, label("ipv6")),
		asm.JNE.Imm(asm.R0, etherIPv4, done))
	a.Add(asm.LoadMem(asm.R0, ctx, skbLength, asm.Word), asm.JGT.Imm(asm.R0, longestACK, give))
	a.Add(asm.Mov.Imm(offset, etherHeader))
	a.header(40, give) // too short for TCP
	a.Add(at(asm.R1, 9, asm.Byte), asm.JNE.Imm(asm.R1, protoTCP, give))
	a.Add(at(rest, 2, asm.Half), toHost(rest))
	a.Add(at(asm.R1, 0, asm.Byte), asm.And.Imm(asm.R1, 15), asm.LSh.Imm(asm.R1, 2), asm.Sub.Reg(rest, asm.R1))
	a.Add(asm.JNE.Imm(asm.R1, 20, label("options")))
	segment(20)
	a.Label(label("options"))
	a.Add(asm.Add.Reg(offset, asm.R1), asm.Ja.Label(label("tcp")))

	a.Label(label("ipv6"))
	a.Add(asm.Mov.Imm(offset, etherHeader))
	a.header(40, done)
	a.Add(at(asm.R1, 6, asm.Byte))
	for _, p := range []int32{protoUDP, protoICMPv6, protoFragment} {
		a.Add(asm.JEq.Imm(asm.R1, p, give))
	}
	a.Add(asm.JNE.Imm(asm.R1, protoTCP, done)) // with an extension header: no socket of ours sends that
	a.Add(at(rest, 4, asm.Half), toHost(rest), asm.Add.Imm(offset, 40))
	a.Label(label("tcp"))
	a.header(shortestTCP, done)
	segment(0)
}
