package kernel

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/deb"
)

func TestAddTakesAKernelApart(t *testing.T) {
	s := newStore(t)
	image := vmlinux(5000)
	p := pkg{format: deb.XZ, entries: kernelEntries(
		file(modulePath("net/sched/sch_netem.ko.xz"), compress(deb.XZ, ko())),
		file(modulePath("net/core/failover.ko"), ko()),
		file(modulePath("drivers/net/net-failover.ko.gz"), compress(deb.Gzip, ko("failover"))),
		file(modulePath("drivers/net/virtio_net.ko.zst"), compress(deb.Zstd, ko("net-failover", "crc-t10dif", "veth"))),
	)}
	p.entries[3] = file("./boot/vmlinuz-"+testRelease, bzImage(testRelease, payload(deb.Zstd, image), nil))
	deb := p.write(t)
	k, err := s.Add(context.Background(), deb)
	require.NoError(t, err)

	require.Equal(t, testRelease, k.Name)
	require.Equal(t, testRelease, k.Release)
	require.Equal(t, "cloud", k.Flavour)
	require.Equal(t, "6.1.99-1", k.Version)
	require.Equal(t, "linux-image-"+testRelease, k.Package)
	require.Equal(t, "zstd", k.Format)
	require.Equal(t, 5, k.Modules)
	raw, err := os.ReadFile(deb)
	require.NoError(t, err)
	sum := fmt.Sprintf("%x", sha256.Sum256(raw))
	require.Equal(t, []Package{{"linux-image-" + testRelease, "6.1.99-1", sum}}, k.Packages)
	require.Equal(t, filepath.Join(s.Dir(), sum[:24]), k.Dir)

	got, err := os.ReadFile(k.Image())
	require.NoError(t, err)
	require.True(t, bytes.Equal(image, got))
	require.NoFileExists(t, filepath.Join(k.Dir, "vmlinuz"))
	btf, err := k.BTF()
	require.NoError(t, err)
	require.Equal(t, "\x9f\xeb\x01\x00type information", string(btf))

	require.True(t, k.HasConfig("VETH"))
	require.True(t, k.HasConfig("CONFIG_X86_64"))
	require.False(t, k.HasConfig("PSI"))
	require.False(t, k.HasConfig("HZ"), "has a value, but cannot be on or off")

	order, err := k.ModuleOrder("virtio-net", "sch_netem", "ipv6", "veth")
	require.NoError(t, err)
	require.Equal(t, []string{
		"kernel/net/core/failover.ko", "kernel/drivers/net/net-failover.ko", "kernel/drivers/net/veth.ko",
		"kernel/drivers/net/virtio_net.ko", "kernel/net/sched/sch_netem.ko",
	}, order)
	for _, path := range order {
		data, err := k.ReadModule(path)
		require.NoError(t, err)
		require.Equal(t, []byte("\x7fELF"), data[:4], path)
	}
	data, err := k.ReadModule("kernel/drivers/net/virtio_net.ko")
	require.NoError(t, err)
	require.Equal(t, ko("net-failover", "crc-t10dif", "veth"), data)

	var size int64
	require.NoError(t, filepath.Walk(k.Dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() && info.Name() != metaFile {
			size += info.Size()
		}
		return err
	}))
	require.Equal(t, size, k.Size)
}

func TestAddReadsEveryImageFormat(t *testing.T) {
	image := vmlinux(70_000)
	for _, f := range []deb.Format{deb.LZ4, deb.XZ, deb.Zstd, deb.Gzip, deb.Plain} {
		t.Run("image "+string(f), func(t *testing.T) {
			p := pkg{format: deb.Zstd, entries: kernelEntries()}
			p.entries[3] = file("./boot/vmlinuz-"+testRelease, bzImage(testRelease, payload(f, image), nil))
			k, err := newStore(t).Add(context.Background(), p.write(t))
			require.NoError(t, err)
			got, err := os.ReadFile(k.Image())
			require.NoError(t, err)
			require.True(t, bytes.Equal(image, got))
			require.Equal(t, string(f), k.Format)
		})
	}
}

func TestAddReadsEveryArchiveFormat(t *testing.T) {
	var hash string
	for _, f := range []deb.Format{deb.Plain, deb.XZ, deb.Zstd, deb.Gzip} {
		t.Run("archive "+string(f), func(t *testing.T) {
			k, err := newStore(t).Add(context.Background(), pkg{format: f, entries: kernelEntries()}.write(t))
			require.NoError(t, err)
			if hash == "" {
				hash = k.Hash
			}
			require.Equal(t, hash, k.Hash, "the hash is of the contents, not of the packaging")
		})
	}
}

// ubuntu splits a kernel over three packages.
func ubuntu() (image, modules, extra pkg) {
	const release = "6.8.0-45-generic"
	image = pkg{name: "linux-image-" + release, version: "6.8.0-45.45", format: deb.Zstd,
		depends: "kmod, linux-base (>= 4.5ubuntu1~16.04.1), linux-modules-" + release,
		entries: []entry{dir("./boot/"),
			file("./boot/vmlinuz-"+release, bzImage(release, payload(deb.Zstd, vmlinux(300)), nil))}}
	modules = pkg{name: "linux-modules-" + release, version: "6.8.0-45.45", format: deb.Zstd, entries: []entry{
		dir("./boot/"), file("./boot/config-"+release, []byte(testConfig)),
		file("./boot/System.map-"+release, []byte("ffff")),
		dir("./lib/modules/" + release + "/"),
		file("./lib/modules/"+release+"/modules.builtin", []byte("kernel/net/ipv6/ipv6.ko\n")),
		file("./lib/modules/"+release+"/kernel/drivers/net/veth.ko.zst", compress(deb.Zstd, ko())),
	}}
	extra = pkg{name: "linux-modules-extra-" + release, version: "6.8.0-45.45", format: deb.Zstd, entries: []entry{
		dir("./lib/modules/" + release + "/"),
		file("./lib/modules/"+release+"/kernel/net/sched/sch_netem.ko.zst", compress(deb.Zstd, ko("veth"))),
	}}
	return image, modules, extra
}

