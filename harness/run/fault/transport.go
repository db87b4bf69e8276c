package fault

import (
	"math/bits"

	"github.com/cilium/ebpf/asm"

	"github.com/ruleout/ruleout/harness/scenario"
)

// Flags of TCP, RFC 9293. ECN and PSH say nothing of what a segment is.
const (
	flagFIN = 1 << iota
	flagSYN
	flagRST
	flagPSH
	flagACK
)

// parseTransport looks at the header after an unfragmented packet's IP headers: offset, rest and proto describe it.
func (s selector) parseTransport(a *assembler, st *state) {
	switch s.class {
	case scenario.Fragment, scenario.ICMPPacket: // all is known by now
	case scenario.AnyPacket:
		s.parseAny(a)
		s.matchPorts(a)
	case scenario.UDPPacket:
		a.Label("transport")
		a.Add(asm.JNE.Imm(proto, protoUDP, "pass"), asm.JLT.Imm(rest, 8, "pass"))
		a.header(8, "pass")
		s.keepPayload(a, asm.Sub.Imm(asm.R3, 8))
		s.matchPorts(a)
	default:
		a.Label("transport")
		a.Add(asm.JNE.Imm(proto, protoTCP, "pass"))
		s.segmentHeader(a, "pass")
		s.segment(a, "pass")
		s.keepPayload(a, asm.Sub.Reg(asm.R3, asm.R1))
		if s.births != nil {
			s.noteBirth(a, st)
			s.segment(a, "pass")
		}
		s.matchFlags(a)
		s.matchPorts(a)
	}
	if s.fragment() != "piece" {
		return
	}
	if s.class == scenario.AnyPacket {
		a.Add(asm.Ja.Label("parsed"))
	}
	a.Label("piece") // of a packet between the right nodes
	a.Add(asm.JEq.Imm(proto, protoTCP, "parsed"), asm.JNE.Imm(proto, protoUDP, "pass"))
}

// parseAny reads ports where there are any, and sorts segments by kind.
func (s selector) parseAny(a *assembler) {
	malformed := s.malformed()
	a.Label("transport")
	a.Add(asm.JEq.Imm(proto, protoTCP, "tcp"), asm.JNE.Imm(proto, protoUDP, malformed), asm.Ja.Label("short"))
	a.Label("tcp")
	a.Add(asm.Mov.Imm(asm.R3, kindTCP), asm.StoreMem(asm.RFP, stackKind, asm.R3, asm.DWord))
	s.segmentHeader(a, "short")
	s.segment(a, "ports")
	a.Add(asm.Mov.Reg(asm.R3, asm.R2), asm.And.Imm(asm.R3, flagSYN), asm.JEq.Imm(asm.R3, 0, "later"))
	a.Add(asm.Mov.Imm(asm.R3, kindSYN), asm.StoreMem(asm.RFP, stackKind, asm.R3, asm.DWord), asm.Ja.Label("ports"))
	a.Label("later")
	a.Add(asm.JEq.Reg(rest, asm.R1, "empty"), asm.Mov.Imm(asm.R3, kindData),
		asm.StoreMem(asm.RFP, stackKind, asm.R3, asm.DWord), asm.Ja.Label("ports"))
	a.Label("empty")
	a.Add(asm.And.Imm(asm.R2, flagFIN|flagRST|flagACK), asm.JNE.Imm(asm.R2, flagACK, "ports"))
	a.Add(asm.Mov.Imm(asm.R3, kindPureACK), asm.StoreMem(asm.RFP, stackKind, asm.R3, asm.DWord), asm.Ja.Label("ports"))
	a.Label("short") // the first 4 bytes are enough for the ports
	a.header(4, malformed)
	a.Label("ports")
}

// segment leaves the length of the TCP header in R1 and its flags in R2, or jumps to broken if it is shorter than a
// header can be or not all there. By length alone one could not tell an ACK: SACK blocks make it long.
func (s selector) segment(a *assembler, broken string) {
	a.Add(at(asm.R1, 12, asm.Byte), asm.RSh.Imm(asm.R1, 4), asm.LSh.Imm(asm.R1, 2), asm.JLT.Imm(asm.R1, 20, broken))
	a.Add(asm.JGT.Reg(asm.R1, rest, broken))
	// Cut short.
	a.Add(asm.Mov.Reg(asm.R2, offset), asm.Add.Reg(asm.R2, asm.R1), asm.LoadMem(asm.R3, ctx, skbLength, asm.Word),
		asm.JGT.Reg(asm.R2, asm.R3, broken))
	a.Add(at(asm.R2, 13, asm.Byte))
}

