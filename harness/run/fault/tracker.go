package fault

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/scenario"
)

// tracker writes down what passes of TCP connections, in one direction of a link, so that segments can be forged
// that fit. It stands where a selector stands, and lets everything pass.
//
// Each direction of a connection has an entry from its SYN on; a FIN or a RST of either direction takes both away. So
// the table holds connections that are open, or about to be, whatever came and went before. Segments that were
// forged come in after it: they are not what an end has sent.
type tracker struct {
	table *ebpf.Map
	// port of either end; 0 tracks all.
	port int
	// side of the link from which packets come.
	side int
	// opened, closed and overflow are counters: SYNs of new connections, ends of tracked ones, and directions
	// of connections for which the table had no room.
	opened, closed, overflow slot
}

// mostTracked is how many directions of open connections one table holds.
const mostTracked = 1 << 14

// newTable makes the table that the trackers of both directions share.
func newTable() (*ebpf.Map, error) {
	m, err := ebpf.NewMap(&ebpf.MapSpec{
		Name: "connections", Type: ebpf.Hash, KeySize: flowSize, ValueSize: entrySize, MaxEntries: mostTracked,
		Flags: noPrealloc,
	})
	if err != nil {
		return nil, fmt.Errorf("create table of connections: %w", err)
	}
	return m, nil
}

// Offsets in an entry of the table, whose key is a flow.
const (
	entryFirst  = 0            // when its SYN passed, ns of CLOCK_MONOTONIC
	entryNext   = 8            // sequence number after the last that passed
	entryAcked  = 12           // highest acknowledgement number
	entryAcks   = 16           // 1 once there is one
	entrySide   = 17           // side of the link
	entryEther  = 18           // Ethernet header, 14 bytes
	entryHeader = 32           // TCP header of the last segment, with its options
	entrySize   = 32 + tcpRoom // all of it
	tcpRoom     = 64           // the longest TCP header is 60 bytes; rounded up to whole words
)

// The tracker's stack, below the selector's.
const (
	stackBack  = stackHeader - flowSize // the flow of the other direction
	stackEntry = stackBack - entrySize  // a new entry
)

// Offsets in the TCP header.
const (
	tcpOffset            = 12
	tcpFlags             = 13
	tcpSeq, tcpAck       = 4, 8
	shortestTCP    int32 = 20
)

// program returns the tracker as a direct-action program.
func (t tracker) program(st *state, on onward) (*ebpf.Program, error) {
	var a assembler
	a.Add(asm.Mov.Reg(ctx, asm.R1))
	t.parse(&a)

	// R8 is now the length of the payload and R9 that of the header.
	a.Add(at(asm.R1, tcpFlags, asm.Byte))
	a.Add(asm.Mov.Reg(asm.R2, asm.R1), asm.And.Imm(asm.R2, flagFIN|flagRST), asm.JNE.Imm(asm.R2, 0, "over"))
	a.Add(asm.Mov.Reg(asm.R2, asm.R1), asm.And.Imm(asm.R2, flagSYN), asm.JNE.Imm(asm.R2, 0, "syn"))
	t.update(&a)
	a.Label("syn")
	t.open(&a, st)
	a.Label("over")
	t.end(&a, st)
	a.Label("pass")
	a.onward(on)
	return a.load("tracker")
}

// parse jumps to "pass" for what is no whole TCP segment of the port.
func (t tracker) parse(a *assembler) {
	selector{class: scenario.TCPPacket, choose: scenario.Select{Port: t.port}, track: true}.parse(a, nil)
	a.Add(at(proto, tcpOffset, asm.Byte), asm.RSh.Imm(proto, 4), asm.LSh.Imm(proto, 2))
	// The parser has seen to it; the verifier has forgotten.
	a.Add(asm.JLT.Imm(proto, shortestTCP, "pass"))
	// Cut short.
	a.Add(asm.LoadMem(asm.R1, ctx, skbLength, asm.Word), asm.Mov.Reg(asm.R2, offset), asm.Add.Reg(asm.R2, rest),
		asm.JGT.Reg(asm.R2, asm.R1, "pass"))
	a.Add(asm.Sub.Reg(rest, proto))
}

// behind puts the sequence number after the segment into R1.
func behind(a *assembler) {
	a.Add(at(asm.R1, tcpSeq, asm.Word), asm.HostTo(asm.BE, asm.R1, asm.Word), asm.Add.Reg32(asm.R1, rest))
}

// advance stores R1 at an offset of the entry R0 if it is later than what is there, by the arithmetic
// of sequence numbers; it loses R2 and R3.
func advance(a *assembler, field int16, otherwise string) {
	a.Add(asm.LoadMem(asm.R2, asm.R0, field, asm.Word), asm.Mov.Reg(asm.R3, asm.R1), asm.Sub.Reg(asm.R3, asm.R2),
		asm.LSh.Imm(asm.R3, 32), asm.JSLE.Imm(asm.R3, 0, otherwise), asm.StoreMem(asm.R0, field, asm.R1, asm.Word))
}

