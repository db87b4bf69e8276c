package fault

import (
	"github.com/cilium/ebpf/asm"

	"github.com/ruleout/ruleout/harness/scenario"
)

// wantsClass reports whether the traffic class of the IP header is asked for: DSCP and ECN.
func (s selector) wantsClass() bool { return s.choose.ECN != "" || s.choose.DSCP != nil }

// The ECN field, the two lowest bits of the traffic class (RFC 3168, section 5): a packet matches if the field under
// the mask is the value. ECT(0) and ECT(1) differ in both bits, so ECT has no mask.
const ecnMask = 3

// noClass is the traffic class of what has no whole IP header, which is never one that is asked for.
const noClass = 1 << 8

var ecnValues = map[scenario.ECN]int32{scenario.NotECT: 0, scenario.ECT1: 1, scenario.ECT0: 2, scenario.CE: 3}

// matchClass jumps to "pass" unless the packet has the ECN field and the DSCP that are asked for.
func (s selector) matchClass(a *assembler) {
	if !s.wantsClass() {
		return
	}
	a.Add(asm.LoadMem(asm.R1, asm.RFP, stackClass, asm.DWord), asm.JEq.Imm(asm.R1, noClass, "pass"))
	if d := s.choose.DSCP; d != nil {
		a.Add(asm.Mov.Reg(asm.R2, asm.R1), asm.RSh.Imm(asm.R2, 2), asm.JNE.Imm(asm.R2, int32(*d), "pass"))
	}
	switch e := s.choose.ECN; e {
	case "":
	case scenario.ECT:
		a.Add(asm.And.Imm(asm.R1, ecnMask), asm.JEq.Imm(asm.R1, ecnValues[scenario.NotECT], "pass"),
			asm.JEq.Imm(asm.R1, ecnValues[scenario.CE], "pass"))
	default:
		a.Add(asm.And.Imm(asm.R1, ecnMask), asm.JNE.Imm(asm.R1, ecnValues[e], "pass"))
	}
}

// keepPayload writes the length of what the segment or datagram carries to the stack, if it is asked for: rest is the
// length behind the IP headers, and this register or number of it the header's.
func (s selector) keepPayload(a *assembler, header asm.Instruction) {
	if s.choose.Payload == nil {
		return
	}
	a.Add(asm.Mov.Reg(asm.R3, rest), header, asm.StoreMem(asm.RFP, stackPayload, asm.R3, asm.DWord))
}

// matchPayload jumps to "pass" unless that is as long as asked for.
func (s selector) matchPayload(a *assembler) {
	p := s.choose.Payload
	if p == nil {
		return
	}
	a.Add(asm.LoadMem(asm.R1, asm.RFP, stackPayload, asm.DWord))
	if p.Min > 0 {
		a.Add(asm.JLT.Imm(asm.R1, int32(p.Min), "pass"))
	}
	if p.Max > 0 {
		a.Add(asm.JGT.Imm(asm.R1, int32(p.Max), "pass"))
	}
}
