package kernel

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/deb"
)

// refused imports a file that must be refused, saying so, and leave nothing behind.
func refused(t *testing.T, s *Store, deb, says string) {
	t.Helper()
	_, err := s.Add(context.Background(), deb)
	require.ErrorContains(t, err, says)
	require.ErrorContains(t, err, "import "+deb+": ")
	require.Equal(t, problem.Usage, problem.KindOf(err), err)
	require.NotEmpty(t, problem.HintOf(err))
	require.NotContains(t, err.Error(), "\n")
	require.NotContains(t, err.Error(), "\x00")
	requireEmpty(t, s)
}

func TestAddRefusesHostileEntries(t *testing.T) {
	module := "./lib/modules/" + testRelease + "/kernel/evil.ko"
	for _, c := range []struct {
		name    string
		entries []entry
		says    string
	}{
		{"name leads up", []entry{file("./lib/modules/../../../evil", ko())}, "leads out of the package"},
		{"name begins by leading up", []entry{file("../evil.ko", ko())}, "leads out of the package"},
		{"module name leads up", []entry{file("./lib/modules/"+testRelease+"/../../../evil.ko", ko())}, "leads out of the package"},
		{"absolute name", []entry{file("/lib/modules/"+testRelease+"/evil.ko", ko())}, "is absolute"},
		{"release that leads up", []entry{file("./boot/vmlinuz-../x", nil)}, "not a kernel release"},
		{"release that is none", []entry{file("./lib/modules/evil release/a.ko", ko())}, "not a kernel release"},
		{"newline in name", []entry{file("./lib/modules/"+testRelease+"/a\nb.ko", ko())}, "control character"},
		{"escape sequence in name", []entry{file("./usr/share/\x1b[2J", nil)}, "control character"},
		{"symbolic link climbs out", []entry{link("./usr/share/doc/x", "../../../../etc")}, "points out of the package"},
		{"symbolic link for a module", []entry{link(module, "other.ko")}, "is a symbolic link"},
		{"symbolic link for the image", []entry{link("./boot/vmlinuz-"+testRelease+"x", "/etc/shadow")}, "is a symbolic link"},
		{"symbolic link for the modules", []entry{link("./usr/lib/modules", "/tmp")}, "is a symbolic link"},
		{"file through a symbolic link", []entry{link("./usr/share/x", "/tmp"), file("./usr/share/x/evil", nil)}, "not a directory"},
		{"file through the link to the sources", []entry{link("./lib/modules/"+testRelease+"/build", "/tmp"),
			file("./lib/modules/"+testRelease+"/build/evil.ko", ko())}, "not a directory"},
		{"file in place of a symbolic link", []entry{link("./usr/share/x", "/tmp"), file("./usr/share/x", nil)}, "there twice"},
		{"hard link out", []entry{hardLink("./usr/share/x", "../../etc/shadow")}, "leads out of the package"},
		{"hard link to an absolute name", []entry{hardLink("./usr/share/x", "/etc/shadow")}, "is absolute"},
		{"hard link for a module", []entry{hardLink(module, "./etc/shadow")}, "is a hard link"},
		{"file behind a file", []entry{file("./usr/x", nil), file("./usr/x/y", nil)}, "not a directory"},
		{"file twice", []entry{file("./usr/x", nil), file("usr/./x", nil)}, "there twice"},
		{"module twice", []entry{file(module, ko()), file(module, ko("other"))}, "there twice"},
		{"module twice, once packed", []entry{file(module, ko()), file(module+".gz", compress(deb.Gzip, ko()))}, "there twice"},
		{"module in place of a directory", []entry{file(module+".zst/a.ko", ko())}, "name of a module"},
		{"module of another kernel", []entry{file("./lib/modules/6.1.0-98-cloud-amd64/a.ko", ko())}, "6.1.0-98-cloud-amd64"},
		{"block device", []entry{{Name: "./boot/vmlinuz-x", Tar: tar.Header{Typeflag: tar.TypeBlock}}}, "device node"},
		{"character device", []entry{{Name: "./usr/null", Tar: tar.Header{Typeflag: tar.TypeChar}}}, "device node"},
		{"named pipe", []entry{{Name: "./usr/pipe", Tar: tar.Header{Typeflag: tar.TypeFifo}}}, "named pipe"},
		{"gigantic size", []entry{{Name: module, Tar: tar.Header{Size: 1 << 40}}}, "claims 1048576 MiB"},
		{"module that is no ELF file", []entry{file(module, []byte("evil"))}, "module kernel/evil.ko"},
		{"module without its section", []entry{file(module, elfFile(62))}, ".modinfo"},
		{"module with damaged packing", []entry{file(module+".xz", compress(deb.XZ, ko())[:40])}, "ends too early"},
		{"module with damaged checksum", []entry{file(module+".zst", flip(compress(deb.Zstd, ko()), -1))}, "damaged"},
	} {
		t.Run(c.name, func(t *testing.T) {
			refused(t, newStore(t), pkg{entries: kernelEntries(c.entries...)}.write(t), c.says)
			// And in front of the rest.
			refused(t, newStore(t), pkg{entries: append(c.entries, kernelEntries()...)}.write(t), c.says)
		})
	}
}

