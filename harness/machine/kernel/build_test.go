package kernel

import (
	"context"
	"debug/elf"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/deb"
)

const buildRelease = "6.12.9-test+"

// buildConfig has all that a run needs: some of it as modules.
func buildConfig() string {
	c := "CONFIG_X86_64=y\nCONFIG_MODULES=y\nCONFIG_INET_TCP_DIAG=m\n"
	for _, f := range features {
		value := "y"
		if strings.HasPrefix(f.Option, "NET_") && f.Option != "NET_NS" || f.Option == "VETH" || f.Option == "INET_DIAG" {
			value = "m"
		}
		c += "CONFIG_" + f.Option + "=" + value + "\n"
	}
	return c
}

// buildKo is a module with debugging information.
func buildKo(release string, needs ...string) []byte {
	return elfFile(elf.EM_X86_64, [2]string{".modinfo", "depends=" + strings.Join(needs, ",") + "\x00vermagic=" + release +
		" SMP preempt mod_unload \x00"}, [2]string{".debug_info", strings.Repeat("names of variables ", 500)})
}

var buildModules = map[string][]string{
	"drivers/net/veth": nil, "net/sched/sch_netem": nil, "net/sched/sch_prio": nil, "net/sched/sch_ingress": nil,
	"net/sched/cls_bpf": {"veth"}, "net/ipv4/inet_diag": nil, "net/ipv4/tcp_diag": {"inet_diag"},
}

// tree is a built source tree, as far as it matters, by the paths of its files.
func tree(release string) map[string][]byte {
	t := map[string][]byte{
		".config":                       []byte(buildConfig()),
		"arch/x86/boot/bzImage":         bzImage(release, payload(deb.Gzip, vmlinux(5000)), nil),
		"include/config/kernel.release": []byte(release + "\n"),
		"modules.builtin":               []byte("kernel/net/ipv6/ipv6.ko\n"),
		"net/sched/sch_netem.c":         []byte("source"),
		"net/sched/sch_netem.o":         []byte("object"),
		"vmlinux":                       []byte("with debugging information"),
	}
	for name, needs := range buildModules {
		t[name+".ko"] = buildKo(release, needs...)
		t["modules.order"] = append(t["modules.order"], name+".ko\n"...)
	}
	return t
}

// lay writes files below a fresh directory.
func lay(t testing.TB, files map[string][]byte) string {
	dir := t.TempDir()
	for name, data := range files {
		if data != nil {
			file := filepath.Join(dir, name)
			require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
			require.NoError(t, os.WriteFile(file, data, 0o644))
		}
	}
	return dir
}

// installedTree is a tree after make modules_install INSTALL_MOD_PATH=out.
func installedTree(release string) map[string][]byte {
	t := tree(release)
	for name := range buildModules {
		t["out/lib/modules/"+release+"/kernel/"+name+".ko"] = t[name+".ko"]
	}
	t["out/lib/modules/"+release+"/modules.builtin"] = t["modules.builtin"]
	return t
}

func TestAddBuildOfATree(t *testing.T) {
	s := newStore(t)
	k, err := s.AddBuild(context.Background(), Build{Name: "mine", Tree: lay(t, tree(buildRelease))})
	require.NoError(t, err)
	require.Equal(t, "mine", k.Name)
	require.Equal(t, buildRelease, k.Release)
	require.Equal(t, buildRelease, k.Version)
	require.Equal(t, &Origin{Name: "mine", Banner: "(builder@example) #1 SMP", Generation: 1}, k.Build)
	require.Empty(t, k.Package)
	require.Equal(t, len(buildModules), k.Modules)
	require.NoError(t, k.Verify())
	lacks, err := k.Lacks()
	require.NoError(t, err)
	require.Empty(t, lacks)

	image, err := os.ReadFile(k.Image())
	require.NoError(t, err)
	require.Equal(t, vmlinux(5000), image)
	order, err := k.ModuleOrder("tcp_diag", "ipv6")
	require.NoError(t, err)
	require.Equal(t, []string{"kernel/net/ipv4/inet_diag.ko", "kernel/net/ipv4/tcp_diag.ko"}, order)
	data, err := k.ReadModule(order[1])
	require.NoError(t, err)
	require.NotContains(t, string(data), "names of variables")
	info, err := readModuleInfo(strings.NewReader(string(data)))
	require.NoError(t, err)
	require.Equal(t, moduleInfo{needs: []string{"inet_diag"}, release: buildRelease}, info)

	// Nothing else of the tree was copied.
	require.NoError(t, filepath.WalkDir(k.Dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !strings.HasSuffix(path, ".ko.zst") {
			require.Contains(t, []string{metaFile, imageFile, configFile, modulesFile}, d.Name())
		}
		return err
	}))
}

