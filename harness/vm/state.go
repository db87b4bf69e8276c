package vm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// maxInstructions is how many a template may have executed: record mode keeps the count as
// a 32-bit difference (replay_advance_current_icount in QEMU's replay/replay-internal.c)
// and aborts a clone beyond it.
const maxInstructions = 1 << 31

// instructions reads from a saved device state how many instructions the machine had
// executed. They are in the section "timer/icount" (softmmu/icount.c, vmstate
// icount_vmstate_timers): a bias, then the count, 64 bits each, big endian.
func instructions(state []byte) (uint64, error) {
	name := []byte("timer/icount")
	_, rest, ok := bytes.Cut(state, append([]byte{byte(len(name))}, name...))
	if !ok || len(rest) < 4+16 {
		return 0, errors.New("read the device state: it has no instruction count")
	}
	return binary.BigEndian.Uint64(rest[4+8:]), nil
}

func checkInstructions(n uint64, progress func(string)) error {
	if n >= maxInstructions {
		return fmt.Errorf("the guest took %d million instructions to boot, and a clone can record only beyond less than %d million; load fewer modules, or use a kernel that boots faster",
			n/1e6, maxInstructions/1_000_000)
	}
	if n > maxInstructions/10*9 {
		progress(fmt.Sprintf("warning: the guest took %d of at most %d million instructions to boot", n/1e6, maxInstructions/1_000_000))
	}
	return nil
}
