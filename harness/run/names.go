package run

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/ruleout/ruleout/harness/run/cgroup"
	"github.com/ruleout/ruleout/harness/run/dns"
	"github.com/ruleout/ruleout/harness/scenario"
)

// startNameServers starts the dns services.
func (r *Prepared) startNameServers(ctx context.Context, groups map[string]*cgroup.Group) error {
	servers, err := r.startServices(ctx, groups, dns.ServerRole, dns.Counters(),
		func(s *scenario.Service) bool { return s.DNS != nil },
		func(name string) (any, error) {
			return dns.NewServerConfig(r.scenario.Nodes[name].Service.DNS, r.addresses(name)), nil
		})
	r.programs.services = append(r.programs.services, servers...)
	return err
}

// addresses are those of the names that a node's dns service knows: of the end of the node at which the first load
// arrives that looks the name up there, or else of the end that is next to the server.
func (r *Prepared) addresses(server string) map[string]dns.Addresses {
	d := r.scenario.Nodes[server].Service.DNS
	names := make(map[string]dns.Addresses, len(d.Names))
	for name, node := range d.Names {
		from := server
		for i := range r.scenario.Load {
			l := &r.scenario.Load[i]
			if asker := r.scenario.Nodes[l.From].Resolver; l.HTTP != nil && l.HTTP.Host == name && asker != nil &&
				slices.Contains(asker.Servers, server) {
				from = l.From
				break
			}
		}
		a4, a6, _ := r.network.Layout().Toward(from, node)
		if !d.IPv6 {
			a6 = netip.Addr{}
		}
		names[name] = dns.Addresses{A: a4, AAAA: a6}
	}
	return names
}

// resolver is how a load looks its server's name up; nil if it has none.
func (r *Prepared) resolver(l *scenario.Traffic) (*dns.Options, error) {
	if l.HTTP.Host == "" {
		return nil, nil
	}
	of := r.scenario.Nodes[l.From].Resolver
	o := &dns.Options{Timeout: time.Duration(of.Timeout), Attempts: of.Attempts, Rotate: of.Rotate,
		Single: of.SingleRequest, Reopen: of.SingleRequestReopen, Lasting: of.Lasting,
		Name: l.HTTP.Host, IPv6: l.HTTP.IPv6}
	for _, server := range of.Servers {
		address, _, ok := r.network.Layout().Toward(l.From, server)
		if !ok {
			return nil, fmt.Errorf("node %s has no path to its name server %s", l.From, server)
		}
		port := 53 // resolv.conf has no ports
		if s := r.scenario.Nodes[server].Service; s != nil && s.DNS != nil {
			port = s.DNS.Port
		}
		o.Servers = append(o.Servers, netip.AddrPortFrom(address, uint16(port)))
	}
	return o, nil
}
