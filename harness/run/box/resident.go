package box

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/ruleout/ruleout/harness/base/prefault"
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
	spans, err := prefault.Executable(strings.NewReader(maps))
	if err != nil {
		return err
	}
	for _, s := range spans {
		for at := s.Begin; at < s.End; at += page {
			if _, err := memory.ReadAt(b[:], int64(at)); err != nil {
				break
			}
		}
	}
	return nil
}
