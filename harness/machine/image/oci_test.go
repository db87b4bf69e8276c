package image

import (
	"archive/tar"
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/deb"
	"github.com/ruleout/ruleout/harness/machine/deb/debtest"
)

func dir(name string) debtest.Entry {
	return debtest.Entry{Name: name, Tar: tar.Header{Typeflag: tar.TypeDir, Mode: 0o755}}
}

func odd(name string, kind byte) debtest.Entry {
	return debtest.Entry{Name: name, Tar: tar.Header{Typeflag: kind}}
}

// two layers with whiteouts.
func two(f deb.Format) layout {
	return layout{format: f, config: `{"Env":["PATH=/opt:/bin","A=b"],"Entrypoint":["/opt/run"],"Cmd":["--now"],` +
		`"User":"www","WorkingDir":"/srv","StopSignal":"SIGQUIT","ExposedPorts":{"80/tcp":{}}}`,
		layers: [][]debtest.Entry{
			{
				dir("etc/"), owned("etc/passwd", 0o644, 0, 0, "root:x:0:0::/:/bin/sh\nwww:x:7:7::/:/bin/sh\n"),
				owned("etc/gone", 0o644, 0, 0, "x"),
				dir("opaque/"), owned("opaque/lower", 0o644, 0, 0, "x"), dir("opaque/sub/"),
				owned("opaque/sub/lower", 0o644, 0, 0, "x"),
				dir("gone/"), owned("gone/a", 0o644, 0, 0, "x"), dir("usr/"), dir("usr/bin/"), debtest.Link("bin", "usr/bin"),
				owned("becomes-dir", 0o644, 0, 0, "x"), dir("becomes-file/"), owned("becomes-file/a", 0o644, 0, 0, "x"),
				dir("dev/"), odd("dev/null", tar.TypeChar), odd("dev/initctl", tar.TypeFifo), debtest.Link("absolute", "/usr/bin"),
			},
			{
				wh(".wh.gone"), wh("etc/.wh.gone"), wh("etc/.wh.never-there"), wh("nowhere/.wh.x"),
				dir("opaque/"), owned("opaque/upper", 0o600, 5, 6, "upper"), wh("opaque/.wh..wh..opq"),
				owned("bin/tool", 0o755, 0, 0, "through a link"), owned("absolute/other", 0o755, 0, 0, "through an absolute link"),
				dir("becomes-dir/"), owned("becomes-dir/a", 0o644, 0, 0, "a"), owned("becomes-file", 0o644, 0, 0, "b"), dir("opt/"),
				owned("opt/run", 0o755, 0, 0, "#!/bin/tool\n"), debtest.HardLink("opt/same", "bin/tool"),
			},
		}}
}

// wh is a whiteout.
func wh(name string) debtest.Entry { return debtest.File(name, nil) }

func TestOCI(t *testing.T) {
	docker := two(deb.Plain).docker(t)
	data, err := os.ReadFile(docker)
	require.NoError(t, err)
	hashes := map[string]bool{}
	for name, file := range map[string]string{
		"archive with gzip": two(deb.Gzip).archive(t), "archive with zstd": two(deb.Zstd).archive(t),
		"archive, unpacked layers": two(deb.Plain).archive(t),
		"directory":                two(deb.Zstd).dir(t),
		"docker save":              docker,
		"docker save, compressed":  write(t, "image.tar.gz", debtest.Compress(deb.Gzip, data)),
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			i, err := s.Ensure(t.Context(), "test", Spec{OCI: file}, nil, nil)
			require.NoError(t, err)
			hashes[i.Hash] = true
			require.Equal(t, Config{Env: []string{"PATH=/opt:/bin", "A=b"}, Entrypoint: []string{"/opt/run"},
				Cmd: []string{"--now"}, User: "www",
				WorkDir: "/srv", StopSignal: "SIGQUIT", Ports: []string{"80/tcp"}}, i.Config)
			all := readBack(t, i.Path)
			for _, gone := range []string{"/etc/gone", "/gone", "/gone/a", "/opaque/lower", "/opaque/sub", "/becomes-file/a",
				"/dev/null", "/dev/initctl", "/nowhere"} {
				require.NotContains(t, all, gone)
			}
			require.Equal(t, seen{0o100600, 5, 6, 5, hashOf("upper")}, all["/opaque/upper"])
			require.Equal(t, seen{0o100755, 0, 0, 14, hashOf("through a link")}, all["/usr/bin/tool"])
			require.Equal(t, seen{0o100755, 0, 0, 14, hashOf("through a link")}, all["/opt/same"])
			require.Equal(t, hashOf("through an absolute link"), all["/usr/bin/other"].content)
			require.Equal(t, hashOf("a"), all["/becomes-dir/a"].content)
			require.Equal(t, hashOf("b"), all["/becomes-file"].content)
			require.Equal(t, hashOf("root:x:0:0::/:/bin/sh\nwww:x:7:7::/:/bin/sh\n"),
				all["/etc/passwd"].content, "a layer's own")
			sameAsIndex(t, i, all)
			require.Error(t, i.Check("/opt/run"), "what interprets it is no program")
		})
	}
	require.Len(t, hashes, 1, "the same image in each form")
}

