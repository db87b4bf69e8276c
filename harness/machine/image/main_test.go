package image

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/apt/apttest"
	"github.com/ruleout/ruleout/harness/machine/deb"
	"github.com/ruleout/ruleout/harness/machine/deb/debtest"
	"github.com/ruleout/ruleout/harness/machine/shelf"
)

// A test that needs a second process starts this binary again with a role.
const roleVariable = "RULEOUT_IMAGE_TEST_ROLE"

func TestMain(m *testing.M) {
	if os.Getenv(roleVariable) != "" {
		// build STORE FILE says which image it made.
		s, err := Open(os.Args[1])
		if err == nil {
			var i *Image
			i, err = s.Ensure(context.Background(), "test", Spec{Files: map[string]string{"/srv": os.Args[2]}}, nil, nil)
			if err == nil {
				fmt.Println(i.Hash)
			}
		}
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// newStore opens a store in a fresh directory.
func newStore(t testing.TB) *Store {
	s, err := Open(filepath.Join(t.TempDir(), "images"))
	require.NoError(t, err)
	return s
}

// requireEmpty makes sure that a failed build has left nothing behind but packages.
func requireEmpty(t testing.TB, s *Store) {
	t.Helper()
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		require.ErrorIs(t, err, os.ErrNotExist)
	}
	for _, e := range entries {
		require.Contains(t, []string{shelf.LockFile, debDir, stampDir}, e.Name(), "left behind in the store")
	}
}

// refused makes an image that must be refused, saying so, and leave nothing behind.
func refused(t *testing.T, s *Store, spec Spec, says string) error {
	t.Helper()
	_, err := s.Ensure(t.Context(), "test", spec, nil, nil)
	require.ErrorContains(t, err, says)
	require.Equal(t, problem.Usage, problem.KindOf(err), "%v", err)
	require.NotEmpty(t, problem.HintOf(err))
	require.NotContains(t, err.Error(), "\n")
	require.NotContains(t, err.Error(), "\x00")
	requireEmpty(t, s)
	return err
}

// write puts a file into a fresh directory.
func write(t testing.TB, name string, data []byte) string {
	file := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(file, data, 0o644))
	return file
}

// pkg describes a package of the test's repository.
type pkg struct {
	name, version, arch, more string // more are further fields, each with a newline
	entries                   []debtest.Entry
}

func (p pkg) deb() apttest.Deb {
	if p.arch == "" {
		p.arch = "amd64"
	}
	if p.version == "" {
		p.version = "1.0-1"
	}
	control := fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: %s\n%s"+
		"Maintainer: Nobody <nobody@example.org>\nDescription: synthetic\n", p.name, p.version, p.arch, p.more)
	data := debtest.Ar("debian-binary", []byte("2.0\n"),
		"control.tar", debtest.Tarball(debtest.File("./control", []byte(control))),
		"data.tar.zst", debtest.Compress(deb.Zstd, debtest.Tarball(p.entries...)))
	return apttest.Deb{Name: p.name, Version: p.version, Control: control, Data: data}
}

// repository serves packages, and what always comes along.
func repository(t *testing.T, packages ...pkg) *apttest.Repository {
	return apttest.New(t, served(packages...)...)
}

func served(packages ...pkg) []apttest.Deb {
	var list []apttest.Deb
	for _, name := range always {
		list = append(list, pkg{name: name, entries: []debtest.Entry{debtest.Dir("./usr/"),
			debtest.File("./usr/share/"+name, []byte(name))}}.deb())
	}
	for _, p := range packages {
		list = append(list, p.deb())
	}
	return list
}

// layout describes an OCI image.
type layout struct {
	layers   [][]debtest.Entry
	format   deb.Format
	arch     string // of the configuration
	platform string // of the index's entry, if it has one
	config   string // JSON of its field config
	spoil    func(name string, data []byte) []byte
}

