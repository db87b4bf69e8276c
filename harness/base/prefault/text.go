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
	spans, err := executable(f)
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

// span is a range of addresses, the end excluded.
type span struct{ begin, end uintptr }

// touch reads a byte of each page.
func (s span) touch(page uintptr) (sum byte) {
	for at := s.begin; at < s.end; at += page {
		sum ^= *(*byte)(*(*unsafe.Pointer)(unsafe.Pointer(&at))) // an address of the program's own code, which never moves
	}
	return sum
}

// executable returns the mappings that can be read and executed; the format is that of proc_pid_maps(5).
func executable(maps io.Reader) ([]span, error) {
	var spans []span
	lines := bufio.NewScanner(maps)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 2 || !strings.HasPrefix(f[1], "r-x") {
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
		spans = append(spans, span{uintptr(begin), uintptr(end)})
	}
	return spans, lines.Err()
}
