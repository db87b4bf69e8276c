package cgroup

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFindMount(t *testing.T) {
	const (
		v1      = "30 24 0:26 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu\n"
		hybrid  = "41 24 0:37 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
		pure    = "41 24 0:37 / /sys/fs/cgroup rw,nosuid shared:1 master:2 - cgroup2 none rw,nsdelegate\n"
		blank   = "41 24 0:37 / /mnt/with\\040blank rw - cgroup2 none rw\n"
		impious = "50 24 0:40 / /mnt/cgroup2 rw - tmpfs cgroup2 rw\n"
	)
	for _, c := range []struct{ what, mountinfo, want string }{
		{"nothing mounted", "", ""},
		{"version 1 only", v1, ""},
		{"hybrid", v1 + hybrid, "/sys/fs/cgroup/unified"},
		{"version 2 with optional fields", pure, "/sys/fs/cgroup"},
		{"the later mount covers the earlier", hybrid + pure, "/sys/fs/cgroup"},
		{"escaped blank", blank, "/mnt/with blank"},
		{"another file system of that name", impious, ""},
	} {
		t.Run(c.what, func(t *testing.T) { require.Equal(t, c.want, findMount(c.mountinfo)) })
	}
}

func TestFindOwn(t *testing.T) {
	require.Equal(t, "/a/b c", findOwn("3:cpu:/x\n0::/a/b c\n"))
	require.Equal(t, "/", findOwn("3:cpu:/x\n"))
}

func TestValue(t *testing.T) {
	n, err := Value("usage_usec 12\nuser_usec 7\n", "user_usec")
	require.NoError(t, err)
	require.EqualValues(t, 7, n)
	_, err = Value("usage_usec 12\n", "usage")
	require.EqualError(t, err, "no usage")
	const events = "low 0\nhigh 0\nmax 31\noom 4\noom_kill 3\noom_group_kill 0\n"
	for name, want := range map[string]int64{"oom_kill": 3, "oom": 4} {
		n, err := Value(events, name)
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	_, err = Value(events, "no")
	require.Error(t, err)
}
