package sysctl_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/metric"
	"github.com/ruleout/ruleout/harness/sysctl"
	"github.com/ruleout/ruleout/harness/vm/vmtest"
)

// Tests run on a kernel of the store, see package vmtest: the names are held against it.
func TestMain(m *testing.M) { vmtest.Main(m) }

// settings lists those below /proc/sys/net that the calling thread sees.
func settings(t *testing.T) []string {
	var list []string
	const root = "/proc/sys/"
	require.NoError(t, filepath.WalkDir(root+"net", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			general, _ := sysctl.General(strings.ReplaceAll(strings.TrimPrefix(path, root), "/", "."))
			list = append(list, general)
		}
		return err
	}))
	return list
}

// Every setting of this kernel is listed. With RULEOUT_TEST_SYSCTLS they are printed, for make sysctls.
func TestSettingsAreListed(t *testing.T) {
	var fresh []string
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends here, and its namespace with it
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			fresh = settings(t)
		}
		done <- err
	}()
	require.NoError(t, <-done)
	all := append(settings(t), fresh...)
	slices.Sort(all)
	all = slices.Compact(all)
	require.Contains(t, all, "net.ipv4.tcp_sack")
	require.Contains(t, all, "net.ipv4.conf.default.rp_filter")
	if os.Getenv("RULEOUT_TEST_SYSCTLS") != "" {
		var uts unix.Utsname
		require.NoError(t, unix.Uname(&uts))
		t.Log("kernel " + unix.ByteSliceToString(uts.Release[:]))
		for _, name := range all {
			t.Log("sysctl " + name)
		}
		return
	}
	var missing []string
	for _, name := range all {
		if !sysctl.Known(name) {
			missing = append(missing, name)
		}
	}
	require.Empty(t, missing, "make sysctls writes them to the list")
}

// Every counter of this kernel is one that package metric knows, in the groups whose names it has.
func TestCountersAreListed(t *testing.T) {
	known := 0
	var missing []string
	for _, file := range []string{"snmp", "netstat"} {
		data, err := os.ReadFile("/proc/thread-self/net/" + file)
		require.NoError(t, err)
		header := ""
		for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
			group, rest, _ := strings.Cut(line, ": ")
			if group == header {
				continue // the line with the numbers
			}
			header = group
			for _, name := range strings.Fields(rest) {
				if metric.KnownCounter(group + "." + name) {
					known++
				} else {
					missing = append(missing, group+"."+name)
				}
			}
		}
	}
	require.Greater(t, known, 150)
	require.Empty(t, missing, "add them to the groups of package metric")
}
