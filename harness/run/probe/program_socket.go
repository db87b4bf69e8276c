package probe

import "github.com/cilium/ebpf/asm"

// TCP states, include/net/tcp_states.h.
const (
	tcpEstablished = 1
	tcpSynRecv     = 3
	tcpTimeWait    = 6
	tcpCloseWait   = 8
	tcpListen      = 10
)

const protocolTCP = 6 // IPPROTO_TCP, RFC 9293

// socketState, on sock:inet_sock_set_state (sk, old, new), counts sockets by state as they change. Sockets
// in SYN_RECV and TIME_WAIT are not struct sock and do not pass here.
//
// It sees accept queues grow, too: a connection that has completed its handshake starts as a copy of the
// listening socket. The length of that one's accept queue is copied along, which it joins right after, and
// so is the number of connections in SYN_RECV, which it leaves (inet_csk_clone_lock; in 6.12, but in 6.18 it
// is 0 by then).
func (e *emitter) socketState() {
	o := e.offsets
	e.Add(
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.LoadMem(asm.R8, asm.R6, 8, asm.DWord),  // old
		asm.LoadMem(asm.R9, asm.R6, 16, asm.DWord), // new
		asm.JEq.Imm(asm.R8, tcpEstablished, "look"),
		asm.JEq.Imm(asm.R8, tcpCloseWait, "look"),
		asm.JEq.Imm(asm.R9, tcpEstablished, "look"),
		asm.JEq.Imm(asm.R9, tcpCloseWait, "look"),
		asm.JNE.Imm(asm.R8, tcpListen, "exit"),
		asm.JNE.Imm(asm.R9, tcpSynRecv, "exit"),
	)
	e.Label("look")
	e.Add(asm.LoadMem(asm.R6, asm.R6, 0, asm.DWord)) // sk
	e.read(asm.R0, asm.R6, o.SockProtocol, asm.Half)
	e.Add(asm.JNE.Imm(asm.R0, protocolTCP, "exit"))
	e.socketNode()

	e.Add(
		asm.JNE.Imm(asm.R8, tcpListen, "states"),
		asm.JNE.Imm(asm.R9, tcpSynRecv, "states"),
	)
	e.read(asm.R8, asm.R6, o.SockPending, asm.Word)
	e.read(asm.R9, asm.R6, o.SockBacklog, asm.Word)
	e.Add(asm.Add.Imm(asm.R9, 1))
	e.record(asm.R2, asm.R7)
	e.Add(
		asm.LoadMem(asm.R1, asm.R2, recordSynMax, asm.DWord),
		asm.JGE.Reg(asm.R1, asm.R8, "queue"),
		asm.StoreMem(asm.R2, recordSynMax, asm.R8, asm.DWord),
	)
	e.Label("queue")
	e.Add(
		asm.LoadMem(asm.R1, asm.R2, recordAcceptMax, asm.DWord),
		asm.JGE.Reg(asm.R1, asm.R9, "exit"),
		asm.StoreMem(asm.R2, recordAcceptMax, asm.R9, asm.DWord),
		asm.Ja.Label("exit"),
	)

	e.Label("states")
	e.record(asm.R2, asm.R7)
	for _, state := range []struct {
		number      int32
		value, most int16
	}{
		{tcpEstablished, recordEstablished, recordEstabMax},
		{tcpCloseWait, recordCloseWait, recordCloseMax},
	} {
		left, entered := e.Fresh("left"), e.Fresh("entered")
		e.Add(
			asm.JNE.Imm(asm.R8, state.number, left),
			asm.Mov.Imm(asm.R1, -1),
			asm.AddAtomic.Mem(asm.R2, asm.R1, asm.DWord, state.value),
		)
		e.Label(left)
		e.Add(asm.JNE.Imm(asm.R9, state.number, entered), asm.Mov.Imm(asm.R1, 1))
		e.greatest(asm.R2, state.value, state.most, asm.R1)
		e.Label(entered)
	}
	e.exit()
	e.unknownNet()
}

// retransmit, on tcp:tcp_retransmit_skb (sk, skb), counts segments as Tcp.RetransSegs does, SYN-ACKs apart.
func (e *emitter) retransmit() {
	e.Add(
		asm.LoadMem(asm.R6, asm.R1, 0, asm.DWord), // sk
		asm.LoadMem(asm.R8, asm.R1, 8, asm.DWord), // skb
	)
	e.socketNode()
	e.read(asm.R8, asm.R8, e.offsets.SkbControl+e.offsets.TCPSegments, asm.Half)
	e.record(asm.R2, asm.R7)
	e.Add(asm.AddAtomic.Mem(asm.R2, asm.R8, asm.DWord, recordRetrans))
	e.exit()
	e.unknownNet()
}

// socketNode puts the number of the node into R7 whose socket R6 is; the program ends if no node has it. unknownNet has
// to follow at the program's end.
func (e *emitter) socketNode() {
	e.read(asm.R7, asm.R6, e.offsets.SockNet, asm.DWord)
	e.Add(asm.StoreMem(asm.RFP, stackKey, asm.R7, asm.DWord))
	e.Lookup(e.maps.nets, stackKey)
	e.Add(
		asm.JEq.Imm(asm.R0, 0, "unknown"),
		asm.LoadMem(asm.R7, asm.R0, 0, asm.DWord),
	)
	e.Label("known")
	e.Add(asm.JEq.Imm(asm.R7, 0, "exit"))
}

// unknownNet finds the node of a struct net that was not seen before, in R7, and remembers it by address.
func (e *emitter) unknownNet() {
	e.Label("unknown")
	e.Add(asm.StoreMem(asm.RFP, stackSaved, asm.R7, asm.DWord))
	e.namespace(asm.R7, asm.R7)
	e.Add(
		asm.LoadMem(asm.R0, asm.RFP, stackSaved, asm.DWord),
		asm.StoreMem(asm.RFP, stackKey, asm.R0, asm.DWord),
		asm.StoreMem(asm.RFP, stackValue, asm.R7, asm.DWord),
	)
	e.store(e.maps.nets)
	e.Add(asm.Ja.Label("known"))
}
