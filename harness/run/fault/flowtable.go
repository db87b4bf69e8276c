package fault

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"
)

// flowTable holds what a selector remembers of flows. Most are of IPv4, and a short key is quickly found: hashing and
// comparing 40 bytes takes 5.10 some 200 instructions more than 16. So there are two maps.
type flowTable struct {
	short *ebpf.Map // flows of IPv4, by their shortKey
	long  *ebpf.Map // all others, by themselves
	// births has the beginnings of connections, for a selector that asks for them; see age.go.
	births *ebpf.Map
}

// shortKey is a flow of IPv4 without the bytes that are zero: source and destination, 4 bytes each, and the last 8.
type shortKey [shortSize]byte

const shortSize = 16

// flow returns the flow that the key stands for.
func (k shortKey) flow() (f flow) {
	copy(f[0:4], k[0:])
	copy(f[16:20], k[4:])
	copy(f[32:], k[8:])
	return f
}

// What a table holds of a flow: the state of its generator before the first packet, how many of its packets
// matched, and for dup-ack its last pure ACK.
const (
	memoryStart  = 8 * iota
	memoryCount  // of packets that matched
	memoryNumber // sequence and acknowledgement number, 4 bytes each, as in the header
	memoryWindow // window, as in the header, and 1<<16 once there was one
	memorySize
)

// noPrealloc is BPF_F_NO_PREALLOC: elements are allocated as flows appear.
const noPrealloc = 1

// newFlowTable makes one with the maps of flows, with that of births, or with all.
func newFlowTable(flows, births bool) (*flowTable, error) {
	t := new(flowTable)
	for _, m := range []struct {
		wanted     bool
		to         **ebpf.Map
		name       string
		key, value uint32
	}{
		{flows, &t.short, "flows-short", shortSize, memorySize}, {flows, &t.long, "flows", flowSize, memorySize},
		{births, &t.births, "births", flowSize, birthSize},
	} {
		if !m.wanted {
			continue
		}
		made, err := ebpf.NewMap(&ebpf.MapSpec{
			Name: m.name, Type: ebpf.Hash, KeySize: m.key, ValueSize: m.value, MaxEntries: maxFlows, Flags: noPrealloc,
		})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("create table of flows: %w", err), t.Close())
		}
		*m.to = made
	}
	return t, nil
}

// Close frees the table, once the program that uses it is gone too.
func (t *flowTable) Close() (err error) {
	for _, m := range []*ebpf.Map{t.short, t.long, t.births} {
		if m != nil {
			err = errors.Join(err, m.Close())
		}
	}
	return err
}

// each calls visit with every flow, and how many of its packets matched.
func (t *flowTable) each(visit func(f flow, n uint64)) error {
	var m [memorySize]byte
	count := func() uint64 { return binary.LittleEndian.Uint64(m[memoryCount:]) }
	var k shortKey
	list := t.short.Iterate()
	for list.Next(&k, &m) {
		visit(k.flow(), count())
	}
	if err := list.Err(); err != nil {
		return err
	}
	var f flow
	list = t.long.Iterate()
	for list.Next(&f, &m) {
		visit(f, count())
	}
	return list.Err()
}

// find leaves the place of the flow on the stack in memory, or jumps to full when there is no room for it.
func (t *flowTable) find(a *assembler, st *state, orders slot, full string) {
	a.Add(asm.LoadMem(asm.R0, asm.RFP, flowVersion, asm.Byte), asm.JNE.Imm(asm.R0, 4, "long"))
	a.Add(asm.LoadMem(asm.R0, asm.RFP, flowSource, asm.Word), asm.StoreMem(asm.RFP, stackKey, asm.R0, asm.Word))
	a.Add(asm.LoadMem(asm.R0, asm.RFP, flowTarget, asm.Word), asm.StoreMem(asm.RFP, stackKey+4, asm.R0, asm.Word))
	a.Add(asm.LoadMem(asm.R0, asm.RFP, flowPorts, asm.DWord), asm.StoreMem(asm.RFP, stackKey+8, asm.R0, asm.DWord))
	a.place(st, t.short, stackKey, orders, full)
	a.Add(asm.Ja.Label("found"))
	a.Label("long")
	a.place(st, t.long, stackFlow, orders, full)
	a.Label("found")
	a.Add(asm.Mov.Reg(memory, asm.R0))
}

// place leaves what a map holds for the key at this place of the stack in R0; for a flow's first packet it makes it.
func (a *assembler) place(st *state, in *ebpf.Map, key int32, orders slot, full string) {
	known := fmt.Sprint("known", key)
	a.Lookup(in.FD(), key)
	a.Add(asm.JNE.Imm(asm.R0, 0, known))

	// Fold the flow's 40 bytes into the fault's key.
	a.control(asm.R0, st, orders+keyWord)
	for i := int16(0); i < flowSize; i += 8 {
		a.Add(asm.LoadMem(asm.R1, asm.RFP, stackFlow+i, asm.DWord), asm.Xor.Reg(asm.R0, asm.R1))
		a.mix()
	}
	a.Add(asm.StoreMem(asm.RFP, stackMemory+memoryStart, asm.R0, asm.DWord))
	a.zero(stackMemory+memoryCount, memorySize-memoryCount)
	a.Update(in.FD(), key, stackMemory, unix.BPF_NOEXIST) // another CPU may have been first
	a.Lookup(in.FD(), key)
	a.Add(asm.JEq.Imm(asm.R0, 0, full))
	a.Label(known)
}
