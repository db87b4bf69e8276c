package kernel

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/apt/apttest"
	"github.com/ruleout/ruleout/harness/machine/deb"
)

// newRepository serves packages over HTTP to the apt of this process and its children.
func newRepository(t *testing.T, packages ...pkg) *apttest.Repository {
	return apttest.New(t, served(packages)...)
}

func served(packages []pkg) []apttest.Deb {
	var list []apttest.Deb
	for _, p := range packages {
		list = append(list, apttest.Deb{Name: p.name, Version: p.version, Control: p.control(), Data: p.bytes()})
	}
	return list
}

// aptKernel is a complete kernel of a release.
func aptKernel(release, version string) pkg {
	p := pkg{name: "linux-image-" + release, version: version}
	for _, e := range kernelEntries() {
		e.Name = strings.ReplaceAll(e.Name, testRelease, release)
		if strings.HasPrefix(e.Name, "./boot/vmlinuz") {
			e.Data = bzImage(release, payload(deb.Plain, vmlinux(10)), nil)
		}
		p.entries = append(p.entries, e)
	}
	return p
}

func meta(name, version, depends string) pkg {
	return pkg{name: name, version: version, depends: depends, entries: []entry{dir("./usr/")}}
}

func debian() []pkg {
	return []pkg{
		aptKernel("6.1.0-55-cloud-amd64", "6.1.190-1"),
		aptKernel("6.1.0-56-cloud-amd64", "6.1.192-2"),
		aptKernel("6.1.0-9-cloud-amd64", "6.1.27-1"),
		aptKernel("6.1.0-56-amd64", "6.1.192-2"),
		aptKernel("6.1.0-56-rt-amd64", "6.1.192-2"),
		aptKernel("6.12.117+deb12-amd64", "6.12.117-1~deb12u1"),
		meta("linux-image-6.1.0-56-cloud-amd64-dbg", "6.1.192-2", ""),
		meta("linux-image-6.1.0-57-cloud-amd64-unsigned", "6.1.193-1", ""),
		meta("linux-image-6.12-cloud-amd64", "6.12.117-1~deb12u1", "linux-image-6.12.117+deb12-amd64 (= 6.12.117-1~deb12u1)"),
		meta("linux-image-cloud-amd64", "6.1.192-2", "linux-image-6.1.0-56-cloud-amd64 (= 6.1.192-2)"),
		meta("linux-image-amd64", "6.1.192-2", "linux-image-6.1.0-56-amd64 (= 6.1.192-2)"),
		meta("linux-image-broken", "1", "linux-image-6.99.0-amd64"),
	}
}

func TestPull(t *testing.T) {
	newRepository(t, debian()...).Update(t)
	s := newStore(t)
	for _, c := range []struct{ pattern, want string }{
		{"6.12", "6.12.117+deb12-amd64"},
		{"6.1", "6.1.0-56-cloud-amd64"},
		{"6.1-rt", "6.1.0-56-rt-amd64"},
		{"6.1.0-9", "6.1.0-9-cloud-amd64"},
		{"6.1.0-55-cloud-amd64", "6.1.0-55-cloud-amd64"},
		{"linux-image-amd64", "6.1.0-56-amd64"},
		{"linux-image-6.12-cloud-amd64", "6.12.117+deb12-amd64"},
		{"linux-image-6.1.0-55-cloud-amd64", "6.1.0-55-cloud-amd64"},
		{"", "6.1.0-56-cloud-amd64"},
	} {
		t.Run("pattern "+c.pattern, func(t *testing.T) {
			k, err := s.Pull(context.Background(), c.pattern, nil)
			require.NoError(t, err)
			require.Equal(t, c.want, k.Name)
		})
	}
	k, err := s.Default()
	require.NoError(t, err)
	require.Equal(t, "6.1.0-56-cloud-amd64", k.Name)
	removed, err := s.GC()
	require.NoError(t, err)
	require.Empty(t, removed, "a download was left behind")
	for _, c := range []struct{ pattern, says, hint string }{
		{"6.18", "apt has no such kernel, but 6.1 and 6.12", "docs/guides/kernels.md"},
		{"linux-image-6.1.0-56-cluod-amd64", "did you mean linux-image-6.1.0-56-cloud-amd64?", "sudo apt-get update"},
		{"linux-image-6.1.0-56-cloud-amd64-dbg", "leads to no kernel image", "linux-image-RELEASE"},
		{"--help", "apt has no such kernel", "docs/guides/kernels.md"},
		{"linux-image-amd64; touch x", "apt has no package", ""},
	} {
		t.Run("no "+c.pattern, func(t *testing.T) {
			_, err := s.Pull(context.Background(), c.pattern, nil)
			require.ErrorContains(t, err, c.says)
			require.Contains(t, problem.HintOf(err), c.hint)
			require.Equal(t, problem.Usage, problem.KindOf(err))
		})
	}
	_, err = s.Pull(context.Background(), "linux-image-broken", nil)
	require.ErrorContains(t, err, "linux-image-6.99.0-amd64, which apt does not have")
	require.Equal(t, problem.Machine, problem.KindOf(err))
}

