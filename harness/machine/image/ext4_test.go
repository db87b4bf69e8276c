package image

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/machine/deb"
	"github.com/ruleout/ruleout/harness/machine/deb/debtest"
)

// seen is what another program than ours sees of an entry in an ext4 file.
type seen struct {
	mode     uint32 // with the type, as in stat(2)
	uid, gid int
	size     int64
	content  string // hash of a file's contents, or the target of a link
}

// readBack reads an ext4 file with e2fsprogs.
func readBack(t *testing.T, file string) map[string]seen {
	t.Helper()
	for _, tool := range []string{"debugfs", "e2fsck"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no %s on this machine (e2fsprogs), and nothing else here reads ext4", tool)
		}
	}
	out, err := exec.Command("e2fsck", "-fn", file).CombinedOutput()
	require.NoError(t, err, string(out))
	root := t.TempDir()
	out, err = exec.Command("debugfs", "-R", "rdump / "+root, file).CombinedOutput()
	require.NoError(t, err, string(out))
	all := map[string]seen{}
	var script bytes.Buffer
	require.NoError(t, filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		rel, _ := filepath.Rel(root, p)
		name := "/" + strings.TrimPrefix(rel, ".")
		switch {
		case d.IsDir():
			fmt.Fprintf(&script, "ls -p \"%s\"\n", name)
		case d.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(p)
			require.NoError(t, err)
			all[name] = seen{content: target}
		default:
			data, err := os.ReadFile(p)
			require.NoError(t, err)
			all[name] = seen{content: fmt.Sprintf("%x", sha256.Sum256(data))}
		}
		return nil
	}))
	commands := write(t, "commands", script.Bytes())
	out, err = exec.Command("debugfs", "-f", commands, file).Output()
	require.NoError(t, err)
	dir := ""
	for line := range strings.Lines(string(out)) {
		line = strings.TrimRight(line, "\n")
		if rest, ok := strings.CutPrefix(line, `debugfs: ls -p "`); ok {
			dir = strings.TrimSuffix(rest, `"`)
			continue
		}
		// /INODE/MODE/UID/GID/NAME/SIZE/
		f := strings.Split(line, "/")
		if len(f) != 8 || f[5] == "." || f[5] == ".." || f[1] == "0" { // inode 0 is unused room
			continue
		}
		name := filepath.Join(dir, f[5])
		mode, err := strconv.ParseUint(f[2], 8, 32)
		require.NoError(t, err, line)
		s := all[name]
		s.mode = uint32(mode)
		s.uid, _ = strconv.Atoi(f[3])
		s.gid, _ = strconv.Atoi(f[4])
		if mode&0o170000 != 0o040000 {
			s.size, _ = strconv.ParseInt(f[6], 10, 64)
		}
		all[name] = s
	}
	delete(all, "/lost+found")
	return all
}

func hashOf(data string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(data))) }

// Each entry is in the file system as the package had it, as another program sees it.
func TestAnImageReadByAnotherProgram(t *testing.T) {
	long := strings.Repeat("a long name/", 12) + strings.Repeat("x", 255)
	repository(t, pkg{name: "thing", entries: []debtest.Entry{
		{Name: "./usr/", Tar: tar.Header{Typeflag: tar.TypeDir, Mode: 0o755}},
		{Name: "./var/spool/thing/", Tar: tar.Header{Typeflag: tar.TypeDir, Mode: 0o2770, Uid: 8, Gid: 8}},
		owned("./usr/bin/sudo", 0o4755, 0, 0, "setuid"),
		owned("./usr/bin/write", 0o2755, 0, 5, "setgid"),
		owned("./lib/x86_64-linux-gnu/libthing.so.1.0", 0o644, 0, 0, "library"),
		debtest.Link("./lib/x86_64-linux-gnu/libthing.so.1", "libthing.so.1.0"),
		owned("./etc/thing.conf", 0o640, 0, 33, strings.Repeat("configuration\n", 1000)),
		owned("./usr/lib/empty", 0o600, 4_000_000, 4_000_001, ""),
		owned("./usr/share/thing/"+long, 0o644, 0, 0, "deep"),
		owned("./usr/share/thing/ümläut 漢字", 0o644, 0, 0, "unicode"),
		debtest.Link("./usr/share/thing/long", "/"+strings.Repeat("target/", 100)),
		debtest.HardLink("./usr/bin/a-hard-link", "./usr/bin/sudo"),
		owned("./usr/share/doc/thing/copyright", 0o644, 0, 0, "left out"),
		owned("./usr/share/man/man1/thing.1.gz", 0o644, 0, 0, "left out"),
	}}).Update(t)
	s := newStore(t)
	i, err := s.Ensure(t.Context(), "test", Spec{Packages: []string{"thing"}}, nil, nil)
	require.NoError(t, err)
	all := readBack(t, i.Path)
	for name, want := range map[string]seen{
		"/bin":                 {0o120777, 0, 0, 7, "usr/bin"},
		"/var/spool/thing":     {0o042770, 8, 8, 0, ""},
		"/usr/bin/sudo":        {0o104755, 0, 0, 6, hashOf("setuid")},
		"/usr/bin/a-hard-link": {0o104755, 0, 0, 6, hashOf("setuid")},
		"/usr/bin/write":       {0o102755, 0, 5, 6, hashOf("setgid")},
		"/usr/lib/x86_64-linux-gnu/libthing.so.1": {0o120777, 0, 0, 15, "libthing.so.1.0"},
		"/etc/thing.conf":                         {0o100640, 0, 33, 14000, hashOf(strings.Repeat("configuration\n", 1000))},
		"/usr/lib/empty":                          {0o100600, 4_000_000, 4_000_001, 0, hashOf("")},
		"/usr/share/thing/" + long:                {0o100644, 0, 0, 4, hashOf("deep")},
		"/usr/share/thing/ümläut 漢字":              {0o100644, 0, 0, 7, hashOf("unicode")},
		"/usr/share/thing/long":                   {0o120777, 0, 0, 701, "/" + strings.Repeat("target/", 100)},
		"/tmp":                                    {0o041777, 0, 0, 0, ""},
		"/var/run":                                {0o120777, 0, 0, 4, "/run"},
	} {
		require.Equal(t, want, all[name], name)
	}
	require.NotContains(t, all, "/usr/share/doc")
	require.NotContains(t, all, "/usr/share/man/man1/thing.1.gz")
	for _, name := range []string{"/etc/passwd", "/etc/group", "/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf",
		"/proc", "/sys", "/dev", "/run"} {
		require.Contains(t, all, name)
	}
	sameAsIndex(t, i, all)
}

