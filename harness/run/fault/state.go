package fault

import (
	"encoding/binary"
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/ruleout/ruleout/harness/base/undo"
	"github.com/ruleout/ruleout/harness/run/choice"
)

// state is the memory that the programs of a network share with us: what we tell them
// (control) and what they count (counters). Both are arrays of one element, so that a
// program reaches a word by its address, without a helper call (Linux 5.2).
type state struct {
	control, counters *ebpf.Map
	size              int // of the counters, in bytes
	closed            bool
	orders            []orders
	undo              undo.Stack
}

// A slot is the offset of a 64-bit word in one of the two maps.
type slot uint32

// gate is the control word that lets packets onto the wires while it is 0.
const gate slot = 0

// orders are what a fault's selectors are told when it is armed, in so many control words: when it begins, in ns of
// CLOCK_MONOTONIC, which is what bpf_ktime_get_ns reads; the key of its decisions; and what the key makes of
// all packets of a direction of the link, see [choice.LinkFlow].
type orders struct {
	start, key uint64
	link       [2]uint64
}

// newOrders are those of a fault that begins at this time.
func newOrders(start, key uint64) orders {
	o := orders{start: start, key: key}
	for i := range o.link {
		o.link[i] = choice.Start(key, choice.LinkFlow(byte(i+1)))
	}
	return o
}

const ordersSize = 4 * 8

// Offsets of a fault's orders from the first control word of them.
const (
	startWord = 8 * iota
	keyWord
	linkWord // two of them
)

// ordersAt returns the first control word of fault i's orders.
func ordersAt(i int) slot { return slot(8 + ordersSize*i) }

// never is the start of a window that is not armed yet.
const never uint64 = 1<<64 - 1

// newState makes the maps for so many faults and counters. The caller closes it.
func newState(faults, counters int) (_ *state, err error) {
	s := &state{size: 8 * counters, orders: make([]orders, faults)}
	defer func() {
		if err != nil {
			_ = s.Close()
		}
	}()
	for i := range s.orders {
		s.orders[i].start = never
	}
	for _, m := range []struct {
		name string
		size int
		to   **ebpf.Map
	}{{"control", 8 + ordersSize*faults, &s.control}, {"counters", s.size, &s.counters}} {
		*m.to, err = ebpf.NewMap(&ebpf.MapSpec{Name: m.name, Type: ebpf.Array, KeySize: 4,
			ValueSize: uint32(m.size), MaxEntries: 1})
		if err != nil {
			return nil, fmt.Errorf("create map %s: %w", m.name, err)
		}
		s.undo.Push((*m.to).Close)
	}
	return s, s.tell()
}

// tell writes the control words.
func (s *state) tell() error {
	var gate uint64
	if s.closed {
		gate = 1
	}
	b := binary.LittleEndian.AppendUint64(nil, gate)
	for _, o := range s.orders {
		for _, word := range []uint64{o.start, o.key, o.link[0], o.link[1]} {
			b = binary.LittleEndian.AppendUint64(b, word)
		}
	}
	if err := s.control.Put(uint32(0), b); err != nil {
		return fmt.Errorf("write control words: %w", err)
	}
	return nil
}

// read returns all counters, in the order of their slots.
func (s *state) read() (counters, error) {
	b, err := s.counters.LookupBytes(uint32(0))
	if err != nil {
		return nil, fmt.Errorf("read counters: %w", err)
	}
	c := make(counters, s.size/8)
	for i := range c {
		c[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return c, nil
}

// counters are the words that programs count in.
type counters []uint64

func (c counters) at(s slot) int64 { return int64(c[s/8]) }

// Close frees the maps, once the programs that use them are gone too.
func (s *state) Close() error { return s.undo.Close() }