// One build makes one kernel, whichever way it is given: the hash is of the contents.
func TestAddBuildIsTheSameEitherWay(t *testing.T) {
	s := newStore(t)
	dir := lay(t, installedTree(buildRelease))
	whole, err := s.AddBuild(context.Background(), Build{Name: "tree", Tree: dir})
	require.NoError(t, err)
	for name, modules := range map[string]string{
		"a": "out", "b": "out/lib/modules/" + buildRelease, "c": "out/lib", "d": "out/lib/modules", "e": ".",
	} {
		b := Build{Name: name, Image: filepath.Join(dir, treeImage), Modules: filepath.Join(dir, modules)}
		k, err := s.AddBuild(context.Background(), b)
		require.NoError(t, err)
		require.Equal(t, whole.Hash, k.Hash, modules)
	}
	for _, order := range []struct{ from, to string }{{"", "kernel/"}, {".ko\n", ".o\n"}} {
		files := tree(buildRelease)
		files["modules.order"] = nil
		for name := range buildModules {
			line := strings.Replace(name+".ko\n", order.from, order.to, 1)
			files["modules.order"] = append(files["modules.order"], line...)
		}
		k, err := s.AddBuild(context.Background(), Build{Name: "old", Tree: lay(t, files), Replace: true})
		require.NoError(t, err)
		require.Equal(t, whole.Hash, k.Hash, "modules.order with %s", order.to)
	}
}

func TestAddBuildOfAVmlinux(t *testing.T) {
	files := tree(buildRelease)
	const banner = "Linux version %s\x00Linux version " + buildRelease + " (me@here) #7 SMP\n"
	image := elfFile(elf.EM_X86_64, [2]string{".rodata", banner},
		[2]string{".BTF", "types"}, [2]string{".debug_info", strings.Repeat("names of variables ", 500)})
	image[16] = byte(elf.ET_EXEC)
	files["vmlinux"] = image
	dir := lay(t, files)
	k, err := newStore(t).AddBuild(context.Background(),
		Build{Name: "elf", Image: filepath.Join(dir, "vmlinux"), Modules: dir})
	require.NoError(t, err)
	require.Equal(t, buildRelease, k.Release)
	require.Equal(t, "(me@here) #7 SMP", k.Build.Banner)
	got, err := os.ReadFile(k.Image())
	require.NoError(t, err)
	require.NotContains(t, string(got), "names of variables")
}

