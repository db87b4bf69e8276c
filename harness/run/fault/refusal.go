package fault

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"net/netip"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/ruleout/ruleout/harness/scenario"
)

// refusal is what a selector does instead of handing packets to netem: it drops them, those that are too long or all,
// and, unless it is silent, turns them into the message that tells their sender.
//
// All of it happens in the one program, so a message leaves at the moment of the loss and none is forgotten: the
// packet is cut to the part that is quoted, gets the message's headers in front, and goes out by the stage of the same
// fault in the other direction. A RST quotes nothing; see reset.go.
type refusal struct {
	// limit is the longest that passes, in bytes with the IP header; 0 lets nothing pass.
	limit  int
	silent bool
	// reason is what the sender is told where there is no limit.
	reason scenario.Reject
	// far4 and far6 are the addresses of the link's far end, from which messages of ICMP come; far6 may be missing.
	far4, far6 netip.Addr
	// back holds the index of the device by which messages go out.
	back *ebpf.Map
	// messages counts those that went out, mute packets without one: for which there must be none (RFC 1122, 3.2.2;
	// RFC 4443, 2.4), which are errors of ICMP, and fragments of IPv4 that are not the first; for which there is no room
	// or address: the shortest with IP options, and IPv6 on a link without; and for which reset.go makes no RST.
	messages, mute slot
}

// newBack makes the map for the device that is not known yet.
func newBack() (*ebpf.Map, error) {
	m, err := ebpf.NewMap(&ebpf.MapSpec{Name: "back", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1})
	if err != nil {
		return nil, fmt.Errorf("create map back: %w", err)
	}
	return m, nil
}

// Stack of the message, below the selector's: its headers with 2 bytes in front, which puts all of their fields
// where the verifier wants them, and a piece of the packet that is quoted.
const (
	stackMessage = stackOrdinal - 64
	stackPiece   = stackMessage - piece
	messageEther = stackMessage + 2
	messageIP    = messageEther + etherHeader
	messageICMP4 = messageIP + 20
	messageICMP6 = messageIP + 40
	icmpLength   = 8
	// piece is how many bytes of a quote are summed at once.
	piece = 192
	// The stack has 512 bytes.
	_ = uint(512 + stackPiece)
)

const (
	// As much is quoted as fits into a message that every host has to take: 576 bytes in all (RFC 1812, 4.3.2.3) and 1280
	// (RFC 4443, 2.4).
	quote4, quote6 = 576 - 20 - icmpLength, 1280 - 40 - icmpLength
	// Of a packet that is shorter, this much: the longest IPv4 header and 8 bytes, which is the least (RFC 792).
	shortQuote = 68
	// Of one that is shorter still, the IP header without options and 8 bytes.
	least4, least6 = 20 + 8, 40 + 8
)

// longer jumps to "pass" for packets that fit, and for IPv4 packets that may be fragmented.
func (m *refusal) longer(a *assembler) {
	a.Add(asm.Mov.Imm(offset, etherHeader), asm.LoadMem(asm.R0, ctx, skbProtocol, asm.Word),
		asm.JEq.Imm(asm.R0, etherIPv6, "long6"))
	a.header(20, "pass")
	a.Add(at(asm.R1, 2, asm.Half), toHost(asm.R1), asm.JLE.Imm(asm.R1, int32(m.limit), "pass"))
	a.Add(at(asm.R1, 6, asm.Half), toHost(asm.R1), asm.And.Imm(asm.R1, 0x4000), asm.JEq.Imm(asm.R1, 0, "pass"))
	a.Add(asm.Ja.Label("too-long"))
	a.Label("long6")
	a.header(40, "pass")
	a.Add(at(asm.R1, 4, asm.Half), toHost(asm.R1), asm.Add.Imm(asm.R1, 40), asm.JLE.Imm(asm.R1, int32(m.limit), "pass"))
	a.Label("too-long")
}

