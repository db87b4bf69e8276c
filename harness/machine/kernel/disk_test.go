package kernel

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/deb"
)

// tmpfs mounts a file system of size bytes.
func tmpfs(t *testing.T, size int) string {
	if os.Geteuid() != 0 {
		t.Skip("only root can mount the small file system that this test fills")
	}
	dir := t.TempDir()
	require.NoError(t, unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)))
	t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, 0)) })
	return dir
}

func TestAddOnAFullDisk(t *testing.T) {
	p := pkg{format: deb.Zstd, entries: kernelEntries()}
	p.entries[3] = file("./boot/vmlinuz-"+testRelease, bzImage(testRelease, payload(deb.LZ4, vmlinux(400_000)), nil))
	for i := range 30 {
		p.entries = append(p.entries, file(modulePath(fmt.Sprintf("m%d.ko", i)), ko()))
	}
	deb := p.write(t)
	failed := 0
	for size := 8 << 10; ; size *= 2 {
		s, err := Open(filepath.Join(tmpfs(t, size), "kernels"))
		require.NoError(t, err)
		_, err = s.Add(context.Background(), deb)
		if err == nil {
			break
		}
		failed++
		require.ErrorIs(t, err, unix.ENOSPC)
		require.Equal(t, problem.Machine, problem.KindOf(err), "%v", err)
		require.Contains(t, problem.HintOf(err), "make room")
		requireEmpty(t, s)
		require.Less(t, size, 64<<20)
	}
	require.Greater(t, failed, 3, "the disk was never full")
}

func TestReadOnlyStore(t *testing.T) {
	dir := filepath.Join(tmpfs(t, 16<<20), "kernels")
	s, err := Open(dir)
	require.NoError(t, err)
	deb := pkg{entries: kernelEntries()}.write(t)
	_, err = s.Add(context.Background(), deb)
	require.NoError(t, err)
	require.NoError(t, unix.Mount("", filepath.Dir(dir), "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))

	// What is there can be used.
	s, err = Open(dir)
	require.NoError(t, err)
	k, err := s.Default()
	require.NoError(t, err)
	_, err = k.ReadModule("kernel/drivers/net/veth.ko")
	require.NoError(t, err)
	_, err = s.Add(context.Background(), deb)
	require.NoError(t, err, "it is in the store already")

	_, err = s.Add(context.Background(), pkg{version: "2", entries: kernelEntries()}.write(t))
	require.ErrorIs(t, err, unix.EROFS)
	require.Equal(t, problem.Machine, problem.KindOf(err))
	require.Contains(t, problem.HintOf(err), "XDG_CACHE_HOME")
	require.ErrorIs(t, s.Remove(testRelease), unix.EROFS)
}

func TestStoreThatMayNotBeWritten(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write anywhere; TestReadOnlyStore is for root")
	}
	parent := t.TempDir()
	require.NoError(t, os.Chmod(parent, 0o555))
	s, err := Open(filepath.Join(parent, "kernels"))
	require.NoError(t, err)
	kernels, err := s.List()
	require.NoError(t, err)
	require.Empty(t, kernels)
	_, err = s.Add(context.Background(), pkg{entries: kernelEntries()}.write(t))
	require.ErrorIs(t, err, os.ErrPermission)
	require.Equal(t, problem.Machine, problem.KindOf(err))
	require.Contains(t, problem.HintOf(err), "XDG_CACHE_HOME")
}

func TestOpenOfAFile(t *testing.T) {
	_, err := Open(writeFile(t, nil))
	require.ErrorIs(t, err, unix.ENOTDIR)
	require.Equal(t, problem.Machine, problem.KindOf(err))
}