func TestAddBuildRefusesWhatCannotRun(t *testing.T) {
	arm := make([]byte, 1000)
	copy(arm[56:], "ARM\x64")
	for _, c := range []struct {
		name       string
		change     func(map[string][]byte)
		says, hint string
	}{
		{"not built", func(f map[string][]byte) { f[treeImage] = nil }, "there is no arch/x86/boot/bzImage", "make bzImage modules"},
		{"not configured", func(f map[string][]byte) { f[".config"] = nil }, "it has no .config", "configure"},
		{"of arm64", func(f map[string][]byte) { f[treeImage], f["arch/arm64/boot/Image"] = nil, arm }, "arch/arm64/boot/Image", "ARCH=x86_64"},
		{"an image of arm64", func(f map[string][]byte) { f[treeImage] = arm }, "a kernel for arm64, and the guest is amd64", "x86-64"},
		{"a 32-bit image", func(f map[string][]byte) {
			f[treeImage] = bzImage(buildRelease, payload(deb.Gzip, vmlinux(50)), func(b []byte) { b[0x236] = 0 })
		}, "32-bit kernel", "x86-64"},
		{"no kernel", func(f map[string][]byte) { f[treeImage] = []byte(strings.Repeat("text ", 200)) }, "not an x86 kernel image", "bzImage"},
		{"an empty image", func(f map[string][]byte) { f[treeImage] = []byte{} }, "only 0 bytes", "bzImage"},
		{"without a release", func(f map[string][]byte) { f[treeImage] = bzImage("", payload(deb.Gzip, vmlinux(50)), nil) }, "names no release", ""},
		{"a truncated image", func(f map[string][]byte) { f[treeImage] = f[treeImage][:3000] }, "and the file ends at 3000", ""},
		{"a damaged payload", func(f map[string][]byte) { f[treeImage][4500] ^= 0xff }, treeImage, "build it again"},
		{"not built since", func(f map[string][]byte) { f["include/config/kernel.release"] = []byte("6.12.10+\n") },
			"it is 6.12.9-test+, and the tree is 6.12.10+", "make bzImage modules"},
		{"an old module", func(f map[string][]byte) { f["drivers/net/veth.ko"] = buildKo("6.12.8") },
			"module kernel/drivers/net/veth.ko: it is for kernel 6.12.8, and the image is 6.12.9-test+", "make bzImage modules"},
		{"modules not built", func(f map[string][]byte) { f["net/sched/sch_prio.ko"] = nil }, "1 of the 7 modules", "make modules"},
		{"modules not there", func(f map[string][]byte) { f["modules.order"] = nil }, "has veth, sch_netem, sch_prio", "make modules"},
		{"a module missing", func(f map[string][]byte) {
			f["modules.order"] = []byte(strings.Replace(string(f["modules.order"]), "net/ipv4/inet_diag.ko\n", "", 1))
		}, "has inet_diag as modules, and they are not in", "make modules"},
		{"a need missing", func(f map[string][]byte) { f["net/sched/cls_bpf.ko"] = buildKo(buildRelease, "lib_bpf") },
			"module cls_bpf needs module lib_bpf", "make modules"},
		{"not a module", func(f map[string][]byte) { f["drivers/net/veth.ko"] = []byte("text") }, "veth.ko", ""},
		{"without netem", func(f map[string][]byte) {
			f[".config"] = []byte(strings.Replace(buildConfig(), "CONFIG_NET_SCH_NETEM=m\n", "", 1))
		}, "was built without netem (CONFIG_NET_SCH_NETEM)", "scripts/config -e NET_SCH_NETEM"},
		{"without a console", func(f map[string][]byte) {
			f[".config"] = []byte(strings.Replace(buildConfig(), "CONFIG_SERIAL_8250_CONSOLE=y\n", "", 1))
		}, "without serial console", "scripts/config -e SERIAL_8250_CONSOLE"},
		{"without types", func(f map[string][]byte) {
			f[treeImage] = bzImage(buildRelease, payload(deb.Gzip, elfFile(elf.EM_X86_64, [2]string{".text", "code"})), nil)
		}, "no type information", "DEBUG_INFO_BTF"},
		{"out of the tree", func(f map[string][]byte) { f["modules.order"] = []byte("../x.ko\n") }, "leads out of the tree", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := tree(buildRelease)
			c.change(files)
			s := newStore(t)
			_, err := s.AddBuild(context.Background(), Build{Name: "mine", Tree: lay(t, files)})
			require.ErrorContains(t, err, c.says)
			require.Contains(t, problem.HintOf(err), c.hint)
			require.NotEmpty(t, problem.HintOf(err))
			require.Equal(t, problem.Usage, problem.KindOf(err))
			requireEmpty(t, s)
		})
	}
}

// What is built in needs no modules, with or without the list of a tree.
func TestAddBuildWithoutModules(t *testing.T) {
	config := strings.ReplaceAll(strings.Replace(buildConfig(), "CONFIG_MODULES=y\n", "", 1), "=m", "=y")
	dir := lay(t, map[string][]byte{"config-" + buildRelease: []byte(config), "vmlinuz": tree(buildRelease)[treeImage]})
	k, err := newStore(t).AddBuild(context.Background(), Build{Name: "static", Image: filepath.Join(dir, "vmlinuz")})
	require.NoError(t, err)
	order, err := k.ModuleOrder("veth", "sch_netem", "tcp_diag")
	require.NoError(t, err)
	require.Empty(t, order)

	dir = lay(t, map[string][]byte{"config": []byte(buildConfig()), "vmlinuz": tree(buildRelease)[treeImage]})
	_, err = newStore(t).AddBuild(context.Background(), Build{Name: "static", Image: filepath.Join(dir, "vmlinuz")})
	require.ErrorContains(t, err, "as modules, and they are not in the image")
	require.Contains(t, problem.HintOf(err), "--modules")
}