func TestAddJoinsASplitKernelInAnyOrder(t *testing.T) {
	image, modules, extra := ubuntu()
	debs := []string{image.write(t), modules.write(t), extra.write(t)}
	s := newStore(t)
	k, err := s.Add(context.Background(), debs...)
	require.NoError(t, err)
	require.Equal(t, "6.8.0-45-generic", k.Name)
	require.Equal(t, "generic", k.Flavour)
	require.Equal(t, image.name, k.Package)
	require.Len(t, k.Packages, 3)
	order, err := k.ModuleOrder("sch_netem")
	require.NoError(t, err)
	require.Equal(t, []string{"kernel/drivers/net/veth.ko", "kernel/net/sched/sch_netem.ko"}, order)

	again, err := s.Add(context.Background(), debs[2], debs[0], debs[1], debs[0])
	require.NoError(t, err)
	require.Equal(t, k.Dir, again.Dir)
}

func TestAddAsksForTheMissingPart(t *testing.T) {
	image, modules, extra := ubuntu()
	meta := pkg{name: "linux-image-cloud-amd64", depends: "linux-image-6.1.0-99-cloud-amd64 (= 6.1.99-1)",
		entries: []entry{dir("./usr/")}}
	for _, c := range []struct {
		name       string
		given      []pkg
		says, hint string
	}{
		{"image without modules", []pkg{image}, "no configuration", "linux-modules-6.8.0-45-generic"},
		{"modules without image", []pkg{modules}, "no kernel image", "linux-image-6.8.0-45-generic"},
		{"extra modules only", []pkg{extra, modules}, "no kernel image", "linux-image-6.8.0-45-generic"},
		{"meta-package", []pkg{meta}, "only references to other packages", "linux-image-6.1.0-99-cloud-amd64"},
		{"kernel without its modules", []pkg{{entries: kernelEntries()[:4]}}, "no modules", "linux-modules-" + testRelease},
		{"debug symbols", []pkg{{entries: []entry{file("./usr/lib/debug/boot/vmlinux-6.1", []byte("x"))}}}, "debug symbols", "-dbg"},
		{"no kernel at all", []pkg{{name: "hello", entries: []entry{file("./usr/bin/hello", []byte("x"))}}}, "no kernel image", "linux-image-RELEASE"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var debs []string
			for _, p := range c.given {
				debs = append(debs, p.write(t))
			}
			s := newStore(t)
			_, err := s.Add(context.Background(), debs...)
			require.ErrorContains(t, err, c.says)
			require.ErrorContains(t, err, debs[0])
			require.Contains(t, problem.HintOf(err), c.hint)
			require.Equal(t, problem.Usage, problem.KindOf(err))
			requireEmpty(t, s)
		})
	}
}

func TestAddRefusesPackagesOfTwoKernels(t *testing.T) {
	image, modules, _ := ubuntu()
	other := pkg{entries: kernelEntries()}
	s := newStore(t)
	_, err := s.Add(context.Background(), other.write(t), image.write(t), modules.write(t))
	require.ErrorContains(t, err, "6.8.0-45-generic")
	require.ErrorContains(t, err, testRelease)
	require.Equal(t, problem.Usage, problem.KindOf(err))
	requireEmpty(t, s)

	rebuilt := pkg{version: "6.1.99-2", entries: kernelEntries()}
	_, err = s.Add(context.Background(), other.write(t), rebuilt.write(t))
	require.ErrorContains(t, err, "so has")
	requireEmpty(t, s)
}

func TestAddTakesOneOfTwoCopiesInAPackage(t *testing.T) {
	entries := kernelEntries()
	entries = append(entries,
		file("./lib/modules/"+testRelease+"/vmlinuz", entries[3].Data),
		file("./lib/modules/"+testRelease+"/config", entries[2].Data))
	_, err := newStore(t).Add(context.Background(), pkg{entries: entries}.write(t))
	require.NoError(t, err)
}

func TestAddEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s := newStore(t)
	_, err := s.Add(ctx, pkg{entries: kernelEntries()}.write(t))
	require.ErrorIs(t, err, context.Canceled)
	requireEmpty(t, s)
}

func TestAddOfASecondCopyUnpacksNothing(t *testing.T) {
	s := newStore(t)
	deb := pkg{entries: kernelEntries()}.write(t)
	k, err := s.Add(context.Background(), deb)
	require.NoError(t, err)
	before, err := os.Stat(k.Image())
	require.NoError(t, err)
	again, err := s.Add(context.Background(), deb)
	require.NoError(t, err)
	after, err := os.Stat(again.Image())
	require.NoError(t, err)
	require.True(t, os.SameFile(before, after))
}

func TestAddMendsADamagedKernel(t *testing.T) {
	s := newStore(t)
	deb := pkg{entries: kernelEntries()}.write(t)
	k, err := s.Add(context.Background(), deb)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(k.Image(), 10))
	kernels, err := s.List()
	require.NoError(t, err)
	require.Empty(t, kernels)
	k, err = s.Add(context.Background(), deb)
	require.NoError(t, err)
	info, err := os.Stat(k.Image())
	require.NoError(t, err)
	require.Equal(t, k.ImageSize, info.Size())
}
