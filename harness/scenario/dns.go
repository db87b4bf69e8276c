package scenario

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
)

// QueryType is a type of DNS records that is asked for.
type QueryType string

// Types of queries.
const (
	// QueryA asks for IPv4 addresses.
	QueryA QueryType = "a"
	// QueryAAAA asks for IPv6 addresses.
	QueryAAAA QueryType = "aaaa"
	// QueryAll stands for queries of every type.
	QueryAll QueryType = "all"
)

// DNS is a name server that knows the names of the scenario, and no others. It answers over UDP, at once or after a
// delay, and takes the next query meanwhile.
type DNS struct {
	// Port to listen on.
	Port int `yaml:"port,omitempty" json:"port" default:"53" min:"1" max:"65535"`
	// Names are the names that it knows, each with the node whose address is the answer, such as
	// {shop.example: web}. It answers any other with NXDOMAIN.
	Names map[string]string `yaml:"names" json:"names" most:"1000"`
	// Delay is the time from a query to its answer.
	Delay Duration `yaml:"delay,omitempty" json:"delay,omitempty" min:"1us" max:"1m"`
	// TTL is how long an answer may be kept, in whole seconds. The resolver of loads keeps none, as glibc does not.
	TTL Duration `yaml:"ttl,omitempty" json:"ttl" default:"60s" min:"0s" max:"24h"`
	// IPv6 answers AAAA with the node's IPv6 address. Without it, such an answer has no address (NODATA), as that of most
	// names on the internet.
	IPv6 bool `yaml:"ipv6,omitempty" json:"ipv6,omitempty"`
	// Drop is the type of queries that get no answer: a, aaaa, or all.
	Drop QueryType `yaml:"drop,omitempty" json:"drop,omitempty" enum:"a,aaaa,all"`
	// Servfail is the type of queries that are answered with SERVFAIL.
	Servfail QueryType `yaml:"servfail,omitempty" json:"servfail,omitempty" enum:"a,aaaa,all"`
}

// Resolver is how a node's loads find the address of a name (http.host): as glibc does, by the file resolv.conf(5). It
// asks for A and AAAA at the same time from one socket, keeps nothing, and waits for both answers. It asks each server
// in turn, attempts times; the wait for the first is timeout, for the second timeout × 2 / servers, for the third
// timeout × 4 / servers, in whole seconds, one at least. If only one of the two answers comes, it asks again the same
// server, first for A and then for AAAA; if that ends likewise, each from a socket of its own; then it takes what it
// has.
//
// Source: glibc 2.38, resolv/res_send.c (__res_context_send, send_dg).
type Resolver struct {
	// Servers are the nodes with a dns service that are asked, in this order.
	Servers []string `yaml:"servers" json:"servers" most:"3"`
	// Timeout is how long the first server is waited for, in whole seconds.
	Timeout Duration `yaml:"timeout,omitempty" json:"timeout" default:"5s" min:"1s" max:"30s"`
	// Attempts is how often all servers are asked.
	Attempts int `yaml:"attempts,omitempty" json:"attempts" default:"2" min:"1" max:"5"`
	// Rotate begins each lookup with the next server, the first with one that the seed draws.
	Rotate bool `yaml:"rotate,omitempty" json:"rotate,omitempty"`
	// SingleRequest asks for AAAA when A was answered, from the same socket.
	SingleRequest bool `yaml:"single-request,omitempty" json:"single_request,omitempty"`
	// SingleRequestReopen does so from a socket, and a source port, of its own.
	SingleRequestReopen bool `yaml:"single-request-reopen,omitempty" json:"single_request_reopen,omitempty"`
	// Lasting says that all lookups of a load are of one process, which goes on with what it has learned: after a first
	// answer that did not come it asks one at a time. Without it, each is the first of a process, such as that of curl.
	Lasting bool `yaml:"lasting,omitempty" json:"lasting,omitempty"`
}