// program ends the program for a packet that is refused.
func (m *refusal) program(a *assembler, st *state) {
	switch {
	case m.silent:
		a.verdict(verdictShot)
		return
	case m.reason == scenario.RejectRST:
		m.reset(a, st)
		return
	}
	a.Add(asm.Mov.Imm(offset, etherHeader), asm.LoadMem(asm.R0, ctx, skbProtocol, asm.Word),
		asm.JEq.Imm(asm.R0, etherIPv6, "refuse6"))

	a.header(20, "broken")
	a.Add(at(asm.R1, 6, asm.Half), toHost(asm.R1), asm.And.Imm(asm.R1, 0x1fff), asm.JNE.Imm(asm.R1, 0, "mute"))
	a.Add(at(asm.R1, 9, asm.Byte), asm.JNE.Imm(asm.R1, protoICMP, "tell4"))
	a.Add(at(asm.R1, 0, asm.Byte), asm.And.Imm(asm.R1, 15), asm.LSh.Imm(asm.R1, 2), asm.Add.Reg(offset, asm.R1))
	a.header(4, "broken")
	a.Add(at(asm.R1, 0, asm.Byte))
	for _, kind := range []int32{3, 4, 5, 11, 12} { // unreachable, quench, redirect, time, parameter
		a.Add(asm.JEq.Imm(asm.R1, kind, "mute"))
	}
	a.Label("tell4")
	a.Add(asm.LoadMem(asm.R1, ctx, skbLength, asm.Word), asm.JLT.Imm(asm.R1, etherHeader+quote4, "short4"))
	m.message4(a, st, quote4)
	a.Label("short4")
	if m.limit == 0 { // a limit is 68 at least, and what is longer is no shorter than shortQuote
		a.Add(asm.LoadMem(asm.R1, ctx, skbLength, asm.Word), asm.JLT.Imm(asm.R1, etherHeader+shortQuote, "least4"))
	}
	m.message4(a, st, shortQuote)
	if m.limit == 0 {
		a.Label("least4")
		a.Add(asm.Mov.Imm(offset, etherHeader))
		a.header(20, "broken")
		a.Add(at(asm.R1, 0, asm.Byte), asm.JNE.Imm(asm.R1, 0x45, "mute"))
		m.message4(a, st, least4)
	}

	a.Label("refuse6")
	if !m.far6.IsValid() { // no IPv6 on this link
		a.Add(asm.Ja.Label("mute"))
	}
	a.header(40, "broken")
	a.Add(at(asm.R1, 6, asm.Byte), asm.JNE.Imm(asm.R1, protoICMPv6, "tell6"))
	a.Add(asm.Add.Imm(offset, 40))
	a.header(4, "broken")
	a.Add(at(asm.R1, 0, asm.Byte), asm.JLT.Imm(asm.R1, 128, "mute")) // below are errors
	a.Label("tell6")
	a.Add(asm.LoadMem(asm.R1, ctx, skbLength, asm.Word), asm.JLT.Imm(asm.R1, etherHeader+quote6, "short6"))
	m.message6(a, st, quote6)
	a.Label("short6")
	if m.limit == 0 {
		a.Add(asm.LoadMem(asm.R1, ctx, skbLength, asm.Word), asm.JLT.Imm(asm.R1, etherHeader+shortQuote, "least6"))
	}
	m.message6(a, st, shortQuote)
	if m.limit == 0 {
		a.Label("least6")
		m.message6(a, st, least6)
	}

	a.Label("mute")
	a.count(st, m.mute)
	a.Label("broken")
	a.verdict(verdictShot)
}

// ether writes the Ethernet header of an answer.
func (m *refusal) ether(a *assembler, version int64) {
	a.Add(asm.Mov.Imm(offset, 0))
	a.header(etherHeader, "broken")
	for i := int16(0); i < 6; i += 2 {
		a.Add(at(asm.R1, 6+i, asm.Half), asm.StoreMem(asm.RFP, messageEther+i, asm.R1, asm.Half))
		a.Add(at(asm.R1, i, asm.Half), asm.StoreMem(asm.RFP, messageEther+6+i, asm.R1, asm.Half))
	}
	a.Add(asm.StoreImm(asm.RFP, messageEther+12, version, asm.Half))
	a.Add(asm.Mov.Imm(offset, etherHeader))
}

// Numbers of ICMP: the code of "fragmentation needed and DF set" (RFC 792), and the types "destination unreachable" and
// "packet too big" of ICMPv6 (RFC 4443, 3.1 and 3.2).
const (
	tooLong4     = 4
	unreachable6 = 1
	tooLong6     = 2
)

