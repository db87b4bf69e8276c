package fault

import (
	"time"

	"github.com/cilium/ebpf/asm"

	"github.com/ruleout/ruleout/harness/run/choice"
	"github.com/ruleout/ruleout/harness/scenario"
)

// schedule is when a fault acts, relative to the start of the measured window, and how its value
// changes meanwhile. Length 0 is without end, every 0 is once, times 0 is for ever.
//
// It is built into the selector; only the moment of its beginning reports when the faults are
// armed. [scenario.Fault.Active] and [scenario.Ramp.Step] are its twins in Go.
type schedule struct {
	at, length, every time.Duration
	times             int
	ramp              *scenario.Ramp
}

func newSchedule(f *scenario.Fault) schedule {
	return schedule{time.Duration(f.At), time.Duration(f.For), time.Duration(f.Every), f.Times, f.Ramp}
}

// steps is how many values the fault has in turn.
func (s schedule) steps() int {
	if s.ramp == nil {
		return 1
	}
	return s.ramp.Steps
}

// lasts reports whether the fault goes on for ever, as it is, once it has begun. Then the clock need not be asked
// again.
func (s schedule) lasts() bool { return s.length == 0 && s.every == 0 && s.ramp == nil }

// since leaves in R0 how long ago the fault began, in ns, or jumps to otherwise if it has not. It loses R1 to R5.
func (s schedule) since(a *assembler, st *state, orders slot, otherwise string) {
	a.Add(asm.FnKtimeGetNs.Call())
	a.control(asm.R1, st, orders+startWord)
	a.Add(asm.JLT.Reg(asm.R0, asm.R1, otherwise), asm.Sub.Reg(asm.R0, asm.R1))
}

// program jumps to "pass" unless the fault acts now. If it does not last for ever, that leaves on the stack how long
// ago it began (stackSince), in ns, and the step of the ramp (stackStep) if there is one. begun is a word for its own
// use. It loses R0 to R5.
func (s schedule) program(a *assembler, st *state, orders, begun slot) {
	if s.lasts() { // the word is the beginning of a fault that has begun
		a.control(asm.R0, st, orders+startWord)
		a.Add(asm.LoadMapValue(asm.R1, st.counters.FD(), uint32(begun)), asm.LoadMem(asm.R1, asm.R1, 0, asm.DWord),
			asm.JEq.Reg(asm.R0, asm.R1, "begun"))
		s.since(a, st, orders, "pass")
		a.Add(asm.LoadMapValue(asm.R0, st.counters.FD(), uint32(begun)), asm.StoreMem(asm.R0, 0, asm.R1, asm.DWord))
		a.Label("begun")
		return
	}
	s.since(a, st, orders, "pass")
	a.Add(asm.StoreMem(asm.RFP, stackSince, asm.R0, asm.DWord))
	if s.every > 0 {
		a.Add(asm.Mov.Reg(asm.R1, asm.R0), asm.LoadImm(asm.R2, int64(s.every), asm.DWord), asm.Div.Reg(asm.R1, asm.R2))
		if s.times > 0 {
			a.Add(asm.JGE.Imm(asm.R1, int32(s.times), "pass"))
		}
		a.Add(asm.Mul.Reg(asm.R1, asm.R2), asm.Sub.Reg(asm.R0, asm.R1))
	}
	if s.length > 0 {
		a.Add(asm.LoadImm(asm.R1, int64(s.length), asm.DWord), asm.JGE.Reg(asm.R0, asm.R1, "pass"))
	}
	if s.ramp == nil {
		return
	}
	last := int32(s.ramp.Steps - 1)
	a.Add(asm.Mov.Imm(asm.R2, last), asm.LoadImm(asm.R1, int64(s.ramp.Over), asm.DWord),
		asm.JGE.Reg(asm.R0, asm.R1, "step"))
	a.Add(asm.Mul.Reg(asm.R0, asm.R2), asm.Div.Reg(asm.R0, asm.R1), asm.Mov.Reg(asm.R2, asm.R0))
	a.Label("step")
	a.Add(asm.StoreMem(asm.RFP, stackStep, asm.R2, asm.DWord))
}

// limit loads the greatest output of the hash that is a hit at this step into dst, by way of R1.
func (s schedule) limit(a *assembler, dst asm.Register, limits []uint64) {
	if len(limits) == 1 {
		a.Add(asm.LoadImm(dst, int64(limits[0]), asm.DWord))
		return
	}
	a.Add(asm.LoadMem(asm.R1, asm.RFP, stackStep, asm.DWord))
	for k, limit := range limits {
		a.Add(asm.LoadImm(dst, int64(limit), asm.DWord))
		if k < len(limits)-1 {
			a.Add(asm.JEq.Imm(asm.R1, int32(k), "limit"))
		}
	}
	a.Label("limit")
}

// limits are the greatest outputs of the hash that are hits, by step: nil if all are, always.
func (s schedule) limits(chance scenario.Share) []uint64 {
	if s.ramp == nil || s.ramp.Chance == nil {
		if chance >= 1 {
			return nil
		}
		return []uint64{limit(float64(chance))}
	}
	list := make([]uint64, s.ramp.Steps)
	for k := range list {
		list[k] = limit(float64(s.ramp.ChanceAt(chance, k)))
	}
	return list
}

// limit is the greatest output that hits.
func limit(chance float64) uint64 { return choice.Limit(chance) }
