// Package sourceport gives the sockets of loads source ports.
//
// # Concept
//
// A socket's port follows from the request, flow or lookup that it is for. The kernel would draw one, from a stream
// that everything in the machine draws from: then a run and its twin with one setting changed would have other flows
// from the second connection on, and their packets, of which faults choose by flow, another fate.
//
// # Traps
//
// A port on which a service of the node listens is not taken, even if it is free: the service may be a program that
// starts, or is started again, in the middle of the run. And for a node whose sysctls are about source ports the kernel
// draws after all: bind(2) does not heed what they say, and shares no port in TIME-WAIT (__inet_hash_connect,
// net/ipv4/inet_hashtables.c).
package sourceport

import (
	"slices"

	"github.com/ruleout/ruleout/harness/run/socket"
	"github.com/ruleout/ruleout/harness/scenario"
)

// Ports says which source ports the loads of a node take.
type Ports struct {
	// Kernel lets the kernel draw them.
	Kernel bool `json:"kernel,omitempty"`
	// Served are those on which services of the node listen, now or later.
	Served []int `json:"served,omitempty"`
}

// sysctls of a node that say which source ports the kernel may draw.
var sysctls = []string{"net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports", "net.ipv4.tcp_tw_reuse"}

// Of returns the ports for loads from a node of a scenario.
func Of(s *scenario.Scenario, node string) Ports {
	n := s.Nodes[node]
	if n == nil {
		return Ports{}
	}
	about := func(key string) bool { return n.Sysctls[key] != "" || n.Sysctls[key+"?"] != "" }
	p := Ports{Kernel: slices.ContainsFunc(sysctls, about)}
	for _, port := range s.ServedPorts(node) {
		if port >= first && port < first+ports {
			p.Served = append(p.Served, port)
		}
	}
	return p
}

// Socket says what a socket is for: the load by its index in the scenario, its request by number, and which of the
// sockets of that it is.
type Socket struct{ Load, Request, Number int }

// The kernel's own range (net.ipv4.ip_local_port_range).
const (
	first = 32768
	ports = 28232
	// apart is between the first ports of two loads, and another is how far to go for the next try; both are primes, so
	// that those that follow one another do not meet.
	apart, another = 4001, 911
)

// Port is the one that a socket should have, if it is free.
func (s Socket) Port() uint16 {
	return uint16(first + (s.Request+s.Load*apart+s.Number*another)%ports)
}

// tries is how many ports are tried before the kernel draws one.
const tries = 8

// Bind gives a socket of a family its port, or one of the next that are free.
func (p *Ports) Bind(fd socket.FD, family int, of Socket) {
	if p.Kernel {
		return
	}
	for range tries {
		port := of.Port()
		if !slices.Contains(p.Served, int(port)) && fd.Bind(family, port) == 0 {
			return
		}
		of.Number++
	}
}