// sameAsIndex holds the index against what another program saw.
func sameAsIndex(t *testing.T, i *Image, all map[string]seen) {
	t.Helper()
	entries, err := i.Index()
	require.NoError(t, err)
	sizes := map[string]int64{}
	for _, e := range entries {
		got, ok := all[e.Path]
		require.True(t, ok, e.Path)
		kind := map[string]uint32{"file": 0o100000, "dir": 0o040000, "link": 0o120000}[e.Type]
		sizes[e.Path] = e.Size
		if e.Same != "" {
			e.Size = sizes[e.Same]
		}
		want := seen{kind | e.Mode, e.UID, e.GID, e.Size, got.content}
		if e.Type == "link" {
			want.size, want.content = int64(len(e.Link)), e.Link
		}
		require.Equal(t, want, got, e.Path)
	}
	require.Len(t, all, len(entries))
}

// The same packages, archives and files make the same bytes, whoever has them and in whatever order they are named.
func TestTwoStoresMakeTheSameBytes(t *testing.T) {
	a := pkg{name: "aa", more: "Depends: bb\n", entries: []debtest.Entry{owned("./usr/bin/aa", 0o755, 0, 0, "aa")}}
	b := pkg{name: "bb", entries: []debtest.Entry{owned("./usr/bin/bb", 0o755, 0, 0, "bb"),
		debtest.HardLink("./usr/bin/cc", "./usr/bin/bb")}}
	repository(t, a, b).Update(t)
	files := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(files, "f"), []byte("f"), 0o664))
	require.NoError(t, os.Mkdir(filepath.Join(files, "d"), 0o700))
	again := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(again, "d"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(again, "f"), []byte("f"), 0o600))
	oci := layout{format: deb.Gzip, layers: [][]debtest.Entry{{owned("srv/x", 0o644, 1, 1, "x")}}}
	one, err := newStore(t).Ensure(t.Context(), "one", Spec{OCI: oci.archive(t),
		Packages: []string{"aa", "bb"}, Files: map[string]string{"/srv": files}}, nil, nil)
	require.NoError(t, err)
	two, err := newStore(t).Ensure(t.Context(), "two", Spec{OCI: oci.dir(t),
		Packages: []string{"bb", "aa", "bb"}, Files: map[string]string{"/srv": again}}, nil, nil)
	require.NoError(t, err)
	require.Equal(t, one.Hash, two.Hash)
	require.Equal(t, one.Packages, two.Packages)

	// As another user, too.
	if os.Geteuid() != 0 {
		t.Skip("only root can build as another user")
	}
	if _, err := exec.LookPath("setpriv"); err != nil {
		t.Skip("no setpriv on this machine (util-linux)")
	}
	three, err := newStore(t).Ensure(t.Context(), "three", Spec{Files: map[string]string{"/srv": files}}, nil, nil)
	require.NoError(t, err)
	exe, err := os.Executable()
	require.NoError(t, err)
	open := openTo(t, exe, again)
	cmd := exec.Command("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", open[0], filepath.Join(open[2],
		"images"), open[1])
	cmd.Env = append(os.Environ(), roleVariable+"=build", "HOME="+open[2])
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, three.Hash+"\n", string(out))
}

// openTo copies a program and a directory to where anybody may read, and returns them and a directory that anybody may
// write.
func openTo(t *testing.T, exe, dir string) []string {
	root, err := os.MkdirTemp("", "image")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(root) })
	require.NoError(t, os.Chmod(root, 0o755))
	program, err := os.ReadFile(exe)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(root, "test"), program, 0o755))
	require.NoError(t, os.CopyFS(filepath.Join(root, "files"), os.DirFS(dir)))
	require.NoError(t, exec.Command("chmod", "-R", "a+rX", filepath.Join(root, "files")).Run())
	require.NoError(t, os.Mkdir(filepath.Join(root, "store"), 0o777))
	require.NoError(t, os.Chmod(filepath.Join(root, "store"), 0o777))
	return []string{filepath.Join(root, "test"), filepath.Join(root, "files"), filepath.Join(root, "store")}
}
