package fault

import (
	"fmt"

	"github.com/cilium/ebpf/asm"

	"github.com/ruleout/ruleout/harness/scenario"
)

// Ethernet types as the context has them, in network order.
const (
	etherIPv4 = 0x0008
	etherIPv6 = 0xdd86
)

// IP protocol numbers, and IPv6 extension headers.
const (
	protoTCP         = 6
	protoUDP         = 17
	protoHopByHop    = 0
	protoRouting     = 43
	protoFragment    = 44
	protoDestination = 60
)

// maxExtensions is how many IPv6 extension headers are looked through. RFC 8200 has each
// kind once, destination options twice.
const maxExtensions = 6

// parse writes the flow of the packet to the stack and goes on if it is of the class;
// for others it jumps to "pass". The class any takes every frame whose Ethernet type is
// IPv4's or IPv6's; what cannot be parsed has a flow of zeros there, and is no pure ACK.
func (s selector) parse(a *assembler) {
	malformed := "parsed"
	if s.class == scenario.PureACK {
		malformed = "pass"
	}
	if !s.draws.always {
		a.add(asm.Mov.Imm(asm.R1, 0))
		for i := int16(0); i < flowSize; i += 8 {
			a.add(asm.StoreMem(asm.RFP, stackFlow+i, asm.R1, asm.DWord))
		}
	}
	a.add(asm.JEq.Imm(asm.R0, etherIPv6, "ipv6"), asm.JNE.Imm(asm.R0, etherIPv4, "pass"))
	s.parseIPv4(a, malformed)
	a.label("ipv6")
	s.parseIPv6(a, malformed)

	// offset, rest and proto now describe the transport header of an unfragmented packet.
	a.label("transport")
	if s.class == scenario.PureACK {
		a.add(asm.JNE.Imm(proto, protoTCP, "pass"))
	} else {
		a.add(asm.JEq.Imm(proto, protoTCP, "ports"), asm.JNE.Imm(proto, protoUDP, malformed))
	}
	a.label("ports")
	if !s.draws.always {
		a.header(4, flowPorts, malformed)
	}
	if s.class == scenario.PureACK {
		s.parsePureACK(a)
	}
	a.label("parsed")
}

// header copies so many bytes from offset to the stack, or jumps to malformed, with the
// target zeroed, when the frame ends before. It loses R0 to R5.
func (a *assembler) header(size int32, to int32, malformed string) {
	a.add(asm.Mov.Reg(asm.R1, ctx), asm.Mov.Reg(asm.R2, offset), asm.Mov.Reg(asm.R3, asm.RFP), asm.Add.Imm(asm.R3, to),
		asm.Mov.Imm(asm.R4, size), asm.FnSkbLoadBytes.Call(), asm.JNE.Imm(asm.R0, 0, malformed))
}

// at loads a field of the header on the stack, as it lies in memory.
func at(dst asm.Register, field int16, size asm.Size) asm.Instruction {
	return asm.LoadMem(dst, asm.RFP, stackHeader+field, size)
}

// toHost turns a 16-bit number in network order into a number.
func toHost(r asm.Register) asm.Instruction { return asm.HostTo(asm.BE, r, asm.Half) }

// identify copies addresses of so many bytes each and the protocol into the flow.
func (s selector) identify(a *assembler, source, target int16, size asm.Size, words int16, version int64) {
	if s.draws.always {
		return // nobody asks
	}
	for i := int16(0); i < words; i++ {
		step := i * int16(size.Sizeof())
		a.add(at(asm.R1, source+step, size), asm.StoreMem(asm.RFP, flowSource+step, asm.R1, size))
		a.add(at(asm.R1, target+step, size), asm.StoreMem(asm.RFP, flowTarget+step, asm.R1, size))
	}
	s.protocol(a)
	a.add(asm.StoreImm(asm.RFP, flowVersion, version, asm.Byte))
}

