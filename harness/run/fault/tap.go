package fault

import (
	"fmt"

	"github.com/cilium/ebpf/asm"

	"github.com/ruleout/ruleout/harness/run/capture"
)

// tap writes the packets that come by a point of a wire into the wire's ring. The zero value
// does nothing, and adds nothing to a program.
//
// A ring buffer needs no GPL program, other than perf events with the bytes of a packet do (bpf_skb_event_output); it
// keeps packets of all CPUs in one order, and no reader is woken. It is of Linux 5.8.
type tap struct {
	ring *ring
	// point is an index into [capture.Points] of the link.
	point int
	// lost counts packets at this point for which the ring had no room.
	lost slot
	// snap is the most bytes that are kept of a packet.
	snap int
	// forged says that packets were made up there.
	forged bool
}

// on reports whether packets are captured.
func (t tap) on() bool { return t.ring != nil }

// rooms are the sizes of records, in bytes of a packet: the program must reserve a constant. Pure ACKs fit the
// first, with timestamps and SACK blocks the second, full segments of Ethernet the fourth.
var rooms = []int{80, 128, 576, 1518}

// tap captures the packet in ctx. Its ordinal is put into a register by the
// function, which may use R0 to R5; nil stands for none. It loses R0 to R5 and R7 to R9.
func (a *assembler) tap(t tap, st *state, ordinal func(dst asm.Register)) {
	if !t.on() {
		return
	}
	const length, kept, record = asm.R7, asm.R8, asm.R9
	// After the first packet for which there was no room no further one is kept, not even one that
	// would fit: what is kept is the beginning, without gaps.
	a.Add(asm.LoadMapValue(asm.R0, st.counters.FD(), uint32(t.ring.full)), asm.LoadMem(asm.R0, asm.R0, 0, asm.DWord),
		asm.JNE.Imm(asm.R0, 0, "no-room"))
	a.Add(asm.LoadMem(length, ctx, skbLength, asm.Word), asm.Mov.Reg(kept, length))
	a.Add(asm.JLE.Imm(kept, int32(t.snap), "kept"), asm.Mov.Imm(kept, int32(t.snap)))
	a.Label("kept")
	for _, room := range rooms {
		if room < t.snap {
			a.reserve(t, kept, room, fmt.Sprint("room-", room))
		}
	}
	a.reserve(t, kept, t.snap, "no-room")

	// All ways to reserve lead here; the verifier follows each with what it knows of its size.
	a.Label("reserved")
	a.Add(asm.JEq.Imm(asm.R0, 0, "no-room"), asm.Mov.Reg(record, asm.R0))
	a.Add(asm.FnKtimeGetNs.Call(), asm.StoreMem(record, capture.TimeAt, asm.R0, asm.DWord))
	a.Add(asm.Mov.Imm(asm.R0, 0))
	if ordinal != nil {
		ordinal(asm.R0)
	}
	a.Add(asm.StoreMem(record, capture.OrdinalAt, asm.R0, asm.DWord))
	a.Add(asm.LoadMem(asm.R0, ctx, skbMark, asm.Word), asm.RSh.Imm(asm.R0, 1),
		asm.StoreMem(record, capture.IDAt, asm.R0, asm.Word))
	a.Add(asm.StoreMem(record, capture.LengthAt, length, asm.Word))
	a.Add(asm.Mov.Imm(asm.R0, int32(t.point)), asm.StoreMem(record, capture.PointAt, asm.R0, asm.Half),
		asm.StoreMem(record, capture.KeptAt, kept, asm.Half))
	forged := int32(0)
	if t.forged {
		forged = 1
	}
	a.Add(asm.Mov.Imm(asm.R0, forged), asm.StoreMem(record, capture.ForgedAt, asm.R0, asm.Word))
	a.Add(asm.JLT.Imm(kept, 1, "submit")) // tells the verifier that it is not 0
	a.Add(asm.Mov.Reg(asm.R1, ctx), asm.Mov.Imm(asm.R2, 0), asm.Mov.Reg(asm.R3, record),
		asm.Add.Imm(asm.R3, capture.HeaderLen), asm.Mov.Reg(asm.R4, kept))
	a.Add(asm.FnSkbLoadBytes.Call()) // cannot fail: so long is the packet at least
	a.Label("submit")
	a.Add(asm.Mov.Reg(asm.R1, record), asm.Mov.Imm(asm.R2, noWakeup), asm.FnRingbufSubmit.Call(), asm.Ja.Label("tapped"))

	a.Label("no-room")
	a.count(st, t.ring.full)
	a.count(st, t.lost)
	a.Label("tapped")
	a.Add(asm.Mov.Imm(asm.R0, 0)) // something known, whatever label follows
}

// noWakeup is BPF_RB_NO_WAKEUP.
const noWakeup = 1

// reserve takes a record with room for so many bytes of the packet, if kept is no more, and
// goes to "reserved"; otherwise it goes to larger, which is the label after it.
func (a *assembler) reserve(t tap, kept asm.Register, room int, larger string) {
	a.Add(asm.JGT.Imm(kept, int32(room), larger))
	a.Add(asm.LoadMapPtr(asm.R1, t.ring.FD()), asm.Mov.Imm(asm.R2, int32(capture.HeaderLen+room)), asm.Mov.Imm(asm.R3, 0),
		asm.FnRingbufReserve.Call(), asm.Ja.Label("reserved"))
	if larger != "no-room" {
		a.Label(larger)
	}
}

// number gives the packet its number, in all but the lowest bit of its mark: so the points after know which packet it
// was, or is a copy of. The number is that of the boundary's counter.
func (a *assembler) number(st *state, count slot) {
	a.Add(asm.LoadMapValue(asm.R1, st.counters.FD(), uint32(count)), asm.LoadMem(asm.R1, asm.R1, 0, asm.DWord),
		asm.LSh.Imm(asm.R1, 1), asm.StoreMem(ctx, skbMark, asm.R1, asm.Word))
}