// matchFlags jumps to "pass" unless the segment is of the class: R1 is the length of its header, R2 its flags.
func (s selector) matchFlags(a *assembler) {
	flags := func(of, are int32) { a.Add(asm.And.Imm(asm.R2, of), asm.JNE.Imm(asm.R2, are, "pass")) }
	switch s.class {
	case scenario.DataSegment:
		a.Add(asm.JEq.Reg(rest, asm.R1, "pass"))
		if s.choose.Last {
			flags(flagPSH, flagPSH)
		}
	case scenario.PureACK, scenario.DupACK:
		a.Add(asm.JNE.Reg(rest, asm.R1, "pass"))
		flags(flagFIN|flagSYN|flagRST|flagACK, flagACK)
	case scenario.SYN:
		flags(flagSYN|flagACK, flagSYN)
	case scenario.SYNACK:
		flags(flagSYN|flagACK, flagSYN|flagACK)
	case scenario.FIN:
		flags(flagFIN, flagFIN)
	case scenario.RST:
		flags(flagRST, flagRST)
	}
}

// matchPorts jumps to "pass" unless the ports are those asked for, and writes them into the flow.
func (s selector) matchPorts(a *assembler) {
	if s.identifies() {
		a.Add(at(asm.R1, 0, asm.Word), asm.StoreMem(asm.RFP, flowPorts, asm.R1, asm.Word))
	}
	if !s.wantsPorts() {
		return
	}
	source, target := asm.R1, asm.R2
	a.Add(at(source, 0, asm.Half), at(target, 2, asm.Half))
	if p := s.choose.Port; p > 0 {
		a.Add(asm.JEq.Imm(source, network(p), "either"), asm.JNE.Imm(target, network(p), "pass"))
		a.Label("either")
	}
	if p := s.choose.FromPort; p > 0 {
		a.Add(asm.JNE.Imm(source, network(p), "pass"))
	}
	if p := s.choose.ToPort; p > 0 {
		a.Add(asm.JNE.Imm(target, network(p), "pass"))
	}
	if s.named != nil && s.named.port > 0 {
		a.Add(asm.LoadMem(asm.R3, asm.RFP, stackDirection, asm.DWord), asm.JEq.Imm(asm.R3, thither, "thither"),
			asm.Mov.Reg(target, source))
		a.Label("thither")
		a.Add(asm.JNE.Imm(target, network(s.named.port), "pass"))
	}
}

// network is a port as it lies in memory.
func network(port int) int32 { return int32(bits.ReverseBytes16(uint16(port))) }

// matchLength jumps to "pass" unless the packet is as long as asked for.
func (s selector) matchLength(a *assembler) {
	if s.choose.Longer > 0 {
		a.Add(asm.LoadMem(asm.R1, asm.RFP, stackLength, asm.DWord), asm.JLE.Imm(asm.R1, int32(s.choose.Longer), "pass"))
	}
}

// matchDupACK jumps to "pass" unless the pure ACK repeats the one before on its flow, which it takes the place of.
func (s selector) matchDupACK(a *assembler) {
	a.Add(at(asm.R1, 4, asm.Word), at(asm.R2, 8, asm.Word), asm.LSh.Imm(asm.R2, 32), asm.Or.Reg(asm.R1, asm.R2))
	a.Add(at(asm.R3, 14, asm.Half), asm.Or.Imm(asm.R3, 1<<16))
	a.Add(asm.LoadMem(asm.R4, memory, memoryNumber, asm.DWord), asm.LoadMem(asm.R5, memory, memoryWindow, asm.DWord))
	a.Add(asm.StoreMem(memory, memoryNumber, asm.R1, asm.DWord), asm.StoreMem(memory, memoryWindow, asm.R3, asm.DWord))
	a.Add(asm.JNE.Reg(asm.R1, asm.R4, "pass"), asm.JNE.Reg(asm.R3, asm.R5, "pass"))
}
