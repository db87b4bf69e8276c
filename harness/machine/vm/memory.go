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

// On a PVH boot QEMU leaves some of its own uninitialised stack in guest memory, differently every time: in the first
// or second page, depending on the length of the command line. The kernel reserves the first 64 KiB and never hands
// them out (X86_RESERVE_LOW and arch/x86/kernel/setup.c; since 5.14 it is the first 1 MiB), and only reads the BIOS
// data area, up to 0x500, while it boots. The guest cannot clear the rest itself, since /dev/mem drops writes to it
// under STRICT_DEVMEM. So the host does, before any clone is made.
const (
	leakedFrom = 0x500
	leakedTo   = 0x10000
)

func clearLeaked(ram *os.File) error {
	if _, err := ram.WriteAt(make([]byte, leakedTo-leakedFrom), leakedFrom); err != nil {
		return fmt.Errorf("clear the guest's low memory: %w", err)
	}
	return nil
}

// hashMachine returns "sha256:…" of a frozen machine: of the pages that are not zero, each
// with its number, so that it does not depend on which zeros the file stores, and of the
// device state.
func hashMachine(ram *os.File, state []byte) (string, error) {
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
	h.Write(state)
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}
