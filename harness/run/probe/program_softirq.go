package probe

import "github.com/cilium/ebpf/asm"

// deviceBits is where the addresses of devices begin to differ: struct net_device has more than 2 KiB.
const deviceBits = 11

// netRx is NET_RX_SOFTIRQ, include/linux/interrupt.h.
const netRx = 3

// softirqEntry, on irq:softirq_entry (vec), starts the clock. Until a packet comes along, the time belongs to no node;
// but what the receiving softirq does before its first packet, it does for that one.
func (e *emitter) softirqEntry() {
	e.Add(asm.LoadMem(asm.R9, asm.R1, 0, asm.DWord))
	e.region()
	e.now()
	e.Add(
		asm.Mov.Imm(asm.R0, 1),
		asm.JEq.Imm(asm.R9, netRx, "receives"),
	)
	e.sending(1)
	e.Add(asm.Mov.Imm(asm.R0, 0))
	e.Label("receives")
	e.Add(
		asm.StoreMem(asm.R7, atPending, asm.R0, asm.DWord),
		asm.StoreMem(asm.R7, atReceives, asm.R0, asm.DWord),
		asm.StoreMem(asm.R7, atLast, asm.R8, asm.DWord),
		asm.Mov.Imm(asm.R0, 0),
		asm.StoreMem(asm.R7, atSoFar, asm.R0, asm.DWord),
		asm.StoreMem(asm.R7, atCurrent, asm.R0, asm.DWord),
		asm.StoreMem(asm.R7, atPaused, asm.R0, asm.DWord),
		asm.Return(),
	)
}

// sending changes how many CPUs are in a softirq that is not the receiving one, or leaves that number in R1 if by is 0.
// It loses R1 and R2.
func (e *emitter) sending(by int32) {
	e.Add(asm.LoadMapValue(asm.R1, e.maps.state, e.records()+recordSending))
	if by == 0 {
		e.Add(asm.LoadMem(asm.R1, asm.R1, 0, asm.DWord))
		return
	}
	e.Add(asm.Mov.Imm(asm.R2, by), asm.AddAtomic.Mem(asm.R1, asm.R2, asm.DWord, 0))
}

// charge charges the time since it was last charged to the present node and
// leaves it in R9; R8 holds the time.
func (e *emitter) charge() {
	e.Add(
		asm.LoadMem(asm.R1, asm.R7, atLast, asm.DWord),
		asm.Mov.Reg(asm.R9, asm.R8),
		asm.Sub.Reg(asm.R9, asm.R1),
		asm.LoadMem(asm.R1, asm.R7, atCurrent, asm.DWord),
	)
	e.slot(asm.R2, asm.R1)
	e.increase(asm.R2, slotSoftirq, asm.R9)
	e.increase(asm.R7, atSoFar, asm.R9)
}

// packet, on net:netif_receive_skb, hands the clock to the node whose device receives the packet.
// A packet that arrives outside of a softirq, as from a tun device, is the sender's own work.
func (e *emitter) packet() {
	e.Add(asm.Mov.Reg(asm.R6, asm.R1))
	e.region()
	e.Add(
		asm.LoadMem(asm.R0, asm.R7, atLast, asm.DWord),
		asm.JEq.Imm(asm.R0, 0, "exit"),
		asm.LoadMem(asm.R6, asm.R6, 0, asm.DWord), // args[0]: skb
	)
	e.device()
	e.Add(
		asm.LoadMem(asm.R1, asm.R7, atPending, asm.DWord),
		asm.JNE.Imm(asm.R1, 0, "first"),
		asm.LoadMem(asm.R0, asm.R7, atCurrent, asm.DWord),
		asm.JEq.Reg(asm.R0, asm.R6, "exit"), // one node's packets in a row: no need to look at the clock
	)
	e.now()
	e.charge()
	e.Add(
		asm.StoreMem(asm.R7, atLast, asm.R8, asm.DWord),
		asm.StoreMem(asm.R7, atCurrent, asm.R6, asm.DWord),
	)
	e.exit()

	e.Label("first")
	e.Add(
		asm.Mov.Imm(asm.R1, 0),
		asm.StoreMem(asm.R7, atPending, asm.R1, asm.DWord),
		asm.StoreMem(asm.R7, atCurrent, asm.R6, asm.DWord),
		asm.Ja.Label("exit"),
	)
	e.look()
}