// blob is a file of a layout.
func descriptor(kind string, data []byte) string {
	return fmt.Sprintf(`"mediaType":"application/vnd.oci.image.%s+json","digest":"sha256:%x","size":%d`, kind,
		sha256.Sum256(data), len(data))
}

// files are those of the layout: name and contents in turn.
func (l layout) files() []debtest.Entry {
	var out []debtest.Entry
	put := func(name string, data []byte) {
		if l.spoil != nil {
			data = l.spoil(name, data)
		}
		out = append(out, debtest.File(name, data))
	}
	blob := func(what string, data []byte) {
		before := data
		if l.spoil != nil {
			data = l.spoil(what, data)
		}
		out = append(out, debtest.File(fmt.Sprintf("blobs/sha256/%x", sha256.Sum256(before)), data))
	}
	var diffs, layers []string
	for i, entries := range l.layers {
		plain := debtest.Tarball(entries...)
		packed := debtest.Compress(l.format, plain)
		diffs = append(diffs, fmt.Sprintf("sha256:%x", sha256.Sum256(plain)))
		layers = append(layers, "{"+descriptor("layer.v1.tar", packed)+"}")
		blob(fmt.Sprintf("layer%d", i), packed)
	}
	if l.arch == "" {
		l.arch = "amd64"
	}
	if l.config == "" {
		l.config = "{}"
	}
	list, _ := json.Marshal(diffs)
	config := fmt.Appendf(nil, `{"architecture":%q,"os":"linux","config":%s,"rootfs":{"type":"layers","diff_ids":%s}}`,
		l.arch, l.config, list)
	blob("config", config)
	manifest := fmt.Appendf(nil,
		`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{%s},"layers":[%s]}`,
		descriptor("config.v1", config), string(bytes.Join(toBytes(layers), []byte(","))))
	blob("manifest", manifest)
	platform := ""
	if l.platform != "" {
		platform = fmt.Sprintf(`,"platform":{"os":"linux","architecture":%q}`, l.platform)
	}
	put("index.json", fmt.Appendf(nil, `{"schemaVersion":2,"manifests":[{%s%s}]}`, descriptor("manifest.v1", manifest),
		platform))
	put("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`))
	return out
}

func toBytes(list []string) (out [][]byte) {
	for _, s := range list {
		out = append(out, []byte(s))
	}
	return out
}

// archive writes the layout as an archive.
func (l layout) archive(t testing.TB) string {
	return write(t, "image.tar", debtest.Tarball(l.files()...))
}

// dir writes the layout as a directory.
func (l layout) dir(t testing.TB) string {
	dir := t.TempDir()
	for _, f := range l.files() {
		file := filepath.Join(dir, f.Name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, f.Data, 0o644))
	}
	return dir
}

// docker writes the layout as docker save did before version 25.
func (l layout) docker(t testing.TB) string {
	files := l.files()
	var out []debtest.Entry
	var layers []string
	for i := range l.layers {
		name := fmt.Sprintf("%d/layer.tar", i)
		out = append(out, debtest.File(name, files[i].Data))
		layers = append(layers, name)
	}
	config := files[len(l.layers)].Data
	name := fmt.Sprintf("%x.json", sha256.Sum256(config))
	list, err := json.Marshal([]map[string]any{{"Config": name, "RepoTags": []string{"test:latest"}, "Layers": layers}})
	require.NoError(t, err)
	out = append(out, debtest.File(name, config), debtest.File("manifest.json", list))
	return write(t, "image.tar", debtest.Tarball(out...))
}

// owned is a file with an owner and a mode.
func owned(name string, mode int64, uid, gid int, data string) debtest.Entry {
	return debtest.Entry{Name: name, Data: []byte(data),
		Tar: tar.Header{Typeflag: tar.TypeReg, Mode: mode, Uid: uid, Gid: gid}}
}

// ch is a character device.
func ch() tar.Header { return tar.Header{Typeflag: tar.TypeChar} }
