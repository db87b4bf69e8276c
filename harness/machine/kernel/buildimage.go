package kernel

import (
	"bufio"
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/ruleout/ruleout/harness/machine/deb"
)

// imageSource is the open image of a build.
type imageSource struct {
	*os.File
	boot    *bootImage // nil for a vmlinux
	size    int64
	release string
	banner  string
}

// openImage opens a bzImage or vmlinux for amd64 that says its release.
func openImage(path string) (_ *imageSource, err error) {
	const hint = "give arch/x86/boot/bzImage, vmlinuz or vmlinux of a build for x86-64"
	f, err := openFile(path)
	if err != nil {
		return nil, importFault(path, err, hint)
	}
	image := &imageSource{File: f}
	defer func() {
		if err != nil {
			err = errors.Join(importFault(path, err, hint), f.Close())
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	image.size = info.Size()
	head := make([]byte, 64)
	if n, err := f.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	} else if other := otherArch(head[:n]); other != "" {
		return nil, fmt.Errorf("it is a kernel for %s, and the guest is amd64", other)
	}
	if bytes.HasPrefix(head, []byte(elf.ELFMAG)) {
		err = image.readELF(path)
	} else if image.boot, err = openBootImage(f, image.size); err == nil {
		image.release, image.banner = image.boot.release, image.boot.banner
	}
	if err != nil {
		return nil, err
	}
	if !validRelease.MatchString(image.release) {
		return nil, fmt.Errorf("its header names no release (%q)", image.release)
	}
	return image, nil
}

// otherArch names the architecture of a kernel image that is for another one, by the marks of
// Documentation/arch/arm64/booting.rst, Documentation/arch/riscv/boot-image-header.rst and linux/pe.h.
func otherArch(head []byte) string {
	at := func(offset int, mark string) bool {
		return len(head) >= offset+len(mark) && string(head[offset:offset+len(mark)]) == mark
	}
	switch {
	case at(56, "ARM\x64"):
		return "arm64"
	case at(48, "RISCV") || at(56, "RSC\x05"):
		return "RISC-V"
	case at(0x24, "\x18\x28\x6f\x01"):
		return "ARM"
	case at(4, "zimg"):
		return "another architecture, in EFI's zboot format"
	}
	return ""
}

// readELF looks at a vmlinux.
func (s *imageSource) readELF(path string) error {
	if err := checkELF(path); err != nil {
		return err
	}
	e, err := elf.NewFile(s.File)
	if err != nil {
		return err
	}
	if e.Type != elf.ET_EXEC {
		return fmt.Errorf("it is an ELF file of type %v, and no vmlinux", e.Type)
	}
	text, err := findBanner(io.NewSectionReader(s.File, 0, s.size))
	s.release, s.banner, _ = strings.Cut(text, " ")
	return err
}

// findBanner finds what follows "Linux version " in an image, up to the end of the line (init/version.c). It is empty
// if that is not there.
func findBanner(image io.Reader) (string, error) {
	const before, most = "Linux version ", 512
	r := bufio.NewReaderSize(image, 1<<20)
	for {
		b, err := r.Peek(1 << 20)
		at := 0
		for {
			i := bytes.Index(b[at:], []byte(before))
			if i < 0 {
				break
			}
			at += i + len(before)
			text := b[at:min(at+most, len(b))]
			if end := bytes.IndexByte(text, '\n'); end > 0 && '0' <= text[0] && text[0] <= '9' {
				return string(text[:end]), nil
			}
		}
		if errors.Is(err, io.EOF) {
			return "", nil
		}
		if err != nil {
			return "", err
		}
		if _, err := r.Discard(len(b) - most - len(before)); err != nil {
			return "", err
		}
	}
}

// unpackTo writes the image as the store has it, and returns how it was compressed.
func (s *imageSource) unpackTo(w io.Writer, lim limits) (deb.Format, error) {
	if s.boot != nil {
		return s.boot.unpack(w, lim)
	}
	if s.size > buildLimits.image {
		return deb.Plain, fmt.Errorf("it has %d MiB, more than %d MiB: %w",
			s.size>>20, buildLimits.image>>20, deb.ErrTooLarge)
	}
	_, err := stripDebug(w, s.File, s.size)
	return deb.Plain, err
}
