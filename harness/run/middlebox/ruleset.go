package middlebox

import (
	"errors"
	"fmt"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/undo"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario"
)

// ruleset is a node's table of nf_tables.
type ruleset struct {
	conn  *nftables.Conn
	dump  *netlink.Conn // reads counters
	table *nftables.Table
	list  []rule
	base  map[string]*nftables.Chain // chains that a hook calls, by name
}

// rule is one of the scenario's: a chain of its own.
type rule struct {
	kind, name string
	mayBeIdle  bool
	chain      *nftables.Chain
}

// buffers gives a socket room for all rules in one batch, and for the kernel's answer to each of their messages.
func buffers(c *netlink.Conn) error {
	const size = 16 << 20
	return errors.Join(c.SetReadBuffer(size), c.SetWriteBuffer(size))
}

// newRuleset writes the rules of a node, all at once: packets meet none of them, or all.
func newRuleset(b *box, u *undo.Stack) (_ *ruleset, err error) {
	s := &ruleset{base: map[string]*nftables.Chain{}}
	err = b.node.Do(func() (err error) {
		if s.conn, err = nftables.New(nftables.AsLasting(), nftables.WithSockOptions(buffers)); err != nil {
			return err
		}
		u.Push(s.conn.CloseLasting)
		if s.dump, err = netlink.Dial(unix.NETLINK_NETFILTER, nil); err != nil {
			return err
		}
		u.Push(s.dump.Close)
		return buffers(s.dump)
	})
	if err != nil {
		return nil, missing(fmt.Errorf("node %s: open netlink socket: %w", b.node.Name, err), "nf_tables")
	}
	s.table = s.conn.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "ruleout"})
	if b.spec.Tracks() {
		s.track()
	}
	for i := range b.spec.NAT {
		s.addNAT(b, &b.spec.NAT[i])
	}
	for i := range b.spec.Firewall {
		s.addFirewall(b, &b.spec.Firewall[i])
	}
	if err := s.conn.Flush(); err != nil {
		return nil, missing(fmt.Errorf("node %s: write rules: %w", b.node.Name, err),
			"nf_tables with what the rules need")
	}
	return s, nil
}

// track has the kernel track connections: it does so in a namespace from when on a rule asks for a packet's state,
// wherever the rule stands (nft_ct_get_init in net/netfilter/nft_ct.c). No packet meets this one.
func (s *ruleset) track() {
	chain := s.conn.AddChain(&nftables.Chain{Name: "track", Table: s.table})
	s.conn.AddRule(&nftables.Rule{Table: s.table, Chain: chain, Exprs: state(scenario.StateInvalid)})
}

// at returns the chain that a hook calls.
func (s *ruleset) at(name string, kind nftables.ChainType, hook *nftables.ChainHook,
	priority *nftables.ChainPriority) *nftables.Chain {
	if s.base[name] == nil {
		s.base[name] = s.conn.AddChain(&nftables.Chain{Name: name, Table: s.table, Type: kind, Hooknum: hook,
			Priority: priority})
	}
	return s.base[name]
}

// own adds the chain of a rule. does is what it does with each packet that gets there.
func (s *ruleset) own(kind, name string, mayBeIdle bool, does ...expr.Any) *nftables.Chain {
	chain := s.conn.AddChain(&nftables.Chain{Name: kind + "-" + name, Table: s.table})
	s.conn.AddRule(&nftables.Rule{Table: s.table, Chain: chain, Exprs: does})
	s.list = append(s.list, rule{kind, name, mayBeIdle, chain})
	return chain
}

// enter has packets of a base chain that match go to a rule's chain.
func (s *ruleset) enter(from, to *nftables.Chain, match []expr.Any) {
	s.conn.AddRule(&nftables.Rule{Table: s.table, Chain: from,
		Exprs: append(match, &expr.Verdict{Kind: expr.VerdictJump, Chain: to.Name})})
}

// addFirewall adds a rule of the firewall.
func (s *ruleset) addFirewall(b *box, r *scenario.FirewallRule) {
	hooks := map[scenario.Hook]*nftables.ChainHook{scenario.HookForward: nftables.ChainHookForward,
		scenario.HookInput: nftables.ChainHookInput, scenario.HookOutput: nftables.ChainHookOutput}
	hook := r.At(b.spec.Role)
	var does []expr.Any
	if packets, per, ok := r.Limit(); ok {
		does = append(does, &expr.Limit{Type: expr.LimitTypePkts, Rate: packets, Over: r.Over > 0,
			Unit: expr.LimitTime(per.Seconds()), Burst: uint32(r.Tokens())})
	}
	does = append(does, &expr.Counter{})
	does = append(does, verdict(r.Do)...)
	own := s.own(result.FirewallRule, r.Name, r.MayBeIdle, does...)
	from := s.at(string(hook), nftables.ChainTypeFilter, hooks[hook], nftables.ChainPriorityFilter)
	var links []expr.Any
	if r.In != "" {
		links = append(links, device(expr.MetaKeyIIF, b.device(r.In))...)
	}
	if r.Out != "" {
		links = append(links, device(expr.MetaKeyOIF, b.device(r.Out))...)
	}
	tail := flags(r.Packets)
	if r.State != "" {
		tail = append(tail, state(r.State)...)
	}
	for _, addresses := range pairs(b.addressesOf(r.From), b.addressesOf(r.To)) {
		for _, protocol := range protocols(r.Packets, addresses.family(), r.FromPorts != "" || r.ToPorts != "") {
			var match []expr.Any
			match = append(match, links...)
			match = append(match, addresses.match()...)
			match = append(match, protocol...)
			match = append(match, ports(sourcePort, r.FromPorts)...)
			match = append(match, ports(destinationPort, r.ToPorts)...)
			s.enter(from, own, append(match, tail...))
		}
	}
}
