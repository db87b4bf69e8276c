package middlebox_test

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/machine/vm/vmtest"
	"github.com/ruleout/ruleout/harness/run/topology"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/sysctl"
)

func TestMain(m *testing.M) {
	vmtest.MainWith(m, []string{"nf_conntrack", "nf_conntrack_netlink", "nf_tables", "nft_ct"})
}

// inside runs something in a new network namespace, on a thread that ends with it.
func inside(t *testing.T, do func()) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			do()
		}
		done <- err
	}()
	require.NoError(t, <-done)
}

// What package sysctl says of the settings of the table of connections is so on this kernel: which a node can set, and
// that none of them is a slip.
func TestSettingsOfTheTable(t *testing.T) {
	var seen []string
	wrong := map[string]string{}
	inside(t, func() {
		files, _ := filepath.Glob("/proc/sys/net/netfilter/nf_conntrack_*")
		more, _ := filepath.Glob("/proc/sys/net/netfilter/nf_flowtable_*")
		for _, path := range append(files, more...) {
			name := strings.ReplaceAll(strings.TrimPrefix(path, "/proc/sys/"), "/", ".")
			seen = append(seen, name)
			value, err := os.ReadFile(path)
			if err == nil {
				err = topology.SetSysctl(name, strings.TrimSpace(string(value)))
			}
			if barred := sysctl.Barred(name) != ""; barred != (err != nil) {
				wrong[name] = "barred or not"
			}
			if other := sysctl.Meant(name); other != "" {
				wrong[name] = "meant for " + other
			}
			if sysctl.Module(name) != "nf_conntrack" {
				wrong[name] = "of another module"
			}
		}
		if _, err := os.Stat("/proc/sys/net/nf_conntrack_max"); err == nil {
			wrong["net.nf_conntrack_max"] = "is there"
		}
	})
	require.Empty(t, wrong)
	require.Greater(t, len(seen), 30)
	second := scenario.Duration(1e9)
	set := (&scenario.Conntrack{Timeouts: &scenario.ConntrackTimeouts{SynSent: second, SynRecv: second,
		Established: second, FinWait: second, CloseWait: second, LastAck: second, TimeWait: second, Close: second,
		MaxRetrans:     second,
		Unacknowledged: second, UDP: second, UDPStream: second, ICMP: second, Generic: second}}).Settings()
	require.Len(t, set, 15+2, "ICMP has one of each family, and there are two that are always set")
	var errs []error
	inside(t, func() {
		for _, s := range set {
			if !slices.Contains(seen, s[0]) {
				wrong[s[0]] = "is not there"
			}
			errs = append(errs, topology.SetSysctl(s[0], s[1]))
		}
	})
	require.Empty(t, wrong)
	for _, err := range errs {
		require.NoError(t, err)
	}
	require.Error(t, topology.SetSysctl("net.netfilter.nf_conntrack_tcp_timeout_none", "1"))
	require.NotContains(t, seen, "net.netfilter.nf_conntrack_tcp_timeout_none", "and none is made")
}