// flip damages one byte; negative positions count from the end.
func flip(data []byte, at int) []byte {
	data = bytes.Clone(data)
	if at < 0 {
		at += len(data)
	}
	data[at] ^= 0x55
	return data
}

func TestAddAcceptsHarmlessEntries(t *testing.T) {
	_, err := newStore(t).Add(context.Background(), pkg{entries: kernelEntries(
		link("./lib/modules/"+testRelease+"/build", "/usr/src/linux-headers"),
		link("./lib/modules/"+testRelease+"/source", "../../../usr/src/linux"),
		link("./usr/share/doc/linux-image", "../linux-base"),
		dir("./lib/modules/"+testRelease+"/"),
	)}.write(t))
	require.NoError(t, err)
}

// A tar writer refuses names with NUL; a PAX header can carry them all the same.
func TestAddRefusesNULInAName(t *testing.T) {
	name := "./usr/share/aXb"
	data := bytes.ReplaceAll(tarball(kernelEntries(file(name, nil))...), []byte(name), []byte("./usr/share/a\x00b"))
	// In a plain header NUL ends the name, and the header's checksum is wrong by then.
	refused(t, newStore(t), writeFile(t, withData(data)), "damaged")

	long := "./usr/share/" + strings.Repeat("a", 200) + "XX"
	data = bytes.ReplaceAll(tarball(kernelEntries(file(long, nil))...), []byte("aXX"), []byte("a\x00X"))
	refused(t, newStore(t), writeFile(t, withData(data)), "damaged")
}

// withData is a package around a data archive.
func withData(data []byte) []byte {
	return arFile("debian-binary", []byte("2.0\n"), "control.tar",
		tarball(entry{Name: "control", Data: []byte(pkg{}.control())}), "data.tar", data)
}

