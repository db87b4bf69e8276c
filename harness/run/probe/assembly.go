package probe

import (
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/run/bpf"
	"github.com/ruleout/ruleout/harness/run/probe/offsets"
)

// emitter writes one program. By convention of all of them R6 holds the context, R7 this
// CPU's region of the state and R8 the time, wherever they are needed; helpers keep R6 to R9.
type emitter struct {
	bpf.Program
	layout
	maps    maps
	offsets *offsets.Offsets
}

// maps are the file descriptors of what the programs share.
type maps struct {
	state   int // one element, see layout
	inodes  int // inode number of a network namespace → node
	cgroups int // id of a cgroup → node
	nets    int // address of a struct net → node
	tasks   int // address of a struct task_struct → node, runnable
	devices int // inode of a network namespace and index of a device in it → queue
	qdiscs  int // address of a struct Qdisc → queue, or 0
}

// Stack slots, relative to the frame pointer.
const (
	stackKey   = -8                           // a key for a map
	stackValue = -16                          // a value for a map
	stackRead  = -24                          // what was read from kernel memory
	stackSaved = -32                          // a register that has to survive
	stackQueue = stackSaved - offsets.MaxSpan // of what a qdisc counts
)

// exit ends the program, under the label "exit" as well.
func (e *emitter) exit() {
	e.Label("exit")
	e.Add(asm.Mov.Imm(asm.R0, 0), asm.Return())
}

// region points R7 at this CPU's part of the state. The mask only has a meaning for
// the verifier: there are at least as many regions as possible CPUs.
func (e *emitter) region() {
	e.Add(
		asm.FnGetSmpProcessorId.Call(),
		asm.And.Imm(asm.R0, int32(e.cpus-1)),
		asm.LSh.Imm(asm.R0, int32(e.cpuShift)),
		asm.LoadMapValue(asm.R7, e.maps.state, 0),
		asm.Add.Reg(asm.R7, asm.R0),
	)
}

// slot points dst at the node's slot in the region; number holds the node and is spoilt.
func (e *emitter) slot(dst, number asm.Register) {
	e.Add(
		asm.And.Imm(number, int32(e.nodes-1)),
		asm.LSh.Imm(number, slotShift),
		asm.Mov.Reg(dst, asm.R7),
		asm.Add.Reg(dst, number),
		asm.Add.Imm(dst, headerSize),
	)
}

// record points dst at the node's record; number holds the node and is spoilt.
func (e *emitter) record(dst, number asm.Register) {
	e.Add(
		asm.And.Imm(number, int32(e.nodes-1)),
		asm.LSh.Imm(number, recordShift),
		asm.LoadMapValue(dst, e.maps.state, e.records()),
		asm.Add.Reg(dst, number),
	)
}

// queue points dst at the queue with this number, which is spoilt.
func (e *emitter) queue(dst, number asm.Register) {
	e.Add(
		asm.And.Imm(number, int32(e.queues-1)),
		asm.LSh.Imm(number, queueShift),
		asm.LoadMapValue(dst, e.maps.state, e.queueRecords()),
		asm.Add.Reg(dst, number),
	)
}

// now puts the time into R8, which is CLOCK_MONOTONIC in ns.
func (e *emitter) now() {
	e.Add(asm.FnKtimeGetNs.Call(), asm.Mov.Reg(asm.R8, asm.R0))
}

// increase adds src to the 64-bit word at base+at, which no other CPU writes; R0 is spoilt.
func (e *emitter) increase(base asm.Register, at int16, src asm.Register) {
	e.Add(
		asm.LoadMem(asm.R0, base, at, asm.DWord),
		asm.Add.Reg(asm.R0, src),
		asm.StoreMem(base, at, asm.R0, asm.DWord),
	)
}

// read reads size bytes of kernel memory at base+offset into dst, zero-extended; base may be any
// register that is not R1 to R5. An address that is not mapped reads as 0.
func (e *emitter) read(dst, base asm.Register, offset uint32, size asm.Size) {
	e.Add(
		asm.Mov.Reg(asm.R3, base),
		asm.Add.Imm(asm.R3, int32(offset)),
		asm.Mov.Reg(asm.R1, asm.RFP),
		asm.Add.Imm(asm.R1, stackRead),
		asm.Mov.Imm(asm.R2, int32(size.Sizeof())),
		asm.FnProbeReadKernel.Call(),
		asm.LoadMem(dst, asm.RFP, stackRead, size),
	)
}

// store stores the value on the stack under the key on the stack. It fails when the map is full, and then the same
// thing is worked out again next time.
func (e *emitter) store(fd int) { e.Update(fd, stackKey, stackValue, unix.BPF_ANY) }

// number looks up the key on the stack in a map of nodes and puts the node's number, or 0, into dst.
func (e *emitter) number(dst asm.Register, fd int) {
	done := e.Fresh("number")
	e.Lookup(fd, stackKey)
	e.Add(asm.Mov.Imm(dst, 0), asm.JEq.Imm(asm.R0, 0, done), asm.LoadMem(dst, asm.R0, 0, asm.DWord))
	e.Label(done)
}

// pair points dst, R1 to R5, at this CPU's pair for the number in R6, by its bits from low on; R0 is spoilt.
func (e *emitter) pair(dst asm.Register, at int32, pairs, low int32) {
	e.Add(
		asm.Mov.Reg(asm.R0, asm.R6),
		asm.RSh.Imm(asm.R0, low),
		asm.And.Imm(asm.R0, pairs-1),
		asm.LSh.Imm(asm.R0, pairShift),
		asm.Mov.Reg(dst, asm.R7),
		asm.Add.Reg(dst, asm.R0),
		asm.Add.Imm(dst, at),
	)
}

// namespace puts the number of the node into dst whose struct net the register net points at.
func (e *emitter) namespace(dst, net asm.Register) {
	e.read(asm.R0, net, e.offsets.NetInode, asm.Word)
	e.Add(asm.StoreMem(asm.RFP, stackKey, asm.R0, asm.DWord))
	e.number(dst, e.maps.inodes)
}
