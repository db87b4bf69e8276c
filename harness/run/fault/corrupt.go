package fault

import (
	"github.com/cilium/ebpf/asm"

	"github.com/ruleout/ruleout/harness/run/choice"
)

// flip flips one bit of the packet, after the Ethernet header, and counts it once that
// is done.
//
// It is not netem that does it. netem picks any bit of the frame, so that one flip in five of a pure ACK hits the
// Ethernet header, where it either does nothing or has the far node take the packet for another host's; and the bit
// that it picks does not depend on netem's seed. Here it is the bit number (h >> 32) × bits >> 32, where h is a hash of
// the fault's key, the direction and the number of packets chosen so far: the same on every kernel.
func (s selector) flip(a *assembler, st *state) {
	// R7: the hash.
	a.Add(asm.LoadMapValue(asm.R0, st.counters.FD(), uint32(s.chosen)), asm.LoadMem(asm.R0, asm.R0, 0, asm.DWord))
	a.Add(asm.LoadImm(asm.R1, asInt64(choice.Golden), asm.DWord), asm.Mul.Reg(asm.R0, asm.R1))
	a.control(asm.R1, st, s.orders+keyWord)
	a.Add(asm.Xor.Reg(asm.R0, asm.R1), asm.Xor.Imm(asm.R0, int32(1+s.side)))
	a.mix()
	a.mix()
	a.Add(asm.RSh.Imm(asm.R0, 32))
	// R0 = hash × bits after the Ethernet header >> 32: which bit. R7 its byte, R8 the bit.
	a.Add(asm.LoadMem(asm.R1, ctx, skbLength, asm.Word), asm.JLE.Imm(asm.R1, etherHeader, "pass"),
		asm.Sub.Imm(asm.R1, etherHeader), asm.LSh.Imm(asm.R1, 3),
		asm.Mul.Reg(asm.R0, asm.R1), asm.RSh.Imm(asm.R0, 32),
		asm.Mov.Reg(offset, asm.R0), asm.RSh.Imm(offset, 3), asm.Add.Imm(offset, etherHeader),
		asm.And.Imm(asm.R0, 7), asm.Mov.Imm(rest, 1), asm.LSh.Reg(rest, asm.R0))
	a.header(1, "pass")
	a.Add(at(asm.R1, 0, asm.Byte), asm.Xor.Reg(asm.R1, rest), asm.StoreMem(asm.RFP, stackHeader, asm.R1, asm.Byte))
	a.Add(asm.Mov.Reg(asm.R1, ctx), asm.Mov.Reg(asm.R2, offset), asm.Mov.Reg(asm.R3, asm.RFP),
		asm.Add.Imm(asm.R3, stackHeader),
		asm.Mov.Imm(asm.R4, 1), asm.Mov.Imm(asm.R5, 0), asm.FnSkbStoreBytes.Call(), asm.JNE.Imm(asm.R0, 0, "pass"))
	a.count(st, s.flipped)
}
