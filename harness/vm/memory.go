package vm

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

const pageSize = 4096

// leakedPage is the guest page into which QEMU writes some of its own uninitialised stack on
// a PVH boot, differently every time. The kernel reserves the first 64 KiB and more of
// memory and never gives it to anybody (arch/x86/kernel/setup.c), and the guest cannot
// clear the page itself: /dev/mem drops writes to such pages under STRICT_DEVMEM. So the
// host clears it in the memory file, before any clone is made.
const leakedPage = 1

func clearLeakedPage(ram *os.File) error {
	if _, err := ram.WriteAt(make([]byte, pageSize), leakedPage*pageSize); err != nil {
		return fmt.Errorf("clear guest page %d: %w", leakedPage, err)
	}
	return nil
}

// hashMemory returns "sha256:…" of the pages that are not zero, each with its number, so
// that it does not depend on which zeros the file stores.
func hashMemory(ram *os.File) (string, error) {
	size, err := ram.Seek(0, io.SeekEnd)
	if err != nil {
		return "", fmt.Errorf("hash memory: %w", err)
	}
	h := sha256.New()
	zero := make([]byte, pageSize)
	buf := make([]byte, 256*pageSize)
	fd := int(ram.Fd())
	for at := int64(0); at < size; {
		data, err := unix.Seek(fd, at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			break // nothing but a hole follows
		}
		if err == nil && data > at {
			at = data / pageSize * pageSize
		}
		n, err := ram.ReadAt(buf[:min(int64(len(buf)), size-at)], at)
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("hash memory: %w", err)
		}
		for off := 0; off < n; off += pageSize {
			page := buf[off:min(off+pageSize, n)]
			if bytes.Equal(page, zero) {
				continue
			}
			var number [8]byte
			binary.LittleEndian.PutUint64(number[:], uint64(at+int64(off))/pageSize)
			h.Write(number[:])
			h.Write(page)
		}
		at += int64(n)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}
