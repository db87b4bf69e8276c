package box

import (
	"bytes"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Whether a program is ready is asked 200 times a second, perhaps for an hour, in a process that collects no garbage.
// So none of this makes any.

// listens tells whether a TCP socket of this node listens on a port. It looks into the kernel's table, which disturbs
// no program: a connection would be a visitor.
func (o *own) listens(port int) bool {
	if o.buffer == nil {
		o.buffer = make([]byte, 32<<10)
	}
	for _, f := range o.tables {
		for at, kept := int64(0), 0; ; {
			n, err := f.ReadAt(o.buffer[kept:], at)
			text := o.buffer[:kept+n]
			whole := bytes.LastIndexByte(text, '\n') + 1
			if tableListens(text[:whole], port) {
				return true
			}
			if err != nil || n == 0 { // most often io.EOF
				break
			}
			at, kept = at+int64(n), copy(o.buffer, text[whole:])
		}
	}
	return false
}

// tableListens reads the table of proc_pid_net(5): the second field is ADDRESS:PORT in hexadecimal, the fourth the
// state, in which 0A is LISTEN.
func tableListens(text []byte, port int) bool {
	const digits = "0123456789ABCDEF"
	want := [...]byte{':', digits[port>>12&15], digits[port>>8&15], digits[port>>4&15], digits[port&15]}
	for len(text) > 0 {
		end := bytes.IndexByte(text, '\n')
		if end < 0 {
			end = len(text) - 1
		}
		_, rest := word(text[:end+1])
		local, rest := word(rest)
		_, rest = word(rest)
		if state, _ := word(rest); bytes.HasSuffix(local, want[:]) && string(state) == "0A" {
			return true
		}
		text = text[end+1:]
	}
	return false
}

// word cuts the first word off a line.
func word(line []byte) (first, rest []byte) {
	line = bytes.TrimLeft(line, " ")
	if i := bytes.IndexAny(line, " \r\n"); i >= 0 {
		return line[:i], line[i:]
	}
	return line, nil
}

// exists tells whether there is a file of a name, which ends with a zero byte.
func exists(name []byte) bool {
	here := unix.AT_FDCWD
	_, _, errno := unix.Syscall(unix.SYS_FACCESSAT, uintptr(here), uintptr(unsafe.Pointer(&name[0])), unix.F_OK)
	return errno == 0
}

// isReady tells whether all that its readiness consists of is there.
func (b *box) isReady(p *program) bool {
	r := p.Ready
	if p.ExpectExit != nil && r == nil && p.Port == 0 {
		return false
	}
	if r == nil {
		return p.Port == 0 || b.own.listens(p.Port)
	}
	if r.Port > 0 && !b.own.listens(r.Port) {
		return false
	}
	if r.Path != "" && !exists(p.path) {
		return false
	}
	return r.Line == "" || p.out.has()
}

func (b *box) waitsFor(p *program) string {
	r := p.Ready
	switch {
	case r == nil && p.Port > 0:
		return fmt.Sprintf("nothing listens on port %d", p.Port)
	case r == nil:
		return "it has not ended"
	case r.Port > 0 && !b.own.listens(r.Port):
		return fmt.Sprintf("nothing listens on port %d", r.Port)
	case r.Line != "" && !p.out.has():
		return fmt.Sprintf("it has not written %q", r.Line)
	}
	return "there is no " + r.Path
}
