package fault

import (
	"fmt"

	"github.com/cilium/ebpf/asm"

	"github.com/ruleout/ruleout/harness/run/choice"
	"github.com/ruleout/ruleout/harness/scenario"
)

// draw registers: they take over those of the parser.
const (
	memory   = asm.R9 // the flow's place in the table
	greatest = asm.R9 // output that hits, once the place is of no more use
	origin   = asm.R7 // state of the generator
	ordinal  = asm.R8 // of the packet, from 1
)

// keeps reports whether the selector needs a table of flows.
func (s selector) keeps() bool {
	return s.class == scenario.DupACK || !s.draws.all() && s.draws.link == 0
}

// draw jumps to "pass" unless the packet, which has matched, is chosen by decision.
func (s selector) draw(a *assembler, st *state, flows *flowTable) {
	d := s.draws
	switch {
	case d.all():
		return
	case d.link > 0: // the counter is the ordinal
		a.control(origin, st, s.orders+linkWord+slot(8*(d.link-1)))
		a.Add(asm.LoadMapValue(asm.R1, st.counters.FD(), uint32(s.matched)), asm.LoadMem(ordinal, asm.R1, 0, asm.DWord))
	default:
		if s.class != scenario.DupACK {
			flows.find(a, st, s.orders, "full")
		}
		a.Add(asm.LoadMem(origin, memory, memoryStart, asm.DWord), asm.LoadMem(ordinal, memory, memoryCount, asm.DWord))
		a.Add(asm.Mov.Imm(asm.R1, 1), asm.Mov.Reg(asm.R0, memory), asm.Add.Imm(asm.R0, memoryCount),
			asm.StoreXAdd(asm.R0, asm.R1, asm.DWord))
		a.Add(asm.Add.Imm(ordinal, 1))
		if s.class != scenario.DupACK {
			a.Add(asm.Ja.Label("ordinal"))
			a.Label("full") // one flow for all that have no place
			a.count(st, s.overflow)
			a.Add(asm.LoadMapValue(ordinal, st.counters.FD(), uint32(s.overflow)), asm.LoadMem(ordinal, ordinal, 0, asm.DWord))
			a.control(origin, st, s.orders+keyWord)
		}
	}
	a.Label("ordinal")
	if s.tap.on() {
		a.Add(asm.StoreMem(asm.RFP, stackOrdinal, ordinal, asm.DWord))
	}
	if d.limits != nil {
		s.when.limit(a, greatest, d.limits)
	}
	bursts := max(d.burst, 1)
	for back := range bursts {
		miss := fmt.Sprint("miss", back)
		if back == bursts-1 {
			miss = "pass"
		}
		s.hit(a, miss)
		if back == 0 && bursts > 1 {
			a.count(st, s.hits)
		}
		if back < bursts-1 {
			a.Add(asm.Ja.Label("chosen"))
			a.Label(miss)
			a.Add(asm.Sub.Imm(ordinal, 1), asm.JEq.Imm(ordinal, 0, "pass"))
		}
	}
	a.Label("chosen")
}

// hit jumps to miss unless the packet with this ordinal hits by itself.
func (s selector) hit(a *assembler, miss string) {
	d := s.draws
	if d.nth > 0 {
		a.Add(asm.JNE.Imm(ordinal, int32(d.nth), miss))
	}
	if len(d.ordinals) > 0 {
		for _, n := range d.ordinals {
			a.Add(asm.JEq.Imm(ordinal, int32(n), miss+"-listed"))
		}
		a.Add(asm.Ja.Label(miss))
		a.Label(miss + "-listed")
	}
	if d.every > 0 {
		a.Add(asm.Mov.Reg(asm.R0, ordinal), asm.Mod.Imm(asm.R0, int32(d.every)), asm.JNE.Imm(asm.R0, 0, miss))
	}
	if d.first > 0 {
		a.Add(asm.JGT.Imm(ordinal, int32(d.first), miss))
	}
	if d.limits != nil {
		a.Add(asm.LoadImm(asm.R0, asInt64(choice.Golden), asm.DWord), asm.Mul.Reg(asm.R0, ordinal),
			asm.Add.Reg(asm.R0, origin))
		a.mix()
		a.Add(asm.JGT.Reg(asm.R0, greatest, miss))
	}
}

// mix applies [choice.Mix] to R0, by way of R1.
func (a *assembler) mix() {
	for _, round := range []struct {
		shift int32
		times uint64
	}{{30, choice.MixA}, {27, choice.MixB}, {31, 1}} {
		a.Add(asm.Mov.Reg(asm.R1, asm.R0), asm.RSh.Imm(asm.R1, round.shift), asm.Xor.Reg(asm.R0, asm.R1))
		if round.times != 1 {
			a.Add(asm.LoadImm(asm.R1, int64(round.times), asm.DWord), asm.Mul.Reg(asm.R0, asm.R1))
		}
	}
}

func asInt64(u uint64) int64 { return int64(u) }
