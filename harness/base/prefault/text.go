package prefault

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"unsafe"
)

// Text reads a byte of every page of code that this process may execute: of the program itself, of libraries
// and of the kernel's vDSO. It needs /proc. It takes some hundred microseconds for 10 MB, most of it in page
// faults, each of which maps several pages.
func Text() error {
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		return fmt.Errorf("make the program resident: %w", err)
	}
	defer f.Close()
	spans, err := Executable(f)
	if err != nil {
		return fmt.Errorf("make the program resident: %w", err)
	}
	var sum byte
	for _, s := range spans {
		sum ^= s.touch(uintptr(os.Getpagesize()))
	}
	runtime.KeepAlive(sum) // or the compiler might leave the reads out
	return nil
}

// Span is a range of addresses, the end excluded.
type Span struct{ Begin, End uintptr }

// touch reads a byte of each page.
func (s Span) touch(page uintptr) (sum byte) {
	for at := s.Begin; at < s.End; at += page {
		sum ^= *(*byte)(*(*unsafe.Pointer)(unsafe.Pointer(&at))) // an address of the program's own code, which never moves
	}
	return sum
}

// Executable returns the mappings that can be read and executed; the format is that of proc_pid_maps(5).
func Executable(maps io.Reader) ([]Span, error) {
	var spans []Span
	lines := bufio.NewScanner(maps)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 2 || len(f[1]) < 3 || f[1][0] != 'r' || f[1][2] != 'x' {
			continue
		}
		from, to, _ := strings.Cut(f[0], "-")
		begin, err := strconv.ParseUint(from, 16, 64)
		if err != nil {
			return nil, fmt.Errorf("read a mapping: %w", err)
		}
		end, err := strconv.ParseUint(to, 16, 64)
		if err != nil {
			return nil, fmt.Errorf("read a mapping: %w", err)
		}
		spans = append(spans, Span{uintptr(begin), uintptr(end)})
	}
	return spans, lines.Err()
}
