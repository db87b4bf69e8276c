package fault

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// series is the programs of a path in the order in which packets meet them. Each calls the next in its place (a tail
// call), so a packet on which nothing acts passes all faults of a path without a device between them.
//
// Boundaries and what stands at the stages take turns: boundary 0, stage 0, boundary 1, and so on.
type series struct{ programs *ebpf.Map }

// newSeries makes the series of a path of so many stages. It is empty.
func newSeries(stages int) (series, error) {
	m, err := ebpf.NewMap(&ebpf.MapSpec{Name: "series", Type: ebpf.ProgramArray, KeySize: 4, ValueSize: 4,
		MaxEntries: uint32(2*stages + 1)})
	if err != nil {
		return series{}, fmt.Errorf("create series of programs: %w", err)
	}
	return series{m}, nil
}

// boundary and stage are where the programs of boundary i and of stage i are.
func (c series) boundary(i int) onward { return onward{series: c.programs, index: 2 * i} }
func (c series) stage(i int) onward    { return onward{series: c.programs, index: 2*i + 1} }

// Close empties it.
func (c series) Close() error { return c.programs.Close() }

// onward is where packets go from a program: to the next one, or, if device is not 0, out through the
// device with this index.
type onward struct {
	series *ebpf.Map
	index  int
	device int
	// detach is for a device on which a netem holds all packets; nil for all others.
	detach *detacher
	// clone sends a clone and ends the packet: one that no socket knows, for a device on which another qdisc holds all
	// packets. A netem takes packets from their sockets, other qdiscs do not.
	clone bool
}

// put makes p the program that is called there.
func (o onward) put(p *ebpf.Program) error {
	if err := o.series.Put(uint32(o.index), uint32(p.FD())); err != nil {
		return fmt.Errorf("put program %d into its series: %w", o.index, err)
	}
	return nil
}

// onward ends a program.
func (a *assembler) onward(o onward) {
	if o.clone {
		a.clone(o.device)
		a.verdict(verdictShot)
		return
	}
	if o.device != 0 {
		a.detach(o.detach, "on")
		a.redirect(o.device)
		return
	}
	a.Add(asm.Mov.Reg(asm.R1, ctx), asm.LoadMapPtr(asm.R2, o.series.FD()), asm.Mov.Imm(asm.R3, int32(o.index)),
		asm.FnTailCall.Call())
	a.verdict(verdictShot) // nothing is there: the receipt finds the loss
}

// clone sends a clone of the packet out through the device with this index. It has no socket, and a hash by its
// addresses and ports as in a router, not by its sender's socket, which changes the hash with each timeout
// (sk_rethink_txhash).
func (a *assembler) clone(device int) {
	a.Add(asm.Mov.Reg(asm.R1, ctx), asm.FnSetHashInvalid.Call())
	a.copy(device)
}

// copy sends a copy of the packet out through the device with this index.
func (a *assembler) copy(device int) {
	a.Add(asm.Mov.Reg(asm.R1, ctx), asm.Mov.Imm(asm.R2, int32(device)), asm.Mov.Imm(asm.R3, 0), asm.FnCloneRedirect.Call())
}

// redirect ends a program: the packet goes out through the device with this index.
func (a *assembler) redirect(device int) {
	a.Add(asm.Mov.Imm(asm.R1, int32(device)), asm.Mov.Imm(asm.R2, 0), asm.FnRedirect.Call(), asm.Return())
}

const (
	// unbroken is how many stages may follow on one another without a device that all packets go through. Each is two
	// calls, and the kernel ends a series of 33.
	unbroken = 14
	// nested is how many of them may make copies. Each runs what follows for its copies before it goes on itself, and
	// the kernel sends from within sending 8 times at the most (XMIT_RECURSION_LIMIT).
	nested = 3
)

// breakUp has all packets go through a device where too many stages would follow on one another without.
func (p *path) breakUp() {
	row, copying := 0, 0
	for i := range p.stages {
		s := &p.stages[i]
		row++
		if s.choose.clones > 0 {
			copying++
		}
		if row == unbroken || copying == nested {
			s.through = true
		}
		if s.through {
			row, copying = 0, 0
		}
	}
}
