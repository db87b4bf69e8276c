package load

import (
	"github.com/ruleout/ruleout/harness/run/socket"
)

// portTries is how many source ports are tried before the kernel draws one.
const portTries = 8

// bind gives the connection of a request a source port that follows from the request. The kernel would draw one, from a
// stream that everything in the machine draws from: then a run and its twin with one setting changed would have other
// flows from the second connection on, and their packets, of which faults choose by flow, another fate. If all tries
// are in use the kernel draws after all. It does so from the start for a node whose sysctls are about ports: it shares
// no port in TIME-WAIT that was bound by its number (__inet_hash_connect, net/ipv4/inet_hashtables.c).
func (g *generator) bind(fd socket.FD, i int32) {
	if g.config.KernelPorts {
		return
	}
	for try := range portTries {
		if fd.Bind(g.address.Family(), socket.SourcePort(g.config.Index, int(i), try)) == 0 {
			return
		}
	}
}
