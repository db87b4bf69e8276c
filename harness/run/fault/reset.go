package fault

import (
	"math/bits"

	"github.com/cilium/ebpf/asm"
)

// Offsets of the TCP header behind an IPv4 and an IPv6 header in a message.
const (
	tcpLength   = 20
	messageTCP4 = messageIP + 20
	messageTCP6 = messageIP + 40
)

// Places in the packet whose numbers the answer needs, beyond the stack of the message: they are read before the
// packet is changed.
const (
	stackAnswerPorts = stackPiece // source and destination, exchanged
	stackAnswerSeq   = stackPiece + 4
	stackAnswerAck   = stackPiece + 8
	stackAnswerFlags = stackPiece + 12
)

// reset ends the program for a segment that is answered by a RST. It is the one of RFC 9293, section 3.10.7.1, case
// CLOSED: after an ACK it has the number that this one expects, and no ACK; otherwise it has the number 0, and
// acknowledges all that the segment takes up.
//
// A RST is not answered, nor a segment behind IP options or IPv6 extension headers: they are lost, and counted as mute.
// The packet keeps its frame, up to its IP and TCP header, and gets the headers of the answer in their place: the
// kernel lets no packet end before its transport header (bpf_skb_change_tail).
func (m *refusal) reset(a *assembler, st *state) {
	a.Add(asm.Mov.Imm(offset, etherHeader), asm.LoadMem(asm.R0, ctx, skbProtocol, asm.Word),
		asm.JEq.Imm(asm.R0, etherIPv6, "reset6"))
	a.header(20, "broken")
	a.Add(at(asm.R1, 0, asm.Byte), asm.JNE.Imm(asm.R1, 0x45, "mute"))
	a.Add(at(rest, 2, asm.Half), toHost(rest), asm.Sub.Imm(rest, 20), asm.Add.Imm(offset, 20))
	m.answerTo(a, "4")
	m.ether(a, etherIPv4)
	a.header(20, "broken")
	a.zero(messageIP, 40)
	a.Add(asm.StoreImm(asm.RFP, messageIP, 0x45, asm.Byte),
		asm.StoreImm(asm.RFP, messageIP+2, int64(bits.ReverseBytes16(20+tcpLength)), asm.Half),
		asm.StoreImm(asm.RFP, messageIP+6, 0x40, asm.Byte), // do not fragment
		asm.StoreImm(asm.RFP, messageIP+8, 64, asm.Byte), asm.StoreImm(asm.RFP, messageIP+9, protoTCP, asm.Byte))
	a.Add(at(asm.R1, 16, asm.Word), asm.StoreMem(asm.RFP, messageIP+12, asm.R1, asm.Word),
		at(asm.R1, 12, asm.Word), asm.StoreMem(asm.RFP, messageIP+16, asm.R1, asm.Word))
	a.sum(messageIP, 20, 0)
	a.storeSum(messageIP + 10)
	m.segment(a, messageTCP4, messageIP+12, 8)
	m.replace(a, st, 20+tcpLength)

	a.Label("reset6")
	a.header(40, "broken")
	a.Add(at(asm.R1, 6, asm.Byte), asm.JNE.Imm(asm.R1, protoTCP, "mute"))
	a.Add(at(rest, 4, asm.Half), toHost(rest), asm.Add.Imm(offset, 40))
	m.answerTo(a, "6")
	m.ether(a, etherIPv6)
	a.header(40, "broken")
	a.zero(messageIP, 64)
	a.Add(asm.StoreImm(asm.RFP, messageIP, 0x60, asm.Byte),
		asm.StoreImm(asm.RFP, messageIP+4, int64(bits.ReverseBytes16(tcpLength)), asm.Half),
		asm.StoreImm(asm.RFP, messageIP+6, protoTCP, asm.Byte), asm.StoreImm(asm.RFP, messageIP+7, 64, asm.Byte))
	for i := int16(0); i < 16; i += 8 {
		a.Add(at(asm.R1, 24+i, asm.DWord), asm.StoreMem(asm.RFP, messageIP+8+i, asm.R1, asm.DWord),
			at(asm.R1, 8+i, asm.DWord), asm.StoreMem(asm.RFP, messageIP+24+i, asm.R1, asm.DWord))
	}
	m.segment(a, messageTCP6, messageIP+8, 32)
	m.replace(a, st, 40+tcpLength)

	a.Label("mute")
	a.count(st, m.mute)
	a.Label("broken")
	a.verdict(verdictShot)
}

