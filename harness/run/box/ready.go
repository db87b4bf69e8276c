package box

import (
	"os"
	"strconv"
	"strings"
)

// listens tells whether a TCP socket of this node listens on a port. It looks into the kernel's table, which disturbs
// no program: a connection would be a visitor.
func listens(port int) bool {
	for _, name := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		data, err := os.ReadFile(name)
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