// parseIPv4 ends at "transport", RFC 791.
func (s selector) parseIPv4(a *assembler, malformed string) {
	a.add(asm.Mov.Imm(offset, etherHeader))
	a.header(20, stackHeader, malformed)
	a.add(at(asm.R1, 0, asm.Byte), asm.Mov.Reg(asm.R2, asm.R1), asm.RSh.Imm(asm.R2, 4), asm.JNE.Imm(asm.R2, 4, malformed))
	a.add(asm.And.Imm(asm.R1, 15), asm.LSh.Imm(asm.R1, 2), asm.JLT.Imm(asm.R1, 20, malformed))
	a.add(asm.Add.Reg(offset, asm.R1))
	a.add(at(rest, 2, asm.Half), toHost(rest), asm.JLT.Reg(rest, asm.R1, malformed), asm.Sub.Reg(rest, asm.R1))
	a.add(at(proto, 9, asm.Byte))
	s.identify(a, 12, 16, asm.Word, 1, 4)
	// More fragments, or an offset: what follows is not a whole transport header and payload.
	a.add(at(asm.R1, 6, asm.Half), toHost(asm.R1), asm.And.Imm(asm.R1, 0x3fff), asm.JNE.Imm(asm.R1, 0, malformed))
	a.add(asm.Ja.Label("transport"))
}

// parseIPv6 goes through the extension headers and ends at "transport", RFC 8200.
func (s selector) parseIPv6(a *assembler, malformed string) {
	a.add(asm.Mov.Imm(offset, etherHeader))
	a.header(40, stackHeader, malformed)
	a.add(at(asm.R1, 0, asm.Byte), asm.RSh.Imm(asm.R1, 4), asm.JNE.Imm(asm.R1, 6, malformed))
	a.add(at(rest, 4, asm.Half), toHost(rest), at(proto, 6, asm.Byte))
	s.identify(a, 8, 24, asm.DWord, 2, 6)
	a.add(asm.Add.Imm(offset, 40))
	for i := range maxExtensions {
		fragment, skip, next := fmt.Sprint("fragment", i), fmt.Sprint("skip", i), fmt.Sprint("next", i)
		a.add(asm.JEq.Imm(proto, protoFragment, fragment))
		for _, p := range []int32{protoHopByHop, protoDestination} {
			a.add(asm.JEq.Imm(proto, p, skip))
		}
		a.add(asm.JNE.Imm(proto, protoRouting, "transport6"))

		a.label(skip) // next header, length in 8 bytes beyond the first 8
		a.header(2, stackHeader, malformed)
		a.add(at(proto, 0, asm.Byte), at(asm.R1, 1, asm.Byte), asm.Add.Imm(asm.R1, 1), asm.LSh.Imm(asm.R1, 3), asm.Ja.Label(next))

		a.label(fragment) // next header, reserved, 13 bits of offset, 2 reserved, more fragments
		a.header(4, stackHeader, malformed)
		a.add(at(proto, 0, asm.Byte))
		s.protocol(a)
		a.add(at(asm.R1, 2, asm.Half), toHost(asm.R1), asm.And.Imm(asm.R1, 0xfff9), asm.JNE.Imm(asm.R1, 0, malformed))
		a.add(asm.Mov.Imm(asm.R1, 8))

		a.label(next)
		a.add(asm.JLT.Reg(rest, asm.R1, malformed), asm.Add.Reg(offset, asm.R1), asm.Sub.Reg(rest, asm.R1))
	}
	a.label("transport6")
	s.protocol(a)
}

// protocol writes the protocol into the flow.
func (s selector) protocol(a *assembler) {
	if !s.draws.always {
		a.add(asm.StoreMem(asm.RFP, flowProto, proto, asm.Byte))
	}
}

// parsePureACK jumps to "pass" unless the TCP segment at offset has ACK and none of
// SYN, FIN and RST, and ends with its header, RFC 9293. Length alone would not do: SACK
// blocks make an ACK long; nor would the whole byte of flags: ECN uses two of them.
func (s selector) parsePureACK(a *assembler) {
	const flagsThatMatter, ack = 0x17, 0x10
	a.header(20, stackHeader, "pass")
	a.add(at(asm.R1, 12, asm.Byte), asm.RSh.Imm(asm.R1, 4), asm.LSh.Imm(asm.R1, 2), asm.JLT.Imm(asm.R1, 20, "pass"))
	a.add(asm.JNE.Reg(rest, asm.R1, "pass"))
	a.add(asm.Add.Reg(offset, asm.R1), asm.LoadMem(asm.R2, ctx, skbLength, asm.Word), asm.JGT.Reg(offset, asm.R2, "pass")) // cut short
	a.add(at(asm.R1, 13, asm.Byte), asm.And.Imm(asm.R1, flagsThatMatter), asm.JNE.Imm(asm.R1, ack, "pass"))
}
