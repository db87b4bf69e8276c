package probe

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// file is a file of the kernel's that is read over and over: opened once, each time read from its
// start into the same memory. One of /proc/thread-self/net stays with the namespace it was opened in.
type file struct {
	name string
	fd   int
	text []byte
}

func openFile(name string) (*file, error) {
	fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return &file{name: name, fd: fd, text: make([]byte, 4096)}, nil
}

// read returns the text, which is good until the next read. The kernel composes it at
// the first system call; that everything fitted is known when the buffer was not filled.
func (f *file) read() ([]byte, error) {
	for {
		n, err := unix.Pread(f.fd, f.text, 0)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return nil, &os.PathError{Op: "read", Path: f.name, Err: err}
		case n < len(f.text):
			return f.text[:n], nil
		case len(f.text) >= 1<<20:
			return nil, fmt.Errorf("read %s: larger than 1 MiB", f.name)
		default:
			f.text = make([]byte, 2*len(f.text))
		}
	}
}

func (f *file) Close() error {
	if err := unix.Close(f.fd); err != nil {
		return fmt.Errorf("close %s: %w", f.name, err)
	}
	return nil
}

// keyed finds "key value" at the start of a line, as in cpu.stat.
func keyed(text []byte, key string) int64 {
	for len(text) > 0 {
		var one []byte
		one, text = line(text)
		if len(one) > len(key) && string(one[:len(key)]) == key && one[len(key)] == ' ' {
			return digits(one[len(key)+1:])
		}
	}
	return 0
}

// total finds total= in the line of a pressure file that begins with some, in µs.
func total(text []byte) int64 { return behind(text, "total=") }

// behind reads the number after the first occurrence of a mark.
func behind(text []byte, mark string) int64 {
	for i := 0; i+len(mark) <= len(text); i++ {
		if string(text[i:i+len(mark)]) == mark {
			return digits(text[i+len(mark):])
		}
	}
	return 0
}

// digits reads a number up to the first byte that is no digit.
func digits(text []byte) (n int64) {
	for _, c := range text {
		if c < '0' || c > '9' {
			break
		}
		n = n*10 + int64(c-'0')
	}
	return n
}

// ticks are the first line of /proc/stat, in USER_HZ (10 ms).
type ticks struct{ user, system int64 }

// parseStat reads user with nice, and system with irq: user nice system idle iowait irq softirq steal.
func parseStat(text []byte) (ticks, error) {
	first, _ := line(text)
	f := bytes.Fields(first)
	if len(f) < 8 || string(f[0]) != "cpu" {
		return ticks{}, fmt.Errorf("parse /proc/stat: expected cpu and eight numbers, got %.60q", first)
	}
	return ticks{user: digits(f[1]) + digits(f[2]), system: digits(f[3]) + digits(f[6])}, nil
}

// parseLoad reads the one-minute average of /proc/loadavg in hundredths: 0.42 0.31 0.18 1/123 456.
func parseLoad(text []byte) (int64, error) {
	whole, rest, ok := bytes.Cut(text, []byte("."))
	if !ok || len(rest) < 2 {
		return 0, fmt.Errorf("parse /proc/loadavg: got %.40q", text)
	}
	return digits(whole)*100 + digits(rest[:2]), nil
}

// timeWait reads the number of TIME_WAIT sockets from /proc/net/sockstat: TCP: inuse 3 orphan 0 tw 5 …
func timeWait(text []byte) int64 { return behind(text, " tw ") }
