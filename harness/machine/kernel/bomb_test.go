package kernel

import (
	"archive/tar"
	"bytes"
	"compress/zlib"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/machine/deb"
)

// No input may take more than this, whatever it claims to be.
const (
	mostMemory = 300 << 20 // bytes, resident at the peak
	mostTime   = 10 * time.Second
)

// flood is a compressed stream that begins with something and goes on with zeros; n times 32 MiB of them
// are n equal streams, one after the other, which all decoders read as one.
func flood(f deb.Format, begin []byte, n int) []byte {
	return append(compress(f, begin), bytes.Repeat(compress(f, zeros(32<<20)), n)...)
}

// floodedModule is a module that is followed by zeros.
func floodedModule(f deb.Format, n int) []byte { return flood(f, ko(), n) }

// compressedSection is a module whose .modinfo says that it is compressed, and is: a thousandfold.
func compressedSection() []byte {
	var b bytes.Buffer
	must(binary.Write(&b, binary.LittleEndian, elf.Chdr64{Type: uint32(elf.COMPRESS_ZLIB), Size: 1 << 40, Addralign: 1}))
	z := zlib.NewWriter(&b)
	for range 32 {
		_, err := z.Write(zeros(32 << 20))
		must(err)
	}
	must(z.Close())
	ko := elfFile(elf.EM_X86_64, [2]string{".modinfo", b.String()})
	at := binary.LittleEndian.Uint64(ko[40:]) + 64 + 8 // flags of the first section
	binary.LittleEndian.PutUint64(ko[at:], uint64(elf.SHF_COMPRESSED))
	return ko
}

func TestBombsTakeLittle(t *testing.T) {
	header := func(size int64) []byte {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		must(w.WriteHeader(&tar.Header{Name: "./usr/bomb", Typeflag: tar.TypeReg, Mode: 0o644, Size: size}))
		return b.Bytes()
	}
	modules := func(f deb.Format, n, size int) []entry {
		var list []entry
		packed := floodedModule(f, size)
		for i := range n {
			suffix := map[deb.Format]string{deb.XZ: ".xz", deb.Zstd: ".zst", deb.Gzip: ".gz"}[f]
			list = append(list, file(modulePath(fmt.Sprintf("m%d.ko%s", i, suffix)), packed))
		}
		return kernelEntries(list...)
	}
	for _, f := range []deb.Format{deb.Zstd, deb.XZ, deb.Gzip} {
		for _, c := range []struct {
			name string
			deb  func() []byte
			says string
		}{
			{"data archive", func() []byte { return withPacked(f, flood(f, header(512<<20), 33)) }, "unpacks to more than 1024 MiB"},
			{"control archive", func() []byte {
				return arFile("debian-binary", []byte("2.0\n"), "control.tar", flood(f, header(512<<20), 33))
			}, "unpacks to more than 1024 MiB"},
			{"a module", func() []byte { return pkg{format: f, entries: modules(f, 1, 3)}.bytes() }, "too large"},
			{"many modules", func() []byte { return pkg{format: f, entries: modules(f, 100, 1)}.bytes() }, "too large"},
			{"image", func() []byte {
				e := kernelEntries()
				e[3] = file("./boot/vmlinuz-"+testRelease, bzImage(testRelease, flood(f, vmlinux(100), 17), nil))
				return pkg{format: f, entries: e}.bytes()
			}, "MiB"},
		} {
			t.Run(fmt.Sprintf("%s, %s", f, c.name), func(t *testing.T) {
				t.Parallel()
				requireLittle(t, c.deb(), c.says)
			})
		}
	}
	t.Run("a module's section", func(t *testing.T) {
		requireLittle(t, pkg{format: deb.Zstd, entries: kernelEntries(file(modulePath("m.ko"), compressedSection()))}.bytes(),
			"compressed or too long")
	})
}

// withPacked is a package around a data archive that is packed already.
func withPacked(f deb.Format, data []byte) []byte {
	return arFile("debian-binary", []byte("2.0\n"), "control.tar",
		tarball(entry{Name: "control", Data: []byte(pkg{}.control())}), "data.tar", data)
}

// requireLittle imports a package in a process of its own, and looks at what the kernel says that it took.
func requireLittle(t *testing.T, deb []byte, says string) {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", dir, writeFile(t, deb))
	cmd.Env = append(os.Environ(), roleVariable+"=measure")
	out, err := cmd.Output()
	require.NoError(t, err)
	why, peak, ok := strings.Cut(string(out), "\n")
	require.True(t, ok)
	require.Contains(t, why, says)
	// Not the peak of the process's whole life (getrusage), which begins with that of the process that forked it.
	var kib int64
	_, err = fmt.Sscanf(peak, "VmHWM: %d kB", &kib)
	require.NoError(t, err, peak)
	took := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	t.Logf("%d bytes took %d MiB and %v: %s", len(deb), kib>>10, took, why)
	require.Less(t, kib<<10, int64(mostMemory))
	require.Less(t, took, mostTime)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range left {
		require.True(t, strings.HasPrefix(e.Name(), ".lock"), e.Name())
	}
}

// A module that is long for good reasons goes through a file, and comes out as it was.
func TestALongModuleComesBack(t *testing.T) {
	for _, f := range []deb.Format{deb.Plain, deb.Zstd} {
		t.Run(string(f), func(t *testing.T) {
			long := append(ko("a"), vmlinux(smallModule)...)
			suffix := map[deb.Format]string{deb.Zstd: ".zst"}[f]
			s := newStore(t)
			k, err := s.Add(t.Context(),
				pkg{entries: kernelEntries(file(modulePath("long.ko"+suffix), compress(f, long)),
					file(modulePath("a.ko"), ko()))}.write(t))
			require.NoError(t, err)
			got, err := k.ReadModule("kernel/long.ko")
			require.NoError(t, err)
			require.True(t, bytes.Equal(long, got))
			order, err := k.ModuleOrder("long")
			require.NoError(t, err)
			require.Equal(t, []string{"kernel/a.ko", "kernel/long.ko"}, order)
			require.NoError(t, k.Verify())
		})
	}
}

func FuzzAdd(f *testing.F) {
	f.Add(pkg{format: deb.Zstd, entries: kernelEntries()}.bytes())
	f.Add(pkg{entries: kernelEntries(file(modulePath("m.ko.xz"), compress(deb.XZ, ko())))}.bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		s := newStore(t)
		s.limits = limits{Limits: deb.Limits{Entries: 100, File: 4 << 20, Total: 8 << 20, Kind: kind,
			LinkForbidden: linkForbidden}, module: 1 << 20, image: 2 << 20}
		k, err := s.Add(t.Context(), writeFile(t, data))
		if err != nil {
			return
		}
		require.NoError(t, k.Verify())
	})
}
