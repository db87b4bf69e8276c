package kernel

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A module with debugging information between what stays: every section that stays has its number, its contents and
// its alignment, and binutils can read the file.
func TestStripDebugKeepsTheRest(t *testing.T) {
	noise := string(vmlinux(3000))
	file := elfFile(elf.EM_X86_64, [2]string{".modinfo", "depends=veth\x00"}, [2]string{".debug_info", noise},
		[2]string{".text", "code"}, [2]string{".rela.debug_info", noise}, [2]string{".BTF", "types"},
		[2]string{".debug_str", noise})
	less, err := withoutDebug(file)
	require.NoError(t, err)
	require.Less(t, len(less), len(file)-3*3000)
	before, err := elf.NewFile(bytes.NewReader(file))
	require.NoError(t, err)
	after, err := elf.NewFile(bytes.NewReader(less))
	require.NoError(t, err)
	require.Len(t, after.Sections, len(before.Sections))
	for i, s := range before.Sections {
		got := after.Sections[i]
		require.Equal(t, s.Name, got.Name)
		if s.Name == ".debug_info" || s.Name == ".rela.debug_info" || s.Name == ".debug_str" {
			require.Equal(t, elf.SHT_NULL, got.Type)
			require.Zero(t, got.FileSize)
			continue
		}
		require.Equal(t, s.Type, got.Type)
		if s.Type == elf.SHT_NULL {
			continue
		}
		want, err := s.Data()
		require.NoError(t, err)
		have, err := got.Data()
		require.NoError(t, err)
		require.Equal(t, want, have, s.Name)
	}
	info, err := readModuleInfo(bytes.NewReader(less))
	require.NoError(t, err)
	require.Equal(t, []string{"veth"}, info.needs)
}

func TestStripDebugLeavesAloneWhatIsSignedOrHasNone(t *testing.T) {
	with := elfFile(elf.EM_X86_64, [2]string{".modinfo", "x"}, [2]string{".debug_info", "y"})
	for _, file := range [][]byte{
		ko("veth"), []byte("no ELF file"), nil, append(with, signed...),
	} {
		less, err := withoutDebug(file)
		require.NoError(t, err)
		require.True(t, bytes.Equal(file, less))
	}
}

// A program's segments stay where they are: it runs as before. gcc makes one with debugging information.
func TestStripDebugLeavesAProgramWhole(t *testing.T) {
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("no gcc on this machine")
	}
	dir := t.TempDir()
	source, program := filepath.Join(dir, "x.c"), filepath.Join(dir, "x")
	const code = "static int zero[5000]; int main(int c, char **v) { return 42 + zero[c]; }"
	require.NoError(t, os.WriteFile(source, []byte(code), 0o644))
	out, err := exec.Command("gcc", "-g3", "-static", "-o", program, source).CombinedOutput()
	if err != nil {
		t.Skipf("gcc makes no program here: %s", out)
	}
	file, err := os.ReadFile(program)
	require.NoError(t, err)
	less, err := withoutDebug(file)
	require.NoError(t, err)
	require.Less(t, len(less), len(file))
	stripped := filepath.Join(dir, "y")
	require.NoError(t, os.WriteFile(stripped, less, 0o755))
	err = exec.Command(stripped).Run()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 42, exit.ExitCode())
	e, err := elf.Open(stripped)
	require.NoError(t, err)
	defer e.Close()
	symbols, err := e.Symbols()
	require.NoError(t, err)
	require.NotEmpty(t, symbols)
}
