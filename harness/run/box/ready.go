package box

import (
	"io"
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