func TestPullOfASplitKernel(t *testing.T) {
	image, modules, extra := ubuntu()
	newRepository(t, image, modules, extra,
		meta("linux-image-6.8.0-44-generic", "6.8.0-44.44", "linux-modules-6.8.0-44-generic"),
		meta("linux-image-virtual", "6.8.0-45.45", "linux-image-6.8.0-45-generic"),
		meta("linux-image-generic", "6.8.0-45.45",
			"linux-image-6.8.0-45-generic, linux-modules-extra-6.8.0-45-generic")).Update(t)
	s := newStore(t)
	var progress bytes.Buffer
	k, err := s.Pull(context.Background(), "", &progress)
	require.NoError(t, err)
	require.Equal(t, "6.8.0-45-generic", k.Name)
	require.Len(t, k.Packages, 3)
	_, err = k.ModuleOrder("sch_netem")
	require.NoError(t, err)
	require.Contains(t, progress.String(), "fetching linux-modules-extra-6.8.0-45-generic 6.8.0-45.45")

	progress.Reset()
	again, err := s.Pull(context.Background(), "6.8", &progress)
	require.NoError(t, err)
	require.Equal(t, k.Dir, again.Dir)
	require.Equal(t, "linux-image-6.8.0-45-generic 6.8.0-45.45 is in the store already\n", progress.String())
}

func TestPullWithoutPackageLists(t *testing.T) {
	newRepository(t, debian()...) // and no update
	s := newStore(t)
	_, err := s.Pull(context.Background(), "", nil)
	require.ErrorContains(t, err, "no kernel packages")
	require.Contains(t, problem.HintOf(err), "sudo apt-get update")
	require.Equal(t, problem.Machine, problem.KindOf(err))
	requireEmpty(t, s)
}

func TestPullOfAPackageThatTheMirrorHasNoMore(t *testing.T) {
	r := newRepository(t, debian()...)
	r.Update(t)
	require.NoError(t, os.Remove(filepath.Join(r.Root, "linux-image-6.1.0-56-cloud-amd64_6.1.192-2_amd64.deb")))
	s := newStore(t)
	_, err := s.Pull(context.Background(), "", nil)
	require.ErrorContains(t, err, "older than those of the mirror")
	require.Contains(t, problem.HintOf(err), "sudo apt-get update")
	require.Equal(t, problem.Machine, problem.KindOf(err))
	require.NotContains(t, err.Error(), "\n")
	requireEmpty(t, s)
}

func TestPullOfAPackageThatWasChanged(t *testing.T) {
	r := newRepository(t, debian()...)
	r.Update(t)
	deb := filepath.Join(r.Root, "linux-image-6.1.0-56-cloud-amd64_6.1.192-2_amd64.deb")
	data, err := os.ReadFile(deb)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(deb, flip(data, len(data)/2), 0o644))
	s := newStore(t)
	_, err = s.Pull(context.Background(), "", nil)
	require.Equal(t, problem.Machine, problem.KindOf(err), "%v", err)
	requireEmpty(t, s)
}

func TestPullWithoutANetwork(t *testing.T) {
	r := newRepository(t, debian()...)
	r.Update(t)
	// Port 1 of the loopback refuses connections.
	r.Configure(t, `Acquire::http::Proxy "http://127.0.0.1:1";`)
	s := newStore(t)
	_, err := s.Pull(context.Background(), "", nil)
	require.Contains(t, problem.HintOf(err), "check the network", "%v", err)
	require.Equal(t, problem.Machine, problem.KindOf(err))
	requireEmpty(t, s)
}

func read(t *testing.T, file string) []byte {
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	return data
}

func TestPullWithoutApt(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	s := newStore(t)
	_, err := s.Pull(context.Background(), "", nil)
	require.ErrorContains(t, err, "no apt-get on this machine")
	require.Contains(t, problem.HintOf(err), "ruleout kernel add")
	require.Equal(t, problem.Machine, problem.KindOf(err))
}