// Two images with the same files and other settings are two, by which runs are told apart, and share one file.
func TestSettingsOfAnImageAreInItsHash(t *testing.T) {
	s, images := newStore(t), map[string]*Image{}
	for _, value := range []string{"A=b", "A=c"} {
		l := two(deb.Plain)
		l.config = strings.Replace(l.config, "A=b", value, 1)
		i, err := s.Ensure(t.Context(), "test", Spec{OCI: l.archive(t)}, nil, nil)
		require.NoError(t, err)
		require.Contains(t, i.Env, value)
		images[value] = i
	}
	require.NotEqual(t, images["A=b"].Hash, images["A=c"].Hash)
	for value, i := range images {
		got, err := s.Get(i.Hash)
		require.NoError(t, err)
		require.Contains(t, got.Env, value)
	}
	one, err := os.Stat(images["A=b"].Path)
	require.NoError(t, err)
	other, err := os.Stat(images["A=c"].Path)
	require.NoError(t, err)
	require.True(t, os.SameFile(one, other))
}

func TestOCIThatIsHostile(t *testing.T) {
	one := func(entries ...debtest.Entry) layout {
		return layout{format: deb.Gzip, layers: [][]debtest.Entry{entries}}
	}
	for _, c := range []struct {
		name string
		l    layout
		says string
	}{
		{"name leads up", one(owned("../evil", 0o644, 0, 0, "x")), "leads out"},
		{"name leads up in the middle", one(owned("a/../../evil", 0o644, 0, 0, "x")), "leads out"},
		{"file through a link that climbs out", one(debtest.Link("a", "../../.."), owned("a/evil", 0o644, 0, 0, "x")), "leads out of the image"},
		{"links that lead to each other", one(debtest.Link("a", "b"), debtest.Link("b", "a"), owned("a/x", 0o644, 0, 0, "x")), "more than 40 symbolic links"},
		{"file behind a file", one(owned("a", 0o644, 0, 0, "x"), owned("a/b", 0o644, 0, 0, "x")), "not a directory"},
		{"hard link out", one(debtest.HardLink("a", "../../etc/shadow")), "leads out"},
		{"hard link to nothing", one(debtest.HardLink("a", "etc/shadow")), "which is no file before it"},
		{"hard link to a directory", one(dir("d/"), debtest.HardLink("a", "d")), "which is no file before it"},
		{"device node", one(odd("srv/disk", tar.TypeBlock)), "device node"},
		{"device node beside /dev", one(odd("device", tar.TypeChar)), "device node"},
		{"named pipe", one(odd("srv/pipe", tar.TypeFifo)), "named pipe"},
		{"newline in a name", one(owned("a\nb", 0o644, 0, 0, "x")), "control character"},
		{"gigantic size", one(debtest.Entry{Name: "a", Tar: tar.Header{Typeflag: tar.TypeReg, Size: 1 << 40}}), "claims 1048576 MiB"},
		{"whiteout that leads up", one(wh("../.wh.etc")), "leads out"},
		{"arm64 by its configuration", layout{arch: "arm64", layers: [][]debtest.Entry{{}}}, "it is for linux/arm64, and the guest is linux/amd64"},
		{"arm64 by the index", layout{platform: "arm64", layers: [][]debtest.Entry{{}}}, "it is for linux/arm64"},
	} {
		t.Run(c.name, func(t *testing.T) {
			refused(t, newStore(t), Spec{OCI: c.l.archive(t)}, c.says)
		})
	}
	for _, name := range []string{"layer0", "config", "manifest"} {
		l := one(owned("a", 0o644, 0, 0, "x"))
		l.spoil = func(what string, data []byte) []byte {
			if what != name {
				return data
			}
			data = bytes.Clone(data)
			data[len(data)/2] ^= 1
			return data
		}
		t.Run(name+" changed", func(t *testing.T) {
			refused(t, newStore(t), Spec{OCI: l.archive(t)}, "its digest is sha256:")
		})
	}
	text := func(name, text string) layout {
		l := one(owned("a", 0o644, 0, 0, "x"))
		l.spoil = func(what string, data []byte) []byte {
			if what == name {
				return []byte(text)
			}
			return data
		}
		return l
	}
	for name, l := range map[string]layout{
		"no JSON": text("index.json", "{"), "no images": text("index.json", `{"schemaVersion":2,"manifests":[]}`),
		"a digest that is a path": text("index.json",
			`{"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json",`+
				`"digest":"sha256:../../../../../../etc/passwd","size":1}]}`),
		"another algorithm": text("index.json",
			`{"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json",`+
				`"digest":"md5:d41d8cd98f00b204e9800998ecf8427e","size":1}]}`),
	} {
		t.Run(name, func(t *testing.T) { refused(t, newStore(t), Spec{OCI: l.archive(t)}, "OCI image ") })
	}
}

