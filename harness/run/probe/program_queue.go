package probe

import "github.com/cilium/ebpf/asm"

// qdiscDequeue, on qdisc:qdisc_dequeue (qdisc, queue, packets, skb), follows how many packets and bytes wait on a
// device that is watched. The kernel asks a device's outermost qdisc for a packet after every one that came, whether
// there was room for it or not, and whenever one may be due (__dev_xmit_skb, __qdisc_run and dequeue_skb in
// net/sched/sch_generic.c). So nothing changes between two of these moments but what came right before the second, and
// the qdisc's own numbers are all that has to be read: no packet is counted here.
func (e *emitter) qdiscDequeue() {
	o := e.offsets
	e.Add(
		asm.Mov.Reg(asm.R9, asm.R1),
		asm.LoadMem(asm.R6, asm.R9, 0, asm.DWord), // args[0]: qdisc
	)
	e.region()
	e.pair(asm.R2, atQdiscs, qdiscPairs, qdiscBits)
	e.Add(
		asm.LoadMem(asm.R1, asm.R2, 0, asm.DWord),
		asm.JNE.Reg(asm.R1, asm.R6, "look"),
		asm.LoadMem(asm.R1, asm.R2, 8, asm.DWord),
	)
	e.Label("known")
	e.Add(asm.JEq.Imm(asm.R1, 0, "exit"))
	e.queue(asm.R7, asm.R1)

	// The qdisc's own numbers, in one piece.
	at := min(o.QdiscLength, o.QdiscStats)
	length, stats := int16(o.QdiscLength-at)+stackQueue, int16(o.QdiscStats-at)+stackQueue
	e.Add(
		asm.Mov.Reg(asm.R3, asm.R6),
		asm.Add.Imm(asm.R3, int32(at)),
		asm.Mov.Reg(asm.R1, asm.RFP),
		asm.Add.Imm(asm.R1, stackQueue),
		asm.Mov.Imm(asm.R2, int32(o.QdiscSpan())),
		asm.FnProbeReadKernel.Call(),
		asm.LoadMem(asm.R1, asm.RFP, stats+statsDrops, asm.Word),
		asm.LoadMem(asm.R2, asm.RFP, stats+statsOverlimits, asm.Word),
		asm.Add.Reg(asm.R1, asm.R2),
		asm.StoreMem(asm.R7, queueLost, asm.R1, asm.DWord),

		// If as many packets wait as before and none goes, none came: the kernel looked whether another one is due.
		asm.LoadMem(asm.R6, asm.RFP, length, asm.Word),
		asm.LoadMem(asm.R1, asm.R9, 24, asm.DWord), // args[3]: skb
		asm.JNE.Imm(asm.R1, 0, "changed"),
		asm.LoadMem(asm.R1, asm.R7, queueDepth, asm.DWord),
		asm.JEq.Reg(asm.R1, asm.R6, "exit"),
	)
	e.Label("changed")
	e.now()
	e.bumpQueue()

	// What it held up to now, it held since it last changed.
	e.Add(
		asm.LoadMem(asm.R1, asm.R7, queueAt, asm.DWord),
		asm.StoreMem(asm.R7, queueAt, asm.R8, asm.DWord),
		asm.Sub.Reg(asm.R8, asm.R1),
		asm.LoadMem(asm.R3, asm.R7, queueDepth, asm.DWord),
		asm.StoreMem(asm.R7, queueDepth, asm.R6, asm.DWord),
		asm.Mov.Reg(asm.R1, asm.R3),
		asm.Mul.Reg(asm.R1, asm.R8),
	)
	e.increase(asm.R7, queueArea, asm.R1)
	e.Add(
		asm.LoadMem(asm.R1, asm.R7, queueBytes, asm.DWord),
		asm.Mul.Reg(asm.R1, asm.R8),
		asm.LoadMem(asm.R8, asm.RFP, stats+statsBacklog, asm.Word),
		asm.StoreMem(asm.R7, queueBytes, asm.R8, asm.DWord),
		asm.LoadMem(asm.R2, asm.R7, queueAreaLow, asm.DWord),
		asm.Add.Reg(asm.R1, asm.R2),
		asm.Mov.Reg(asm.R2, asm.R1),
		asm.RSh.Imm(asm.R2, 32),
		asm.LSh.Imm(asm.R1, 32),
		asm.RSh.Imm(asm.R1, 32),
		asm.StoreMem(asm.R7, queueAreaLow, asm.R1, asm.DWord),
	)
	e.increase(asm.R7, queueAreaHigh, asm.R2)

	// R6 packets wait now and R8 bytes. If one goes that is not among those which waited before, one came right before:
	// for a moment there were more.
	e.Add(
		asm.LoadMem(asm.R1, asm.R9, 24, asm.DWord), // args[3]: skb
		asm.JEq.Imm(asm.R1, 0, "most"),
		asm.LoadMem(asm.R2, asm.R9, 16, asm.DWord), // args[2]: packets
		asm.LSh.Imm(asm.R2, 32),
		asm.RSh.Imm(asm.R2, 32),
		asm.Add.Reg(asm.R6, asm.R2),
		asm.JGE.Reg(asm.R3, asm.R6, "done"),
		asm.Mov.Reg(asm.R9, asm.R1),
	)
	e.read(asm.R1, asm.R9, o.SkbLength, asm.Word)
	e.Add(asm.Add.Reg(asm.R8, asm.R1))
	e.Label("most")
	for _, v := range []struct {
		at  int16
		now asm.Register
	}{{queueMax, asm.R6}, {queueMaxBytes, asm.R8}} {
		less := e.Fresh("less")
		e.Add(
			asm.LoadMem(asm.R1, asm.R7, v.at, asm.DWord),
			asm.JGE.Reg(asm.R1, v.now, less),
			asm.StoreMem(asm.R7, v.at, v.now, asm.DWord),
		)
		e.Label(less)
	}
	e.Label("done")
	e.bumpQueue()
	e.exit()

	// A qdisc that this CPU does not remember: is its device one that is watched?
	e.Label("look")
	e.Add(asm.StoreMem(asm.RFP, stackKey, asm.R6, asm.DWord))
	e.Lookup(e.maps.qdiscs, stackKey)
	e.Add(
		asm.JEq.Imm(asm.R0, 0, "new"),
		asm.LoadMem(asm.R8, asm.R0, 0, asm.DWord),
	)
	e.Label("found")
	e.pair(asm.R2, atQdiscs, qdiscPairs, qdiscBits)
	e.Add(
		asm.StoreMem(asm.R2, 0, asm.R6, asm.DWord),
		asm.StoreMem(asm.R2, 8, asm.R8, asm.DWord),
		asm.Mov.Reg(asm.R1, asm.R8),
		asm.Ja.Label("known"),
	)
	e.Label("new")
	e.read(asm.R8, asm.R6, o.QdiscQueue, asm.DWord)
	e.read(asm.R8, asm.R8, o.QueueDevice, asm.DWord)
	e.read(asm.R0, asm.R8, o.DeviceIndex, asm.Word)
	e.Add(asm.StoreMem(asm.RFP, stackKey, asm.R0, asm.Word))
	e.read(asm.R8, asm.R8, o.DeviceNet, asm.DWord)
	e.read(asm.R0, asm.R8, o.NetInode, asm.Word)
	e.Add(asm.StoreMem(asm.RFP, stackKey+4, asm.R0, asm.Word))
	e.number(asm.R8, e.maps.devices)
	e.Add(
		asm.StoreMem(asm.RFP, stackKey, asm.R6, asm.DWord),
		asm.StoreMem(asm.RFP, stackValue, asm.R8, asm.DWord),
	)
	e.store(e.maps.qdiscs)
	e.Add(asm.Ja.Label("found"))
}

// qdiscBits is where the addresses of qdiscs begin to differ: a netem is allocated in blocks of 1 KiB.
const qdiscBits = 10

// Fields of struct gnet_stats_queue: qlen, backlog, drops, requeues, overlimits (include/uapi/linux/gen_stats.h).
const (
	statsBacklog    = 4
	statsDrops      = 8
	statsOverlimits = 16
	statsSize       = 20
)

// bumpQueue is [emitter.bump] of the queue in R7.
func (e *emitter) bumpQueue() {
	e.Add(asm.Mov.Imm(asm.R4, 1))
	e.increase(asm.R7, queueSequence, asm.R4)
}
