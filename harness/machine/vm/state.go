package vm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/ruleout/ruleout/harness/machine/vm/frame"
)

// timers is where a saved device state keeps the time (vmstate_timers in QEMU's
// softmmu/cpu-timers.c): three numbers of 64 bits, big endian, then a subsection with two.
type timers struct {
	ticks  []byte // offset of the host's time stamp counter; not used when instructions are counted
	clock  []byte // offset of the host's clock; not used either
	bias   []byte // ns by which virtual time is ahead of the instructions
	icount []byte // instructions executed
}

func findTimers(state []byte) (*timers, error) {
	const name, sub = "\x05timer", "\x0ctimer/icount"
	at := bytes.Index(state, []byte(sub))
	// Name, instance and version; three numbers; the mark of a subsection.
	begin := at - 1 - 3*8 - 2*4 - len(name)
	end := at + len(sub) + 4 // and its version
	if at < 0 || begin < 0 || !bytes.HasPrefix(state[begin:], []byte(name)) || len(state) < end+2*8 {
		return nil, errors.New("read the device state: its time is not in the expected place")
	}
	number := func(at int) []byte { return state[at : at+8] }
	return &timers{ticks: number(at - 25), clock: number(at - 9), bias: number(end), icount: number(end + 8)}, nil
}

// normalise removes from a saved state what depends on the host, and returns the number of
// instructions executed since the count last began.
//
// When the CPU stops, QEMU's main loop may or may not find it idle before it notices why,
// and then moves virtual time on to the next timer, 1 ms or more. So time is set to what
// the guest read in its last instructions. Two offsets of the host's clocks are cleared.
//
// The count begins anew, and the offset of virtual time grows by as much: virtual time is the sum of both, and the
// guest sees nothing else. A clone records, and record mode keeps the first difference of the count in 31 bits
// (replay_advance_current_icount in QEMU's replay/replay-internal.c): it would abort after 2^31 instructions of boot
// and preparation.
func normalise(state []byte, shift int) (instructions uint64, err error) {
	t, err := findTimers(state)
	if err != nil {
		return 0, err
	}
	at := bytes.Index(state, []byte(frame.FreezeMark))
	if at < 0 || len(state) < at+16 {
		return 0, errors.New("read the device state: the guest's registers do not show when it stopped")
	}
	stamp := binary.BigEndian.Uint64(state[at+8:])
	instructions = binary.BigEndian.Uint64(t.icount)
	saved := int64(binary.BigEndian.Uint64(t.bias))
	bias := int64(stamp) - int64((instructions-frame.StopInstructions)<<shift)
	const most = int64(10e9) // ns; the next timer of a kernel is never further away
	if moved := saved - bias; moved < 0 || moved > most {
		return 0, fmt.Errorf("read the device state: its clock is %d ns ahead of the guest's", moved)
	}
	binary.BigEndian.PutUint64(t.icount, 0)
	binary.BigEndian.PutUint64(t.bias, uint64(bias+int64(instructions)<<shift))
	clear(t.ticks)
	clear(t.clock)
	return instructions, nil
}
