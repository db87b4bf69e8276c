package box

import (
	"strings"

	"golang.org/x/sys/cpu"
)

// Explain says what is behind the end of a program that needs another processor, beginning with a semicolon; it is
// empty for other ends. The signal and the status are those of an [Outcome], said is the end of its output.
func Explain(signal string, exit int, said string) string {
	// What glibc says, in elf/dl-load.c and sysdeps/x86: "Fatal glibc error: CPU does not support x86-64-v2" and
	// "CPU ISA level is lower than required".
	refused := exit == 127 && (strings.Contains(said, "CPU does not support x86-64-v") ||
		strings.Contains(said, "CPU ISA level is lower than required"))
	switch {
	case signal == "SIGILL":
		return "; it used an instruction that the emulated CPU does not have, or that is none: " + processor()
	case refused:
		return "; it was built for another processor: " + processor()
	}
	return ""
}

// processor says what the processor has, and what may be done about it.
func processor() string {
	x := &cpu.X86
	var lacks []string
	for _, f := range []struct {
		has  bool
		name string
	}{
		{x.HasSSSE3, "ssse3"}, {x.HasSSE41, "sse4_1"}, {x.HasSSE42, "sse4_2"}, {x.HasPOPCNT, "popcnt"},
		{x.HasCX16, "cx16"},
	} {
		if !f.has {
			lacks = append(lacks, f.name)
		}
	}
	switch {
	case len(lacks) == 0:
		return "the emulated CPU has x86-64-v2, and no AVX; a build for x86-64-v2 will do"
	case len(lacks) == 1 && !x.HasCX16:
		return "the emulated CPU has x86-64-v2 without CMPXCHG16B, which QEMU has from 8.0 on, and no AVX; " +
			"a build for any x86-64 may do, or another QEMU"
	}
	return "the emulated CPU lacks " + strings.Join(lacks, ", ") + " and AVX; a build for any x86-64 will do"
}
