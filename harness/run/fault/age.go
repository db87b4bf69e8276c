package fault

import (
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"
)

// A birth is what a selector keeps of one direction of a connection that it has seen begin, under the direction's flow.
// It is written for each SYN and SYN-ACK with a sequence number that the flow has not begun with: a port that is used
// again begins anew, and a SYN that is sent again does not. There is one table for each direction of a fault, and it
// keeps what has ended.
const (
	birthTime   = 8 * iota // ns of CLOCK_MONOTONIC
	birthNumber            // initial sequence number, as a number
	birthSize
)

// noteBirth writes down a segment that begins a connection. The header of the segment is on the stack, and stays.
func (s selector) noteBirth(a *assembler, st *state) {
	if s.births == nil {
		return
	}
	a.Add(at(asm.R1, 0, asm.Word), asm.StoreMem(asm.RFP, flowPorts, asm.R1, asm.Word))
	a.Add(at(asm.R1, tcpFlags, asm.Byte), asm.And.Imm(asm.R1, flagSYN), asm.JEq.Imm(asm.R1, 0, "grown"))
	a.Add(at(asm.R1, tcpSeq, asm.Word), asm.HostTo(asm.BE, asm.R1, asm.Word),
		asm.StoreMem(asm.RFP, stackBirth+birthNumber, asm.R1, asm.DWord))
	a.Lookup(s.births.FD(), stackFlow)
	a.Add(asm.JEq.Imm(asm.R0, 0, "born"), asm.LoadMem(asm.R1, asm.R0, birthNumber, asm.DWord),
		asm.LoadMem(asm.R2, asm.RFP, stackBirth+birthNumber, asm.DWord), asm.JEq.Reg(asm.R1, asm.R2, "grown"))
	a.Label("born")
	a.Add(asm.FnKtimeGetNs.Call(), asm.StoreMem(asm.RFP, stackBirth+birthTime, asm.R0, asm.DWord))
	a.Update(s.births.FD(), stackFlow, stackBirth, unix.BPF_ANY)
	a.Add(asm.JEq.Imm(asm.R0, 0, "grown"))
	a.count(st, s.overflow) // no room: its packets never match
	a.Label("grown")
	a.Add(at(asm.R1, tcpSeq, asm.Word), asm.HostTo(asm.BE, asm.R1, asm.Word),
		asm.StoreMem(asm.RFP, stackSeq, asm.R1, asm.DWord))
}

// matchAge jumps to "pass" unless the segment's connection is old enough, and enough came before it.
//
// How much came before is the distance of sequence numbers, less the one that the SYN takes. The distance is that of
// RFC 9293's arithmetic, so a segment from before the first, such as a keep-alive probe, is at less than nothing.
func (s selector) matchAge(a *assembler) {
	if s.births == nil {
		return
	}
	after := s.choose.After
	a.Lookup(s.births.FD(), stackFlow)
	a.Add(asm.JEq.Imm(asm.R0, 0, "pass"))
	if after.Bytes > 0 {
		a.Add(asm.LoadMem(asm.R1, asm.RFP, stackSeq, asm.DWord), asm.LoadMem(asm.R2, asm.R0, birthNumber, asm.DWord),
			asm.Sub.Reg(asm.R1, asm.R2), asm.Sub.Imm(asm.R1, 1), asm.LSh.Imm(asm.R1, 32), asm.ArSh.Imm(asm.R1, 32),
			asm.JSLT.Imm(asm.R1, int32(after.Bytes), "pass"))
	}
	if after.Age > 0 {
		a.Add(asm.LoadMem(asm.R7, asm.R0, birthTime, asm.DWord), asm.FnKtimeGetNs.Call(), asm.Sub.Reg(asm.R0, asm.R7),
			asm.LoadImm(asm.R1, int64(after.Age), asm.DWord), asm.JLT.Reg(asm.R0, asm.R1, "pass"))
	}
}
