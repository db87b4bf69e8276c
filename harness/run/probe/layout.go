package probe

import (
	"math/bits"
	"sync/atomic"
	"unsafe"
)

// The programs keep all their figures in one map of one element, which is also mapped into
// this process: reading it is a load, not a system call.
//
//	CPU 0: header, slot 0 … slot n     what this CPU counted; only it writes here
//	CPU 1: …
//	whole machine: record 0 … record n what must be known across CPUs, queue 0 … queue m
//
// Slot and record 0 belong to no node in particular: softirq time that no node's packet
// caused, and all of the machine's runnable tasks. Node i of the options has number i+1.

// Header of a CPU, offsets in bytes.
const (
	atLast     = 0   // when softirq time was last charged, ns; 0 outside softirqs
	atSoFar    = 8   // ns of the present softirq that are charged already
	atCurrent  = 16  // number of the node whose packet is being worked on
	atPaused   = 24  // the task that was preempted inside a softirq (PREEMPT_RT), or 0
	atIdleTask = 32  // this CPU's idle task
	atIdleFrom = 40  // since when it runs, ns; 0 when it does not
	atIdle     = 48  // ns it ran, softirqs included
	atIdleSoft = 56  // ns of softirqs among them
	atPending  = 72  // 1 from the start of a NET_RX softirq to its first packet
	atReceives = 80  // 1 in a NET_RX softirq, 0 in others
	atSequence = 64  // odd while this CPU changes words that belong together
	atCgroups  = 128 // what was looked up last: pairs of a cgroup's id and its node
	atDevices  = 384 // pairs of a device's address and its node
	atQdiscs   = 896 // pairs of a qdisc's address and its queue
	headerSize = 1152
)

// Pairs remembered, a power of two. Looking one up takes a tenth of a hash table's time.
const (
	pairShift   = 4
	cgroupPairs = (atDevices - atCgroups) >> pairShift // 16
	devicePairs = (atQdiscs - atDevices) >> pairShift  // 32
	qdiscPairs  = (headerSize - atQdiscs) >> pairShift // 16
)

// Slot of a node on a CPU.
const (
	slotSoftirq = 0  // ns in softirqs on packets of the node
	slotStolen  = 8  // ns of softirqs that ran on the back of the node's tasks
	slotCount   = 16 // tasks that became runnable here, minus those that blocked here
	slotMoments = 24 // the sum of the times, ns, of the former less that of the latter
	slotShift   = 5
)

// Record of a node across CPUs.
const (
	recordRunnable    = 0
	recordRunnableMax = 8
	recordEstablished = 16 // sockets, relative to when the programs were attached
	recordEstabMax    = 24
	recordCloseWait   = 32
	recordCloseMax    = 40
	recordAcceptMax   = 48 // longest accept queue
	recordSynMax      = 56 // most connections in SYN_RECV on one listening socket
	recordRetrans     = 64 // segments sent again
	// of the machine: CPUs in softirqs that send of their own accord, as all may but the receiving one
	recordSending = 72
	recordShift   = 7
)

// Queue of a device. Its words are written by the CPU that holds the qdisc's lock.
const (
	queueSequence = 0  // odd while words that belong together change
	queueAt       = 8  // when it last changed, ns
	queueDepth    = 16 // packets since then
	queueBytes    = 24 // bytes since then
	queueArea     = 32 // packets times ns up to then
	queueAreaLow  = 40 // bytes times ns up to then, its lower 32 bits: one word of them would not do for an hour
	queueAreaHigh = 48 // and the rest
	queueMax      = 56 // most packets at once
	queueMaxBytes = 64 // most bytes at once
	queueLost     = 72 // packets for which it had no room, by the qdisc's own count
	queueShift    = 7
)

// layout is the shape of the map for so many CPUs, nodes and queues, each rounded up to a power of
// two, so that the programs index with masks and the verifier sees that they stay inside.
type layout struct {
	cpus, nodes, queues uint32
	cpuShift            uint32
}

func newLayout(cpus, nodes, queues int) layout {
	l := layout{cpus: roundUp(cpus), nodes: roundUp(nodes + 1), queues: roundUp(queues + 1)}
	l.cpuShift = uint32(bits.Len32(headerSize + l.nodes<<slotShift - 1))
	return l
}

func roundUp(n int) uint32 { return 1 << bits.Len32(uint32(n-1)) }

func (l layout) records() uint32      { return l.cpus << l.cpuShift }
func (l layout) queueRecords() uint32 { return l.records() + l.nodes<<recordShift }
func (l layout) size() uint32         { return l.queueRecords() + l.queues<<queueShift }

// state reads the map.
type state struct {
	layout
	memory []byte
}

func (s *state) word(at uint32) *uint64 { return (*uint64)(unsafe.Pointer(&s.memory[at : at+8][0])) }

func (s *state) load(at uint32) uint64 { return atomic.LoadUint64(s.word(at)) }

func (s *state) cpu(c, at uint32) uint64 { return s.load(c<<s.cpuShift + at) }

func (s *state) slot(c, node, at uint32) uint64 {
	return s.cpu(c, headerSize+node<<slotShift+at)
}

func (s *state) record(node, at uint32) int64 {
	return int64(s.load(s.records() + node<<recordShift + at))
}

func (s *state) setRecord(node, at uint32, v int64) {
	atomic.StoreUint64(s.word(s.records()+node<<recordShift+at), uint64(v))
}

// softirq returns the ns in softirqs on packets of the node, and those stolen from its tasks.
func (s *state) softirq(node uint32) (worked, stolen int64) {
	for c := range s.cpus {
		worked += int64(s.slot(c, node, slotSoftirq))
		stolen += int64(s.slot(c, node, slotStolen))
	}
	return worked, stolen
}

// softirqs returns the ns in softirqs altogether.
func (s *state) softirqs() (ns int64) {
	for n := range s.nodes {
		worked, _ := s.softirq(n)
		ns += worked
	}
	return ns
}

// idle returns the ns that CPUs were idle up to now, softirqs taken off.
func (s *state) idle(now int64) (ns int64) {
	for c := range s.cpus {
		var from, sum int64
		s.steady(c<<s.cpuShift+atSequence, func() { from, sum = int64(s.cpu(c, atIdleFrom)), int64(s.cpu(c, atIdle)) })
		if from != 0 {
			sum += max(now-from, 0)
		}
		ns += sum - int64(s.cpu(c, atIdleSoft))
	}
	return ns
}

// runnable returns the integral of the number of runnable tasks up to now, in task-ns.
// Each CPU keeps the count n of comings less goings and the sum m of their times, so
// that the integral is n·now − m whenever it is asked for, and no CPU waits for another.
func (s *state) runnable(node uint32, now int64) (sum int64) {
	for c := range s.cpus {
		var n, m int64
		s.steady(c<<s.cpuShift+atSequence, func() {
			n, m = int64(s.slot(c, node, slotCount)), int64(s.slot(c, node, slotMoments))
		})
		sum += n*now - m
	}
	return sum
}

// steady calls read until no program changed meanwhile what belongs together; sequence is where the programs count
// their changes.
func (s *state) steady(sequence uint32, read func()) {
	for {
		before := s.load(sequence)
		read()
		if before%2 == 0 && s.load(sequence) == before {
			return
		}
	}
}

// restart makes a greatest value start over from the present one.
func (s *state) restart(node, value, greatest uint32) {
	for {
		n := s.record(node, value)
		s.setRecord(node, greatest, n)
		if s.record(node, value) <= s.record(node, greatest) {
			return
		}
	}
}
