package fault

import "github.com/cilium/ebpf/asm"

// setCE sets the ECN field of an ECT packet to CE, as a router does (RFC 3168, section 5). It is the two lowest bits of
// the IPv4 header's second byte, which the checksum covers, and bits 4 and 5 of the IPv6 header's, which has none.
func (s selector) setCE(a *assembler) {
	const second = etherHeader + 1
	store := func() {
		a.Add(asm.Mov.Reg(asm.R1, ctx), asm.Mov.Imm(asm.R2, second), asm.Mov.Reg(asm.R3, asm.RFP),
			asm.Add.Imm(asm.R3, stackHeader+1), asm.Mov.Imm(asm.R4, 1), asm.Mov.Imm(asm.R5, 0), asm.FnSkbStoreBytes.Call())
	}
	a.Add(asm.Mov.Imm(offset, etherHeader))
	a.header(2, "marked")
	a.Add(asm.LoadMem(asm.R0, ctx, skbProtocol, asm.Word), asm.JEq.Imm(asm.R0, etherIPv6, "mark6"))
	a.Add(at(rest, 0, asm.Half)) // the word that changes
	a.Add(at(asm.R1, 1, asm.Byte), asm.Or.Imm(asm.R1, ecnMask), asm.StoreMem(asm.RFP, stackHeader+1, asm.R1, asm.Byte))
	a.Add(at(proto, 0, asm.Half))
	store()
	a.Add(asm.Mov.Reg(asm.R1, ctx), asm.Mov.Imm(asm.R2, etherHeader+10), asm.Mov.Reg(asm.R3, rest),
		asm.Mov.Reg(asm.R4, proto), asm.Mov.Imm(asm.R5, 2), asm.FnL3CsumReplace.Call(), asm.Ja.Label("marked"))
	a.Label("mark6")
	a.Add(at(asm.R1, 1, asm.Byte), asm.Or.Imm(asm.R1, ecnMask<<4),
		asm.StoreMem(asm.RFP, stackHeader+1, asm.R1, asm.Byte))
	store()
	a.Label("marked")
}

// congested counts a packet whose ECN field is CE. Both IP versions have it in the byte after the first.
func (b *boundary) congested(a *assembler, st *state) {
	if b.marked == nil {
		return
	}
	a.Add(asm.Mov.Imm(offset, etherHeader))
	a.header(2, "unmarked")
	a.Add(asm.LoadMem(asm.R0, ctx, skbProtocol, asm.Word), at(asm.R1, 1, asm.Byte))
	a.Add(asm.JEq.Imm(asm.R0, etherIPv4, "field"), asm.JNE.Imm(asm.R0, etherIPv6, "unmarked"), asm.RSh.Imm(asm.R1, 4))
	a.Label("field")
	a.Add(asm.And.Imm(asm.R1, ecnMask), asm.JNE.Imm(asm.R1, ecnMask, "unmarked"))
	a.count(st, *b.marked)
	a.Label("unmarked")
}
