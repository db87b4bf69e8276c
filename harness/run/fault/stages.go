package fault

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/ruleout/ruleout/harness/run/discipline"
	"github.com/ruleout/ruleout/harness/run/netem"
)

// build makes path i, from its far end to its near end: a packet that enters while this
// goes on meets a whole path or none.
func (w *Wires) build(i int) error {
	p := &w.plan.paths[i]
	wire, link := w.wires[p.link], w.links[p.link]
	from, to := link.Ends[p.from], link.Ends[p.to]

	if p.last != nil {
		if err := wire.addNetem(to.WireDevice, to.WireIndex, rootHandle, netem.Root, *p.last); err != nil {
			return err
		}
		w.devices[device{p.link, to.WireIndex, rootHandle}] = place{role{i, -1}, 0}
	}
	if p.received.on() {
		arrival, err := w.boundary(boundary{count: p.arrival(), tap: p.received})
		if err != nil {
			return err
		}
		if err := wire.attach(to.Node.Netlink(), to.Node.Name+"/"+to.Device, to.Index, ingress, arrival); err != nil {
			return err
		}
	}
	var err error
	if p.before, err = wire.meter.sent(to.WireIndex); err != nil {
		return err
	}
	c, err := newSeries(len(p.stages))
	if err != nil {
		return bpfError(err)
	}
	w.undo.Push(c.Close)
	on := onward{device: to.WireIndex, detach: w.detacher(p.link, holds(p.last) > 0)}
	for j := len(p.stages) - 1; j >= 0; j-- {
		behind, err := w.boundary(boundary{count: p.boundary(j + 1), on: &on, forged: p.stages[j].forged,
			forgedTap: p.stages[j].forgedTap, marked: p.marked(j + 1)})
		if err != nil {
			return err
		}
		if err := c.boundary(j + 1).put(behind); err != nil {
			return err
		}
		if err := w.addStage(role{i, j}, c, behind); err != nil {
			return err
		}
		on = c.stage(j)
	}
	entrance, err := w.boundary(boundary{count: p.boundary(0), on: &on, entrance: true, tap: p.sent,
		marked: p.marked(0)})
	if err != nil {
		return err
	}
	return wire.attach(wire.handle, link.Wire.Name+"/"+from.WireDevice, from.WireIndex, ingress, entrance)
}

// boundary loads the program of one.
func (w *Wires) boundary(b boundary) (*ebpf.Program, error) {
	p, err := b.program(w.state)
	if err != nil {
		return nil, bpfError(err)
	}
	w.undo.Push(p.Close)
	return p, nil
}

// addStage builds a stage; after is the program of the boundary after it.
func (w *Wires) addStage(at role, c series, behind *ebpf.Program) error {
	p := &w.plan.paths[at.path]
	s, wire := &p.stages[at.stage], w.wires[p.link]
	var way *pair
	if s.paired() {
		var err error
		mtu := stageMTU
		if s.bottleneck != nil {
			mtu = w.links[p.link].Spec.MTU
		}
		if way, err = wire.addPair(fmt.Sprintf("%c%d", 'a'+p.from, at.stage), mtu); err != nil {
			return err
		}
		if err := w.prepareRefusal(at, w.links[p.link].Ends[p.to], way); err != nil {
			return err
		}
		handles, err := wire.fill(s, way)
		if err != nil {
			return err
		}
		for band, handle := range handles {
			w.devices[device{p.link, way.in.Index, handle}] = place{at, band}
		}
		if err := w.openDoor(at, way); err != nil {
			return err
		}
		// Copies are to be ahead of the packet that they are copies of: they go on where they go out, and
		// do not wait at the far end until the machine takes them in.
		end, side := way.out, uint32(ingress)
		if s.choose.clones > 0 && !s.through {
			end, side = way.in, egress
		}
		if err := wire.attach(wire.handle, wire.name+"/"+end.Name, end.Index, side, behind); err != nil {
			return err
		}
		if err := wire.up(way); err != nil {
			return err
		}
	}
	on := c.boundary(at.stage + 1)
	if s.through {
		on = onward{device: way.in.Index, detach: w.detacher(p.link, s.fault < 0 && s.holds()), clone: s.bottleneck != nil}
	}
	program, err := w.stand(at, way, on)
	if err != nil {
		return bpfError(err)
	}
	w.undo.Push(program.Close)
	return c.stage(at.stage).put(program)
}

// stand loads the program that stands at a stage, for packets that go on there.
func (w *Wires) stand(at role, way *pair, on onward) (*ebpf.Program, error) {
	p := &w.plan.paths[at.path]
	s := &p.stages[at.stage]
	switch {
	case s.fault < 0, s.back:
		return pass(on)
	case s.track:
		in := w.injectors[s.fault]
		t := tracker{
			table: in.table, port: in.flow.Port, side: p.from,
			opened: s.choose.matched, closed: s.choose.chosen, overflow: s.choose.overflow,
		}
		return t.program(w.state, on)
	}
	choose := s.choose
	choose.through, choose.detach = s.through, w.detacher(p.link, s.holds())
	if way != nil {
		choose.device = way.in.Index
	}
	program, flows, err := choose.program(w.state, on)
	if flows != nil {
		w.undo.Push(flows.Close)
		s.flows = flows
	}
	return program, err
}

// pass is a program that lets everything go on.
func pass(on onward) (*ebpf.Program, error) {
	var a assembler
	a.Add(asm.Mov.Reg(ctx, asm.R1))
	a.onward(on)
	return a.load("pass")
}

// fill gives a stage's way its qdiscs, and returns the handles of those that hold packets.
func (w *wire) fill(s *stage, p *pair) (handles []uint32, err error) {
	if s.bottleneck != nil {
		return []uint32{discipline.Leaf}, w.addBottleneck(p.in, s.bottleneck)
	}
	if len(s.netems) == 1 && (s.fault < 0 || !s.through) {
		return []uint32{rootHandle}, w.addNetem(p.in.Name, p.in.Index, rootHandle, netem.Root, s.netems[0])
	}
	if len(s.netems) > 0 {
		if err := w.addBands(p.in.Index, 1+len(s.netems)); err != nil {
			return nil, err
		}
	}
	for i, q := range s.netems {
		handle, parent := bandHandle(i)
		if err := w.addNetem(p.in.Name, p.in.Index, handle, parent, q); err != nil {
			return nil, err
		}
		handles = append(handles, handle)
	}
	return handles, nil
}
