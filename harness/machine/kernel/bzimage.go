package kernel

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/ruleout/ruleout/harness/machine/deb"
)

// The header of an x86 kernel image, Documentation/arch/x86/boot.rst. Offsets in bytes
// from the start of the file; all numbers are little-endian.
const (
	offSetupSects    = 0x1f1 // 1 byte: size of the setup code in sectors of 512; 0 means 4
	offBootFlag      = 0x1fe // 2 bytes: 0xAA55
	offHeader        = 0x202 // 4 bytes: "HdrS"
	offProtocol      = 0x206 // 2 bytes: boot protocol, 2.08 (kernel 2.6.24) brought the payload fields
	offKernelVersion = 0x20e // 2 bytes: pointer to the version string, less 0x200
	offXLoadFlags    = 0x236 // 2 bytes, since protocol 2.12 (kernel 3.8); bit 0: has a 64-bit entry
	offPayloadOffset = 0x248 // 4 bytes: from the end of the setup code
	offPayloadLength = 0x24c // 4 bytes
	headerEnd        = 0x250

	sector = 512
)

// bootImage is a kernel image as a boot loader sees it.
type bootImage struct {
	release string // as uname -r prints it
	banner  string // what follows it: who built it, where and when
	payload *io.SectionReader
}

// openBootImage reads the header of a bzImage of size bytes.
func openBootImage(r io.ReaderAt, size int64) (*bootImage, error) {
	h := make([]byte, headerEnd)
	if n, err := r.ReadAt(h, 0); n < len(h) {
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("not a kernel image: it has only %d bytes", size)
		}
		return nil, err
	}
	le := binary.LittleEndian
	if le.Uint16(h[offBootFlag:]) != 0xAA55 || string(h[offHeader:offHeader+4]) != "HdrS" {
		return nil, fmt.Errorf("not an x86 kernel image: %s", deb.KindOf(h[:8]))
	}
	if p := le.Uint16(h[offProtocol:]); p < 0x020c {
		return nil, fmt.Errorf("boot protocol %d.%02d is older than 2.12, which Linux 3.8 has", p>>8, p&0xff)
	}
	if le.Uint16(h[offXLoadFlags:])&1 == 0 {
		return nil, errors.New("it is a 32-bit kernel, and the guest is amd64")
	}
	setup := int64(h[offSetupSects])
	if setup == 0 {
		setup = 4
	}
	// setup_sects does not count the boot sector.
	start := (setup+1)*sector + int64(le.Uint32(h[offPayloadOffset:]))
	length := int64(le.Uint32(h[offPayloadLength:]))
	if length == 0 || start+length > size {
		return nil, fmt.Errorf("its payload is at %d to %d, and the file ends at %d", start, start+length, size)
	}
	img := &bootImage{payload: io.NewSectionReader(r, start, length)}
	if v := int64(le.Uint16(h[offKernelVersion:])); v != 0 && v < setup*sector {
		text := make([]byte, 256)
		n, err := r.ReadAt(text, v+0x200)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		text, _, _ = bytes.Cut(text[:n], []byte{0})
		img.release, img.banner, _ = strings.Cut(string(text), " ")
	}
	return img, nil
}

// unpack writes the ELF image to out, and returns how it was compressed.
func (b *bootImage) unpack(out io.Writer, lim limits) (deb.Format, error) {
	head := make([]byte, 6)
	if _, err := b.payload.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return deb.Plain, err
	}
	f := deb.FormatOf(head)
	body, want := b.payload, int64(-1)
	switch f {
	case deb.Plain:
		if !bytes.HasPrefix(head, []byte(elf.ELFMAG)) {
			return deb.Plain, fmt.Errorf("its payload begins with %x, which is none of LZ4, XZ, zstd and gzip", head)
		}
	case deb.Gzip: // ends in the size by itself
	default:
		// The build appends the unpacked size (scripts/Makefile.lib: size_append).
		end := b.payload.Size() - 4
		if end < 0 {
			return f, io.ErrUnexpectedEOF
		}
		var tail [4]byte
		if _, err := b.payload.ReadAt(tail[:], end); err != nil && !errors.Is(err, io.EOF) {
			return f, err
		}
		body, want = io.NewSectionReader(b.payload, 0, end), int64(binary.LittleEndian.Uint32(tail[:]))
		if want > lim.image {
			return f, fmt.Errorf("its image claims to unpack to %d MiB, more than %d MiB: %w", want>>20, lim.image>>20,
				deb.ErrTooLarge)
		}
	}
	x, _, err := deb.Expand(body, deb.MaxWindow)
	if err != nil {
		return f, err
	}
	defer x.Close()
	n, err := io.Copy(out, deb.Bound(x, lim.image))
	if errors.Is(err, deb.ErrTooLarge) {
		return f, fmt.Errorf("its image unpacks to more than %d MiB: %w", lim.image>>20, err)
	}
	if err != nil {
		return f, err
	}
	if want >= 0 && n != want {
		return f, fmt.Errorf("its image unpacks to %d bytes instead of %d", n, want)
	}
	return f, nil
}

// checkELF makes sure that the file is an amd64 ELF image.
func checkELF(file string) error {
	e, err := elf.Open(file)
	if err != nil {
		return fmt.Errorf("its image is not an ELF file: %w", err)
	}
	defer e.Close()
	if e.Machine != elf.EM_X86_64 || e.Class != elf.ELFCLASS64 {
		return fmt.Errorf("its image is for %v, and the guest is amd64", e.Machine)
	}
	return nil
}

// maxSection is how long a section may be, bytes: type information of a kernel takes 4 to 10 MB.
const maxSection = 64 << 20

// sectionOf returns the contents of an ELF file's section, nil if it has none of that name.
func sectionOf(r io.ReaderAt, name string) ([]byte, error) {
	e, err := elf.NewFile(r)
	if err != nil {
		return nil, err
	}
	s := e.Section(name)
	if s == nil || s.Type == elf.SHT_NOBITS {
		return nil, nil
	}
	// Compilers do not compress these sections, and one that is compressed can unpack to a thousand times its size.
	if s.Flags&elf.SHF_COMPRESSED != 0 || s.FileSize > maxSection {
		return nil, fmt.Errorf("section %s of %d bytes is compressed or too long: %w", name, s.FileSize, deb.ErrTooLarge)
	}
	return s.Data()
}

func sectionOfFile(file, name string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return sectionOf(f, name)
}
