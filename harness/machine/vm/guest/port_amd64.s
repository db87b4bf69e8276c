#include "textflag.h"

// func outb(port uint16, v uint8)
TEXT ·outb(SB), NOSPLIT, $0-3
	MOVW port+0(FP), DX
	MOVB v+2(FP), AX
	OUTB
	RET

// func outw(port uint16, v uint16)
TEXT ·outw(SB), NOSPLIT, $0-4
	MOVW port+0(FP), DX
	MOVW v+2(FP), AX
	OUTW
	RET

// func outsb(port uint16, p *byte, n int)
TEXT ·outsb(SB), NOSPLIT, $0-24
	MOVW port+0(FP), DX
	MOVQ p+8(FP), SI
	MOVQ n+16(FP), CX
	CLD
	REP; OUTSB
	RET

// func insb(port uint16, p *byte, n int)
TEXT ·insb(SB), NOSPLIT, $0-24
	MOVW port+0(FP), DX
	MOVQ p+8(FP), DI
	MOVQ n+16(FP), CX
	CLD
	REP; INSB
	RET

// func freeze(port uint16)
//
// The registers are read from the saved state: R8 marks the place, R9 is the time stamp
// counter, and after it was read stopInstructions follow, the last of which stops the CPU.
TEXT ·freeze(SB), NOSPLIT, $0-2
	MOVQ $0x72756c656f757421, R8
	RDTSC
	SHLQ $32, DX
	ORQ  DX, AX
	MOVQ AX, R9
	MOVW port+0(FP), DX
	MOVB $1, AX
	OUTB
	RET
