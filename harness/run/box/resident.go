package box

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// makeResident reads a byte of each page of code of all processes in the box but this one, so that it is present in
// their page tables: see package prefault for why.
func makeResident() error {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		if filepath.Base(dir) == "1" {
			continue
		}
		maps, err := os.ReadFile(dir + "/maps")
		if err != nil {
			continue // it has ended
		}
		memory, err := os.Open(dir + "/mem")
		if err != nil {
			continue
		}
		err = touch(memory, string(maps))
		memory.Close()
		if err != nil {
			return fmt.Errorf("make programs resident: %w", err)
		}
	}
	return nil
}

// touch reads a byte of each page of code. A page that cannot be read ends its mapping: it lies behind the
// end of the file.
func touch(memory io.ReaderAt, maps string) error {
	const page = 4096
	var b [1]byte
	for line := range strings.Lines(maps) {
		f := strings.Fields(line)
		if len(f) < 2 || len(f[1]) < 3 || f[1][0] != 'r' || f[1][2] != 'x' {
			continue
		}
		from, to, _ := strings.Cut(f[0], "-")
		begin, err1 := strconv.ParseUint(from, 16, 64)
		end, err2 := strconv.ParseUint(to, 16, 64)
		if err1 != nil || err2 != nil {
			return fmt.Errorf("read the mapping %q", f[0])
		}
		for at := begin; at < end; at += page {
			if _, err := memory.ReadAt(b[:], int64(at)); err != nil {
				break
			}
		}
	}
	return nil
}
