package image

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/deb/debtest"
)

// program is an ELF file that needs an interpreter and libraries, each if it is not empty.
func program(machine elf.Machine, interp, runpath string, needs ...string) string {
	strs := "\x00"
	str := func(s string) uint64 {
		at := len(strs)
		strs += s + "\x00"
		return uint64(at)
	}
	var dynamic bytes.Buffer
	le := binary.LittleEndian
	tag := func(t elf.DynTag, v uint64) { _ = binary.Write(&dynamic, le, elf.Dyn64{Tag: int64(t), Val: v}) }
	for _, n := range needs {
		tag(elf.DT_NEEDED, str(n))
	}
	if runpath != "" {
		tag(elf.DT_RUNPATH, str(runpath))
	}
	tag(elf.DT_NULL, 0)
	names := "\x00.dynstr\x00.dynamic\x00.shstrtab\x00"
	const begin = 64 + 56
	parts := []string{interp + "\x00", strs, dynamic.String(), names}
	at := uint64(begin)
	var offsets []uint64
	for _, p := range parts {
		offsets = append(offsets, at)
		at += uint64(len(p))
	}
	h := elf.Header64{Type: uint16(elf.ET_DYN), Machine: uint16(machine),
		Version: 1, Phoff: 64, Shoff: at, Ehsize: 64, Phentsize: 56, Shentsize: 64, Shnum: 4, Shstrndx: 3}
	copy(h.Ident[:], "\x7fELF\x02\x01\x01")
	if interp != "" {
		h.Phnum = 1
	}
	section := func(name, kind, part, link int) elf.Section64 {
		return elf.Section64{Name: uint32(name), Type: uint32(kind), Off: offsets[part], Size: uint64(len(parts[part])),
			Link: uint32(link), Addralign: 1}
	}
	var out bytes.Buffer
	_ = binary.Write(&out, le, h)
	_ = binary.Write(&out, le, elf.Prog64{Type: uint32(elf.PT_INTERP), Off: offsets[0], Filesz: uint64(len(parts[0]))})
	out.WriteString(strings.Join(parts, ""))
	dyn := section(9, int(elf.SHT_DYNAMIC), 2, 1)
	dyn.Entsize = 16
	_ = binary.Write(&out, le, []elf.Section64{{}, section(1, int(elf.SHT_STRTAB), 1, 0),
		dyn, section(18, int(elf.SHT_STRTAB), 3, 0)})
	return out.String()
}

