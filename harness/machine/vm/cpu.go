package vm

import (
	"strconv"
	"strings"
)

// CX16 tells whether the emulator has a CMPXCHG16B that can be relied on: from QEMU 8.0 on. Commit 5f0dd8cd33cb
// ("target/i386: Inline cmpxchg16b") took away the helper that got the flags wrong; see docs/architecture/vm.md.
func (q QEMU) CX16() bool {
	major, _, _ := strings.Cut(q.Version, ".")
	n, err := strconv.Atoi(major)
	return err == nil && n >= 8
}

// Level is n of the x86-64-vn that programs of images find (the psABI, section "Micro-Architecture Levels"). Without
// CMPXCHG16B it is 1, although all else of level 2 is there.
func (q QEMU) Level() int {
	if q.CX16() {
		return 2
	}
	return 1
}

// processor is the argument of -cpu.
//
// There is no RDRAND, which QEMU would answer from the host. +arat says that the APIC timer runs on in idle: without it
// and without a second timer the kernel keeps a 4 ms tick. Programs of images find what makes an x86-64-v2; QEMU's
// model has all else of it. Without such programs nothing is added, so that digests stay what they were.
func (c *Config) processor() string {
	list := "qemu64,+arat"
	if !c.QEMU.CX16() {
		list += ",-cx16"
	}
	if len(c.Images) > 0 {
		list += ",+ssse3,+sse4.1,+sse4.2,+popcnt"
	}
	return list
}
