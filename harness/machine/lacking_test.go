package machine

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/image"
	"github.com/ruleout/ruleout/harness/machine/vm"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/expect"
)

// executable is a static program of this code, which says that it needs x86-64-vn unless level is 0.
func executable(code []byte, level int) []byte {
	const address, begin = 0x400000, 64 + 56
	le := binary.LittleEndian
	note := make([]byte, 32)
	for i, word := range []uint32{4, 16, 5, le.Uint32([]byte("GNU\x00")), 0xc0008002, 4, 1<<max(level, 1) - 1, 0} {
		le.PutUint32(note[4*i:], word)
	}
	names := "\x00.note.gnu.property\x00.shstrtab\x00"
	end := begin + len(code)
	h := elf.Header64{Type: uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: 1, Entry: address + begin,
		Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 1, Shentsize: 64}
	copy(h.Ident[:], "\x7fELF\x02\x01\x01")
	if level > 0 {
		h.Shoff, h.Shnum, h.Shstrndx = uint64(end+len(note)+len(names)), 3, 2
	}
	var out bytes.Buffer
	put := func(v any) { _ = binary.Write(&out, le, v) }
	put(h)
	put(elf.Prog64{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X), Vaddr: address, Filesz: uint64(end),
		Memsz: uint64(end), Align: 4096})
	put(code)
	if level > 0 {
		put(note)
		put([]byte(names))
		put([]elf.Section64{{},
			{Name: 1, Type: uint32(elf.SHT_NOTE), Off: uint64(end), Size: uint64(len(note))},
			{Name: 20, Type: uint32(elf.SHT_STRTAB), Off: uint64(end + len(note)), Size: uint64(len(names))}})
	}
	return out.Bytes()
}

// exits is exit_group(0).
var exits = []byte{0xb8, 231, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05}

const programs = `
version: 1
name: programs
duration: 1s
images:
  own: {files: {/usr: root/usr}}
nodes:
  client: {}
  web:
    image: own
    service: {}
links:
  - {between: [client, web]}
`

// written is a scenario whose image has these files, each of which may be executed.
func written(t *testing.T, service string, files map[string]string) *scenario.Scenario {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, "root", name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o755))
	}
	file := filepath.Join(dir, "programs.yaml")
	text := []byte(programs)
	text = bytes.Replace(text, []byte("service: {}"), []byte("service: "+service), 1)
	require.NoError(t, os.WriteFile(file, text, 0o644))
	s, err := expect.Load(file, nil)
	require.NoError(t, err)
	return s
}

func TestProgramsAreCheckedBeforeTheMachine(t *testing.T) {
	old, recent := vm.QEMU{Version: "7.2.22"}, vm.QEMU{Version: "8.0.0"}
	files := map[string]string{
		"usr/bin/plain": string(executable(exits, 0)), "usr/bin/two": string(executable(exits, 2)),
		"usr/bin/three": string(executable(exits, 3)), "usr/sbin/haproxy": string(executable(exits, 0)),
		"usr/bin/script": "#!/usr/bin/pyton\n", "usr/opt/php-fpm8.2": string(executable(exits, 0)),
	}
	const exec0 = "nodes.web.service.exec[0]"
	for _, c := range []struct {
		name, service string
		qemu          vm.QEMU
		place, says   string // empty if nothing lacks
		hint          string
	}{
		{name: "good", qemu: recent,
			service: `{exec: [{name: a, command: [plain]}, {name: b, command: [/usr/bin/two]}]}`},
		{name: "star", qemu: old,
			service: `{exec: [{name: a, command: ["php-fpm*"], env: {PATH: "/usr/bin:/usr/opt"}}]}`},
		{name: "PATH", service: `{exec: [{name: a, command: ["php-fpm*"]}]}`, qemu: old, place: exec0,
			says: "program php-fpm* is not in the image", hint: "add the package"},
		{name: "missing", service: `{exec: [{name: a, command: [plane]}]}`, qemu: recent, place: exec0,
			says: "node web: program a: program plane is not in the image; did you mean /usr/bin/plain?",
			hint: "add the package"},
		{name: "second", service: `{exec: [{name: a, command: [plain]}, {name: b, command: [/usr/bin/script]}]}`,
			qemu: recent, place: "nodes.web.service.exec[1]", says: "script /usr/bin/script needs /usr/bin/pyton",
			hint: "interpreter"},
		{name: "made by a step", qemu: recent,
			service: `{exec: [{name: a, command: [plain], expect-exit: 0}, {name: b, command: [/made]}]}`},
		{name: "level after a step", qemu: old, place: "nodes.web.service.exec[1]",
			service: `{exec: [{name: a, command: [plain], expect-exit: 0}, {name: b, command: [two]}]}`,
			says:    "/usr/bin/two says that it needs x86-64-v2, and QEMU 7.2.22 gets CMPXCHG16B wrong, so that the",
			hint:    "QEMU 8.0 or later"},
		{name: "level", service: `{exec: [{name: a, command: [three]}]}`, qemu: recent, place: exec0,
			says: "/usr/bin/three says that it needs x86-64-v3, and the emulated CPU has x86-64-v2", hint: "GOAMD64"},
		{name: "haproxy", service: `{haproxy: {servers: ["web:80"]}}`, qemu: old, place: "nodes.web.service.haproxy",
			says: "/usr/sbin/haproxy uses CMPXCHG16B, and QEMU 7.2.22 gets CMPXCHG16B wrong",
			hint: "nginx as the balancer"},
		{name: "haproxy, new", service: `{haproxy: {servers: ["web:80"]}}`, qemu: recent},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := written(t, c.service, files)
			store, err := image.Open(filepath.Join(t.TempDir(), "images"))
			require.NoError(t, err)
			i, err := store.Ensure(t.Context(), "own", ImageSpec(s, "own"), nil, nil)
			require.NoError(t, err)
			m := new(imageFinder)
			err = m.check(s, imageSet{{"own", i}}, c.qemu)
			require.Equal(t, c.place, problem.PlaceOf(err))
			if c.place == "" {
				require.NoError(t, err)
				require.Len(t, m.good, 1, "it is not looked at again")
				return
			}
			require.ErrorContains(t, err, c.says)
			require.Equal(t, problem.Usage, problem.KindOf(err))
			require.Contains(t, problem.HintOf(err), c.hint)
			require.Empty(t, m.good)
		})
	}
}

// UD2 stands for all that the emulated CPU does not know.
func TestAnUnknownInstructionIsExplained(t *testing.T) {
	files := map[string]string{"usr/bin/future": string(executable([]byte{0x0f, 0x0b}, 0))}
	v, err := OpenVM(t.Context(), VMOptions{})
	require.NoError(t, err)
	const says = "SIGILL; it used an instruction that the emulated CPU does not have, or that is none: the emulated CPU " +
		"has x86-64-v2"
	s := written(t, "{exec: [{name: a, command: [future], port: 80}]}", files)
	_, err = v.Run(t.Context(), Request{Scenario: s, Seed: 1})
	require.ErrorContains(t, err, "program a: ended before it was ready: "+says)
	require.Equal(t, "nodes.web.service.exec[0]", problem.PlaceOf(err))

	s = written(t, "{exec: [{name: a, command: [future], at: 500ms}]}", files)
	r, err := v.Run(t.Context(), Request{Scenario: s, Seed: 1})
	require.NoError(t, err)
	require.False(t, r.Valid)
	require.Contains(t, r.InvalidBecause[0].String(), "ended by SIGILL at 0.5")
	require.Contains(t, r.InvalidBecause[0].String(), "it used an instruction that the emulated CPU does not have")
}
