package deb_test

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/machine/deb"
	"github.com/ruleout/ruleout/harness/machine/deb/debtest"
)

// limits are those of the tests.
var limits = deb.Limits{Entries: 1000, File: 1 << 20, Total: 4 << 20, Kind: "package"}

// packed is a package.
func packed(f deb.Format, entries ...debtest.Entry) []byte {
	suffix := map[deb.Format]string{deb.XZ: ".xz", deb.Gzip: ".gz", deb.Zstd: ".zst"}[f]
	control := debtest.Tarball(debtest.File("./control", []byte("Package: a\nVersion: 1\nArchitecture: all\n")))
	return debtest.Ar("debian-binary", []byte("2.0\n"), "control.tar"+suffix, debtest.Compress(f, control),
		"data.tar"+suffix, debtest.Compress(f, debtest.Tarball(entries...)))
}

func TestParseControl(t *testing.T) {
	c, err := deb.ParseControl([]byte("\nPackage: a\nDepends: b,\n c (>= 1)\nEmpty:\n\nPackage: next\n"))
	require.NoError(t, err)
	require.Equal(t, deb.Control{"Package": "a", "Depends": "b,\nc (>= 1)", "Empty": ""}, c)

	_, err = deb.ParseControl([]byte(" continued\n"))
	require.ErrorContains(t, err, "continues nothing")
}

func TestReadDebSkipsMembersOfOthers(t *testing.T) {
	pkg := debtest.Ar("debian-binary", []byte("2.0\n"), "_gpgorigin/", []byte("odd"), "control.tar/",
		debtest.Tarball(debtest.File("control", []byte("Package: a\n"))), "_x", []byte{}, "data.tar/",
		debtest.Tarball(debtest.File("a", []byte("A"))))
	var names []string
	err := deb.Read(bytes.NewReader(pkg), limits, func(c deb.Control) error {
		names = append(names, c["Package"])
		return nil
	}, func(h *tar.Header, r io.Reader) error {
		data, err := io.ReadAll(r)
		names = append(names, h.Name+"="+string(data))
		return err
	})
	require.NoError(t, err)
	require.Equal(t, []string{"a", "a=A"}, names)
}

// FuzzReadDeb looks for panics and for entries that leave the package or its bounds.
func FuzzReadDeb(f *testing.F) {
	for _, format := range []deb.Format{deb.Plain, deb.Gzip, deb.XZ, deb.Zstd} {
		f.Add(packed(format, debtest.Dir("./"), debtest.File("./usr/a", []byte("A"))))
	}
	f.Add(packed(deb.Plain, debtest.Link("./usr/x", "/tmp"), debtest.File("./usr/x/y", nil), debtest.HardLink("a", "b")))
	f.Fuzz(func(t *testing.T, data []byte) {
		lim := deb.Limits{Entries: 100, File: 1 << 20, Total: 4 << 20, Kind: "package"}
		entries, size := 0, int64(0)
		seen := map[string]bool{}
		err := deb.Read(bytes.NewReader(data), lim, func(c deb.Control) error {
			require.NotEmpty(t, c["Package"])
			return nil
		}, func(h *tar.Header, r io.Reader) error {
			entries++
			name, err := deb.CleanName(h.Name)
			require.NoError(t, err)
			require.True(t, deb.Inside(name))
			require.NotContains(t, name, "\x00")
			require.False(t, h.Typeflag == tar.TypeReg && seen[name], "a file twice")
			seen[name] = true
			n, err := io.Copy(io.Discard, r)
			size += n
			return err
		})
		require.LessOrEqual(t, entries, lim.Entries)
		require.LessOrEqual(t, size, lim.Total)
		if err != nil {
			require.NotContains(t, err.Error(), "\n")
		}
	})
}

// A header alone can ask for a dictionary of 4 GiB (XZ) or 2 TiB (zstd).
func TestExpandRefusesHugeWindows(t *testing.T) {
	packed := debtest.Compress(deb.XZ, make([]byte, 100))
	// Block header: size, flags, filter 0x21 with one byte of properties, the dictionary; then CRC32.
	require.Equal(t, []byte{0x21, 0x01}, packed[14:16])
	packed[16] = 40
	binary.LittleEndian.PutUint32(packed[12+8:], crc(packed[12:20]))
	// Frame header: magic, descriptor without single segment, window exponent 31 (10+31 bits).
	frame := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 31 << 3, 0x01, 0x00, 0x00}
	for name, data := range map[string][]byte{"xz": packed, "zstd": frame} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			r, _, err := deb.Expand(bytes.NewReader(data), deb.MaxWindow)
			if err == nil {
				_, err = deb.ReadAll(r, 1<<20)
				r.Close()
			}
			runtime.ReadMemStats(&after)
			require.True(t, errors.Is(err, deb.ErrTooLarge), "%v", err)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<20))
		})
	}
}

func crc(data []byte) uint32 { return crc32.ChecksumIEEE(data) }

// The kernel's build puts XZ's x86 filter in front of LZMA2, see testdata/README.
func TestExpandReadsTheX86Filter(t *testing.T) {
	packed, err := os.ReadFile("testdata/x86-filter.xz")
	require.NoError(t, err)
	var want []byte
	for i := range 200 {
		want = append(want, 0x55, 0x48, 0x89, 0xe5, 0xe8)
		want = binary.LittleEndian.AppendUint32(want, uint32(40000-(len(want)+4)))
		want = append(want, bytes.Repeat([]byte{0x90}, i%7)...)
		want = append(want, 0xc3)
	}
	r, f, err := deb.Expand(bytes.NewReader(packed), deb.MaxWindow)
	require.NoError(t, err)
	require.Equal(t, deb.XZ, f)
	got, err := deb.ReadAll(r, 1<<20)
	require.NoError(t, err)
	require.Equal(t, want, got)
}
