package sysctl

import (
	"maps"
	"slices"
	"strings"
)

// conntrack has the settings of the module nf_conntrack and of those that it needs, on any kernel since 5.10, and why a
// node cannot have some of them. They are not in the list, whose kernels have not loaded it. From
// net/netfilter/nf_conntrack_standalone.c, and nf_conntrack_frag6 from net/ipv6/netfilter/nf_conntrack_reasm.c.
var conntrack = func() map[string]Reason {
	m := map[string]Reason{"net.nf_conntrack_max": Machine}
	for prefix, names := range map[string]string{
		"nf_conntrack_": `acct checksum dccp_loose events frag6_high_thresh frag6_low_thresh frag6_timeout generic_timeout
			gre_timeout gre_timeout_stream helper icmp_timeout icmpv6_timeout log_invalid tcp_be_liberal
			tcp_ignore_invalid_rst tcp_loose tcp_max_retrans timestamp udp_timeout udp_timeout_stream`,
		"nf_conntrack_tcp_timeout_": `close close_wait established fin_wait last_ack max_retrans syn_recv syn_sent
			time_wait unacknowledged`,
		"nf_conntrack_sctp_timeout_": `closed cookie_echoed cookie_wait established heartbeat_acked heartbeat_sent
			shutdown_ack_sent shutdown_recd shutdown_sent`,
		"nf_conntrack_dccp_timeout_": "closereq closing open partopen request respond timewait",
		"nf_flowtable_":              "tcp_timeout udp_timeout",
	} {
		for _, name := range strings.Fields(names) {
			m["net.netfilter."+prefix+name] = ""
		}
	}
	// A namespace shows what the machine has (nf_conntrack_standalone_init_sysctl), and what it counts.
	for _, name := range []string{"buckets", "count", "expect_max", "max"} {
		m["net.netfilter.nf_conntrack_"+name] = ReadOnly
	}
	return m
}()

// suggestions are all names that a misspelt one may be meant for.
var suggestions = append(slices.Clone(names), slices.Sorted(maps.Keys(conntrack))...)
