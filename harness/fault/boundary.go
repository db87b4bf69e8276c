package fault

import (
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// boundary counts every packet that comes in at a device.
type boundary struct {
	count slot
	// next is the index of the device through which the packet leaves again; 0 lets it
	// go up the stack of the node, at the end of its way.
	next int
	// entrance heeds the gate.
	entrance bool
	// tap captures what comes by, at the two ends of the path; numbered says that packets have numbers.
	tap      tap
	numbered bool
	// forged counts, for themselves too, packets that were forged in the stage before; nil where there are none.
	forged *slot
	// forgedTap captures these.
	forgedTap tap
}

// program returns a direct-action program for the ingress side of clsact.
//
// It also takes the mark off the packet, with which the selector before it told copies
// from originals: to the next fault, a copy is a packet like any other. Within one
// namespace a veth leaves the mark alone (skb_scrub_packet with xnet false).
func (b boundary) program(s *state) (*ebpf.Program, error) {
	var a assembler
	a.add(asm.Mov.Reg(ctx, asm.R1))
	if b.entrance {
		a.control(asm.R0, s, gate)
		a.add(asm.JNE.Imm(asm.R0, 0, "closed"))
	}
	a.count(s, b.count)
	if b.forged != nil {
		a.add(asm.LoadMem(asm.R0, ctx, skbMark, asm.Word), asm.JNE.Imm(asm.R0, forgedMark, "counted"))
		a.count(s, *b.forged)
		a.set(skbMark, 0) // from here on a packet like any other; it has no number
		a.tap(b.forgedTap, s, nil)
		a.label("counted")
	}
	if b.entrance && b.tap.on() {
		a.number(s, b.count)
	}
	a.tap(b.tap, s, nil)
	switch {
	case b.next == 0:
		a.verdict(verdictOK)
	case !b.numbered:
		a.set(skbMark, 0)
	case !b.entrance:
		a.unmark()
	}
	if b.next != 0 {
		a.add(asm.Mov.Imm(asm.R1, int32(b.next)), asm.Mov.Imm(asm.R2, 0), asm.FnRedirect.Call(), asm.Return())
	}
	if b.entrance {
		a.label("closed")
		a.verdict(verdictShot)
	}
	return a.load("boundary")
}
