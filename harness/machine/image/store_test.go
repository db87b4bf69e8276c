package image

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/deb/debtest"
	"github.com/ruleout/ruleout/harness/machine/shelf"
)

// files is a spec of one file with these contents.
func files(t *testing.T, text string) Spec {
	return Spec{Files: map[string]string{"/srv/file": write(t, "file", []byte(text))}}
}

func TestGetListAndRemove(t *testing.T) {
	s := newStore(t)
	list, err := s.List()
	require.NoError(t, err)
	require.Empty(t, list)
	a, err := s.Ensure(t.Context(), "a", files(t, "a"), nil, nil)
	require.NoError(t, err)
	b, err := s.Ensure(t.Context(), "b", files(t, "b"), nil, nil)
	require.NoError(t, err)
	require.NotEqual(t, a.Hash, b.Hash)
	list, err = s.List()
	require.NoError(t, err)
	require.Equal(t, []string{a.Hash, b.Hash}, []string{list[0].Hash, list[1].Hash})
	for _, name := range []string{a.Hash, a.Hash[:20], strings.TrimPrefix(a.Hash, "sha256:")[:12]} {
		got, err := s.Get(name)
		require.NoError(t, err)
		require.Equal(t, a, got)
	}
	for name, says := range map[string]string{"sha256:": "is not in the store", "": "is not in the store",
		"zz": "is not in the store"} {
		_, err := s.Get(name)
		require.ErrorContains(t, err, says)
		require.Equal(t, problem.Usage, problem.KindOf(err))
	}
	require.NoError(t, s.Remove(a.Hash))
	_, err = s.Get(a.Hash)
	require.Error(t, err)
	require.NoFileExists(t, a.Path)
	require.FileExists(t, b.Path)
}

func TestTheSpecDecides(t *testing.T) {
	s := newStore(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, []byte("one"), 0o644))
	spec := Spec{Files: map[string]string{"/srv": dir}}
	one, err := s.Ensure(t.Context(), "", spec, nil, nil)
	require.NoError(t, err)
	require.NoError(t, os.Chtimes(file, time.Now(), time.Unix(1, 0)))
	same, err := s.Ensure(t.Context(), "", spec, nil, nil)
	require.NoError(t, err)
	require.Equal(t, one.Path, same.Path)
	require.NoError(t, os.WriteFile(file, []byte("two"), 0o644))
	two, err := s.Ensure(t.Context(), "", spec, nil, nil)
	require.NoError(t, err)
	require.NotEqual(t, one.Hash, two.Hash)
	require.NoError(t, os.Chmod(file, 0o755))
	three, err := s.Ensure(t.Context(), "", spec, nil, nil)
	require.NoError(t, err)
	require.NotEqual(t, two.Hash, three.Hash)
	require.Equal(t, uint32(0o755), entry(t, three, "/srv/file").Mode)
}

// entry is that of a path.
func entry(t *testing.T, i *Image, name string) Entry {
	entries, err := i.Index()
	require.NoError(t, err)
	for _, e := range entries {
		if e.Path == name {
			return e
		}
	}
	require.Fail(t, "no "+name)
	return Entry{}
}

func TestLayersCoverEachOther(t *testing.T) {
	repository(t, pkg{name: "thing", entries: []debtest.Entry{owned("./etc/thing", 0o640, 1, 2, "package"),
		owned("./etc/other", 0o644, 0, 0, "package")}}).Update(t)
	app := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(app, "a"), []byte("file"), 0o600))
	require.NoError(t, os.Symlink("a", filepath.Join(app, "link")))
	base := Spec{Packages: []string{"thing"}, Files: map[string]string{"/etc/thing": write(t, "f", []byte("below"))}}
	i, err := newStore(t).Ensure(t.Context(),
		"", Spec{From: &base, Files: map[string]string{"/etc": app, "/etc/other": write(t, "f", []byte("above"))}}, nil, nil)
	require.NoError(t, err)
	all := readBack(t, i.Path)
	require.Equal(t, seen{0o100644, 0, 0, 5, hashOf("below")}, all["/etc/thing"])
	require.Equal(t, seen{0o100644, 0, 0, 5, hashOf("above")}, all["/etc/other"])
	require.Equal(t, seen{0o100644, 0, 0, 4, hashOf("file")}, all["/etc/a"])
	require.Equal(t, "a", all["/etc/link"].content)
	require.Contains(t, all, "/etc/passwd")
}

