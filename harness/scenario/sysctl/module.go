package sysctl

import "strings"

// modules have settings of their own, below these names, that are there once they are loaded. From the places in the
// kernel that register them: net/netfilter/nf_conntrack_standalone.c, net/bridge/br_netfilter_hooks.c,
// net/sctp/sysctl.c, net/tipc/sysctl.c, net/rds/sysctl.c, net/mpls/af_mpls.c, net/smc/smc_sysctl.c,
// net/netfilter/ipvs/ip_vs_ctl.c, drivers/net/vrf.c, net/rxrpc/sysctl.c, net/dccp/sysctl.c,
// net/x25/sysctl_net_x25.c, net/llc/sysctl_net_llc.c.
var modules = []struct{ prefix, module string }{
	{"net.netfilter.nf_conntrack_", "nf_conntrack"},
	{"net.nf_conntrack_max", "nf_conntrack"},
	{"net.netfilter.nf_flowtable_", "nf_conntrack"},
	{"net.bridge.", "br_netfilter"},
	{"net.sctp.", "sctp"},
	{"net.dccp.", "dccp"},
	{"net.tipc.", "tipc"},
	{"net.rds.", "rds"},
	{"net.mpls.", "mpls_router"},
	{"net.smc.", "smc"},
	{"net.ipv4.vs.", "ip_vs"},
	{"net.vrf.", "vrf"},
	{"net.rxrpc.", "rxrpc"},
	{"net.x25.", "x25"},
	{"net.llc.", "llc2"},
}

// Module returns the kernel's module that brings the setting with this name, if it is none that kernels have without.
// It is empty for a name that is listed, and for one that no kernel has.
func Module(name string) string {
	if Known(name) {
		return ""
	}
	for _, m := range modules {
		if strings.HasPrefix(name, m.prefix) {
			return m.module
		}
	}
	return ""
}
