package dns

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/ruleout/ruleout/harness/run/socket"
	"github.com/ruleout/ruleout/harness/run/sourceport"
)

// Options are those of resolv.conf(5).
type Options struct {
	// Servers in the order of the file.
	Servers  []netip.AddrPort `json:"servers"`
	Timeout  time.Duration    `json:"timeout"`
	Attempts int              `json:"attempts"`
	Rotate   bool             `json:"rotate,omitempty"`
	// Single and Reopen are single-request and single-request-reopen.
	Single bool `json:"single,omitempty"`
	Reopen bool `json:"reopen,omitempty"`
	// Lasting keeps what a lookup has learned for the next.
	Lasting bool `json:"lasting,omitempty"`
	// Name that is looked up, without a dot at its end.
	Name string `json:"name"`
	// IPv6 is the family whose address is wanted; both are asked for in any case.
	IPv6 bool `json:"ipv6,omitempty"`
}

// Counts are of the lookups of a load.
type Counts struct {
	// Queries that were sent; Retries are those among them that had been sent before in the same lookup.
	Queries int64 `json:"queries"`
	Retries int64 `json:"retries"`
	// Timeouts are waits that ran out.
	Timeouts int64 `json:"timeouts"`
	// Errors are answers SERVFAIL, NOTIMP or REFUSED, and referrals.
	Errors int64 `json:"errors"`
	// Unreachable is how many ICMP messages port unreachable came from name servers' nodes.
	Unreachable int64 `json:"unreachable"`
	// Fallbacks is how often a lookup changed over to asking one at a time, because only one answer had come.
	Fallbacks int64 `json:"fallbacks"`
}

func (c *Counts) add(from *Counts) {
	c.Queries += from.Queries
	c.Retries += from.Retries
	c.Timeouts += from.Timeouts
	c.Errors += from.Errors
	c.Unreachable += from.Unreachable
	c.Fallbacks += from.Fallbacks
}

// Resolver makes lookups.
type Resolver struct {
	options Options
	servers []socket.Address
	name    dnsmessage.Name
	random  *rand.Rand
	load    int // index of the load: source ports follow from it
	ports   sourceport.Ports
	made    int
	offset  int // of the server that rotate begins with
	learned Options
	in      []byte
	free    []*Lookup // that were closed: their memory is for the next
}

// NewResolver returns the resolver of the load that has an index. What it draws follows from the seed.
func NewResolver(o Options, p sourceport.Ports, seed uint64, load int) (*Resolver, error) {
	name, err := fullName(o.Name)
	if err != nil {
		return nil, fmt.Errorf("name %s: %w", o.Name, err)
	}
	if len(o.Servers) == 0 || o.Timeout < time.Second || o.Attempts < 1 {
		return nil, fmt.Errorf("resolver: servers, timeout or attempts out of range")
	}
	r := &Resolver{options: o, name: name, load: load, ports: p, learned: o, in: make([]byte, 4096),
		random: rand.New(rand.NewPCG(seed, 0x646e73<<32|uint64(load)))}
	for _, s := range o.Servers {
		r.servers = append(r.servers, socket.NewAddress(s))
	}
	r.offset = r.random.IntN(len(o.Servers))
	return r, nil
}

// wait is how long the server that has an index in the list is waited for: send_dg's arithmetic, in whole seconds.
func (r *Resolver) wait(server int) int64 {
	seconds := int64(r.options.Timeout/time.Second) << server
	if server > 0 {
		seconds /= int64(len(r.servers))
	}
	return max(seconds, 1) * int64(time.Second)
}

// first is the server that a lookup begins with.
func (r *Resolver) first() int {
	if !r.options.Rotate || len(r.servers) < 2 {
		return 0
	}
	if !r.options.Lasting { // each process begins where chance has it
		return r.random.IntN(len(r.servers))
	}
	r.offset++
	return r.offset % len(r.servers)
}

// Start begins a lookup. Its owner calls Step right away. The numbers of queries follow from the seed.
func (r *Resolver) Start() (*Lookup, error) {
	l := r.take()
	*l = Lookup{resolver: r, query: l.query, single: r.options.Single || r.options.Reopen, reopen: r.options.Reopen,
		first: r.first(), number: r.made}
	if r.options.Lasting {
		l.single, l.reopen = r.learned.Single || r.learned.Reopen, r.learned.Reopen
	}
	r.made++
	l.id[0] = uint16(r.random.Uint32())
	for l.id[1] = l.id[0]; l.id[1] == l.id[0]; {
		l.id[1] = uint16(r.random.Uint32())
	}
	for i := range l.query {
		var err error
		if l.query[i], err = question(l.query[i][:0], l.id[i], r.name, types[i]); err != nil {
			return nil, fmt.Errorf("query for %s: %w", r.options.Name, err)
		}
	}
	for i := range l.sockets {
		l.sockets[i] = socket.None
	}
	return l, nil
}

// take returns the memory of a lookup.
func (r *Resolver) take() *Lookup {
	n := len(r.free)
	if n == 0 {
		return new(Lookup)
	}
	l := r.free[n-1]
	r.free = r.free[:n-1]
	return l
}
