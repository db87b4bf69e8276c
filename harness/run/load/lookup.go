package load

import (
	"net/netip"

	"github.com/ruleout/ruleout/harness/run/dns"
	"github.com/ruleout/ruleout/harness/run/socket"
)

// lookUp begins to look the server's name up, for a connection.
func (g *generator) lookUp(slot int32, now int64) {
	c := &g.conns[slot]
	lookup, err := g.resolver.Start()
	if err != nil { // the name was checked: cannot happen
		g.lose(slot, Unresolved, now)
		return
	}
	c.state, c.lookup, c.began = resolving, lookup, now
	c.generation++
	c.response.reset()
	g.resolving = append(g.resolving, slot)
	if g.flags[c.request]&measured != 0 {
		g.record.lookups().Lookups++
	}
	g.step(slot, now)
}

// step goes on with a lookup; when that is over, it connects.
func (g *generator) step(slot int32, now int64) {
	c := &g.conns[slot]
	key := socket.Key{Slot: slot, Generation: c.generation}
	watch := func(fd socket.FD) socket.Errno { return g.Poll.Add(fd, key, socket.Readable) }
	if !c.lookup.Step(now, watch) {
		return
	}
	address, counts := c.lookup.Address(), g.flags[c.request]&measured != 0
	g.endLookup(slot)
	if !address.IsValid() {
		if counts {
			g.record.lookups().Failed++
		}
		g.lose(slot, Unresolved, now)
		return
	}
	if counts {
		g.record.result.Lookup.Record(now - c.began)
	}
	to := socket.NewAddress(netip.AddrPortFrom(address, g.config.To.Port()))
	g.dial(slot, &to, now)
}

// endLookup takes what a lookup counted, and closes it.
func (g *generator) endLookup(slot int32) {
	c := &g.conns[slot]
	if g.flags[c.request]&measured != 0 {
		g.record.lookups().Ended(c.lookup)
	}
	c.lookup.Close()
	c.lookup = nil
	for n, s := range g.resolving {
		if s == slot {
			g.resolving = append(g.resolving[:n], g.resolving[n+1:]...)
			return
		}
	}
}

// stepDue goes on with the lookups whose wait has run out.
func (g *generator) stepDue(now int64) {
	for n := 0; n < len(g.resolving); {
		slot := g.resolving[n]
		if g.conns[slot].lookup.Deadline() > now {
			n++
			continue
		}
		if g.step(slot, now); n < len(g.resolving) && g.resolving[n] == slot {
			n++
		}
	}
}

// lookups are those of the result.
func (r *recorder) lookups() *dns.Result {
	if r.result.DNS == nil {
		r.result.DNS = new(dns.Result)
	}
	return r.result.DNS
}
