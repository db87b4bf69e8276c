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
	protoICMP        = 1
	protoTCP         = 6
	protoUDP         = 17
	protoICMPv6      = 58
	protoHopByHop    = 0
	protoRouting     = 43
	protoFragment    = 44
	protoDestination = 60
)

// maxExtensions is how many IPv6 extension headers are looked through. RFC 8200 has each
// kind once, destination options twice.
const maxExtensions = 6

// wantsPorts reports whether packets without ports cannot match.
func (s selector) wantsPorts() bool {
	return s.choose.Port > 0 || s.choose.FromPort > 0 || s.choose.ToPort > 0 || s.named != nil && s.named.port > 0
}

// parses reports whether it is not enough to see the Ethernet type.
func (s selector) parses() bool {
	return s.class != scenario.AnyPacket || !s.draws.all() || s.wantsPorts() || s.named != nil || s.choose.Longer > 0 ||
		s.wantsClass()
}

// sorts reports whether chosen packets are counted by kind: those of the class any, if they are parsed anyway.
func (s selector) sorts() bool { return s.class == scenario.AnyPacket && s.parses() }

// identifies reports whether the flow is wanted on the stack.
func (s selector) identifies() bool { return s.track || s.keeps() || s.choose.After != nil }

// malformed is where packets go whose headers are not whole. The class any takes every frame whose Ethernet type
// is IPv4's or IPv6's, if nothing else is asked for; what cannot be parsed has a flow of zeros there.
func (s selector) malformed() string {
	if s.class == scenario.AnyPacket && !s.wantsPorts() && s.named == nil {
		return "parsed"
	}
	return "pass"
}

// fragment is where fragments go.
func (s selector) fragment() string {
	switch {
	case s.class != scenario.AnyPacket && s.class != scenario.Fragment || s.wantsPorts():
		return "pass"
	case s.named != nil:
		return "piece"
	}
	return "parsed"
}

// versions tells which of the two can match.
func (s selector) versions() (v4, v6 bool) {
	v4, v6 = s.choose.Family != scenario.IPv6, s.choose.Family != scenario.IPv4
	return v4 && s.named.has(4), v6 && s.named.has(6)
}

// parse goes on at "parsed" if the packet is of the class and has the ports and addresses asked for; for
// others it jumps to "pass". It writes the packet's flow, kind and length to the stack, as far as they are needed.
func (s selector) parse(a *assembler, st *state) {
	if s.identifies() {
		a.zero(stackFlow, flowSize)
	}
	if s.sorts() {
		a.Add(asm.Mov.Imm(asm.R3, kindOther), asm.StoreMem(asm.RFP, stackKind, asm.R3, asm.DWord))
	}
	if s.choose.Longer > 0 {
		a.Add(asm.Mov.Imm(asm.R3, 0), asm.StoreMem(asm.RFP, stackLength, asm.R3, asm.DWord))
	}
	if s.wantsClass() {
		a.Add(asm.Mov.Imm(asm.R3, noClass), asm.StoreMem(asm.RFP, stackClass, asm.R3, asm.DWord))
	}
	a.Add(asm.LoadMem(asm.R0, ctx, skbProtocol, asm.Word))
	v4, v6 := s.versions()
	switch {
	case !s.parses() && v4 && v6:
		a.Add(asm.JEq.Imm(asm.R0, etherIPv4, "parsed"), asm.JNE.Imm(asm.R0, etherIPv6, "pass"))
	case v4 && v6:
		a.Add(asm.JEq.Imm(asm.R0, etherIPv6, "ipv6"), asm.JNE.Imm(asm.R0, etherIPv4, "pass"))
	case v4:
		a.Add(asm.JNE.Imm(asm.R0, etherIPv4, "pass"))
	case v6:
		a.Add(asm.JNE.Imm(asm.R0, etherIPv6, "pass"))
	}
	if s.parses() {
		if v4 {
			s.parseIPv4(a, v6)
		}
		if v6 {
			a.Label("ipv6")
			s.parseIPv6(a)
		}
		s.parseTransport(a, st)
	}
	a.Label("parsed")
}