// unreachable has the codes of "destination unreachable" in ICMP (RFC 792; 13 is of RFC 1812, 5.2.7.1) and in ICMPv6.
var unreachable = map[scenario.Reject][2]int64{
	scenario.NetUnreachable: {0, 0}, scenario.HostUnreachable: {1, 3}, scenario.PortUnreachable: {3, 4},
	scenario.AdminProhibited: {13, 1},
}

// code is that of the message, of ICMP (0) or ICMPv6 (1); tooLong is that of one about a packet that is too long.
func (m *refusal) code(tooLong int64, version int) int64 {
	if m.limit > 0 {
		return tooLong
	}
	return unreachable[m.reason][version]
}

// message4 is ICMP's "destination unreachable", with the MTU of RFC 1191 if it is about a packet that was too long.
func (m *refusal) message4(a *assembler, st *state, quote int32) {
	m.ether(a, etherIPv4)
	a.header(20, "broken")
	a.zero(messageIP, 32)
	// Internetwork control: RFC 1812, 4.3.2.5.
	a.Add(asm.StoreImm(asm.RFP, messageIP, 0x45, asm.Byte), asm.StoreImm(asm.RFP, messageIP+1, 0xc0, asm.Byte))
	a.Add(asm.StoreImm(asm.RFP, messageIP+2, int64(bits.ReverseBytes16(uint16(20+icmpLength+quote))), asm.Half))
	a.Add(asm.StoreImm(asm.RFP, messageIP+8, 64, asm.Byte), asm.StoreImm(asm.RFP, messageIP+9, protoICMP, asm.Byte))
	a.Add(asm.Mov.Imm(asm.R1, int32(binary.LittleEndian.Uint32(m.far4.AsSlice()))),
		asm.StoreMem(asm.RFP, messageIP+12, asm.R1, asm.Word))
	a.Add(at(asm.R1, 12, asm.Word), asm.StoreMem(asm.RFP, messageIP+16, asm.R1, asm.Word))
	a.sum(messageIP, 20, 0)
	a.storeSum(messageIP + 10)
	a.Add(asm.StoreImm(asm.RFP, messageICMP4, 3, asm.Byte),
		asm.StoreImm(asm.RFP, messageICMP4+1, m.code(tooLong4, 0), asm.Byte))
	a.Add(asm.StoreImm(asm.RFP, messageICMP4+6, int64(bits.ReverseBytes16(uint16(m.limit))), asm.Half))
	a.sum(messageICMP4, icmpLength, 0)
	a.sumQuote(quote)
	a.storeSum(messageICMP4 + 2)
	m.answer(a, st, quote, 20+icmpLength)
}

// message6 is ICMPv6's "packet too big" or "destination unreachable".
func (m *refusal) message6(a *assembler, st *state, quote int32) {
	m.ether(a, etherIPv6)
	a.header(40, "broken")
	a.zero(messageIP, 48)
	a.Add(asm.StoreImm(asm.RFP, messageIP, 0x60, asm.Byte))
	a.Add(asm.StoreImm(asm.RFP, messageIP+4, int64(bits.ReverseBytes16(uint16(icmpLength+quote))), asm.Half))
	a.Add(asm.StoreImm(asm.RFP, messageIP+6, protoICMPv6, asm.Byte), asm.StoreImm(asm.RFP, messageIP+7, 64, asm.Byte))
	for i := int16(0); i < 16; i += 8 {
		a.Add(asm.LoadImm(asm.R1, int64(binary.LittleEndian.Uint64(m.far6.AsSlice()[i:])), asm.DWord),
			asm.StoreMem(asm.RFP, messageIP+8+i, asm.R1, asm.DWord))
		a.Add(at(asm.R1, 8+i, asm.DWord), asm.StoreMem(asm.RFP, messageIP+24+i, asm.R1, asm.DWord))
	}
	kind := int64(unreachable6)
	if m.limit > 0 {
		kind = tooLong6
	}
	a.Add(asm.StoreImm(asm.RFP, messageICMP6, kind, asm.Byte),
		asm.StoreImm(asm.RFP, messageICMP6+1, m.code(0, 1), asm.Byte))
	a.Add(asm.StoreImm(asm.RFP, messageICMP6+4, int64(bits.ReverseBytes32(uint32(m.limit))), asm.Word))
	// The pseudo header of RFC 8200, 8.1: the addresses, and two words that are known.
	known := uint64(bits.ReverseBytes32(uint32(icmpLength+quote))) + uint64(bits.ReverseBytes32(protoICMPv6))
	a.sum(messageIP+8, 32, uint32(known>>32+known&0xffffffff))
	a.sumMore(messageICMP6, icmpLength)
	a.sumQuote(quote)
	a.storeSum(messageICMP6 + 2)
	m.answer(a, st, quote, 40+icmpLength)
}

