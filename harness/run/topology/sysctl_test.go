package topology_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/run/topology"
	"github.com/ruleout/ruleout/harness/scenario"
)

func withSysctls(sysctls map[string]string) *scenario.Scenario {
	s := sixByFive()
	s.Nodes["web"].Sysctls = sysctls
	return s
}

func TestSysctlsAreSetOnTheirNodeOnly(t *testing.T) {
	sysctls := map[string]string{
		"net.ipv4.tcp_sack":                   "0",
		"net.ipv4.tcp_rmem":                   "4096 100000  200000",
		"net.ipv4.tcp_invalid_ratelimit":      "0x1f4",
		"net.ipv4.conf.eth1.accept_redirects": "0",
		"net.ipv4.conf.default.log_martians":  "1",
		"net.core.somaxconn":                  "77",
		"net.ipv6.conf.all.disable_ipv6":      "1",
		"net.ipv4.tcp_retries1?":              "4",
		"net.ipv4.conf.default.tag?":          "7",
		"net.ipv4.tcp_of_the_future?":         "1",
	}
	n := build(t, withSysctls(sysctls))
	read := func(node, path string) string {
		var text []byte
		require.NoError(t, n.Node(node).Do(func() (err error) {
			text, err = os.ReadFile("/proc/sys/net/" + path)
			return err
		}))
		return strings.Join(strings.Fields(string(text)), " ")
	}
	for path, want := range map[string][2]string{
		"ipv4/tcp_sack":                   {"0", "1"},
		"ipv4/tcp_rmem":                   {"4096 100000 200000", read("mon", "ipv4/tcp_rmem")},
		"ipv4/tcp_invalid_ratelimit":      {"500", "500"},
		"ipv4/conf/eth0/log_martians":     {"1", "0"},
		"core/somaxconn":                  {"77", "4096"},
		"ipv4/tcp_retries1":               {"4", "3"},
		"ipv4/conf/eth0/tag":              {"7", "0"},
		"ipv6/conf/eth0/disable_ipv6":     {"1", "0"},
		"ipv4/ip_forward":                 {"0", "0"},
		"ipv4/conf/all/rp_filter":         {"0", "0"},
		"ipv6/conf/eth0/addr_gen_mode":    {"1", "1"},
		"ipv6/conf/all/forwarding":        {"0", "0"},
		"ipv6/conf/eth0/accept_ra":        {"0", "0"},
		"ipv4/conf/eth0/accept_redirects": {read("mon", "ipv4/conf/eth0/accept_redirects"), read("mon", "ipv4/conf/eth0/accept_redirects")},
	} {
		require.Equal(t, want[0], read("web", path), path)
		require.Equal(t, want[1], read("mon", path), path)
	}
	require.Equal(t, "0", read("web", "ipv4/conf/eth1/accept_redirects"))
	require.Equal(t, "1", read("core", "ipv4/ip_forward"))
	require.Equal(t, "1", read("core", "ipv6/conf/all/forwarding"))
}

func TestSysctlMistakes(t *testing.T) {
	requireRights(t)
	for _, c := range []struct {
		what, key, value, want, hint string
		more                         map[string]string
	}{
		{
			what: "misspelt", key: "net.ipv4.tcp_sak", value: "0",
			want: "node web: sysctl net.ipv4.tcp_sak: no such setting on a node: no such file or directory",
			hint: "did you mean net.ipv4.tcp_sack?",
		},
		{
			what: "a device that is not there", key: "net.ipv4.conf.eth2.rp_filter", value: "0",
			want: "no such setting on a node", hint: "did you mean net.ipv4.conf.eth0.rp_filter?",
		},
		{
			what: "far from everything", key: "net.bogus", value: "1",
			want: "no such setting on a node",
			hint: "ruleout needs the name as sysctl(8) prints it; some exist only once a kernel module is loaded",
		},
		{
			what: "a directory", key: "net.ipv4", value: "1",
			want: "node web: sysctl net.ipv4: no such setting on a node", hint: "ruleout needs the name",
		},
		{
			what: "not of the network", key: "kernel.hostname", value: "web",
			want: "node web: sysctl kernel.hostname: not a setting of the network",
			hint: "a node is a network namespace; only settings that start with net. can differ between nodes",
		},
		{
			what: "climbing out", key: "net././/.//.//.kernel.hostname", value: "web",
			want: "not a setting of the network",
		},
		{
			what: "of the whole machine", key: "net.core.netdev_max_backlog", value: "1",
			want: "node web: sysctl net.core.netdev_max_backlog: no such setting on a node",
			hint: "it belongs to the whole machine; set it there",
		},
		{
			// Newer kernels show it to nodes, which may not write to it; older ones hide it.
			what: "of the whole machine and perhaps visible", key: "net.core.rmem_max", value: "1000000",
			want: "node web: sysctl net.core.rmem_max: ",
			hint: "it belongs to the whole machine; set it there",
		},
		{
			what: "a value that the kernel refuses", key: "net.ipv4.tcp_sack", value: "yes",
			want: `node web: sysctl net.ipv4.tcp_sack: set to "yes": invalid argument`,
		},
		{
			what: "an unknown algorithm", key: "net.ipv4.tcp_congestion_control", value: "vegan",
			want: `node web: sysctl net.ipv4.tcp_congestion_control: set to "vegan": no such file or directory`,
			hint: "there are: ",
		},
		{
			what: "a value that another one changes", key: "net.ipv4.conf.all.forwarding", value: "0",
			more: map[string]string{"net.ipv4.ip_forward": "1"},
			want: `node web: sysctl net.ipv4.conf.all.forwarding: asked for "0", the kernel says "1"`,
		},
		{
			what: "IPv6 gone before its addresses", key: "net.ipv6.conf.default.disable_ipv6", value: "1",
			want: "add address fd00:0:0:2::2/64 to web/eth0: permission denied",
			hint: "set net.ipv6.conf.all.disable_ipv6",
		},
	} {
		t.Run(c.what, func(t *testing.T) {
			verifyNoLeak(t)
			s := withSysctls(map[string]string{c.key: c.value})
			for k, v := range c.more {
				s.Nodes["web"].Sysctls[k] = v
			}
			n, err := topology.Build(context.Background(), s)
			require.Nil(t, n)
			require.ErrorContains(t, err, c.want)
			require.Contains(t, problem.HintOf(err), c.hint)
			require.Equal(t, problem.Usage, problem.KindOf(err))
		})
	}
}
