package vm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/vm/frame"
)

// maxInstructions is how many a template may have executed: record mode keeps the count as
// a 32-bit difference (replay_advance_current_icount in QEMU's replay/replay-internal.c)
// and aborts a clone beyond it.
const maxInstructions = 1 << 31

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
// instructions executed.
//
// When the CPU stops, QEMU's main loop may or may not find it idle before it notices why,
// and then moves virtual time on to the next timer, 1 ms or more. So time is set to what
// the guest read in its last instructions. Two offsets of the host's clocks are cleared.
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
	binary.BigEndian.PutUint64(t.bias, uint64(bias))
	clear(t.ticks)
	clear(t.clock)
	return instructions, nil
}

// checkInstructions refuses a machine of which no clones can be made: QEMU counts those before the freeze in 31 bits.
func checkInstructions(n uint64, progress func(string)) error {
	if n >= maxInstructions {
		return problem.Wrap(problem.Machine,
			fmt.Errorf("the guest took %d million instructions to boot, and clones can be made below %d million only",
				n/1e6, maxInstructions/1_000_000), "load fewer modules, or use a kernel that boots faster")
	}
	if n > maxInstructions/10*9 {
		progress(fmt.Sprintf("warning: the guest took %d of at most %d million instructions to boot", n/1e6, maxInstructions/1_000_000))
	}
	return nil
}

// checkPrepared is [checkInstructions] of a machine that was prepared: what took too many was asked for.
func checkPrepared(n uint64) error {
	if checkInstructions(n, func(string) {}) == nil {
		return nil
	}
	return problem.Wrap(problem.Usage, fmt.Errorf("to boot and to build this network took %d million instructions, and runs can be made below %d million only",
		n/1e6, maxInstructions/1_000_000), "use fewer nodes: each takes about 20 million with its link")
}
