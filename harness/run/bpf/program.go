// Package bpf writes BPF programs: the faults' (package fault) and the recorder's (package probe).
//
// They are written instruction by instruction and not compiled from C. A program holds what its scenario asks for and
// nothing else, and needs neither a compiler nor an object file. docs/architecture/faults.md has what C would cost.
//
// Programs keep to what Linux 5.10 has: no loops, no atomic operations that return a value.
package bpf

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// Program is a program that is being written. The zero value is empty.
type Program struct {
	instructions asm.Instructions
	pending      string // label of the next instruction
	labels       int    // how many Fresh has made
}

// Add appends instructions.
func (p *Program) Add(list ...asm.Instruction) {
	for _, i := range list {
		if p.pending != "" {
			i, p.pending = i.WithSymbol(p.pending), ""
		}
		p.instructions = append(p.instructions, i)
	}
}

// Label names the next instruction, for jumps. An instruction has one label only, so a second one in the same place
// comes after a jump to the next instruction.
func (p *Program) Label(name string) {
	if p.Labelled() {
		p.Add(asm.Instruction{OpCode: asm.Ja.Op(asm.ImmSource)})
	}
	p.pending = name
}

// Labelled reports whether the next instruction has a label already.
func (p *Program) Labelled() bool { return p.pending != "" }

// Fresh returns a label that no other call has returned.
func (p *Program) Fresh(what string) string {
	p.labels++
	return fmt.Sprintf("%s_%d", what, p.labels)
}

// Lookup looks up the key at this offset of the stack. R0 points at the value, or is 0 if there is none.
func (p *Program) Lookup(m int, key int32) {
	p.at(m, key)
	p.Add(asm.FnMapLookupElem.Call())
}

// Update stores a value under a key, both at these offsets of the stack, with the flags of bpf_map_update_elem.
// R0 is 0 if it did.
func (p *Program) Update(m int, key, value, flags int32) {
	p.at(m, key)
	p.Add(asm.Mov.Reg(asm.R3, asm.RFP), asm.Add.Imm(asm.R3, value), asm.Mov.Imm(asm.R4, flags), asm.FnMapUpdateElem.Call())
}

// Delete removes the key at this offset of the stack. R0 is 0 if it was there.
func (p *Program) Delete(m int, key int32) {
	p.at(m, key)
	p.Add(asm.FnMapDeleteElem.Call())
}

// at sets the arguments that these three calls begin with: the map with this file descriptor, and the key's address.
func (p *Program) at(m int, key int32) {
	p.Add(asm.LoadMapPtr(asm.R1, m), asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, key))
}

// Load hands the program to the kernel. The caller closes it.
func (p *Program) Load(name string, kind ebpf.ProgramType, license string) (*ebpf.Program, error) {
	spec := ebpf.ProgramSpec{Name: name, Type: kind, License: license, Instructions: p.instructions}
	loaded, err := ebpf.NewProgram(&spec)
	if err != nil {
		return nil, fmt.Errorf("load program %s: %w", name, err)
	}
	return loaded, nil
}
