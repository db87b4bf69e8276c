package bpf

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"testing"

	"github.com/cilium/ebpf/asm"
	"github.com/stretchr/testify/require"
)

// The calls on maps are the instructions that include/uapi/linux/bpf.h describes, written out by hand: code, registers,
// offset, constant.
func TestMapCalls(t *testing.T) {
	const (
		mapIs5 = "1811000005000000" + "0000000000000000" // r1 = map 5
		key    = "bfa2000000000000" + "07020000f8ffffff" // r2 = r10 - 8
	)
	for name, c := range map[string]struct {
		write func(*Program)
		want  string
	}{
		"lookup": {func(p *Program) { p.Lookup(5, -8) }, mapIs5 + key + "8500000001000000"},
		"update": {func(p *Program) { p.Update(5, -8, -16, 1) },
			mapIs5 + key + "bfa3000000000000" + "07030000f0ffffff" + "b704000001000000" + "8500000002000000"},
		"delete": {func(p *Program) { p.Delete(5, -8) }, mapIs5 + key + "8500000003000000"},
	} {
		t.Run(name, func(t *testing.T) {
			var p Program
			c.write(&p)
			var b bytes.Buffer
			require.NoError(t, p.instructions.Marshal(&b, binary.LittleEndian))
			require.Equal(t, c.want, hex.EncodeToString(b.Bytes()))
		})
	}
}

// Two labels in one place are both there, and what lies between them does nothing.
func TestLabels(t *testing.T) {
	var p Program
	p.Add(asm.JEq.Imm(asm.R1, 0, "one"), asm.JEq.Imm(asm.R2, 0, "two"))
	p.Label("one")
	p.Label("two")
	p.Add(asm.Mov.Imm(asm.R0, 0), asm.Return())
	at, err := p.instructions.SymbolOffsets()
	require.NoError(t, err)
	require.Equal(t, map[string]int{"one": 2, "two": 3}, at)
	require.Equal(t, asm.Instruction{OpCode: asm.Ja.Op(asm.ImmSource)}.WithSymbol("one"), p.instructions[2])
	require.NotEqual(t, p.Fresh("a"), p.Fresh("a"))
}