func TestCheck(t *testing.T) {
	const ld = "/lib64/ld-linux-x86-64.so.2"
	exe := func(name, data string) debtest.Entry { return owned("./"+name, 0o755, 0, 0, data) }
	x := elf.EM_X86_64
	own, err := os.ReadFile("/proc/self/exe") // a static program
	require.NoError(t, err)
	repository(t, pkg{name: "things", entries: []debtest.Entry{
		exe("lib64/ld-linux-x86-64.so.2", program(x, "", "")), exe("usr/lib/x86_64-linux-gnu/libc.so.6", program(x, "", "")),
		exe("usr/lib/x86_64-linux-gnu/libchain.so.1.0", program(x, "", "", "libc.so.6", "libgone.so.3")),
		debtest.Link("./usr/lib/x86_64-linux-gnu/libchain.so.1", "libchain.so.1.0"),
		exe("usr/lib/x86_64-linux-gnu/private/libprivate.so", program(x, "", "")),
		exe("opt/lib/liborigin.so", program(x, "", "")),
		exe("usr/lib/arm/libarm.so", program(elf.EM_AARCH64, "", "")),
		exe("usr/bin/good", program(x, ld, "", "libc.so.6")), exe("usr/bin/static", string(own)),
		exe("usr/bin/chain", program(x, ld, "", "libchain.so.1")),
		exe("usr/bin/two", program(x, ld, "", "liba.so", "libb.so.1")),
		exe("usr/bin/private", program(x, ld, "/usr/lib/x86_64-linux-gnu/private", "libprivate.so")),
		exe("usr/bin/noprivate", program(x, ld, "", "libprivate.so")),
		exe("opt/bin/origin", program(x, ld, "$ORIGIN/../lib", "liborigin.so")),
		debtest.Link("./usr/bin/origin", "../../opt/bin/origin"),
		exe("usr/bin/armlib", program(x, ld, "/usr/lib/arm", "libarm.so")),
		exe("usr/bin/arm", program(elf.EM_AARCH64, "/lib/ld-linux-aarch64.so.1", "")),
		exe("usr/bin/musl", program(x, "/lib/ld-musl-x86_64.so.1", "")),
		owned("./usr/bin/plain", 0o644, 0, 0, program(x, ld, "")),
		exe("usr/bin/script", "#!/usr/bin/good -x\n"), exe("usr/bin/env", program(x, ld, "", "libc.so.6")),
		exe("usr/bin/byenv", "#!/usr/bin/env good\n"),
		exe("usr/bin/noenv", "#!/usr/bin/env python3\n"), exe("usr/bin/python3.11", program(x, ld, "")),
		exe("usr/bin/nointerp", "#!/usr/bin/python3 -u\n"),
		exe("usr/bin/chainscript", "#!/usr/bin/two\n"), exe("usr/bin/crlf", "#!/usr/bin/good\r\n"),
		exe("usr/bin/loop", "#!/usr/bin/loop\n"), exe("usr/bin/nothing", "#!\n"),
		exe("usr/bin/text", "echo hello\n"), exe("usr/sbin/daemon", program(x, ld, "")),
		debtest.Link("./usr/bin/dangling", "nowhere"),
	}}).Update(t)
	i, err := newStore(t).Ensure(t.Context(), "", Spec{Packages: []string{"things"}}, nil, nil)
	require.NoError(t, err)
	for _, good := range []string{"good", "/usr/bin/good", "/bin/good", "static", "private", "origin", "/opt/bin/origin",
		"script", "byenv", "daemon"} {
		require.NoError(t, i.Check(good), good)
	}
	where, err := i.Look("daemon")
	require.NoError(t, err)
	require.Equal(t, "/usr/sbin/daemon", where)
	for _, c := range []struct{ program, says string }{
		{"daemom", "program daemom is not in the image; did you mean /usr/sbin/daemon?"},
		{"/usr/bin/daemon", "program /usr/bin/daemon is not in the image; did you mean /usr/sbin/daemon?"},
		{"python", "program python is not in the image; did you mean /usr/bin/python3.11?"},
		{"bin/good", "neither an absolute path nor a bare name"},
		{"/usr/bin/dangling", "is not in the image"},
		{"/usr/bin", "is a directory"},
		{"/usr/bin/plain", "may not be executed: its mode is 0644"},
		{"chain", "program /usr/bin/chain lacks libgone.so.3 (for libchain.so.1.0)"},
		{"two", "program /usr/bin/two lacks liba.so (for two), libb.so.1 (for two)"},
		{"noprivate", "lacks libprivate.so"},
		{"armlib", "lacks libarm.so"},
		{"arm", "is for AARCH64, and the guest is x86-64"},
		{"musl", "needs the dynamic linker /lib/ld-musl-x86_64.so.1, which is not in the image"},
		{"noenv", "script /usr/bin/noenv needs python3, which is not in the image; did you mean /usr/bin/python3.11?"},
		{"nointerp", "script /usr/bin/nointerp needs /usr/bin/python3, which is not in the image; did you mean /usr/bin/python3.11?"},
		{"chainscript", "program /usr/bin/two lacks liba.so"},
		{"crlf", "CR LF"},
		{"loop", "more than 5 scripts interpret each other"},
		{"nothing", "neither a script, which begins with #!, nor a program of the processor"},
		{"text", "neither a script, which begins with #!, nor a program of the processor"},
	} {
		err := i.Check(c.program)
		require.ErrorContains(t, err, c.says)
		require.Equal(t, problem.Usage, problem.KindOf(err))
		require.NotEmpty(t, problem.HintOf(err))
	}
}

func FuzzNeeds(f *testing.F) {
	f.Add([]byte(program(elf.EM_X86_64, "/lib/ld.so", "/lib:$ORIGIN", "liba.so", "libb.so")))
	f.Add([]byte("#!/bin/sh -e\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		needs(data[:min(len(data), 256)], bytes.NewReader(data))
	})
}