func TestFilesThatCannotBe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, unix.Mkfifo(pipe, 0o644))
	file := write(t, "file", []byte("x"))
	loop := &Spec{Files: map[string]string{"/a": file}}
	loop.From = loop
	for _, c := range []struct {
		name string
		spec Spec
		says string
	}{
		{"nothing", Spec{}, "an image of nothing"},
		{"no absolute path", Spec{Files: map[string]string{"srv": file}}, "is no absolute path"},
		{"path that leads up", Spec{Files: map[string]string{"/srv/../../etc": file}}, "is no absolute path"},
		{"absent", Spec{Files: map[string]string{"/srv": "/nowhere/file"}}, "no such file"},
		{"named pipe", Spec{Files: map[string]string{"/srv": filepath.Dir(pipe)}}, "neither a file nor a directory"},
		{"file behind a file", Spec{Files: map[string]string{"/a": file, "/a/b": file}}, "not a directory"},
		{"file at a directory", Spec{From: &Spec{Files: map[string]string{"/srv/a": file}},
			Files: map[string]string{"/srv": file}}, "there is a directory"},
		{"circle", *loop, "stand on each other"},
	} {
		t.Run(c.name, func(t *testing.T) { refused(t, newStore(t), c.spec, c.says) })
	}
}

func TestTwoBuildsAtOnce(t *testing.T) {
	s := newStore(t)
	file := write(t, "file", []byte(strings.Repeat("x", 20<<20)))
	exe, err := os.Executable()
	require.NoError(t, err)
	var processes []*exec.Cmd
	var outputs []*bufio.Reader
	for range 4 {
		cmd := exec.Command(exe, s.dir, file)
		cmd.Env = append(os.Environ(), roleVariable+"=build")
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		processes, outputs = append(processes, cmd), append(outputs, bufio.NewReader(out))
	}
	hashes := map[string]bool{}
	for i, p := range processes {
		line, err := outputs[i].ReadString('\n')
		require.NoError(t, err)
		hashes[line] = true
		require.NoError(t, p.Wait())
	}
	require.Len(t, hashes, 1)
	list, err := s.List()
	require.NoError(t, err)
	require.Len(t, list, 1)
	removed, err := s.GC(time.Hour)
	require.NoError(t, err)
	require.Empty(t, removed)
}

func TestCancelInTheMiddle(t *testing.T) {
	repository(t, shop()...).Update(t)
	for _, at := range []string{"asking apt", "fetching", "unpacking", "writing"} {
		t.Run(at, func(t *testing.T) {
			s := newStore(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			_, err := s.Ensure(ctx, "test", Spec{Packages: []string{"shop"}}, nil, func(line string) {
				if strings.HasPrefix(line, at) {
					cancel()
				}
			})
			require.ErrorIs(t, err, context.Canceled)
			requireEmpty(t, s)
			_, err = s.Ensure(t.Context(), "test", Spec{Packages: []string{"shop"}}, nil, nil)
			require.NoError(t, err)
		})
	}
}

func TestGC(t *testing.T) {
	repository(t, shop()...).Update(t)
	s := newStore(t)
	old, err := s.Ensure(t.Context(), "old", Spec{Packages: []string{"shop"}}, nil, nil)
	require.NoError(t, err)
	kept, err := s.Ensure(t.Context(), "kept", Spec{Packages: []string{"libshop"}}, nil, nil)
	require.NoError(t, err)
	left := filepath.Join(s.dir, shelf.Staging+"0123")
	require.NoError(t, os.Mkdir(left, 0o755))
	for _, p := range old.Packages {
		require.NoError(t, os.Chtimes(s.debFile(p), time.Now(), time.Now().Add(-3*time.Hour)))
	}
	require.NoError(t, os.Chtimes(filepath.Join(old.dir, metaFile), time.Now(), time.Now().Add(-3*time.Hour)))
	would, err := s.Garbage(2 * time.Hour)
	require.NoError(t, err)
	require.DirExists(t, left)
	removed, err := s.GC(2 * time.Hour)
	require.NoError(t, err)
	require.Equal(t, would, removed)
	require.Equal(t, []string{left, old.dir, s.debFile(find(old.Packages, "shop"))}, removed)
	list, err := s.List()
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, kept.Hash, list[0].Hash)
}

