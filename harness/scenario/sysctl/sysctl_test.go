package sysctl_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/scenario/sysctl"
)

func TestMeant(t *testing.T) {
	for _, c := range []struct{ what, name, want string }{
		{"as it is", "net.ipv4.tcp_sack", ""},
		{"two letters swapped", "net.ipv4.tcp_sakc", "net.ipv4.tcp_sack"},
		{"a letter left out", "net.ipv4.tcp_invalid_ratelmit", "net.ipv4.tcp_invalid_ratelimit"},
		{"a part of it", "net.ivp4.tcp_sack", "net.ipv4.tcp_sack"},
		{"a blank where there is none", "net.ipv4.tcp_retries_2", "net.ipv4.tcp_retries2"},
		{"one of the whole machine", "net.ipv4.tcp_mem", ""},
		{"for a device", "net.ipv4.conf.eth0.rp_filter", ""},
		{"for a device, misspelt", "net.ipv4.conf.eth0.rp_fitler", "net.ipv4.conf.eth0.rp_filter"},
		{"for all devices", "net.ipv6.conf.all.disable_ipv6", ""},
		{"of a module", "net.netfilter.nf_conntrack_max", ""},
		{"of a module, misspelt", "net.netfilter.nf_contrack_tcp_loose", "net.netfilter.nf_conntrack_tcp_loose"},
		{"of a module to come", "net.netfilter.nf_conntrack_of_the_future", ""},
		{"of a kernel to come", "net.ipv4.tcp_of_the_future", ""},
		{"a directory", "net.ipv4", ""},
	} {
		t.Run(c.what, func(t *testing.T) { require.Equal(t, c.want, sysctl.Meant(c.name)) })
	}
}

func TestNamesAreInOrder(t *testing.T) {
	names := sysctl.Names()
	require.True(t, slices.IsSorted(names))
	require.Len(t, slices.Compact(names), len(sysctl.Names()))
	require.Greater(t, len(names), 300)
	require.Equal(t, "5.10", sysctl.Kernels()[0])
}

func TestBarred(t *testing.T) {
	for name, want := range map[string]sysctl.Reason{
		"net.ipv4.tcp_sack":                         "",
		"net.core.somaxconn":                        "",
		"net.core.netdev_max_backlog":               sysctl.Machine,
		"net.ipv4.neigh.default.gc_thresh1":         sysctl.Machine,
		"net.ipv4.neigh.eth0.gc_thresh1":            sysctl.Machine, // no device has one
		"net.ipv4.neigh.default.app_solicit":        sysctl.Machine, // the machine's first namespace has the only one
		"net.ipv4.neigh.eth0.app_solicit":           "",
		"net.ipv4.conf.default.rp_filter":           "",
		"net.ipv4.conf.all.mc_forwarding":           sysctl.ReadOnly,
		"net.core.rmem_max":                         sysctl.ReadOnly,
		"net.ipv6.route.flush":                      sysctl.WriteOnly,
		"net.ipv4.tcp_of_the_future":                "",
		"net.netfilter.nf_conntrack_max":            sysctl.ReadOnly,
		"net.netfilter.nf_conntrack_tcp_loose":      "",
		"net.nf_conntrack_max":                      sysctl.Machine,
		"net.ipv4.neigh.eth0.of_the_future":         "",
		"net.ipv4.tcp_congestion_control":           "",
		"net.ipv4.tcp_rmem":                         "",
		"net.ipv4.ip_local_port_range":              "",
		"net.ipv6.conf.eth0.accept_ra":              "",
		"net.ipv4.tcp_available_congestion_control": sysctl.ReadOnly,
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, want, sysctl.Barred(name)) })
	}
	for _, name := range sysctl.Names() {
		require.NotContains(t, name, " ")
		require.NotContains(t, name, sysctl.AnyDevice)
	}
}

func TestModule(t *testing.T) {
	for name, want := range map[string]string{
		"net.netfilter.nf_conntrack_max":   "nf_conntrack",
		"net.bridge.bridge-nf-filter-vlan": "br_netfilter",
		"net.ipv4.vs.conntrack":            "ip_vs",
		"net.netfilter.nf_log.2":           "", // is there without one
		"net.ipv4.tcp_sack":                "",
		"net.ipv4.tcp_of_the_future":       "",
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, want, sysctl.Module(name)) })
	}
}