// header copies so many bytes from offset to the stack, or jumps to malformed, with the
// target zeroed, when the frame ends before. It loses R0 to R5.
//
// To read the frame in place, where it is linear, would save 35 instructions a header. But the verifier of 6.12.95
// then gives up on some programs ("verifier backtracking bug (stack slot out of bounds)"), which it does not when the
// helper has written the bytes.
func (a *assembler) header(size int32, malformed string) {
	a.Add(asm.Mov.Reg(asm.R1, ctx), asm.Mov.Reg(asm.R2, offset), asm.Mov.Reg(asm.R3, asm.RFP),
		asm.Add.Imm(asm.R3, stackHeader),
		asm.Mov.Imm(asm.R4, size), asm.FnSkbLoadBytes.Call(), asm.JNE.Imm(asm.R0, 0, malformed))
}

// segmentHeader is the same for the header of a segment. That of IPv4 without options lies after it on the stack
// already, if the frame is long enough, and is moved. It loses R0 to R5.
func (s selector) segmentHeader(a *assembler, malformed string) {
	if v4, _ := s.versions(); !v4 {
		a.header(20, malformed)
		return
	}
	a.Add(asm.JNE.Imm(offset, etherHeader+20, "apart"), asm.LoadMem(asm.R1, ctx, skbLength, asm.Word),
		asm.JLT.Imm(asm.R1, etherHeader+20+20, "apart"))
	for i := int16(0); i < 20; i += 4 {
		a.Add(at(asm.R1, 20+i, asm.Word), asm.StoreMem(asm.RFP, stackHeader+i, asm.R1, asm.Word))
	}
	a.Add(asm.Ja.Label("segment"))
	a.Label("apart")
	a.header(20, malformed)
	a.Label("segment")
}

// at loads a field of the header on the stack, as it lies in memory.
func at(dst asm.Register, field int16, size asm.Size) asm.Instruction {
	return asm.LoadMem(dst, asm.RFP, stackHeader+field, size)
}

// toHost turns a 16-bit number in network order into a number.
func toHost(r asm.Register) asm.Instruction { return asm.HostTo(asm.BE, r, asm.Half) }

// identify copies addresses of so many bytes each and the protocol into the flow.
func (s selector) identify(a *assembler, source, target int16, size asm.Size, words int16, version int64) {
	if !s.identifies() {
		return // no fault asks
	}
	for i := int16(0); i < words; i++ {
		step := i * int16(size.Sizeof())
		a.Add(at(asm.R1, source+step, size), asm.StoreMem(asm.RFP, flowSource+step, asm.R1, size))
		a.Add(at(asm.R1, target+step, size), asm.StoreMem(asm.RFP, flowTarget+step, asm.R1, size))
	}
	s.protocol(a)
	a.Add(asm.StoreImm(asm.RFP, flowVersion, version, asm.Byte))
}

// protocol writes the protocol into the flow.
func (s selector) protocol(a *assembler) {
	if s.identifies() {
		a.Add(asm.StoreMem(asm.RFP, flowProto, proto, asm.Byte))
	}
}

// parseIPv4 ends at "transport", RFC 791.
func (s selector) parseIPv4(a *assembler, more bool) {
	malformed := s.malformed()
	a.Add(asm.Mov.Imm(offset, etherHeader))
	// Most often a TCP header follows, and the helper takes as long for both as for one. When the frame is shorter it
	// zeroes its target.
	a.header(20+20, "brief")
	a.Add(asm.Ja.Label("ipv4"))
	a.Label("brief")
	a.header(20, malformed)
	a.Label("ipv4")
	a.Add(at(asm.R1, 0, asm.Byte), asm.Mov.Reg(asm.R2, asm.R1), asm.RSh.Imm(asm.R2, 4), asm.JNE.Imm(asm.R2, 4, malformed))
	a.Add(asm.And.Imm(asm.R1, 15), asm.LSh.Imm(asm.R1, 2), asm.JLT.Imm(asm.R1, 20, malformed))
	a.Add(asm.Add.Reg(offset, asm.R1))
	a.Add(at(rest, 2, asm.Half), toHost(rest), asm.JLT.Reg(rest, asm.R1, malformed))
	if s.choose.Longer > 0 {
		a.Add(asm.StoreMem(asm.RFP, stackLength, rest, asm.DWord))
	}
	if s.wantsClass() {
		a.Add(at(asm.R2, 1, asm.Byte), asm.StoreMem(asm.RFP, stackClass, asm.R2, asm.DWord))
	}
	a.Add(asm.Sub.Reg(rest, asm.R1), at(proto, 9, asm.Byte))
	s.identify(a, 12, 16, asm.Word, 1, 4)
	s.named.direct4(a)
	// More fragments, or an offset: what follows is not a whole transport header and payload.
	a.Add(at(asm.R1, 6, asm.Half), toHost(asm.R1), asm.And.Imm(asm.R1, 0x3fff), asm.JNE.Imm(asm.R1, 0, s.fragment()))
	s.finishIP(a, protoICMP, 8, more)
}

