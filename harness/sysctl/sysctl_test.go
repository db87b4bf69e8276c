package sysctl_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/sysctl"
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