// hostName is a name as DNS has it (RFC 1123, 2.1).
var hostName = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`)

// dns checks the names that a dns service of a node knows.
func (v *validation) dns(path string, d *DNS) {
	if len(d.Names) == 0 {
		v.fail(path+".names", "no names", "a mapping of names to nodes, such as {shop.example: web}")
	}
	for _, name := range slices.Sorted(maps.Keys(d.Names)) {
		at := path + ".names." + name
		if !hostName.MatchString(name) || len(name) > 253 {
			v.failKey(at, fmt.Sprintf("%s is not a host's name", quote(name)),
				"lower-case letters, digits and dashes, with dots between, such as shop.example")
			continue
		}
		v.known(at, d.Names[name])
	}
	if d.TTL%Duration(1e9) != 0 {
		v.fail(path+".ttl", fmt.Sprintf("DNS has whole seconds, not %v", d.TTL), "")
	}
	if d.Drop != "" && d.Servfail != "" && (d.Drop == d.Servfail || d.Drop == QueryAll || d.Servfail == QueryAll) {
		v.fail(path+".servfail", "the same queries are dropped and answered with SERVFAIL", "leave one of them out")
	}
}

// resolvers checks those of all nodes.
func (v *validation) resolvers() {
	for _, name := range v.nodeNames() {
		r := v.Nodes[name].Resolver
		if r == nil {
			continue
		}
		path := join("nodes", name) + ".resolver"
		if len(r.Servers) == 0 {
			v.fail(path+".servers", "a resolver without a server", "a list of nodes with a dns service; "+v.servers("dns"))
		}
		if r.Timeout%Duration(1e9) != 0 {
			v.fail(path+".timeout", fmt.Sprintf("resolv.conf has whole seconds, not %v", r.Timeout), "")
		}
		for i, server := range r.Servers {
			at := fmt.Sprintf("%s.servers[%d]", path, i)
			switch {
			case !v.known(at, server):
			case slices.Contains(r.Servers[:i], server):
				v.fail(at, server+" is there twice", "")
			case server == name:
				v.fail(at, fmt.Sprintf("%s asks itself", name), "that would not touch any link")
			default: // one without a service is what a dead name server is
				v.reachable(at, name, server)
			}
		}
	}
}

// host checks the name that a load asks for.
func (v *validation) host(path string, l *Traffic) {
	if l.HTTP.Host == "" || v.Nodes[l.From] == nil || v.Nodes[l.To] == nil {
		return
	}
	r := v.Nodes[l.From].Resolver
	if r == nil {
		if v.sound(join("nodes", l.From)) {
			v.fail(path, fmt.Sprintf("%s has no resolver to ask for %s", l.From, quote(l.HTTP.Host)),
				fmt.Sprintf("add nodes.%s.resolver: {servers: […]}; %s", l.From, v.servers("dns")))
		}
		return
	}
	var known []string
	for _, name := range v.nodeNames() {
		s := v.Nodes[name].Service
		if s == nil || s.DNS == nil {
			continue
		}
		known = slices.AppendSeq(known, maps.Keys(s.DNS.Names))
		at, ok := s.DNS.Names[l.HTTP.Host]
		switch {
		case !slices.Contains(r.Servers, name) || !ok:
		case at != l.To:
			v.fail(path, fmt.Sprintf("%s says that %s is %s, and the load goes to %s", name, l.HTTP.Host, at, l.To), "")
			return
		case l.HTTP.IPv6 && !s.DNS.IPv6:
			v.fail(path, fmt.Sprintf("%s has no IPv6 address of %s", name, l.HTTP.Host),
				fmt.Sprintf("set nodes.%s.service.dns.ipv6: true", name))
			return
		}
	}
	slices.Sort(known)
	if !slices.Contains(known, l.HTTP.Host) {
		v.fail(path, fmt.Sprintf("nobody serves the name %s", quote(l.HTTP.Host)),
			nearHint(l.HTTP.Host, slices.Compact(known)))
	}
}