// finishIP ends the header of a packet that is no fragment. ICMP of this version has this number, and a header of this
// size.
func (s selector) finishIP(a *assembler, icmp, size int32, more bool) {
	switch {
	case s.class == scenario.Fragment:
		a.Add(asm.Ja.Label("pass"))
	case s.class == scenario.ICMPPacket:
		a.Add(asm.JNE.Imm(proto, icmp, "pass"), asm.JLT.Imm(rest, size, "pass"))
		a.header(size, "pass")
		if more {
			a.Add(asm.Ja.Label("parsed"))
		}
	case more:
		a.Add(asm.Ja.Label("transport"))
	}
}

// parseIPv6 goes through the extension headers and ends at "transport", RFC 8200.
func (s selector) parseIPv6(a *assembler) {
	malformed := s.malformed()
	a.Add(asm.Mov.Imm(offset, etherHeader))
	a.header(40, malformed)
	a.Add(at(asm.R1, 0, asm.Byte), asm.RSh.Imm(asm.R1, 4), asm.JNE.Imm(asm.R1, 6, malformed))
	a.Add(at(rest, 4, asm.Half), toHost(rest), at(proto, 6, asm.Byte))
	if s.choose.Longer > 0 {
		a.Add(asm.Mov.Reg(asm.R1, rest), asm.Add.Imm(asm.R1, 40), asm.StoreMem(asm.RFP, stackLength, asm.R1, asm.DWord))
	}
	if s.wantsClass() { // 4 bits of the version, 8 of the class, 20 of the flow label
		a.Add(at(asm.R1, 0, asm.Half), toHost(asm.R1), asm.RSh.Imm(asm.R1, 4), asm.And.Imm(asm.R1, 0xff),
			asm.StoreMem(asm.RFP, stackClass, asm.R1, asm.DWord))
	}
	s.identify(a, 8, 24, asm.DWord, 2, 6)
	s.named.direct6(a)
	a.Add(asm.Add.Imm(offset, 40))
	for i := range maxExtensions {
		fragment, skip, next := fmt.Sprint("fragment", i), fmt.Sprint("skip", i), fmt.Sprint("next", i)
		a.Add(asm.JEq.Imm(proto, protoFragment, fragment))
		for _, p := range []int32{protoHopByHop, protoDestination} {
			a.Add(asm.JEq.Imm(proto, p, skip))
		}
		a.Add(asm.JNE.Imm(proto, protoRouting, "transport6"))

		a.Label(skip) // next header, length in 8 bytes beyond the first 8
		a.header(2, malformed)
		a.Add(at(proto, 0, asm.Byte), at(asm.R1, 1, asm.Byte), asm.Add.Imm(asm.R1, 1), asm.LSh.Imm(asm.R1, 3),
			asm.Ja.Label(next))

		a.Label(fragment) // next header, reserved, 13 bits of offset, 2 reserved, more fragments
		a.header(8, malformed)
		a.Add(at(proto, 0, asm.Byte))
		s.protocol(a)
		if s.class == scenario.Fragment {
			a.Add(asm.JLT.Imm(rest, 8, "pass"))
		}
		a.Add(at(asm.R1, 2, asm.Half), toHost(asm.R1), asm.And.Imm(asm.R1, 0xfff9), asm.JNE.Imm(asm.R1, 0, s.fragment()))
		a.Add(asm.Mov.Imm(asm.R1, 8))

		a.Label(next)
		a.Add(asm.JLT.Reg(rest, asm.R1, malformed), asm.Add.Reg(offset, asm.R1), asm.Sub.Reg(rest, asm.R1))
	}
	a.Label("transport6")
	s.protocol(a)
	s.finishIP(a, protoICMPv6, 4, false)
}