// update notes an ordinary segment and ends the program.
func (t tracker) update(a *assembler) {
	a.Lookup(t.table.FD(), stackFlow)
	a.Add(asm.JEq.Imm(asm.R0, 0, "pass"))
	behind(a)
	advance(a, entryNext, "old")
	a.Label("old")
	a.Add(at(asm.R1, tcpFlags, asm.Byte), asm.And.Imm(asm.R1, flagACK), asm.JEq.Imm(asm.R1, 0, "header"))
	a.Add(at(asm.R1, tcpAck, asm.Word), asm.HostTo(asm.BE, asm.R1, asm.Word))
	a.Add(asm.LoadMem(asm.R2, asm.R0, entryAcks, asm.Byte), asm.JNE.Imm(asm.R2, 0, "later"))
	a.Add(asm.StoreImm(asm.R0, entryAcks, 1, asm.Byte), asm.StoreMem(asm.R0, entryAcked, asm.R1, asm.Word),
		asm.Ja.Label("header"))
	a.Label("later")
	advance(a, entryAcked, "header")
	a.Label("header")
	a.Add(asm.Add.Imm(asm.R0, entryHeader))
	t.keepHeader(a, asm.R0)
	a.Add(asm.Ja.Label("pass"))
}

// keepHeader copies the TCP header with its options to an address.
func (t tracker) keepHeader(a *assembler, to asm.Register) {
	a.Add(asm.Mov.Reg(asm.R3, to), asm.Mov.Reg(asm.R1, ctx), asm.Mov.Reg(asm.R2, offset), asm.Mov.Reg(asm.R4, proto),
		asm.FnSkbLoadBytes.Call())
}

// open notes a SYN and ends the program. One that is sent again changes nothing.
func (t tracker) open(a *assembler, st *state) {
	a.Add(asm.Add.Imm(rest, 1)) // a SYN takes a number
	a.Lookup(t.table.FD(), stackFlow)
	a.Add(asm.JEq.Imm(asm.R0, 0, "new"))
	behind(a)
	a.Add(asm.LoadMem(asm.R2, asm.R0, entryNext, asm.Word), asm.JEq.Reg(asm.R1, asm.R2, "pass"))
	a.Label("new")
	a.zero(stackEntry, entrySize)
	behind(a)
	a.Add(asm.StoreMem(asm.RFP, stackEntry+entryNext, asm.R1, asm.Word),
		asm.StoreImm(asm.RFP, stackEntry+entrySide, int64(t.side), asm.Byte))
	a.Add(asm.FnKtimeGetNs.Call(), asm.StoreMem(asm.RFP, stackEntry+entryFirst, asm.R0, asm.DWord))
	a.Add(at(asm.R1, tcpFlags, asm.Byte), asm.And.Imm(asm.R1, flagACK), asm.JEq.Imm(asm.R1, 0, "opens"))
	a.Add(at(asm.R1, tcpAck, asm.Word), asm.HostTo(asm.BE, asm.R1, asm.Word),
		asm.StoreMem(asm.RFP, stackEntry+entryAcked, asm.R1, asm.Word),
		asm.StoreImm(asm.RFP, stackEntry+entryAcks, 1, asm.Byte), asm.Ja.Label("answers"))
	a.Label("opens")
	a.count(st, t.opened)
	a.Label("answers")
	a.Add(asm.Mov.Reg(asm.R1, ctx), asm.Mov.Imm(asm.R2, 0), asm.Mov.Reg(asm.R3, asm.RFP),
		asm.Add.Imm(asm.R3, stackEntry+entryEther),
		asm.Mov.Imm(asm.R4, etherHeader), asm.FnSkbLoadBytes.Call())
	a.Add(asm.Mov.Reg(asm.R0, asm.RFP), asm.Add.Imm(asm.R0, stackEntry+entryHeader))
	t.keepHeader(a, asm.R0)
	a.Update(t.table.FD(), stackFlow, stackEntry, unix.BPF_ANY) // ports that are used again are a new connection
	a.Add(asm.JEq.Imm(asm.R0, 0, "pass"))
	a.count(st, t.overflow)
	a.Add(asm.Ja.Label("pass"))
}

// end takes both directions out of the table.
func (t tracker) end(a *assembler, st *state) {
	for i := int16(0); i < 16; i += 8 {
		a.Add(asm.LoadMem(asm.R1, asm.RFP, flowSource+i, asm.DWord), asm.StoreMem(asm.RFP, stackBack+16+i, asm.R1, asm.DWord))
		a.Add(asm.LoadMem(asm.R1, asm.RFP, flowTarget+i, asm.DWord), asm.StoreMem(asm.RFP, stackBack+i, asm.R1, asm.DWord))
	}
	// Protocol and version too.
	a.Add(asm.LoadMem(asm.R1, asm.RFP, flowPorts, asm.DWord), asm.StoreMem(asm.RFP, stackBack+32, asm.R1, asm.DWord))
	for i := int16(0); i < 4; i += 2 {
		a.Add(asm.LoadMem(asm.R1, asm.RFP, flowPorts+i, asm.Half), asm.StoreMem(asm.RFP, stackBack+34-i, asm.R1, asm.Half))
	}
	a.Delete(t.table.FD(), stackBack)
	a.Delete(t.table.FD(), stackFlow)
	a.Add(asm.JNE.Imm(asm.R0, 0, "pass"))
	a.count(st, t.closed)
}

// zero clears bytes of the stack, a multiple of 8; it loses R1.
func (a *assembler) zero(from int16, size int16) {
	a.Add(asm.Mov.Imm(asm.R1, 0))
	for i := int16(0); i < size; i += 8 {
		a.Add(asm.StoreMem(asm.RFP, from+i, asm.R1, asm.DWord))
	}
}
