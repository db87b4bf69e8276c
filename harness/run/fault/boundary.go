package fault

import (
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// boundary counts every packet that comes by.
type boundary struct {
	count slot
	// on is where packets go from here; nil lets them go up the stack of the node, at the end of their way.
	on *onward
	// entrance heeds the gate.
	entrance bool
	// tap captures what comes by, at the two ends of the path.
	tap tap
	// forged counts, for themselves too, packets that were forged in the stage before; nil where there are none.
	forged *slot
	// forgedTap captures these.
	forgedTap tap
	// marked counts, for themselves too, packets with CE; nil where nobody asks.
	marked *slot
}

// program returns a direct-action program, for a device and for the series of the path.
//
// It also takes the mark off packets that were forged: to the next fault, they are packets like any other. Within one
// namespace a veth leaves the mark alone (skb_scrub_packet with xnet false).
func (b boundary) program(s *state) (*ebpf.Program, error) {
	var a assembler
	a.Add(asm.Mov.Reg(ctx, asm.R1))
	if b.entrance {
		a.control(asm.R0, s, gate)
		a.Add(asm.JNE.Imm(asm.R0, 0, "closed"))
	}
	a.count(s, b.count)
	b.congested(&a, s)
	if b.forged != nil {
		a.Add(asm.LoadMem(asm.R0, ctx, skbMark, asm.Word), asm.JNE.Imm(asm.R0, forgedMark, "counted"))
		a.count(s, *b.forged)
		a.set(skbMark, 0) // from here on a packet like any other; it has no number
		a.tap(b.forgedTap, s, nil)
		a.Label("counted")
	}
	if b.entrance && b.tap.on() {
		a.number(s, b.count)
	}
	a.tap(b.tap, s, nil)
	if b.on == nil {
		a.verdict(verdictOK)
	} else {
		a.onward(*b.on)
	}
	if b.entrance {
		a.Label("closed")
		a.verdict(verdictShot)
	}
	return a.load("boundary")
}
