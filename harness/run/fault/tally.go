package fault

import (
	"time"

	"github.com/cilium/ebpf/asm"
)

// tally is where a selector counts, and notes when.
type tally struct {
	// matched, chosen and overflow are counters: packets that matched, those chosen among
	// them, and packets of flows for which there was no room in the table.
	matched, chosen, overflow slot
	// hits counts packets whose own draw hit. It is kept for bursts only, in which more are chosen.
	hits slot
	// kinds are counters of the chosen packets by kind, in the order of kindNames; see [selector.sorts].
	kinds slot
	// times are those of the first chosen packets, in ns from the beginning of the fault.
	times slot
	// begun is the schedule's.
	begun slot
}

// most is how many chosen packets have their time noted.
const mostTimes = 32

// Kinds by which the chosen packets of the class any are counted.
const (
	kindPureACK = iota
	kindData
	kindSYN
	kindTCP
	kindOther
	kinds
)

// kindNames are the kinds by the names that a receipt has for them.
var kindNames = [kinds]string{"pure-ack", "data", "syn", "tcp", "other"}

// newTally takes places for counters with next.
func newTally(next func() slot) (t tally) {
	t.matched, t.chosen, t.overflow, t.hits = next(), next(), next(), next()
	t.kinds = next()
	for range kinds - 1 {
		next()
	}
	t.times = next()
	for range mostTimes - 1 {
		next()
	}
	t.begun = next()
	return t
}

// tallyWords is how many counters that takes.
const tallyWords = 4 + kinds + mostTimes + 1

// note counts a chosen packet, and when it came if it is one of the first. It loses R0 to R5 and R7.
func (t tally) note(a *assembler, st *state, sorts bool, when schedule, orders slot) {
	a.Add(asm.LoadMapValue(asm.R1, st.counters.FD(), uint32(t.chosen)), asm.LoadMem(asm.R2, asm.R1, 0, asm.DWord))
	a.Add(asm.Mov.Imm(asm.R3, 1), asm.StoreXAdd(asm.R1, asm.R3, asm.DWord))
	if sorts {
		a.Add(asm.LoadMem(asm.R1, asm.RFP, stackKind, asm.DWord), asm.JGE.Imm(asm.R1, kinds, "kind"), asm.LSh.Imm(asm.R1, 3))
		a.index(st, t.kinds)
		a.Add(asm.StoreXAdd(asm.R1, asm.R3, asm.DWord))
		a.Label("kind")
	}
	const at = asm.R7
	a.Add(asm.JGE.Imm(asm.R2, mostTimes, "noted"), asm.LSh.Imm(asm.R2, 3), asm.Mov.Reg(at, asm.R2))
	if when.lasts() {
		when.since(a, st, orders, "noted")
	} else {
		a.Add(asm.LoadMem(asm.R0, asm.RFP, stackSince, asm.DWord))
	}
	a.Add(asm.Mov.Reg(asm.R1, at))
	a.index(st, t.times)
	a.Add(asm.StoreMem(asm.R1, 0, asm.R0, asm.DWord))
	a.Label("noted")
}

// index turns an offset in R1 into the address of the counter that is so far after first; uses R4.
func (a *assembler) index(st *state, first slot) {
	a.Add(asm.LoadMapValue(asm.R4, st.counters.FD(), uint32(first)), asm.Add.Reg(asm.R4, asm.R1),
		asm.Mov.Reg(asm.R1, asm.R4))
}

// timesOf reads when the first packets were chosen, from the start of the measured window, for a
// fault that begins at this time.
func (t tally) timesOf(c counters, at time.Duration) []time.Duration {
	list := make([]time.Duration, min(c.at(t.chosen), mostTimes))
	for i := range list {
		list[i] = at + time.Duration(c.at(t.times+slot(8*i)))
	}
	return list
}

// byKind reads how many packets of each kind were chosen.
func (t tally) byKind(c counters) (list [kinds]int64) {
	for i := range list {
		list[i] = c.at(t.kinds + slot(8*i))
	}
	return list
}
