package fault

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// assembler collects instructions. Programs are written out here and not compiled from
// C, so that neither a compiler nor a blob is needed. They keep to what Linux 5.10 has:
// no loops, no atomics that fetch, stores into the context from registers only.
type assembler struct {
	instructions asm.Instructions
	symbol       string // of the next instruction
}

func (a *assembler) add(list ...asm.Instruction) {
	for _, i := range list {
		if a.symbol != "" {
			i, a.symbol = i.WithSymbol(a.symbol), ""
		}
		a.instructions = append(a.instructions, i)
	}
}

// label names the next instruction, for jumps.
func (a *assembler) label(name string) {
	if a.symbol != "" {
		a.add(asm.Mov.Reg(asm.R0, asm.R0)) // two names for one place: the assembler knows one
	}
	a.symbol = name
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
	a.add(asm.Mov.Imm(asm.R1, value), asm.StoreMem(ctx, field, asm.R1, asm.Word))
}

// count adds 1 to a counter, atomically; uses R1 and R2.
func (a *assembler) count(s *state, c slot) {
	a.add(asm.LoadMapValue(asm.R1, s.counters.FD(), uint32(c)), asm.Mov.Imm(asm.R2, 1), asm.StoreXAdd(asm.R1, asm.R2, asm.DWord))
}

// control loads a control word into dst.
func (a *assembler) control(dst asm.Register, s *state, c slot) {
	a.add(asm.LoadMapValue(dst, s.control.FD(), uint32(c)), asm.LoadMem(dst, dst, 0, asm.DWord))
}

// verdict ends the program.
func (a *assembler) verdict(v int32) { a.add(asm.Mov.Imm(asm.R0, v), asm.Return()) }

// load hands the program to the kernel.
func (a *assembler) load(name string) (*ebpf.Program, error) {
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Name: name, Type: ebpf.SchedCLS, License: "Apache-2.0", Instructions: a.instructions})
	if err != nil {
		return nil, fmt.Errorf("load program %s: %w", name, err)
	}
	return p, nil
}
