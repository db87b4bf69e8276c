package middlebox

import (
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario"
)

// addNAT adds a rule that changes addresses. It meets the first packet of each connection only, so what it counts is
// connections.
func (s *ruleset) addNAT(b *box, r *scenario.NAT) {
	if r.DNAT != "" {
		s.addDNAT(b, r)
		return
	}
	at := s.at("postrouting", nftables.ChainTypeNAT, nftables.ChainHookPostrouting, nftables.ChainPriorityNATSource)
	var from, to netip.Addr // those of the device
	for _, e := range b.node.Ends() {
		if e.Index == b.device(r.Out()) {
			from, to = e.Addr4.Addr(), e.Addr6.Addr()
		}
	}
	leaves := device(expr.MetaKeyOIF, b.device(r.Out()))
	if r.Masquerade != "" {
		// Not with a pool of ports: the kernel wants NF_NAT_RANGE_PROTO_SPECIFIED besides (nft_masq_init in
		// net/netfilter/nft_masq.c), which the library does not say, and would keep the ports without a word.
		own := s.own(result.NATRule, r.Name, r.MayBeIdle, &expr.Counter{}, &expr.Masq{FullyRandom: r.Random})
		s.translate(r, at, own, leaves, pairs(b.addressesOf(r.From), []netip.Addr{{}}))
		return
	}
	// The chain has a statement for each family, since an address has one.
	own := s.own(result.NATRule, r.Name, r.MayBeIdle, &expr.Counter{})
	for _, a := range []netip.Addr{from, to} {
		if a.IsValid() {
			s.conn.AddRule(&nftables.Rule{Table: s.table, Chain: own, Exprs: source(r, a)})
		}
	}
	s.translate(r, at, own, leaves, pairs(b.addressesOf(r.From), []netip.Addr{{}}))
}

// translate has connections of these addresses, with the protocol and port of a rule, go to its chain.
func (s *ruleset) translate(r *scenario.NAT, at, own *nftables.Chain, first []expr.Any, list []pair) {
	for _, addresses := range list {
		for _, protocol := range protocols(r.Packets, addresses.family(), r.Port > 0) {
			var match []expr.Any
			match = append(match, first...)
			match = append(match, addresses.match()...)
			match = append(match, protocol...)
			if r.Port > 0 {
				match = append(match, load(expr.PayloadBaseTransportHeader, destinationPort, 2),
					compare(expr.CmpOpEq, port(r.Port)))
			}
			s.enter(at, own, match)
		}
	}
}

// Registers of the statements of NAT, apart from that of comparisons.
const (
	addressRegister = 1
	firstRegister   = 2
	lastRegister    = 3
)

// pool loads the ports of a rule.
func pool(r *scenario.NAT) (list []expr.Any, ok bool) {
	first, last, ok := r.Ports.Range()
	if !ok {
		return nil, false
	}
	return []expr.Any{&expr.Immediate{Register: firstRegister, Data: port(first)},
		&expr.Immediate{Register: lastRegister, Data: port(last)}}, true
}

// nfFamily is that of an address.
func nfFamily(a netip.Addr) (version int, nf uint32) {
	if a.Is4() {
		return 4, unix.NFPROTO_IPV4
	}
	return 6, unix.NFPROTO_IPV6
}

func source(r *scenario.NAT, a netip.Addr) []expr.Any {
	version, nf := nfFamily(a)
	n := &expr.NAT{Type: expr.NATTypeSourceNAT, Family: nf, RegAddrMin: addressRegister, FullyRandom: r.Random}
	list := family(version)
	ports, ok := pool(r)
	if ok {
		n.RegProtoMin, n.RegProtoMax, n.Specified = firstRegister, lastRegister, true
	}
	list = append(list, &expr.Immediate{Register: addressRegister, Data: a.AsSlice()})
	return append(append(list, ports...), n)
}

// addDNAT has connections to one of the node's addresses go to another node.
func (s *ruleset) addDNAT(b *box, r *scenario.NAT) {
	at := s.at("prerouting", nftables.ChainTypeNAT, nftables.ChainHookPrerouting, nftables.ChainPriorityNATDest)
	own := s.own(result.NATRule, r.Name, r.MayBeIdle, &expr.Counter{})
	four, six, _ := b.network.Layout().Toward(b.node.Name, r.DNAT)
	for _, a := range []netip.Addr{four, six} {
		if !a.IsValid() {
			continue
		}
		version, nf := nfFamily(a)
		n := &expr.NAT{Type: expr.NATTypeDestNAT, Family: nf, RegAddrMin: addressRegister}
		list := append(family(version), &expr.Immediate{Register: addressRegister, Data: a.AsSlice()})
		if r.ToPort > 0 {
			list = append(list, &expr.Immediate{Register: firstRegister, Data: port(r.ToPort)})
			n.RegProtoMin, n.Specified = firstRegister, true
		}
		s.conn.AddRule(&nftables.Rule{Table: s.table, Chain: own, Exprs: append(list, n)})
	}
	s.translate(r, at, own, nil, pairs(b.addressesOf(r.From), b.addresses(b.node.Name)))
}
