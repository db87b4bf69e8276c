package fault

import (
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/ruleout/ruleout/harness/run/bpf"
)

// assembler writes a program that looks at packets.
type assembler struct{ bpf.Program }

// Label is [bpf.Program.Label] with another instruction between two labels. Kernels remove a jump to the next
// instruction but run this one, so the time that a packet takes depends on it.
func (a *assembler) Label(name string) {
	if a.Labelled() {
		a.Add(asm.Mov.Reg(asm.R0, asm.R0))
	}
	a.Program.Label(name)
}

// Fields of struct __sk_buff, include/uapi/linux/bpf.h.
const (
	skbLength   = 0
	skbMark     = 8
	skbProtocol = 16
	skbPriority = 32
	skbSocket   = 168
)

// Verdicts of a direct-action program, include/uapi/linux/pkt_cls.h. TC_ACT_REDIRECT is
// what bpf_redirect returns.
const (
	verdictOK   = 0
	verdictShot = 2
)

// set stores a number in a field of the context, by way of R1. (6.1's verifier refuses immediate stores there.)
func (a *assembler) set(field int16, value int32) {
	a.Add(asm.Mov.Imm(asm.R1, value), asm.StoreMem(ctx, field, asm.R1, asm.Word))
}

// count adds 1 to a counter, atomically; uses R1 and R2.
func (a *assembler) count(s *state, c slot) {
	a.Add(asm.LoadMapValue(asm.R1, s.counters.FD(), uint32(c)), asm.Mov.Imm(asm.R2, 1),
		asm.StoreXAdd(asm.R1, asm.R2, asm.DWord))
}

// control loads a control word into dst.
func (a *assembler) control(dst asm.Register, s *state, c slot) {
	a.Add(asm.LoadMapValue(dst, s.control.FD(), uint32(c)), asm.LoadMem(dst, dst, 0, asm.DWord))
}

// verdict ends the program.
func (a *assembler) verdict(v int32) { a.Add(asm.Mov.Imm(asm.R0, v), asm.Return()) }

// load hands the program to the kernel.
func (a *assembler) load(name string) (*ebpf.Program, error) {
	return a.Load(name, ebpf.SchedCLS, "Apache-2.0")
}
