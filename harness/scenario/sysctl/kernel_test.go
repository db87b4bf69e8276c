package sysctl_test

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/machine/vm/vmtest"
	"github.com/ruleout/ruleout/harness/scenario/metric"
	"github.com/ruleout/ruleout/harness/scenario/sysctl"
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

// why says why a node cannot have a setting, in the words of the list: it tries to, in the namespace of the
// calling thread.
func why(t *testing.T, name string) string {
	// Every namespace has lo.
	path := "/proc/sys/" + strings.ReplaceAll(strings.Replace(name, "."+sysctl.AnyDevice+".", ".lo.", 1), ".", "/")
	info, err := os.Stat(path)
	if os.IsNotExist(err) {
		return "machine"
	}
	require.NoError(t, err)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if os.IsPermission(err) {
		return "read-only"
	}
	require.NoError(t, err, name)
	defer f.Close()
	if info.Mode()&0o444 == 0 {
		return "write-only"
	}
	if value, err := os.ReadFile(path); err == nil { // one is not to be read before it was set
		if _, err := f.Write(value); os.IsPermission(err) {
			return "read-only"
		}
	}
	return ""
}

// Every setting of this kernel is listed, and the list says of none that a node cannot have it which this kernel gives
// to one. With RULEOUT_TEST_SYSCTLS they are printed, for make sysctls.
func TestSettingsAreListed(t *testing.T) {
	all := settings(t)
	reasons := map[string]string{}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends here, and its namespace with it
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			all = append(all, settings(t)...)
			for _, name := range all {
				reasons[name] = why(t, name)
				if general := sysctl.OfDevice(name); general != "" && reasons[name] != "" {
					reasons[general] = why(t, general)
				}
			}
		}
		done <- err
	}()
	require.NoError(t, <-done)
	slices.Sort(all)
	all = slices.Compact(all)
	ofDevices := slices.DeleteFunc(slices.Sorted(maps.Keys(reasons)),
		func(name string) bool { return slices.Contains(all, name) })
	require.Contains(t, all, "net.ipv4.tcp_sack")
	require.Contains(t, all, "net.ipv4.conf.default.rp_filter")
	if os.Getenv("RULEOUT_TEST_SYSCTLS") != "" {
		var uts unix.Utsname
		require.NoError(t, unix.Uname(&uts))
		t.Log("kernel " + unix.ByteSliceToString(uts.Release[:]))
		for _, name := range append(all, ofDevices...) {
			t.Log(strings.TrimSpace("sysctl " + name + " " + reasons[name]))
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
	for _, name := range append(all, ofDevices...) {
		if listed := sysctl.Barred(name); listed != "" {
			require.Equal(t, listed != "", reasons[name] != "", "%s is %q by the list, and %q on this kernel", name, listed,
				reasons[name])
		}
	}
	require.Equal(t, sysctl.Machine, sysctl.Barred("net.ipv4.tcp_mem"))
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