func TestAddBuildSaysBothReleases(t *testing.T) {
	files := installedTree("6.12.8")
	files[treeImage] = tree(buildRelease)[treeImage]
	dir := lay(t, files)
	image := filepath.Join(dir, treeImage)
	_, err := newStore(t).AddBuild(context.Background(),
		Build{Name: "x", Image: image, Modules: filepath.Join(dir, "out")})
	require.ErrorContains(t, err, "it has the modules of 6.12.8, and the image is 6.12.9-test+")
	_, err = newStore(t).AddBuild(context.Background(),
		Build{Name: "x", Image: image, Modules: filepath.Join(dir, "out/lib/modules/6.12.8")})
	require.ErrorContains(t, err, "it is for kernel 6.12.8, and the image is 6.12.9-test+")

	_, err = newStore(t).AddBuild(context.Background(),
		Build{Name: "x", Image: image, Modules: filepath.Join(dir, "nowhere")})
	require.ErrorContains(t, err, "nowhere: no such file")
	_, err = newStore(t).AddBuild(context.Background(), Build{Name: "x", Image: filepath.Join(dir, "nowhere")})
	require.ErrorContains(t, err, "nowhere: no such file")
	_, err = newStore(t).AddBuild(context.Background(), Build{Name: "x", Image: dir})
	require.ErrorContains(t, err, "not a regular file")
	_, err = newStore(t).AddBuild(context.Background(),
		Build{Name: "x", Image: image, Modules: filepath.Join(dir, "drivers")})
	require.ErrorContains(t, err, "it has no modules of 6.12.9-test+")

	files = installedTree(buildRelease)
	files[".config"] = nil
	dir = lay(t, files)
	image = filepath.Join(dir, treeImage)
	_, err = newStore(t).AddBuild(context.Background(), Build{Name: "x", Image: image, Modules: filepath.Join(dir, "out")})
	require.ErrorContains(t, err, "no configuration is beside it")
	require.Contains(t, problem.HintOf(err), "--config")
}

func TestAddBuildTwice(t *testing.T) {
	s := newStore(t)
	first, err := s.AddBuild(context.Background(), Build{Name: "mine", Tree: lay(t, tree(buildRelease))})
	require.NoError(t, err)
	files := tree(buildRelease)
	files[treeImage] = bzImage(buildRelease, payload(deb.Zstd, vmlinux(6000)), nil)
	dir := lay(t, files)
	_, err = s.AddBuild(context.Background(), Build{Name: "mine", Tree: dir})
	require.ErrorContains(t, err, "mine is in the store already")
	require.Contains(t, problem.HintOf(err), "--replace")
	require.Equal(t, problem.Usage, problem.KindOf(err))

	// A build that fails does not replace anything.
	broken := tree(buildRelease)
	broken["drivers/net/veth.ko"] = []byte("text")
	_, err = s.AddBuild(context.Background(), Build{Name: "mine", Tree: lay(t, broken), Replace: true})
	require.Error(t, err)
	k, err := s.Get("mine")
	require.NoError(t, err)
	require.Equal(t, first.Hash, k.Hash)

	second, err := s.AddBuild(context.Background(), Build{Name: "mine", Tree: dir, Replace: true})
	require.NoError(t, err)
	require.NotEqual(t, first.Hash, second.Hash)
	require.NoDirExists(t, first.Dir)
	list, err := s.List()
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, second.Hash, list[0].Hash)

	require.NoError(t, s.Remove("mine"))
	list, err = s.List()
	require.NoError(t, err)
	require.Empty(t, list)
}

// A build never changes what other names mean.
func TestBuildsAreFoundByTheirNames(t *testing.T) {
	s := newStore(t)
	packaged, err := s.Add(context.Background(), pkg{entries: kernelEntries()}.write(t))
	require.NoError(t, err)
	mine, err := s.AddBuild(context.Background(), Build{Name: "mine", Tree: lay(t, tree(testRelease))})
	require.NoError(t, err)
	newer, err := s.AddBuild(context.Background(), Build{Name: "newer", Tree: lay(t, tree("6.1.999"))})
	require.NoError(t, err)
	for name, want := range map[string]*Kernel{
		"mine": mine, testRelease: packaged, "6.1": packaged, "6.1-cloud": packaged, mine.Hash: mine, "6.1.999": newer,
	} {
		k, err := s.Get(name)
		require.NoError(t, err, name)
		require.Equal(t, want.Dir, k.Dir, name)
	}
	k, err := s.Default()
	require.NoError(t, err)
	require.Equal(t, packaged.Dir, k.Dir)
	require.Equal(t, testRelease, k.Name, "not renamed for a build of its release")

	require.NoError(t, s.Remove(testRelease))
	k, err = s.Default()
	require.NoError(t, err)
	require.NotNil(t, k.Build, "better than nothing")

	for _, name := range []string{"", "6.1", "a/b", "a,b", "-a", "a b", strings.Repeat("a", 65)} {
		_, err := s.AddBuild(context.Background(), Build{Name: name, Tree: "nowhere"})
		require.ErrorContains(t, err, "cannot be its name", name)
	}
}

func TestAddBuildAtTheSameTime(t *testing.T) {
	s := newStore(t)
	dir := lay(t, tree(buildRelease))
	errs := make(chan error)
	for range 4 {
		go func() {
			_, err := s.AddBuild(context.Background(), Build{Name: "mine", Tree: dir})
			errs <- err
		}()
	}
	made := 0
	for range 4 {
		if err := <-errs; err == nil {
			made++
		} else {
			require.ErrorContains(t, err, "in the store already")
		}
	}
	require.Equal(t, 1, made)
}
