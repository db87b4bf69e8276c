package box

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// listens tells whether a TCP socket of this node listens on a port. It looks into the kernel's table, which disturbs
// no program: a connection would be a visitor.
func (o *own) listens(port int) bool {
	for _, f := range o.tables {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			continue
		}
		data, err := io.ReadAll(f)
		if err == nil && tableListens(string(data), port) {
			return true
		}
	}
	return false
}

// tableListens reads the table of proc_pid_net(5): the second field is ADDRESS:PORT in hexadecimal, the fourth the
// state, in which 0A is LISTEN.
func tableListens(text string, port int) bool {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 4 || f[3] != "0A" {
			continue
		}
		if _, hex, ok := strings.Cut(f[1], ":"); ok {
			if n, err := strconv.ParseUint(hex, 16, 16); err == nil && int(n) == port {
				return true
			}
		}
	}
	return false
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
	if r.Path != "" {
		if _, err := os.Stat(r.Path); err != nil {
			return false
		}
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
