package kernel

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/machine/deb"
	"github.com/ruleout/ruleout/harness/machine/deb/debtest"
	"github.com/ruleout/ruleout/harness/machine/shelf"
)

// Builders of real packages, small: ELF files with sections, boot images with payloads,
// tar and ar archives. Nothing here shares code with what it tests.

const testRelease = "6.1.0-99-cloud-amd64"

// elfFile is a little-endian 64-bit ELF file with the named sections.
func elfFile(machine elf.Machine, sections ...[2]string) []byte {
	var body bytes.Buffer
	names := "\x00"
	headers := []elf.Section64{{}}
	offset := uint64(64)
	add := func(name, data string, kind elf.SectionType) {
		headers = append(headers, elf.Section64{Name: uint32(len(names)), Type: uint32(kind),
			Off: offset + uint64(body.Len()), Size: uint64(len(data)), Addralign: 1})
		names += name + "\x00"
		body.WriteString(data)
	}
	for _, s := range sections {
		add(s[0], s[1], elf.SHT_PROGBITS)
	}
	add(".shstrtab", names+".shstrtab\x00", elf.SHT_STRTAB)
	h := elf.Header64{
		Type: uint16(elf.ET_REL), Machine: uint16(machine), Version: 1, Shoff: offset + uint64(body.Len()),
		Ehsize: 64, Shentsize: 64, Shnum: uint16(len(headers)), Shstrndx: uint16(len(headers) - 1),
	}
	copy(h.Ident[:], "\x7fELF\x02\x01\x01")
	var out bytes.Buffer
	must(binary.Write(&out, binary.LittleEndian, h))
	out.Write(body.Bytes())
	must(binary.Write(&out, binary.LittleEndian, headers))
	return out.Bytes()
}

// ko is a module that needs others.
func ko(needs ...string) []byte {
	return elfFile(elf.EM_X86_64,
		[2]string{".modinfo", "license=GPL\x00depends=" + strings.Join(needs, ",") + "\x00retpoline=Y\x00"})
}

// vmlinux is an image with size bytes that do not compress.
func vmlinux(size int) []byte {
	noise := make([]byte, size)
	x := uint64(88172645463325252)
	for i := range noise {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		noise[i] = byte(x)
	}
	return elfFile(elf.EM_X86_64, [2]string{".BTF", "\x9f\xeb\x01\x00type information"}, [2]string{".text", string(noise)})
}

// payload is what a boot image contains: the image, packed, and its size.
func payload(f deb.Format, image []byte) []byte {
	packed := compress(f, image)
	if f != deb.Gzip && f != deb.Plain {
		packed = binary.LittleEndian.AppendUint32(packed, uint32(len(image)))
	}
	return packed
}

// bzImage is a boot image around a payload. A change, which may be nil, edits it last.
func bzImage(release string, payload []byte, change func([]byte)) []byte {
	const setupSects = 3
	img := make([]byte, (setupSects+1)*512+100)
	le := binary.LittleEndian
	img[0x1f1] = setupSects
	le.PutUint16(img[0x1fe:], 0xAA55)
	copy(img[0x202:], "HdrS")
	le.PutUint16(img[0x206:], 0x020f)
	le.PutUint16(img[0x20e:], 0x300)
	copy(img[0x500:], release+" (builder@example) #1 SMP\x00")
	le.PutUint16(img[0x236:], 1)
	le.PutUint32(img[0x248:], 100)
	le.PutUint32(img[0x24c:], uint32(len(payload)))
	img = append(img, payload...)
	img = append(img, "end"...)
	if change != nil {
		change(img)
	}
	return img
}

// What package debtest builds has short names here.
type entry = debtest.Entry

var (
	compress = debtest.Compress
	tarball  = debtest.Tarball
	arFile   = debtest.Ar
	dir      = debtest.Dir
	file     = debtest.File
	link     = debtest.Link
	hardLink = debtest.HardLink
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// pkg describes a package; zero values are sensible.
type pkg struct {
	name, version, arch, depends string
	format                       deb.Format // of the archives
	entries                      []entry
}

func (p pkg) control() string {
	or := func(s, otherwise string) string {
		if s == "" {
			return otherwise
		}
		return s
	}
	return fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: %s\nDepends: %s\n"+
		"Maintainer: Nobody <nobody@example.org>\nDescription: synthetic\n more of it\n",
		or(p.name, "linux-image-"+testRelease), or(p.version, "6.1.99-1"), or(p.arch, "amd64"),
		or(p.depends, "kmod, linux-base (>= 4.3~)"))
}

func (p pkg) bytes() []byte {
	suffix := map[deb.Format]string{deb.Plain: "", deb.XZ: ".xz", deb.Gzip: ".gz", deb.Zstd: ".zst"}[p.format]
	return arFile("debian-binary", []byte("2.0\n"),
		"control.tar"+suffix, compress(p.format, tarball(entry{Name: "./", Tar: tar.Header{Typeflag: tar.TypeDir}},
			entry{Name: "./control", Data: []byte(p.control())})),
		"data.tar"+suffix, compress(p.format, tarball(p.entries...)))
}

// write puts the package into a file of a fresh directory.
func (p pkg) write(t testing.TB) string { return writeFile(t, p.bytes()) }

func writeFile(t testing.TB, data []byte) string {
	file := filepath.Join(t.TempDir(), "linux-image.deb")
	require.NoError(t, os.WriteFile(file, data, 0o644))
	return file
}

const testConfig = "# Linux/x86 6.1.99\nCONFIG_X86_64=y\nCONFIG_MODULES=y\nCONFIG_VETH=m\n" +
	"# CONFIG_PSI is not set\nCONFIG_HZ=250\n"

func modulePath(name string) string { return "./lib/modules/" + testRelease + "/kernel/" + name }

// kernelEntries are those of a complete kernel, and more behind them.
func kernelEntries(more ...entry) []entry {
	return append([]entry{
		dir("./"), dir("./boot/"),
		file("./boot/config-"+testRelease, []byte(testConfig)),
		file("./boot/vmlinuz-"+testRelease, bzImage(testRelease, payload(deb.LZ4, vmlinux(1000)), nil)),
		dir("./lib/"), dir("./lib/modules/"), dir("./lib/modules/" + testRelease + "/"),
		file("./lib/modules/"+testRelease+"/modules.builtin", []byte("kernel/net/ipv6/ipv6.ko\nkernel/lib/crc-t10dif.ko\n")),
		file(modulePath("drivers/net/veth.ko"), ko()),
	}, more...)
}

// newStore opens a store in a fresh directory.
func newStore(t testing.TB) *Store {
	s, err := Open(filepath.Join(t.TempDir(), "kernels"))
	require.NoError(t, err)
	return s
}

// requireEmpty makes sure that a failed import has left nothing behind.
func requireEmpty(t testing.TB, s *Store) {
	t.Helper()
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		require.ErrorIs(t, err, os.ErrNotExist)
	}
	for _, e := range entries {
		require.Equal(t, shelf.LockFile, e.Name(), "left behind in the store")
	}
}
