package image

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// needApt makes sure that this machine has packages to be had.
func needApt(t *testing.T, packages ...string) {
	t.Helper()
	if testing.Short() {
		t.Skip("packages are not fetched in short mode")
	}
	if _, err := exec.LookPath("apt-cache"); err != nil {
		t.Skip("no apt on this machine")
	}
	for _, name := range packages {
		if out, err := exec.Command("apt-cache", "policy", name).Output(); err != nil || !bytes.Contains(out,
			[]byte("Candidate:")) || bytes.Contains(out, []byte("Candidate: (none)")) {
			t.Skipf("apt here has no package %s; its lists may be absent: sudo apt-get update", name)
		}
	}
}

func TestARealPackage(t *testing.T) {
	needApt(t, "hello")
	s := newStore(t)
	i, err := s.Ensure(t.Context(), "hello", Spec{Packages: []string{"hello"}}, nil, nil)
	require.NoError(t, err)
	require.NoError(t, i.Check("hello"))
	require.Contains(t, names(i.Packages), "libc6")
	all := readBack(t, i.Path)
	sameAsIndex(t, i, all)
	sameAsPackages(t, s, i, all)
	chrooted(t, i, [2]string{"/usr/bin/hello", "Hello, world!"})
}

func TestARealWebServer(t *testing.T) {
	needApt(t, "nginx", "php8.2-fpm", "php8.2-mysql")
	spec := Spec{Packages: []string{"nginx", "php8.2-fpm", "php8.2-mysql"}}
	s := newStore(t)
	began := time.Now()
	i, err := s.Ensure(t.Context(), "site", spec, nil, nil)
	require.NoError(t, err)
	fetched := time.Since(began)
	require.NoError(t, os.RemoveAll(i.dir))
	began = time.Now()
	again, err := s.Ensure(t.Context(), "site", spec, nil, nil)
	require.NoError(t, err)
	t.Logf("%d packages, %d entries, %.1f MB; %v with fetching, %v without", len(i.Packages),
		i.Entries, float64(i.Size)/1e6, fetched, time.Since(began))
	require.Equal(t, i.Hash, again.Hash)
	elsewhere, err := newStore(t).Ensure(t.Context(), "other", spec, nil, nil)
	require.NoError(t, err)
	require.Equal(t, i.Hash, elsewhere.Hash, "from separate downloads")
	for _, program := range []string{"nginx", "php-fpm8.2", "php", "sh"} {
		require.NoError(t, i.Check(program))
	}
	all := readBack(t, again.Path)
	sameAsIndex(t, again, all)
	sameAsPackages(t, s, again, all)
	require.Equal(t, "/etc/php/8.2/mods-available/mysqli.ini", all["/etc/php/8.2/fpm/conf.d/20-mysqli.ini"].content)
	chrooted(t, again, [2]string{"/usr/sbin/nginx -t", "test is successful"},
		[2]string{"/usr/sbin/php-fpm8.2 -t", "test is successful"}, [2]string{"/usr/bin/php -m", "mysqli"})
}

// sameAsPackages holds an image against what dpkg unpacks of its packages.
func sameAsPackages(t *testing.T, s *Store, i *Image, all map[string]seen) {
	t.Helper()
	if _, err := exec.LookPath("dpkg-deb"); err != nil {
		t.Log("no dpkg-deb on this machine: the packages are not compared")
		return
	}
	entries, err := i.Index()
	require.NoError(t, err)
	from := map[string]string{}
	for _, e := range entries {
		from[e.Path] = e.From
	}
	compared := 0
	for _, p := range i.Packages {
		out, err := exec.Command("dpkg-deb", "--fsys-tarfile", s.debFile(p)).Output()
		require.NoError(t, err)
		for r := tar.NewReader(bytes.NewReader(out)); ; {
			h, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			name := path.Clean("/" + h.Name)
			for _, d := range []string{"/bin/", "/sbin/", "/lib/", "/lib64/"} {
				if strings.HasPrefix(name, d) {
					name = "/usr" + name
				}
			}
			got, ok := all[name]
			if from[name] != p.Name || h.Typeflag == tar.TypeDir {
				continue // another package covers it, or it is left out
			}
			require.True(t, ok, name)
			want := seen{0o100000 | uint32(h.Mode), h.Uid, h.Gid, h.Size, ""}
			switch h.Typeflag {
			case tar.TypeSymlink:
				want = seen{0o120777, h.Uid, h.Gid, int64(len(h.Linkname)), h.Linkname}
			case tar.TypeLink:
				continue
			default:
				data, err := io.ReadAll(r)
				require.NoError(t, err)
				want.content = fmt.Sprintf("%x", sha256.Sum256(data))
			}
			require.Equal(t, want, got, name)
			compared++
		}
	}
	require.Greater(t, compared, len(i.Packages))
	t.Logf("%d files and links are as dpkg-deb has them", compared)
}

// chrooted runs programs of the image on this machine, if that is possible: each a command line and what it says.
func chrooted(t *testing.T, i *Image, programs ...[2]string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Log("only root can run a program in the image here")
		return
	}
	root := t.TempDir()
	out, err := exec.Command("debugfs", "-R", "rdump / "+root, i.Path).CombinedOutput()
	require.NoError(t, err, string(out))
	require.NoError(t, os.WriteFile(root+"/dev/null", nil, 0o666)) // as good as a device for these
	for _, p := range programs {
		out, err = exec.Command("chroot", append([]string{root}, strings.Fields(p[0])...)...).CombinedOutput()
		require.NoError(t, err, string(out))
		require.Contains(t, string(out), p[1])
	}
}