// sent, on net:net_dev_queue, hands the clock to the node on whose device a softirq other than the receiving one sends
// a packet: timers do that that retransmit or pace (BBR), and what goes on sending for a socket once its last packets
// are out of the way (TSQ). What that softirq did since the clock was last handed over, it did for this packet. (The
// receiving softirq's clock is with the node that receives already, and what that sends is the answer.)
func (e *emitter) sent() {
	e.Add(asm.Mov.Reg(asm.R6, asm.R1))
	e.sending(0)
	e.Add(asm.JEq.Imm(asm.R1, 0, "exit")) // almost always, and so without even asking which CPU this is
	e.region()
	e.Add(
		asm.LoadMem(asm.R0, asm.R7, atLast, asm.DWord),
		asm.JEq.Imm(asm.R0, 0, "exit"), // a task sends
		asm.LoadMem(asm.R0, asm.R7, atReceives, asm.DWord),
		asm.JNE.Imm(asm.R0, 0, "exit"),
		asm.LoadMem(asm.R6, asm.R6, 0, asm.DWord), // args[0]: skb
	)
	e.device()
	e.Add(
		asm.JEq.Imm(asm.R6, 0, "exit"), // a wire's
		asm.LoadMem(asm.R0, asm.R7, atCurrent, asm.DWord),
		asm.JEq.Reg(asm.R0, asm.R6, "exit"),
		asm.StoreMem(asm.R7, atCurrent, asm.R6, asm.DWord),
	)
	e.now()
	e.charge()
	e.Add(asm.StoreMem(asm.R7, atLast, asm.R8, asm.DWord))
	e.exit()
	e.look()
}

// device replaces the packet in R6 by the node of its device. What it does not remember is worked out by look, which
// has to follow after the program's exit.
func (e *emitter) device() {
	e.read(asm.R6, asm.R6, e.offsets.SkbDevice, asm.DWord)
	e.pair(asm.R2, atDevices, devicePairs, deviceBits)
	e.Add(
		asm.LoadMem(asm.R1, asm.R2, 0, asm.DWord),
		asm.JNE.Reg(asm.R1, asm.R6, "look"),
		asm.LoadMem(asm.R6, asm.R2, 8, asm.DWord),
	)
	e.Label("known")
}

func (e *emitter) look() {
	e.Label("look")
	e.read(asm.R9, asm.R6, e.offsets.DeviceNet, asm.DWord)
	e.namespace(asm.R9, asm.R9)
	e.pair(asm.R2, atDevices, devicePairs, deviceBits)
	e.Add(
		asm.StoreMem(asm.R2, 0, asm.R6, asm.DWord),
		asm.StoreMem(asm.R2, 8, asm.R9, asm.DWord),
		asm.Mov.Reg(asm.R6, asm.R9),
		asm.Ja.Label("known"),
	)
}

// softirqExit, on irq:softirq_exit, stops the clock, and notes whose task the softirq ran on the back of.
func (e *emitter) softirqExit() {
	e.region()
	e.Add(
		asm.LoadMem(asm.R0, asm.R7, atLast, asm.DWord),
		asm.JEq.Imm(asm.R0, 0, "exit"), // it began before the programs were attached
	)
	e.now()
	e.charge()
	e.Add(
		asm.LoadMem(asm.R9, asm.R7, atSoFar, asm.DWord),
		asm.Mov.Imm(asm.R0, 0),
		asm.StoreMem(asm.R7, atLast, asm.R0, asm.DWord),
		asm.LoadMem(asm.R1, asm.R7, atReceives, asm.DWord),
		asm.JNE.Imm(asm.R1, 0, "received"),
	)
	e.sending(-1)
	e.Label("received")
	e.Add(
		asm.FnGetCurrentPidTgid.Call(),
		asm.JEq.Imm(asm.R0, 0, "idle"), // only idle tasks have the number 0
		asm.FnGetCurrentCgroupId.Call(),
		asm.Mov.Reg(asm.R6, asm.R0),
	)
	e.pair(asm.R2, atCgroups, cgroupPairs, 0)
	e.Add(
		asm.LoadMem(asm.R1, asm.R2, 0, asm.DWord),
		asm.JNE.Reg(asm.R1, asm.R6, "look"),
		asm.LoadMem(asm.R8, asm.R2, 8, asm.DWord),
	)
	e.Label("known")
	e.Add(
		asm.JEq.Imm(asm.R8, 0, "exit"),
		asm.Mov.Reg(asm.R1, asm.R8),
	)
	e.slot(asm.R2, asm.R1)
	e.increase(asm.R2, slotStolen, asm.R9)
	e.Add(asm.Ja.Label("exit"))

	e.Label("look")
	e.Add(asm.StoreMem(asm.RFP, stackKey, asm.R6, asm.DWord))
	e.number(asm.R8, e.maps.cgroups)
	e.pair(asm.R2, atCgroups, cgroupPairs, 0)
	e.Add(
		asm.StoreMem(asm.R2, 0, asm.R6, asm.DWord),
		asm.StoreMem(asm.R2, 8, asm.R8, asm.DWord),
		asm.Ja.Label("known"),
	)

	e.Label("idle")
	e.increase(asm.R7, atIdleSoft, asm.R9)
	e.exit()
}
