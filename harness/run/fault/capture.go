package fault

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/run/capture"
	"github.com/ruleout/ruleout/harness/scenario"
)

// Capture asks for the packets of all wires to be kept. The zero value asks for none: then the programs on
// the wires have no code for it.
type Capture struct {
	// Snap is the most bytes that are kept of a packet, up to [capture.Whole].
	Snap int
	// Memory is what the rings of all wires may take together, in bytes.
	Memory int64
}

// ring is where the packets of a wire are kept.
type ring struct {
	*ebpf.Map
	// full counts packets for which there was no room, at all points.
	full slot
	room int64
	// taps are those of the wire, by number, with the counters of what came by.
	taps []tapped
}

// tapped is a tap and the counters of what comes by it, which are added.
type tapped struct {
	tap
	seen []slot
}

// minRing is the least size of a ring, in bytes.
const minRing = 64 << 10

// addTaps gives the plan rings and taps.
func (p *plan) addTaps(s *scenario.Scenario, c Capture) error {
	if c.Snap <= 0 || len(s.Links) == 0 {
		return nil
	}
	next := func() slot { p.counters++; return slot(8 * (p.counters - 1)) }
	room := int64(minRing)
	if each := c.Memory / int64(len(s.Links)); each > room {
		room = 1 << (bits.Len64(uint64(each)) - 1) // a power of two, as the kernel wants it
	}
	for link := range s.Links {
		r := &ring{full: next(), room: room}
		p.rings = append(p.rings, r)
		// No frame of the link is longer, but for a tag that the kernel might put in.
		snap := min(c.Snap, max(s.Links[link].MTU, defaultMTU)+etherHeader+4)
		for i, point := range capture.Points(s, link) {
			t := tap{ring: r, point: i, lost: next(), snap: snap}
			d := &p.paths[2*link+point.Side]
			var seen []slot
			switch point.Kind {
			case capture.Sent:
				d.sent, seen = t, []slot{d.boundary(0)}
			case capture.Received:
				d.received, seen = t, []slot{d.arrival()}
			case capture.Touched:
				for j := range d.stages {
					if st := &d.stages[j]; st.fault == point.Fault {
						seen = st.watch(t)
					}
				}
			}
			r.taps = append(r.taps, tapped{t, seen})
		}
	}
	for i := range p.paths {
		for _, st := range p.paths[i].stages {
			if st.fault >= 0 && !st.choose.tap.on() && !st.forgedTap.on() { // the plan and package capture disagree
				return fmt.Errorf("fault %s has no point from %s at which it is captured", s.Faults[st.fault].Name, &p.paths[i])
			}
		}
	}
	return nil
}

// watch gives the stage a tap for the packets that its fault touches or makes up, and returns their counters.
func (s *stage) watch(t tap) (seen []slot) {
	if s.forged != nil {
		s.forgedTap = t
		s.forgedTap.forged = true
		seen = append(seen, *s.forged)
	}
	if !s.track { // a tracker counts other things there
		s.choose.tap = t
		seen = append(seen, s.choose.chosen)
	}
	return seen
}

// defaultMTU is a link's that names none.
const defaultMTU = 1500

// open makes the ring's map.
func (r *ring) open() (err error) {
	r.Map, err = ebpf.NewMap(&ebpf.MapSpec{Name: "capture", Type: ebpf.RingBuf, MaxEntries: uint32(r.room)})
	if errors.Is(err, unix.ENOMEM) {
		return problem.Wrap(problem.Machine, fmt.Errorf("make a ring of %d KiB for captured packets: %w", r.room>>10, err),
			"give the machine more memory: --set machine.memory=1GiB")
	}
	if err != nil {
		return fmt.Errorf("make a ring of %d KiB for captured packets: %w", r.room>>10, err)
	}
	return nil
}

// Ring is what the ring of a link holds: Size bytes of File from Offset on, which can be mapped.
type Ring struct {
	File         int
	Offset, Size int64
}

// Content maps a ring, calls f with what it holds, and unmaps it.
func (r Ring) Content(f func([]byte) error) error {
	if r.Size == 0 {
		return f(nil)
	}
	b, err := unix.Mmap(r.File, r.Offset, int(r.Size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map a ring of captured packets: %w", err)
	}
	return errors.Join(f(b), unix.Munmap(b))
}

// Captured says what the rings hold, by links; the window began at begin, in ns of CLOCK_MONOTONIC. It returns nil
// when nothing was asked for. Call it when the wires are closed, after [Wires.Receipts]; the rings
// live as long as the wires.
func (w *Wires) Captured(begin int64) (*capture.Taken, []Ring, error) {
	if len(w.plan.rings) == 0 {
		return nil, nil, nil
	}
	counted, err := w.state.read()
	if err != nil {
		return nil, nil, err
	}
	t := &capture.Taken{Begin: begin}
	var rings []Ring
	for _, r := range w.plan.rings {
		size, err := r.produced()
		if err != nil {
			return nil, nil, err
		}
		rings = append(rings, Ring{File: r.FD(), Offset: ringData(), Size: size})
		wire := capture.Wire{Size: size, Room: r.room}
		for _, t := range r.taps {
			seen := int64(0)
			for _, c := range t.seen {
				seen += counted.at(c)
			}
			wire.Seen = append(wire.Seen, seen)
			wire.Lost = append(wire.Lost, counted.at(t.lost))
		}
		t.Wires = append(t.Wires, wire)
	}
	return t, rings, nil
}

// A ring's map can be mapped: a page with the consumer's position, one with the producer's, and the data
// (kernel/bpf/ringbuf.c). Nothing is consumed, so data begins at its beginning.
func ringData() int64 { return int64(2 * os.Getpagesize()) }

// produced reads the producer's position.
func (r *ring) produced() (int64, error) {
	page := os.Getpagesize()
	b, err := unix.Mmap(r.FD(), int64(page), page, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return 0, fmt.Errorf("map a ring of captured packets: %w", err)
	}
	n := int64(binary.NativeEndian.Uint64(unsafe.Slice(unsafe.SliceData(b), 8)))
	if err := unix.Munmap(b); err != nil {
		return 0, fmt.Errorf("unmap a ring of captured packets: %w", err)
	}
	if n < 0 || n > r.room {
		return 0, fmt.Errorf("a ring of %d bytes holds %d", r.room, n)
	}
	return n, nil
}