func TestAddRefusesWhatIsNoKernelPackage(t *testing.T) {
	control := tarball(entry{Name: "./control", Data: []byte(pkg{}.control())})
	data := tarball(kernelEntries()...)
	v2 := []byte("2.0\n")
	for _, c := range []struct {
		name string
		data []byte
		says string
	}{
		{"empty file", nil, "it is empty"},
		{"text", []byte("hello, world"), "not a .deb"},
		{"RPM package", []byte("\xed\xab\xee\xdb\x03\x00"), "an RPM package"},
		{"bare tar.xz", compress(deb.XZ, data), "a bare XZ file"},
		{"bare kernel image", append([]byte("MZ"), bzImage(testRelease, nil, nil)...), "bare kernel image"},
		{"ELF file", elfFile(62), "an ELF file"},
		{"ar archive without members", []byte("!<arch>\n"), "truncated"},
		{"static library", arFile("libc.o/", elfFile(62)), "not debian-binary"},
		{"package format 3", arFile("debian-binary", []byte("3.0\n"), "control.tar", control, "data.tar", data), "format \"3.0\""},
		{"no control archive", arFile("debian-binary", v2, "data.tar", data), "cannot follow"},
		{"control archive twice", arFile("debian-binary", v2, "control.tar", control, "control.tar", control), "cannot follow"},
		{"data archive twice", arFile("debian-binary", v2, "control.tar", control, "data.tar", data, "data.tar", data), "cannot follow"},
		{"control archive without control", arFile("debian-binary", v2, "control.tar", tarball(), "data.tar", data), "names no package"},
		{"control that is no control", arFile("debian-binary", v2, "control.tar", tarball(file("control", []byte("hello"))),
			"data.tar", data), "not of the form"},
		{"data archive that is no archive", withData([]byte(strings.Repeat("evil", 400))), "damaged"},
		{"member with a size that is no number", bytes.Replace(withData(data), []byte("4         `"), []byte("-4        `"), 1), "impossible size"},
		{"gigantic member", bytes.Replace(withData(data), []byte("4         `"), []byte("9999999999`"), 1), "too large"},
		{"member header damaged", bytes.Replace(withData(data), []byte("`\n"), []byte("xx"), 1), "header is damaged"},
		{"package name with an escape sequence", pkg{name: "linux\x1b[2J"}.bytes(), `its package is "linux\x1b[2J"`},
		{"version of two lines", pkg{version: "1\n 2"}.bytes(), `its version is "1\n2"`},
		{"another architecture", pkg{arch: "arm64", entries: kernelEntries()}.bytes(), "for arm64, and the guest is amd64"},
		{"32-bit architecture", pkg{arch: "i386", entries: kernelEntries()}.bytes(), "for i386"},
	} {
		t.Run(c.name, func(t *testing.T) {
			refused(t, newStore(t), writeFile(t, c.data), c.says)
		})
	}
}

func TestAddRefusesPathsThatAreNoFiles(t *testing.T) {
	s := newStore(t)
	for name, path := range map[string]string{"absent": filepath.Join(t.TempDir(), "none.deb"), "directory": t.TempDir(),
		"device": os.DevNull} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Add(context.Background(), path)
			require.ErrorContains(t, err, "import "+path+": ")
			require.Equal(t, problem.Usage, problem.KindOf(err))
			require.Equal(t, 1, strings.Count(err.Error(), path), err)
		})
	}
	_, err := s.Add(context.Background())
	require.Equal(t, problem.Usage, problem.KindOf(err))
	requireEmpty(t, s)
}

func TestAddRefusesEveryTruncation(t *testing.T) {
	for _, f := range []deb.Format{deb.Plain, deb.Gzip, deb.XZ, deb.Zstd} {
		t.Run("archive "+string(f), func(t *testing.T) {
			whole := pkg{format: f, entries: kernelEntries()}.bytes()
			s := newStore(t)
			step := max(1, len(whole)/150)
			for n := 0; n < len(whole); n += step {
				deb := writeFile(t, whole[:n])
				_, err := s.Add(context.Background(), deb)
				if n == len(whole)-1 && len(whole)%2 == 0 && err == nil {
					continue // only the padding behind the last member is gone
				}
				require.Error(t, err, "%d of %d bytes", n, len(whole))
				require.Equal(t, problem.Usage, problem.KindOf(err), "%d bytes: %v", n, err)
				if n > len("!<arch>\n") {
					require.ErrorContains(t, err, "truncated", "%d bytes", n)
					require.Contains(t, problem.HintOf(err), "download it again")
				}
				requireEmpty(t, s)
			}
		})
	}
}

func TestAddRefusesAFlippedBit(t *testing.T) {
	// XZ and zstd carry checksums, so damage anywhere in the data is seen.
	for _, f := range []deb.Format{deb.XZ, deb.Zstd} {
		t.Run("archive "+string(f), func(t *testing.T) {
			whole := pkg{format: f, entries: kernelEntries()}.bytes()
			s := newStore(t)
			for at := len(whole) / 2; at < len(whole)-40; at += max(1, len(whole)/40) {
				_, err := s.Add(context.Background(), writeFile(t, flip(whole, at)))
				require.Error(t, err, "byte %d of %d", at, len(whole))
				requireEmpty(t, s)
			}
		})
	}
}

