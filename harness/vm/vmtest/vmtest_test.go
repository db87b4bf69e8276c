package vmtest

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
)

func TestMain(m *testing.M) { Main(m) }

func TestRunsAsRootInGuest(t *testing.T) {
	require.True(t, InGuest())
	require.Zero(t, os.Geteuid())
}

func TestKernelHasNetem(t *testing.T) {
	lo, err := netlink.LinkByName("lo")
	require.NoError(t, err)
	q := netlink.NewNetem(netlink.QdiscAttrs{LinkIndex: lo.Attrs().Index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT},
		netlink.NetemQdiscAttrs{Latency: 10})
	require.NoError(t, netlink.QdiscAdd(q))
	require.NoError(t, netlink.QdiscDel(q))
}

func TestDataIsThere(t *testing.T) {
	text, err := os.ReadFile("testdata/sub/greeting.txt")
	require.NoError(t, err)
	require.Equal(t, "hello from the package's test data\n", string(text))
	require.NoError(t, os.WriteFile("scratch", nil, 0o600), "the working directory is writable")
}