// sum adds up bytes of the stack, a multiple of 4, and a seed, as RFC 1071 does, into R9.
func (a *assembler) sum(from int32, size int32, seed uint32) {
	a.Add(asm.Mov.Imm(asm.R9, int32(seed)))
	a.sumMore(from, size)
}

// sumMore adds further ones.
func (a *assembler) sumMore(from int32, size int32) {
	a.Add(asm.Mov.Imm(asm.R1, 0), asm.Mov.Imm(asm.R2, 0), asm.Mov.Reg(asm.R3, asm.RFP), asm.Add.Imm(asm.R3, from),
		asm.Mov.Imm(asm.R4, size),
		asm.Mov.Reg(asm.R5, asm.R9), asm.FnCsumDiff.Call(), asm.Mov.Reg(asm.R9, asm.R0))
}

// sumQuote adds the part of the packet that is quoted.
func (a *assembler) sumQuote(quote int32) {
	for done := int32(0); done < quote; done += piece {
		size := min(piece, quote-done)
		a.Add(asm.Mov.Reg(asm.R1, ctx), asm.Mov.Imm(asm.R2, etherHeader+done), asm.Mov.Reg(asm.R3, asm.RFP),
			asm.Add.Imm(asm.R3, stackPiece),
			asm.Mov.Imm(asm.R4, size), asm.FnSkbLoadBytes.Call(), asm.JNE.Imm(asm.R0, 0, "broken"))
		a.sumMore(stackPiece, size)
	}
}

// storeSum stores the checksum of what was added up.
func (a *assembler) storeSum(to int16) {
	a.Add(asm.Mov.Reg32(asm.R1, asm.R9))
	for range 2 {
		a.Add(asm.Mov.Reg(asm.R2, asm.R1), asm.RSh.Imm(asm.R2, 16), asm.And.Imm(asm.R1, 0xffff), asm.Add.Reg(asm.R1, asm.R2))
	}
	a.Add(asm.Xor.Imm(asm.R1, 0xffff), asm.StoreMem(asm.RFP, to, asm.R1, asm.Half))
}

// answer makes the packet the message whose headers are on the stack, sends it back and ends the program.
func (m *refusal) answer(a *assembler, st *state, quote, headers int32) {
	a.Add(asm.Mov.Reg(asm.R1, ctx), asm.Mov.Imm(asm.R2, etherHeader+quote), asm.Mov.Imm(asm.R3, 0),
		asm.FnSkbChangeTail.Call(), asm.JNE.Imm(asm.R0, 0, "broken"))
	a.Add(asm.Mov.Reg(asm.R1, ctx), asm.Mov.Imm(asm.R2, headers), asm.Mov.Imm(asm.R3, 0), asm.FnSkbChangeHead.Call(),
		asm.JNE.Imm(asm.R0, 0, "broken"))
	m.send(a, st, headers)
}

// send puts the headers on the stack at the beginning of the packet, sends it back and ends the program.
func (m *refusal) send(a *assembler, st *state, headers int32) {
	a.Add(asm.Mov.Reg(asm.R1, ctx), asm.Mov.Imm(asm.R2, 0), asm.Mov.Reg(asm.R3, asm.RFP),
		asm.Add.Imm(asm.R3, messageEther),
		asm.Mov.Imm(asm.R4, etherHeader+headers), asm.Mov.Imm(asm.R5, 0), asm.FnSkbStoreBytes.Call(),
		asm.JNE.Imm(asm.R0, 0, "broken"))
	a.set(skbMark, forgedMark)
	a.set(skbPriority, 0)
	a.count(st, m.messages)
	a.Add(asm.LoadMapValue(asm.R1, m.back.FD(), 0), asm.LoadMem(asm.R1, asm.R1, 0, asm.DWord), asm.Mov.Imm(asm.R2, 0),
		asm.FnRedirect.Call(), asm.Return())
}