// zeros are n bytes that compress a thousandfold.
func zeros(n int) []byte { return make([]byte, n) }

func TestAddStopsBombs(t *testing.T) {
	small := limits{Limits: deb.Limits{Entries: 30, File: 4 << 20, Total: 6 << 20, Kind: kind,
		LinkForbidden: linkForbidden}, module: 1 << 20, image: 2 << 20}
	var many []entry
	for i := range 40 {
		many = append(many, file("./usr/"+strings.Repeat("x", i+1), nil))
	}
	claim := payload(deb.Zstd, vmlinux(100))
	binary.LittleEndian.PutUint32(claim[len(claim)-4:], 0xffffffff)
	image := func(payload []byte) []entry {
		e := kernelEntries()
		e[3] = file("./boot/vmlinuz-"+testRelease, bzImage(testRelease, payload, nil))
		return e
	}
	under := bytes.Clone(payload(deb.LZ4, zeros(3<<20)))
	binary.LittleEndian.PutUint32(under[len(under)-4:], 1000)
	for _, c := range []struct {
		name    string
		format  deb.Format
		entries []entry
		says    string
	}{
		{"one file", deb.XZ, kernelEntries(file("./usr/bomb", zeros(5<<20))), "claims 5 MiB"},
		{"all files together", deb.Zstd, kernelEntries(file("./usr/a", zeros(3<<20)), file("./usr/b", zeros(3<<20))), "more than 6 MiB"},
		{"behind the end of the archive", deb.Gzip, kernelEntries(), "more than 6 MiB"},
		{"number of entries", deb.Gzip, kernelEntries(many...), "more than 30 entries"},
		{"packed module", deb.Plain, kernelEntries(file(modulePath("bomb.ko.xz"), compress(deb.XZ, zeros(2<<20)))), "too large"},
		{"module", deb.Zstd, kernelEntries(file(modulePath("bomb.ko"), zeros(2<<20))), "too large"},
		{"image that tells its size", deb.Plain, image(payload(deb.Zstd, zeros(3<<20))), "claims to unpack to 3 MiB"},
		{"image that claims the largest size", deb.Plain, image(claim), "claims to unpack to 4095 MiB"},
		{"image that lies about its size", deb.Plain, image(under), "unpacks to more than 2 MiB"},
		{"image without a size", deb.Plain, image(payload(deb.Gzip, zeros(3<<20))), "unpacks to more than 2 MiB"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStore(t)
			s.limits = small
			p := pkg{format: c.format, entries: c.entries}
			path := p.write(t)
			if strings.HasPrefix(c.name, "behind") {
				data := compress(c.format, append(tarball(c.entries...), zeros(7<<20)...))
				path = writeFile(t, arFile("debian-binary", []byte("2.0\n"), "control.tar",
					tarball(entry{Name: "control", Data: []byte(p.control())}), "data.tar.gz", data))
			}
			refused(t, s, path, c.says)
			_, err := s.Add(context.Background(), path)
			require.ErrorIs(t, err, deb.ErrTooLarge)
		})
	}
}

// Modules that are honest one by one may still be too many.
func TestAddStopsTooManyModules(t *testing.T) {
	s := newStore(t)
	s.limits.Total = 3 << 20
	var list []entry
	for i := range 4 { // what does not compress, so that the archive itself is within the limit until the last
		list = append(list, file(modulePath(fmt.Sprintf("m%d.ko.zst", i)),
			compress(deb.Zstd, append(ko(), bytes.Repeat([]byte("a module's code "), 60_000)...))))
	}
	refused(t, s, pkg{entries: kernelEntries(list...)}.write(t), "with it the modules unpack to more than 3 MiB")
}