// A run that is made again asks for its image by the hash: that is a use as any other.
func TestGCLeavesWhatARunAskedForByItsHash(t *testing.T) {
	s := newStore(t)
	i, err := s.Ensure(t.Context(), "a", files(t, "a"), nil, nil)
	require.NoError(t, err)
	old := time.Now().Add(-3 * time.Hour)
	require.NoError(t, os.Chtimes(filepath.Join(i.dir, metaFile), old, old))
	_, err = s.Get(i.Hash)
	require.NoError(t, err)
	would, err := s.Garbage(2 * time.Hour)
	require.NoError(t, err)
	require.Equal(t, []string{i.dir}, would, "to look at it is no use")
	_, err = s.Use(i.Hash)
	require.NoError(t, err)
	removed, err := s.GC(2 * time.Hour)
	require.NoError(t, err)
	require.Empty(t, removed)
	_, err = s.Use("sha256:00")
	require.Error(t, err)
}

func find(packages []Package, name string) Package {
	for _, p := range packages {
		if p.Name == name {
			return p
		}
	}
	return Package{}
}

// A package in the store that a power cut left in part is fetched again.
func TestADamagedPackageIsFetchedAgain(t *testing.T) {
	repository(t, shop()...).Update(t)
	s := newStore(t)
	made, err := s.Ensure(t.Context(), "", Spec{Packages: []string{"shop"}}, nil, nil)
	require.NoError(t, err)
	require.NoError(t, s.Remove(made.Hash))
	require.NoError(t, os.Truncate(s.debFile(find(made.Packages, "shop")), 100))
	var lines []string
	again, err := s.Ensure(t.Context(),
		"", Spec{Packages: []string{"shop"}}, nil, func(line string) { lines = append(lines, line) })
	require.NoError(t, err)
	require.Equal(t, made.Hash, again.Hash)
	require.Contains(t, lines, "fetching package 1 of 1: shop 1.0-1")
}

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

func TestAFullDisk(t *testing.T) {
	repository(t, pkg{name: "big", entries: []debtest.Entry{owned("./usr/big", 0o644, 0, 0, strings.Repeat("a line\n",
		200_000))}}).Update(t)
	failed := 0
	for size := 16 << 10; ; size *= 2 {
		s, err := Open(filepath.Join(tmpfs(t, size), "images"))
		require.NoError(t, err)
		_, err = s.Ensure(t.Context(), "test", Spec{Packages: []string{"big"}}, nil, nil)
		if err == nil {
			break
		}
		failed++
		require.Equal(t, problem.Machine, problem.KindOf(err), "%d bytes: %v", size, err)
		require.Contains(t, problem.HintOf(err), "make room", "%v", err)
		require.NotContains(t, err.Error(), "\n")
		requireEmpty(t, s)
		require.Less(t, size, 64<<20)
	}
	require.Greater(t, failed, 5, "the disk was never full")
}

func TestReadOnlyStore(t *testing.T) {
	dir := filepath.Join(tmpfs(t, 16<<20), "images")
	s, err := Open(dir)
	require.NoError(t, err)
	spec := files(t, "x")
	made, err := s.Ensure(t.Context(), "", spec, nil, nil)
	require.NoError(t, err)
	require.NoError(t, unix.Mount("", filepath.Dir(dir), "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	again, err := s.Ensure(t.Context(), "", spec, nil, nil)
	require.NoError(t, err)
	require.Equal(t, made.Hash, again.Hash)
	_, err = s.Ensure(t.Context(), "", files(t, "y"), nil, nil)
	require.ErrorIs(t, err, unix.EROFS)
	require.Contains(t, problem.HintOf(err), "XDG_CACHE_HOME")
}
