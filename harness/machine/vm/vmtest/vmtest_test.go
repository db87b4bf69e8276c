package vmtest

import (
	"os"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { Main(m) }

func TestRunsAsRootInGuest(t *testing.T) {
	require.True(t, InGuest())
	require.Zero(t, os.Geteuid())
}

func TestKernelHasNetem(t *testing.T) {
	lo, err := netlink.LinkByName("lo")
	require.NoError(t, err)
	q := netlink.NewNetem(netlink.QdiscAttrs{LinkIndex: lo.Attrs().Index, Handle: netlink.MakeHandle(1, 0),
		Parent: netlink.HANDLE_ROOT},
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

// TestAsAsked fails, leaves or panics when the environment asks for it; package vm's tests do.
func TestAsAsked(t *testing.T) {
	switch os.Getenv("RULEOUT_TEST_ASKED") {
	case "fail":
		t.Error("as asked")
	case "panic":
		panic("as asked")
	case "exit":
		os.Exit(5)
	case "kernel":
		_ = os.WriteFile("/proc/sysrq-trigger", []byte("c"), 0)
	}
}

func TestTimersAreFineGrained(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// The scheduler may add 50 µs to a sleep unless asked not to.
	require.NoError(t, unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0))
	const sleep = 50_000 // ns
	var before, after unix.Timespec
	var slept []int64
	for range 20 {
		require.NoError(t, unix.ClockGettime(unix.CLOCK_MONOTONIC, &before))
		until := unix.NsecToTimespec(before.Nano() + sleep)
		require.NoError(t, unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &until, nil))
		require.NoError(t, unix.ClockGettime(unix.CLOCK_MONOTONIC, &after))
		slept = append(slept, after.Nano()-before.Nano())
	}
	slices.Sort(slept)
	require.GreaterOrEqual(t, slept[0], int64(sleep))
	require.Less(t, slept[len(slept)/2], int64(2*sleep), "with a periodic tick it would be 4 ms")
}
