package kernel

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/machine/deb"
)

func TestAddRefusesImagesThatCannotBoot(t *testing.T) {
	good := payload(deb.XZ, vmlinux(5000))
	other := payload(deb.LZ4, elfFile(elf.EM_AARCH64, [2]string{".text", "x"}))
	put16 := func(at int, v uint16) func([]byte) {
		return func(img []byte) { binary.LittleEndian.PutUint16(img[at:], v) }
	}
	put32 := func(at int, v uint32) func([]byte) {
		return func(img []byte) { binary.LittleEndian.PutUint32(img[at:], v) }
	}
	wrongSize := append(bytes.Clone(good[:len(good)-4]), 1, 2, 0, 0)
	for _, c := range []struct {
		name  string
		image []byte
		says  string
	}{
		{"no boot flag", bzImage(testRelease, good, put16(0x1fe, 0)), "not an x86 kernel image"},
		{"no header", bzImage(testRelease, good, put32(0x202, 0)), "not an x86 kernel image"},
		{"empty file", nil, "only 0 bytes"},
		{"file that ends in the header", bzImage(testRelease, nil, nil)[:0x24f], "only 591 bytes"},
		{"old boot protocol", bzImage(testRelease, good, put16(0x206, 0x0204)), "2.04 is older"},
		{"32-bit kernel", bzImage(testRelease, good, put16(0x236, 0)), "32-bit"},
		{"payload behind the end", bzImage(testRelease, good, put32(0x248, 0xffffffff)), "the file ends at"},
		{"payload longer than the file", bzImage(testRelease, good, put32(0x24c, 0xffffffff)), "the file ends at"},
		{"no payload", bzImage(testRelease, good, put32(0x24c, 0)), "payload"},
		{"payload of 3 bytes", bzImage(testRelease, []byte("\x02\x21\x4c"), nil), "none of LZ4"},
		{"payload that is only a magic", bzImage(testRelease, []byte("\x02\x21\x4c\x18"), nil), "unpacks to"},
		{"unknown compression", bzImage(testRelease, []byte("\x89LZO\x00\r\n\x1a\n"), nil), "none of LZ4"},
		{"truncated payload", bzImage(testRelease, good[:2000], nil), "unpack"},
		{"damaged payload", bzImage(testRelease, flip(good, 3000), nil), "XZ data is damaged"},
		{"wrong size", bzImage(testRelease, wrongSize, nil), "instead of 513"},
		{"payload for another processor", bzImage(testRelease, other, nil), "EM_AARCH64"},
		{"payload that is no ELF file", bzImage(testRelease, payload(deb.Gzip, []byte("hello")), nil), "not an ELF file"},
		{"image of another kernel", bzImage("6.1.0-98-cloud-amd64", good, nil), `calls itself "6.1.0-98-cloud-amd64"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := kernelEntries()
			e[3] = file("./boot/vmlinuz-"+testRelease, c.image)
			refused(t, newStore(t), pkg{format: deb.Zstd, entries: e}.write(t), c.says)
		})
	}
}

func TestBootImageWithTheLeastSetup(t *testing.T) {
	// setup_sects 0 means 4, boot.rst.
	img := make([]byte, 5*512+10)
	copy(img, bzImage(testRelease, nil, nil)[:1024])
	img[0x1f1] = 0
	binary.LittleEndian.PutUint32(img[0x248:], 2)
	binary.LittleEndian.PutUint32(img[0x24c:], 4)
	copy(img[5*512:], "..good..")
	b, err := openBootImage(bytes.NewReader(img), int64(len(img)))
	require.NoError(t, err)
	got := make([]byte, 4)
	_, err = b.payload.ReadAt(got, 0)
	require.NoError(t, err)
	require.Equal(t, "good", string(got))
}

func FuzzBootImage(f *testing.F) {
	f.Add(bzImage(testRelease, payload(deb.LZ4, vmlinux(100)), nil))
	f.Add(bzImage(testRelease, payload(deb.Zstd, vmlinux(100)), nil))
	f.Add(bzImage(testRelease, payload(deb.XZ, vmlinux(100)), nil))
	f.Add(bzImage(testRelease, payload(deb.Gzip, vmlinux(100)), nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		img, err := openBootImage(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		var out bytes.Buffer
		lim := limits{image: 1 << 20}
		_, err = img.unpack(&out, lim)
		require.LessOrEqual(t, int64(out.Len()), lim.image)
		if err == nil && bytes.HasPrefix(out.Bytes(), []byte(elf.ELFMAG)) {
			_, _ = sectionOf(bytes.NewReader(out.Bytes()), ".BTF")
		}
	})
}
