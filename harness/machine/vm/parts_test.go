package vm_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/machine/vm"
)

// wrap makes a script that does something and then becomes the real QEMU.
func wrap(t *testing.T, script string) vm.QEMU {
	t.Helper()
	real, err := vm.ChooseQEMU(t.Context(), "")
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "qemu")
	script = "#!/bin/sh\n" + strings.ReplaceAll(script, "REAL", real.Path)
	require.NoError(t, os.WriteFile(path, []byte(script), 0o755))
	q, err := vm.ChooseQEMU(t.Context(), path)
	require.NoError(t, err)
	require.Equal(t, real.Version, q.Version)
	return q
}

// opened matches a line of strace in which a file was opened.
var opened = regexp.MustCompile(`open(?:at)?\(.*?"([^"]+)".* = \d+`)

// elsewhere are files that are made by the kernel, or for all programs.
var elsewhere = regexp.MustCompile(`^/(proc|sys|dev|etc)/`)

// Shared libraries are no part of what QEMU is: they differ between distributions whose QEMU does not.
var library = regexp.MustCompile(`\.so(\.[0-9.]+)?$`)

// What QEMU reads is asked of the kernel. All of it that comes with QEMU has to be in the key.
func TestTheKeyHasAllFilesThatQEMUReads(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip("no strace")
	}
	for _, m := range []vm.Machine{vm.MicroVM, vm.Q35} {
		t.Run(string(m), func(t *testing.T) {
			trace := filepath.Join(t.TempDir(), "trace")
			// -D: QEMU stays the process that was started.
			c := config(t)
			c.QEMU = wrap(t, fmt.Sprintf(`exec strace -D -f -qq -e trace=open,openat -A -o %s REAL "$@"`, trace))
			c.Dir, c.Machine, c.Once = t.TempDir(), m, true
			template, err := vm.OpenTemplate(t.Context(), c, nil)
			require.NoError(t, err)
			defer template.Close()
			require.NoError(t, runOn(t, template, job{Do: "echo", Fill: "x"}).err)

			files, err := c.QEMU.Files(m)
			require.NoError(t, err)
			var read []string
			text, err := os.ReadFile(trace)
			require.NoError(t, err)
			for _, match := range opened.FindAllStringSubmatch(string(text), -1) {
				if elsewhere.MatchString(match[1]) {
					continue
				}
				name, err := filepath.EvalSymlinks(match[1])
				if err != nil || strings.HasPrefix(name, c.Dir) || strings.HasPrefix(name, c.Kernel.Dir) {
					continue
				}
				info, err := os.Stat(name)
				require.NoError(t, err)
				if !info.Mode().IsRegular() {
					continue
				}
				if library.MatchString(name) && !strings.Contains(name, "/qemu/") ||
					strings.HasPrefix(name, "/usr/share/zoneinfo/") {
					continue
				}
				read = append(read, name)
			}
			var known []string
			for _, name := range files {
				name, err := filepath.EvalSymlinks(name)
				require.NoError(t, err)
				known = append(known, name)
			}
			slices.Sort(read)
			read = slices.Compact(read)
			require.Subset(t, known, read)
			require.GreaterOrEqual(t, len(read), 2, "the trace has the firmware at least")
		})
	}
}

func TestAScriptIsNotTheQEMUThatItStarts(t *testing.T) {
	q := wrap(t, `exec REAL "$@"`)
	files, err := q.Files(vm.MicroVM)
	require.NoError(t, err)
	real, err := vm.ChooseQEMU(t.Context(), "")
	require.NoError(t, err)
	require.Contains(t, files, real.Path)
	require.Contains(t, files, q.Path)
}

// Each file is changed in a copy of QEMU's directories.
func TestTheKeyChangesWithFirmware(t *testing.T) {
	c := config(t)
	files, err := c.QEMU.Files(vm.Q35)
	require.NoError(t, err)
	data := t.TempDir()
	for _, name := range []string{"bios-256k.bin", "pvh.bin", "kvmvapic.bin", "qboot.rom"} {
		at := slices.IndexFunc(files, func(f string) bool { return filepath.Base(f) == name })
		text := []byte("qboot")
		if at >= 0 {
			text, err = os.ReadFile(files[at])
			require.NoError(t, err)
		}
		require.NoError(t, os.WriteFile(filepath.Join(data, name), text, 0o644))
	}
	c.QEMU = wrap(t, `exec REAL -L `+data+` "$@"`)
	c.Machine = vm.Q35
	keys := map[string]bool{}
	note := func() {
		key, err := c.Key()
		require.NoError(t, err)
		keys[key] = true
	}
	note()
	note()
	require.Len(t, keys, 1)
	for i, name := range []string{"bios-256k.bin", "pvh.bin", "kvmvapic.bin"} {
		f, err := os.OpenFile(filepath.Join(data, name), os.O_WRONLY|os.O_APPEND, 0)
		require.NoError(t, err)
		_, err = f.WriteString("x")
		require.NoError(t, err)
		require.NoError(t, f.Close())
		note()
		require.Len(t, keys, i+2, name)
	}
	require.NoError(t, os.Remove(filepath.Join(data, "pvh.bin")))
	note() // of the next directory
	require.Len(t, keys, 5)
}

func TestTheSandboxChangesNothing(t *testing.T) {
	c := config(t)
	if !c.QEMU.Sandboxed() {
		t.Skip("this QEMU was built without seccomp")
	}
	boxed := template(t)                                                             // made twice, in a sandbox
	c.QEMU, c.Dir, c.Machine = c.QEMU.WithoutSandbox(), t.TempDir(), boxed.Machine() // twice, too
	free, err := vm.OpenTemplate(t.Context(), c, nil)
	require.NoError(t, err)
	defer free.Close()
	require.Equal(t, boxed.Key(), free.Key())
	require.Equal(t, boxed.Hash(), free.Hash())
	a, b := runOn(t, boxed, job{Do: "net", Size: 50}), runOn(t, free, job{Do: "net", Size: 50})
	require.NoError(t, a.err)
	require.NoError(t, b.err)
	require.Equal(t, a.output, b.output)
}