func TestOCIThatIsTooLarge(t *testing.T) {
	zeros := strings.Repeat("\x00", 8<<20)
	for _, c := range []struct {
		name string
		l    layout
		says string
	}{
		{"the image", layout{format: deb.Zstd, layers: [][]debtest.Entry{{owned("a", 0o644, 0, 0, zeros)}}}, "an image may have 4"},
		{"the image in two files", layout{format: deb.Zstd, layers: [][]debtest.Entry{{owned("a", 0o644, 0, 0, zeros[:3<<20]), owned("b", 0o644, 0, 0, zeros[:3<<20])}}}, "an image may have 4"},
		{"all that is unpacked", layout{format: deb.Gzip, layers: [][]debtest.Entry{
			{owned("a", 0o644, 0, 0, zeros[:3<<20])}, {owned("a", 0o644, 0, 0, zeros[:3<<20])}, {owned("a", 0o644, 0, 0, zeros[:3<<20])}}}, "too large"},
		{"entries", layout{layers: [][]debtest.Entry{many(60)}}, "more than 50 entries"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStore(t)
			s.limits = limits{entries: 50, size: 4 << 20, total: 7 << 20}
			err := refused(t, s, Spec{OCI: c.l.archive(t)}, c.says)
			require.ErrorIs(t, err, deb.ErrTooLarge)
		})
	}
	s := newStore(t)
	s.limits = limits{entries: 50, size: 4 << 20, total: 7 << 20}
	refused(t, s, Spec{OCI: write(t, "bomb.tar.gz", debtest.Compress(deb.Gzip, []byte(zeros)))}, "too large")
}

func many(n int) (list []debtest.Entry) {
	for i := range n {
		list = append(list, owned("f"+strings.Repeat("x", i), 0o644, 0, 0, ""))
	}
	return list
}

func TestOCIThatIsNone(t *testing.T) {
	for name, file := range map[string]string{
		"text": write(t, "text", []byte("hello")), "empty": write(t, "empty", nil),
		"another archive": write(t, "a.tar", debtest.Tarball(owned("a", 0o644, 0, 0, "x"))),
		"directory":       t.TempDir(), "absent": "/nowhere/image.tar", "device": os.DevNull,
	} {
		t.Run(name, func(t *testing.T) { refused(t, newStore(t), Spec{OCI: file}, "OCI image") })
	}
	whole, err := os.ReadFile(two(deb.Zstd).archive(t))
	require.NoError(t, err)
	s := newStore(t)
	good, err := s.Ensure(t.Context(), "test", Spec{OCI: write(t, "whole.tar", whole)}, nil, nil)
	require.NoError(t, err)
	for n := 0; n < len(whole)-1024; n += len(whole) / 40 {
		s := newStore(t)
		i, err := s.Ensure(t.Context(), "test", Spec{OCI: write(t, "cut.tar", whole[:n])}, nil, nil)
		if err == nil { // all that has a digest is there
			require.Equal(t, good.Hash, i.Hash)
			continue
		}
		require.Error(t, err, "%d of %d bytes", n, len(whole))
		require.Equal(t, problem.Usage, problem.KindOf(err), "%v", err)
		requireEmpty(t, s)
	}
}

func FuzzOCI(f *testing.F) {
	for _, format := range []deb.Format{deb.Plain, deb.Gzip, deb.Zstd} {
		l := two(format)
		f.Add(debtest.Tarball(l.files()...))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := newStore(t)
		s.limits = limits{entries: 200, size: 4 << 20, total: 8 << 20}
		i, err := s.Ensure(t.Context(), "test", Spec{OCI: write(t, "image.tar", data)}, nil, nil)
		if err != nil {
			require.NotContains(t, err.Error(), "\n")
			requireEmpty(t, s)
			return
		}
		_, err = i.Index()
		require.NoError(t, err)
	})
}