// answerTo reads what the answer needs of the segment at the offset, of rest bytes: ports, numbers and flags.
func (m *refusal) answerTo(a *assembler, version string) {
	a.header(20, "broken")
	a.Add(at(asm.R1, tcpFlags, asm.Byte), asm.Mov.Reg(asm.R2, asm.R1), asm.And.Imm(asm.R2, flagRST),
		asm.JNE.Imm(asm.R2, 0, "mute"))
	a.Add(at(asm.R2, 0, asm.Half), asm.StoreMem(asm.RFP, stackAnswerPorts+2, asm.R2, asm.Half),
		at(asm.R2, 2, asm.Half), asm.StoreMem(asm.RFP, stackAnswerPorts, asm.R2, asm.Half))
	a.Add(asm.Mov.Reg(asm.R2, asm.R1), asm.And.Imm(asm.R2, flagACK), asm.JEq.Imm(asm.R2, 0, "opening"+version))
	a.Add(at(asm.R2, tcpAck, asm.Word), asm.StoreMem(asm.RFP, stackAnswerSeq, asm.R2, asm.Word),
		asm.StoreImm(asm.RFP, stackAnswerAck, 0, asm.Word), asm.StoreImm(asm.RFP, stackAnswerFlags, flagRST, asm.Word),
		asm.Ja.Label("answer"+version))
	a.Label("opening" + version) // SYN and FIN take a number each, in addition to the payload
	a.Add(at(asm.R2, tcpOffset, asm.Byte), asm.RSh.Imm(asm.R2, 4), asm.LSh.Imm(asm.R2, 2), asm.Sub.Reg(rest, asm.R2))
	a.Add(at(asm.R2, tcpSeq, asm.Word), asm.HostTo(asm.BE, asm.R2, asm.Word), asm.Add.Reg(asm.R2, rest))
	a.Add(asm.Mov.Reg(asm.R3, asm.R1), asm.And.Imm(asm.R3, flagFIN), asm.Add.Reg(asm.R2, asm.R3),
		asm.And.Imm(asm.R1, flagSYN), asm.RSh.Imm(asm.R1, 1), asm.Add.Reg(asm.R2, asm.R1))
	a.Add(asm.HostTo(asm.BE, asm.R2, asm.Word), asm.StoreMem(asm.RFP, stackAnswerAck, asm.R2, asm.Word),
		asm.StoreImm(asm.RFP, stackAnswerSeq, 0, asm.Word),
		asm.StoreImm(asm.RFP, stackAnswerFlags, flagRST|flagACK, asm.Word))
	a.Label("answer" + version)
}

// segment writes the TCP header of the answer, whose IP header has its addresses at this place, so many bytes.
func (m *refusal) segment(a *assembler, to int16, addresses, size int32) {
	for i, from := range []int16{stackAnswerPorts, stackAnswerSeq, stackAnswerAck} {
		a.Add(asm.LoadMem(asm.R1, asm.RFP, from, asm.Word), asm.StoreMem(asm.RFP, to+4*int16(i), asm.R1, asm.Word))
	}
	a.Add(asm.StoreImm(asm.RFP, to+tcpOffset, tcpLength/4<<4, asm.Byte), asm.LoadMem(asm.R1, asm.RFP, stackAnswerFlags,
		asm.Word), asm.StoreMem(asm.RFP, to+tcpFlags, asm.R1, asm.Byte))
	// The pseudo header of RFC 9293, 3.1: the addresses, and two words that are known.
	known := uint64(bits.ReverseBytes32(tcpLength)) + uint64(bits.ReverseBytes32(protoTCP))
	a.sum(addresses, size, uint32(known>>32+known&0xffffffff))
	a.sumMore(int32(to), tcpLength)
	a.storeSum(to + 16)
}

// replace makes the packet the segment whose headers are on the stack, sends it back and ends the program.
func (m *refusal) replace(a *assembler, st *state, headers int32) {
	a.Add(asm.Mov.Reg(asm.R1, ctx), asm.Mov.Imm(asm.R2, etherHeader+headers), asm.Mov.Imm(asm.R3, 0),
		asm.FnSkbChangeTail.Call(), asm.JNE.Imm(asm.R0, 0, "broken"))
	m.send(a, st, headers)
}
